// Look-ups by key, and the operators on texts.
#include <fmt/format.h>

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// Rows of the values whose key is asked for, zeros for keys that there are none of, and which were found.
void ImportHashtableLookup(OpImport& n) {
  const ValueId wanted = n.Stored(0), keys = n.Stored(1), values = n.Stored(2);
  const int rank = n.Rank(values);
  if (!n.ok()) return;
  if (n.DtypeOf(values) == DType::kString) {
    n.Unsupported("of texts");
    return;
  }
  const ValueId same = n.Emit(ops::kEqual, {n.Unsqueeze(wanted, {1}), n.Unsqueeze(keys, {0})});
  const ValueId at = n.Emit(ops::kArgReduce, {n.Cast(same, DType::kI32)},
                            {{"mode", std::string("max")}, {"axis", int64_t{1}}, {"keep_dims", int64_t{0}}});
  const ValueId found =
      n.Emit(ops::kReduce, {same, n.I64s({1})}, {{"mode", std::string("max")}, {"keep_dims", int64_t{0}}});
  std::vector<int64_t> axes;
  for (int64_t k = 1; k < rank; ++k) axes.push_back(k);
  const ValueId rows = n.Emit(ops::kGather, {values, at});
  n.Out(0,
        n.Emit(ops::kWhere, {axes.empty() ? found : n.Unsqueeze(found, std::move(axes)), rows, n.Number(values, 0)}));
  n.Out(1, found);
}

// Rows of a table, weighed and summed in buckets: `indices` says in which bucket each stands, but for its last
// coordinate, the place in the bucket. Sums may be divided by the weights of the bucket.
void ImportSparseEmbedding(OpImport& n) {
  const ValueId ids = n.Stored(0), indices = n.Stored(1), shape = n.Stored(2), weights = n.Stored(3), table = n.Real(4);
  const int64_t coordinates = n.DimOf(indices, 1), rank = n.Rank(table);
  if (!n.ok()) return;
  const ValueId buckets = n.Slice(indices, 1, 0, -1);
  const ValueId extents = n.Cast(n.Slice(shape, 0, 0, -1), DType::kI64);
  // The sum for each bucket of one row of `rows` for each id.
  const auto summed = [&](ValueId rows) {
    if (coordinates == 1)
      return n.Emit(ops::kReduce, {rows, n.I64s({0})}, {{"mode", std::string("sum")}, {"keep_dims", int64_t{0}}});
    const ValueId each = n.Emit(ops::kShapeOf, {rows}, {{"start", int64_t{1}}});
    const ValueId zeros =
        n.Emit(ops::kExpand, {n.Number(rows, 0), n.Emit(ops::kConcat, {extents, each}, {{"axis", int64_t{0}}})});
    return n.Emit(ops::kScatterNd, {zeros, buckets, rows}, {{"reduction", std::string("add")}});
  };
  std::vector<int64_t> row;
  for (int64_t k = 1; k < rank; ++k) row.push_back(-k);
  const auto beside_row = [&](ValueId v) { return row.empty() ? v : n.Unsqueeze(v, row); };
  ValueId y = summed(n.Mul(n.Emit(ops::kGather, {table, ids}), beside_row(weights)));
  ValueId by;
  switch (n.options().Enum<tflite::CombinerType>("combiner")) {
    case tflite::CombinerType::kSum: break;
    case tflite::CombinerType::kMean: by = summed(weights); break;
    case tflite::CombinerType::kSqrtn: by = n.Emit(ops::kSqrt, {summed(n.Mul(weights, weights))}); break;
    default: n.BadOption("combiner", fmt::format("{}", n.Int("combiner"))); return;
  }
  if (by) {
    // Buckets without a row stay zero.
    const ValueId rows_in = summed(n.Emit(ops::kExpand, {n.Number(weights, 1), n.Emit(ops::kShapeOf, {weights})}));
    const ValueId used = n.Emit(ops::kLess, {n.Number(rows_in, 0), rows_in});
    y = n.Div(y, beside_row(n.Emit(ops::kWhere, {used, by, n.Number(by, 1)})));
  }
  n.Out(0, y);
}

