// Fourier transforms, windows and filter tables.
#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportDft(NodeImport& n) {
  TRY(const ValueId x, n.In(0));
  Attrs attrs;
  TRY(const int64_t inverse, n.Int("inverse", 0));
  TRY(const int64_t onesided, n.Int("onesided", 0));
  if (inverse != 0) attrs.Set("inverse", int64_t{1});
  if (onesided != 0) attrs.Set("onesided", int64_t{1});
  ValueId axis = n.InOrNone(2);
  if (n.version() < 20) {
    TRY(const int64_t value, n.Int("axis", 1));
    axis = n.ScalarI64(value);
  }
  TRY(const ValueId y, n.Emit(ops::kDft, {x, n.InOrNone(1), axis}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

Status ImportStft(NodeImport& n) {
  TRY(const int64_t onesided, n.Int("onesided", 1));
  return n.Same(ops::kStft, onesided != 0 ? Attrs{} : Attrs{{"onesided", int64_t{0}}});
}

Status ImportWindow(NodeImport& n, std::vector<double> coefficients) {
  TRY(const int64_t periodic, n.Int("periodic", 1));
  TRY(const DType dtype, n.DtypeAttr("output_datatype", DType::kF32));
  Attrs attrs = {{"coefficients", std::move(coefficients)}};
  if (periodic == 0) attrs.Set("periodic", int64_t{0});
  if (dtype != DType::kF32) attrs.Set("dtype", dtype);
  return n.Same(ops::kCosineWindow, std::move(attrs));
}

Status ImportHann(NodeImport& n) { return ImportWindow(n, {0.5, 0.5}); }
Status ImportHamming(NodeImport& n) { return ImportWindow(n, {25.0 / 46, 1 - 25.0 / 46}); }
Status ImportBlackman(NodeImport& n) { return ImportWindow(n, {0.42, 0.5, 0.08}); }

Status ImportMel(NodeImport& n) {
  TRY(const DType dtype, n.DtypeAttr("output_datatype", DType::kF32));
  return n.Same(ops::kMelWeightMatrix, dtype != DType::kF32 ? Attrs{{"dtype", dtype}} : Attrs{});
}

constexpr Rule kRules[] = {
    {"BlackmanWindow", 17, ImportBlackman},
    {"DFT", 17, ImportDft},
    {"DFT", 20, ImportDft},
    {"HammingWindow", 17, ImportHamming},
    {"HannWindow", 17, ImportHann},
    {"MelWeightMatrix", 17, ImportMel},
    {"STFT", 17, ImportStft},
};

}  // namespace

extern const RuleSet kSignalRules{"", kRules};

}  // namespace godwit::from_onnx
