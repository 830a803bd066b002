// Look-ups by key, hashing, and the operators on texts.
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

constexpr Rule kRules[] = {
    {B::kConcatEmbeddings, Numbers::kStored, nullptr, "no runtime has it"},
    {B::kEmbeddingLookupSparse, Numbers::kStored, nullptr, "weighted sums over lists of different lengths"},
    {B::kHashtableLookup, Numbers::kStored, ImportHashtableLookup},
    {B::kLshProjection, Numbers::kStored, nullptr, "its hash is that of one library's version"},
    {B::kSkipGram, Numbers::kStored, nullptr, "it works on the words of a text"},
};

}  // namespace

extern const RuleSet kLookupRules{kRules};

}  // namespace godwit::from_tflite
