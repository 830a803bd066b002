// einsum: sums of products over named axes.
#include "ops/einsum.h"
#include "ops/decompose.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/cost.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// One term, "ij...k"; `rank` < 0: the rank is what the term says, an ellipsis then stands for `ellipsis` axes.
std::string ParseTerm(std::string_view term, int rank, int ellipsis, Labels* out, int* ellipsis_axes) {
  int letters = 0;
  size_t dots = 0;
  for (char c : term) {
    if (IsLetter(c)) {
      ++letters;
    } else if (c == '.') {
      ++dots;
    } else {
      return fmt::format("unexpected character {:#x}", static_cast<unsigned char>(c));
    }
  }
  const size_t at = term.find("...");
  if ((dots != 0 && dots != 3) || (dots == 3 && at == std::string_view::npos)) return "an ellipsis is three dots, once";
  const int hidden = dots == 0 ? 0 : rank >= 0 ? rank - letters : ellipsis;
  if (hidden < 0 || (rank >= 0 && letters + hidden != rank)) {
    return fmt::format("'{}' against rank {}", std::string(term), rank);
  }
  for (size_t k = 0; k < term.size(); ++k) {
    if (dots == 3 && k == at) {
      for (int e = hidden; e-- > 0;) out->push_back(kEllipsisBase + e);
      k += 2;
    } else {
      out->push_back(term[k]);
    }
  }
  if (dots == 3) *ellipsis_axes = std::max(*ellipsis_axes, hidden);
  return {};
}

}  // namespace

EinsumParse ParseEinsum(std::string_view text, const std::vector<int>& ranks) {
  EinsumParse parse;
  std::string plain;
  for (char c : text) {
    if (c != ' ') plain.push_back(c);
  }
  const std::string_view all = plain;
  const size_t arrow = all.find("->");
  std::string_view left = all.substr(0, arrow);
  int ellipsis = -1;
  size_t begin = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (begin > left.size()) {
      parse.error = fmt::format("{} operands, fewer terms", ranks.size());
      return parse;
    }
    const size_t comma = std::min(left.find(',', begin), left.size());
    Labels labels;
    parse.error = ParseTerm(left.substr(begin, comma - begin), ranks[i], 0, &labels, &ellipsis);
    if (!parse.error.empty()) return parse;
    parse.equation.operands.push_back(std::move(labels));
    begin = comma + 1;
  }
  if (begin <= left.size()) {
    parse.error = fmt::format("{} operands, more terms", ranks.size());
    return parse;
  }
  std::map<int, int> seen;
  for (const Labels& labels : parse.equation.operands) {
    for (int label : labels) ++seen[label];
  }
  Labels& result = parse.equation.result;
  if (arrow != std::string_view::npos) {
    int unused = -1;
    parse.error = ParseTerm(all.substr(arrow + 2), -1, std::max(ellipsis, 0), &result, &unused);
    if (!parse.error.empty()) return parse;
  } else {
    // Without an arrow: the ellipsis, then the labels that occur once, in the alphabet's order.
    for (int e = std::max(ellipsis, 0); e-- > 0;) result.push_back(kEllipsisBase + e);
    for (const auto& [label, count] : seen) {
      if (count == 1 && label < kEllipsisBase) result.push_back(label);
    }
  }
  for (size_t k = 0; k < result.size(); ++k) {
    if (std::count(result.begin(), result.end(), result[k]) > 1) parse.error = "a label occurs twice in the result";
    if (seen.find(result[k]) == seen.end()) parse.error = "a label of the result is in no operand";
  }
  return parse;
}

