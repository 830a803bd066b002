// Products of matrices.
#include <fmt/format.h>

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void ImportFullyConnected(OpImport& n) {
  using Format = tflite::FullyConnectedOptionsWeightsFormat;
  if (n.options().Enum<Format>("weights_format") != Format::kDefault) {
    n.Unsupported("its weights are shuffled for one kernel of old runtimes");
    return;
  }
  ValueId x = n.In(0);
  const ValueId w = n.In(1);
  const int64_t depth = n.DimOf(w, 1);
  const int rank = n.Rank(x);
  if (!n.ok()) return;
  const bool fits = rank > 0 && n.TypeOf(x).shape().back() == Dim(depth);
  ValueId y;
  if (n.Flag("keep_num_dims") && rank != 2) {
    y = n.Emit(ops::kMatMul, {x, w}, {{"transpose_b", int64_t{1}}});
    if (n.Has(2)) y = n.Add(y, n.Bias(2, 0, 1));
  } else {
    // The elements as rows that are as long as the weights are deep.
    if (rank != 2 || !fits) x = n.Reshape(x, {-1, depth});
    std::vector<ValueId> in{x, w};
    if (n.Has(2)) in.push_back(n.Bias(2, 0, 1));
    y = n.Emit(ops::kGemm, std::move(in), {{"transpose_b", int64_t{1}}});
  }
  n.Out(0, n.Activate(y));
}

void ImportBatchMatmul(OpImport& n) {
  Attrs attrs;
  if (n.Flag("adj_x")) attrs.Set("transpose_a", int64_t{1});
  if (n.Flag("adj_y")) attrs.Set("transpose_b", int64_t{1});
  n.Out(0, n.Emit(ops::kMatMul, {n.In(0), n.In(1)}, std::move(attrs)));
}

constexpr Rule kRules[] = {
    {B::kBatchMatmul, Numbers::kHybrid, ImportBatchMatmul},
    {B::kFullyConnected, Numbers::kHybrid, ImportFullyConnected},
};

}  // namespace

extern const RuleSet kLinearRules{kRules};

}  // namespace godwit::from_tflite
