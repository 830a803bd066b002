// tf_idf: how often each n-gram of a pool occurs, weighted.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose_text.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kIndex | kStrings}};
constexpr OperandDef kOut[] = {{"y", TypeSet(DType::kF32)}};
constexpr AttrDef kAttrs[] = {
    {"mode", AttrKind::kString, "", "tf (counts), idf (weights of those that occur) or tfidf (counts by weights)."},
    {"shortest", AttrKind::kInt, "", "Length of the shortest n-grams counted."},
    {"longest", AttrKind::kInt, "", "Length of the longest n-grams counted."},
    {"skips", AttrKind::kInt, "", "Elements that may be left out between those of an n-gram, at most."},
    {"starts", AttrKind::kIntList, "", "Where in the pool the n-grams of each length start."},
    {"columns", AttrKind::kIntList, "", "Column of the result for each n-gram."},
    {"weights", AttrKind::kFloatList, "none", "Weight of each column; absent: 1."},
    {"pool", AttrKind::kTensor, "", "All n-grams, one after the other, integers or strings."}};
constexpr std::string_view kRules[] = {
    "c1: x is rank 1 or 2, of integers or strings as the pool is",
    "c2: starts are ascending places in the pool, columns are not negative and one for each n-gram",
    "c3: 1 <= shortest <= longest, skips are not negative", "c4: mode is tf, idf or tfidf; weights cover all columns"};

// The pool as a tree: each level reads one more element.
struct Branch {
  std::map<int64_t, Branch> next;
  int64_t gram = -1;
};

// Elements as numbers: strings are interned, so equal texts are equal addresses.
std::vector<int64_t> Keys(const Tensor& t) {
  if (t.dtype() != DType::kString) return ToI64(t);
  std::vector<int64_t> keys;
  for (StringRef s : t.span<StringRef>()) keys.push_back(static_cast<int64_t>(reinterpret_cast<intptr_t>(s)));
  return keys;
}

int64_t Columns(const Attrs& attrs) {
  int64_t largest = -1;
  for (int64_t c : attrs.Ints("columns")) largest = std::max(largest, c);
  return largest + 1;
}

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(DType::kF32));
  if (!ctx.Ranked(0)) return Ok{};
  if (ctx.Rank(0) != 1 && ctx.Rank(0) != 2) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  out.back() = Dim(Columns(ctx.attrs));
  ctx.Out(0, DType::kF32, std::move(out));
  return Ok{};
}

Result<Branch> TreeOf(const EvalCtx& ctx, const std::vector<int64_t>& pool) {
  const std::vector<int64_t>& starts = ctx.attrs.Ints("starts");
  const int64_t shortest = ctx.attrs.Int("shortest");
  const int64_t longest = ctx.attrs.Int("longest");
  const int64_t total = static_cast<int64_t>(pool.size());
  Branch root;
  int64_t gram = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t length = static_cast<int64_t>(i) + 1;
    const int64_t end = i + 1 < starts.size() ? starts[i + 1] : total;
    if (starts[i] < 0 || end < starts[i] || end > total) return ctx.Fail("c2", fmt::format("start {}", starts[i]));
    for (int64_t at = starts[i]; at + length <= end; at += length, ++gram) {
      if (length < shortest || length > longest) continue;
      Branch* branch = &root;
      for (int64_t k = 0; k < length; ++k) branch = &branch->next[pool[static_cast<size_t>(at + k)]];
      branch->gram = gram;
    }
  }
  if (gram > static_cast<int64_t>(ctx.attrs.Ints("columns").size())) {
    return ctx.Fail("c2", fmt::format("{} n-grams, {} columns", gram, ctx.attrs.Ints("columns").size()));
  }
  return root;
}