namespace {

constexpr OperandDef kIn[] = {{"x", kNumbers, OperandDef::kVariadic, 'T'}};
constexpr OperandDef kOut[] = {{"y", kNumbers, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"equation", AttrKind::kString, "", "Labels of each operand's axes, and of the result's."}};
constexpr std::string_view kRules[] = {"c1: the equation is well-formed and fits the operands' ranks",
                                       "c2: axes of one label have one extent, or 1 where the label is an ellipsis's"};

Status Infer(InferCtx& ctx) {
  std::vector<int> ranks;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    if (!ctx.Ranked(i)) {
      ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
      return Ok{};
    }
    ranks.push_back(ctx.Rank(i));
  }
  EinsumParse parse = ParseEinsum(ctx.attrs.Str("equation"), ranks);
  if (!parse.error.empty()) return ctx.Fail("c1", parse.error);
  std::map<int, Dim> extents;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    for (size_t k = 0; k < ctx.ShapeOf(i).size(); ++k) {
      const int label = parse.equation.operands[i][k];
      const Dim& d = ctx.ShapeOf(i)[k];
      auto [it, fresh] = extents.emplace(label, d);
      if (fresh || it->second == d || d == Dim(1)) continue;
      if (it->second == Dim(1) || d.is_static()) {
        if (it->second.is_static() && it->second != Dim(1)) {
          return ctx.Fail("c2", fmt::format("{} and {}", it->second.ToString(), d.ToString()));
        }
        it->second = d;
      }
    }
  }
  Shape out;
  for (int label : parse.equation.result) out.push_back(extents.at(label));
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

// A dense array whose axes carry labels, each label once.
template <class T>
struct Labelled {
  Labels labels;
  Dims dims;
  std::vector<T> values;
};

// Elements with equal labels at equal places: the diagonal. `strides` are those of one operand, by label.
std::map<int, int64_t> StridesByLabel(const Labels& labels, const Dims& dims) {
  const std::vector<int64_t> strides = RowMajorStrides(dims);
  std::map<int, int64_t> out;
  for (size_t k = 0; k < labels.size(); ++k) {
    if (dims[k] != 1) out[labels[k]] += strides[k];
  }
  return out;
}

// Sums a * b over `gone` for every index of `kept`; b may be null.
template <class T>
Labelled<T> Contract(const Labelled<T>& a, const Labelled<T>* b, const Labels& kept, const Labels& gone,
                     const std::map<int, int64_t>& extents) {
  Labelled<T> out;
  out.labels = kept;
  std::map<int, int64_t> sa = StridesByLabel(a.labels, a.dims);
  std::map<int, int64_t> sb = b ? StridesByLabel(b->labels, b->dims) : std::map<int, int64_t>();
  const auto strides = [](std::map<int, int64_t>& by_label, const Labels& labels) {
    std::vector<int64_t> v;
    for (int label : labels) v.push_back(by_label[label]);
    return v;
  };
  Dims inner_dims;
  for (int label : kept) out.dims.push_back(extents.at(label));
  for (int label : gone) inner_dims.push_back(extents.at(label));
  const std::vector<int64_t> inner_a = strides(sa, gone);
  const std::vector<int64_t> inner_b = strides(sb, gone);
  out.values.resize(static_cast<size_t>(ElementCount(out.dims)));
  // Where the summed elements lie relative to the first: once for all results.
  std::vector<std::pair<int64_t, int64_t>> terms;
  if (!out.values.empty()) {
    Odometer inner(inner_dims, {inner_a, inner_b});
    terms.resize(static_cast<size_t>(inner.count()));
    for (auto& term : terms) {
      term = {inner.offset(0), inner.offset(1)};
      inner.Next();
    }
  }
  Odometer outer(out.dims, {strides(sa, kept), strides(sb, kept)});
  for (T& v : out.values) {
    const int64_t at_a = outer.offset(0);
    const int64_t at_b = outer.offset(1);
    T sum = 0;
    for (const auto& [ia, ib] : terms) {
      const T x = a.values[static_cast<size_t>(at_a + ia)];
      sum += b ? x * b->values[static_cast<size_t>(at_b + ib)] : x;
    }
    v = sum;
    outer.Next();
  }
  return out;
}

Result<std::map<int, int64_t>> Extents(const EvalCtx& ctx, const EinsumEquation& equation) {
  std::map<int, int64_t> extents;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    const Dims& dims = ctx.In(i).dims();
    for (size_t k = 0; k < dims.size(); ++k) {
      int64_t& have = extents.emplace(equation.operands[i][k], dims[k]).first->second;
      if (have == dims[k] || dims[k] == 1) continue;
      if (have != 1) return ctx.Fail("c2", fmt::format("{} and {}", have, dims[k]));
      have = dims[k];
    }
  }
  return extents;
}

