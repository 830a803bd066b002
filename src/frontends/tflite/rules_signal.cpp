// The transform of a picture, and what is taken out of complex numbers. Between these operators a complex tensor is one
// of real numbers with a last dim of 2; nothing else takes it.
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void ImportRfft2d(OpImport& n) {
  const ValueId x = n.Stored(0);
  const std::vector<int64_t> length = n.ConstInts(1);
  const int rank = n.Rank(x);
  if (!n.ok() || !n.Wants(0)) return;
  if (length.size() != 2 || rank < 2) {
    n.BadOption("fft_length", "two lengths for two dims are expected");
    return;
  }
  ValueId y =
      n.Emit(ops::kDft, {n.Unsqueeze(x, {-1}), n.builder().ScalarI64(length[1]), n.builder().ScalarI64(rank - 1)},
             {{"onesided", int64_t{1}}});
  y = n.Emit(ops::kDft, {y, n.builder().ScalarI64(length[0]), n.builder().ScalarI64(rank - 2)});
  if (n.ok()) n.importer().SetPair(n.op().outputs[0], y);
}

ValueId PairAt(OpImport& n, size_t i) {
  const ValueId pair = n.Has(i) ? n.importer().PairOf(n.op().inputs[i]) : ValueId();
  if (!pair) n.Unsupported("complex numbers of another operator than RFFT2D");
  return pair;
}

template <int Part>
void ImportPart(OpImport& n) {
  n.Out(0, n.Squeeze(n.Slice(PairAt(n, 0), -1, Part, Part + 1), {-1}));
}

void ImportComplexAbs(OpImport& n) {
  n.Out(0,
        n.Emit(ops::kReduce, {PairAt(n, 0), n.I64s({-1})}, {{"mode", std::string("l2")}, {"keep_dims", int64_t{0}}}));
}

constexpr Rule kRules[] = {
    {B::kComplexAbs, Numbers::kStored, ImportComplexAbs},
    {B::kImag, Numbers::kStored, ImportPart<1>},
    {B::kReal, Numbers::kStored, ImportPart<0>},
    {B::kRfft2d, Numbers::kStored, ImportRfft2d},
};

}  // namespace

extern const RuleSet kSignalRules{kRules};

}  // namespace godwit::from_tflite