// How far the words of an n-gram lie behind its first one. In the order of the kernel: longer ones before those that
// they begin with.
void AddGrams(const std::vector<int64_t>& begun, int64_t size, int64_t skips, bool all,
              std::vector<std::vector<int64_t>>* out) {
  const auto length = static_cast<int64_t>(begun.size());
  for (int64_t gap = 1; length < size && gap <= skips + 1; ++gap) {
    std::vector<int64_t> longer = begun;
    longer.push_back(begun.back() + gap);
    AddGrams(longer, size, skips, all, out);
  }
  if (length == size || all) out->push_back(begun);
}

// Words that follow one another, some left out between them, joined by spaces: for each first word all n-grams, of
// which those are kept that the text has words for.
void ImportSkipGram(OpImport& n) {
  const ValueId text = n.Stored(0);
  const int64_t size = n.Int("ngram_size"), skips = n.Int("max_skip_size");
  if (!n.ok()) return;
  // For each first word there are as many as there are ways to leave others out.
  constexpr int64_t kMost = 4096;
  int64_t ways = size < 1 || size > 64 || skips < 0 || skips > kMost ? kMost + 1 : 1;
  for (int64_t k = 1; k < size && ways <= kMost; ++k) ways = skips == 0 ? k + 1 : ways * (skips + 1);
  if (ways > kMost) {
    n.Unsupported(fmt::format("n-grams of {} words with {} left out", size, skips));
    return;
  }
  std::vector<std::vector<int64_t>> grams;
  AddGrams({0}, size, skips, n.Flag("include_all_ngrams"), &grams);
  const auto number = [&](int64_t v) { return n.builder().ScalarI64(v); };
  const auto split = n.EmitN(ops::kStringSplit, {n.Reshape(text, {1})}, 2);
  const ValueId words = n.Reshape(split[0], {-1}), count = n.Reshape(split[split.size() - 1], {});
  const ValueId first = n.Emit(ops::kRange, {number(0), count, number(1)});
  const ValueId space =
      n.builder().Constant(Tensor::Of<StringRef>(DType::kString, {}, std::vector<StringRef>{Intern(" ")}));
  const ValueId enough = n.Emit(ops::kLessEqual, {number(size), count});
  std::vector<ValueId> texts, kept;
  for (const std::vector<int64_t>& gram : grams) {
    ValueId joined;
    for (const int64_t behind : gram) {
      const ValueId at = n.Emit(ops::kMin, {n.Add(first, number(behind)), n.Sub(count, number(1))});
      const ValueId word = n.Emit(ops::kGather, {words, at});
      joined = joined ? n.Emit(ops::kStringConcat, {n.Emit(ops::kStringConcat, {joined, space}), word}) : word;
    }
    const ValueId there = n.Emit(ops::kLess, {n.Add(first, number(gram.back())), count});
    texts.push_back(n.Unsqueeze(joined, {1}));
    kept.push_back(n.Unsqueeze(n.Emit(ops::kLogicalAnd, {there, enough}), {1}));
  }
  const auto all = [&](const std::vector<ValueId>& parts) {
    return n.Reshape(n.Emit(ops::kConcat, parts, {{"axis", int64_t{1}}}), {-1});
  };
  n.Out(0, n.Emit(ops::kCompress, {all(texts), all(kept)}));
}

constexpr Rule kRules[] = {
    {B::kConcatEmbeddings, Numbers::kStored, nullptr, "no runtime has it"},
    {B::kEmbeddingLookupSparse, Numbers::kStored, ImportSparseEmbedding},
    {B::kHashtableLookup, Numbers::kStored, ImportHashtableLookup},
    {B::kSkipGram, Numbers::kStored, ImportSkipGram},
};

}  // namespace

extern const RuleSet kLookupRules{kRules};

}  // namespace godwit::from_tflite