// Folds the operands one after the other, summing a label as soon as nothing later needs it.
template <class T>
Status Run(EvalCtx& ctx, const EinsumEquation& equation, const std::map<int, int64_t>& extents, Tensor* out) {
  const size_t n = ctx.n_in();
  Labelled<T> acc;
  for (size_t i = 0; i < n; ++i) {
    Labelled<T> next{equation.operands[i], ctx.In(i).dims(), Widen<T>(ctx.In(i))};
    Labels here = i == 0 ? next.labels : acc.labels;
    if (i != 0) here.insert(here.end(), next.labels.begin(), next.labels.end());
    Labels kept, gone;
    const auto needed = [&](int label) {
      const auto in = [label](const Labels& labels) {
        return std::find(labels.begin(), labels.end(), label) != labels.end();
      };
      bool later = in(equation.result);
      for (size_t k = i + 1; k < n; ++k) later = later || in(equation.operands[k]);
      return later;
    };
    if (i + 1 == n) kept = equation.result;
    for (int label : here) {
      Labels& side = needed(label) ? kept : gone;
      if (std::find(side.begin(), side.end(), label) == side.end()) side.push_back(label);
    }
    // A label that only later operands have does not belong to this step's result, except in the last step.
    Dims dims;
    for (int label : kept) dims.push_back(extents.at(label));
    RETURN_IF_ERROR(CheckedByteSize(DType::kF64, dims));
    for (int label : gone) dims.push_back(extents.at(label));
    acc = i == 0 ? Contract<T>(next, nullptr, kept, gone, extents) : Contract<T>(acc, &next, kept, gone, extents);
  }
  Narrow<T>(acc.values, out);
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  std::vector<int> ranks;
  for (size_t i = 0; i < ctx.n_in(); ++i) ranks.push_back(ctx.In(i).rank());
  EinsumParse parse = ParseEinsum(ctx.attrs.Str("equation"), ranks);
  if (!parse.error.empty()) return ctx.Fail("c1", parse.error);
  TRY(const auto extents, Extents(ctx, parse.equation));
  Dims dims;
  for (int label : parse.equation.result) dims.push_back(extents.at(label));
  TRY(Tensor * out, ctx.Make(0, ctx.In(0).dtype(), std::move(dims)));
  return IsFloat(out->dtype()) ? Run<double>(ctx, parse.equation, extents, out)
                               : Run<uint64_t>(ctx, parse.equation, extents, out);
}

double Macs(const CostCtx& ctx) {
  std::vector<int> ranks;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    if (ctx.In(i) == nullptr || !ctx.In(i)->ranked()) return 0;
    ranks.push_back(ctx.In(i)->rank());
  }
  const EinsumParse parse = ParseEinsum(ctx.attrs.Str("equation"), ranks);
  if (!parse.error.empty() || ctx.n_in() < 2) return 0;
  std::map<int, double> extents;
  for (size_t i = 0; i < ctx.n_in(); ++i) {
    for (size_t k = 0; k < parse.equation.operands[i].size(); ++k) {
      double& have = extents[parse.equation.operands[i][k]];
      have = std::max(have, CostCtx::Extent(ctx.In(i)->shape()[k]));
    }
  }
  double macs = 1;
  for (const auto& [label, extent] : extents) macs *= extent;
  return macs;
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3]", "f32[3,4]"}, {{"equation", "ij,jk->ik"}}},
                                   {{"f64[2,3,4]", "f64[2,4,5]"}, {{"equation", "...ij,...jk"}}},
                                   {{"f32[3,3]"}, {{"equation", "ii->i"}}},
                                   {{"f16[2,3]"}, {{"equation", "ij->ji"}}},
                                   {{"i32[4]", "i32[4]", "i32[4,2]"}, {{"equation", "i,i,ij->j"}}},
                                   {{"f32[2,3]"}, {{"equation", "ij->"}}}};
  return samples;
}

}  // namespace

extern const OpDef kEinsum{.name = "einsum",
                           .doc = "Sums of products over labelled axes, by numpy's equation.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .constraints = kRules,
                           .infer = Infer,
                           .eval = Eval,
                           .decompose = DecomposeEinsum,
                           .macs = Macs,
                           .samples = Samples};

}  // namespace godwit::ops