// n-grams of single elements are the same for every distance, so they are counted at the first one only.
void Count(const EvalCtx& ctx, const Branch& root, const int64_t* row, int64_t n, std::vector<double>* counts) {
  const int64_t longest = ctx.attrs.Int("longest");
  int64_t shortest = ctx.attrs.Int("shortest");
  const int64_t distances = std::min(ctx.attrs.Int("skips"), n) + 1;
  for (int64_t distance = 1; distance <= distances; ++distance) {
    for (int64_t start = 0; start < n; ++start) {
      const Branch* branch = &root;
      int64_t length = 1;
      for (int64_t at = start; at < n && length <= longest; at += distance, ++length) {
        const auto it = branch->next.find(row[at]);
        if (it == branch->next.end()) break;
        branch = &it->second;
        if (length < shortest || branch->gram < 0) continue;
        (*counts)[static_cast<size_t>(ctx.attrs.Ints("columns")[static_cast<size_t>(branch->gram)])] += 1;
      }
    }
    if (shortest == 1 && ++shortest > longest) break;
  }
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor* pool = ctx.attrs.TensorOf("pool");
  if (pool == nullptr || (x.rank() != 1 && x.rank() != 2)) return ctx.Fail("c1", fmt::format("rank {}", x.rank()));
  if ((pool->dtype() == DType::kString) != (x.dtype() == DType::kString)) {
    return ctx.Fail("c1", fmt::format("{} and {}", Name(x.dtype()), Name(pool->dtype())));
  }
  const int64_t shortest = ctx.attrs.Int("shortest");
  if (shortest < 1 || ctx.attrs.Int("longest") < shortest || ctx.attrs.Int("skips") < 0) {
    return ctx.Fail("c3", fmt::format("{} to {}", shortest, ctx.attrs.Int("longest")));
  }
  for (int64_t c : ctx.attrs.Ints("columns")) {
    if (c < 0) return ctx.Fail("c2", fmt::format("column {}", c));
  }
  const std::string_view mode = ctx.attrs.Str("mode");
  const std::vector<double>& weights = ctx.attrs.Floats("weights");
  const int64_t columns = Columns(ctx.attrs);
  const bool weighted = mode != "tf" && !weights.empty();
  if ((mode != "tf" && mode != "idf" && mode != "tfidf") ||
      (weighted && static_cast<int64_t>(weights.size()) < columns)) {
    return ctx.Fail("c4", fmt::format("{}, {} weights for {} columns", mode, weights.size(), columns));
  }
  TRY(Branch root, TreeOf(ctx, Keys(*pool)));
  Dims dims = x.dims();
  const int64_t n = dims.back();
  dims.back() = columns;
  TRY(Tensor * out, ctx.Make(0, DType::kF32, dims));
  const std::vector<int64_t> keys = Keys(x);
  const int64_t rows = x.rank() == 2 ? x.dim(0) : 1;
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<double> counts(static_cast<size_t>(columns), 0.0);
    Count(ctx, root, keys.data() + r * n, n, &counts);
    for (int64_t c = 0; c < columns; ++c) {
      double v = counts[static_cast<size_t>(c)];
      if (mode == "idf") v = v > 0 ? 1 : 0;
      if (weighted) v *= weights[static_cast<size_t>(c)];
      out->mutable_data<float>()[r * columns + c] = static_cast<float>(v);
    }
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {{{"i64[2,6] = 1,1,3,3,3,7,8,6,7,5,6,8"},
                                    {{"mode", std::string("tf")},
                                     {"shortest", int64_t{2}},
                                     {"longest", int64_t{2}},
                                     {"skips", int64_t{5}},
                                     {"starts", Ints{0, 4}},
                                     {"columns", Ints{0, 1, 2, 3, 4, 5, 6}},
                                     {"pool", Tensor::I64({10}, {2, 3, 5, 4, 5, 6, 7, 8, 6, 7})}}},
                                   {{"i32[5] = 3,5,4,6,5"},
                                    {{"mode", std::string("tfidf")},
                                     {"shortest", int64_t{1}},
                                     {"longest", int64_t{3}},
                                     {"skips", int64_t{1}},
                                     {"starts", Ints{0, 3, 7}},
                                     {"columns", Ints{2, 0, 7, 1, 5, 4}},
                                     {"weights", std::vector<double>{2, 0.5, 3, 1, 1, 1, 1, 4}},
                                     {"pool", Tensor::I64({10}, {5, 9, 5, 5, 4, 3, 4, 3, 4, 5})}}}};
  return samples;
}

}  // namespace

extern const OpDef kTfIdf{.name = "tf_idf",
                          .doc = "How often each n-gram of a pool occurs in each row, weighted.",
                          .operands = kIn,
                          .results = kOut,
                          .attrs = kAttrs,
                          .constraints = kRules,
                          .infer = Infer,
                          .eval = Eval,
                          .decompose = DecomposeTfIdf,
                          .samples = Samples};

}  // namespace godwit::ops
