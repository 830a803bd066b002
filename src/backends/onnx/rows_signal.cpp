// Fourier transforms, windows, filter tables.
#include <fmt/format.h>

#include <cmath>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

struct NamedWindow {
  std::string_view onnx;
  std::vector<double> coefficients;
};

Status EmitWindow(NodeExport& n) {
  static const NamedWindow kWindows[] = {
      {"HannWindow", {0.5, 0.5}}, {"HammingWindow", {25.0 / 46, 1 - 25.0 / 46}}, {"BlackmanWindow", {0.42, 0.5, 0.08}}};
  const std::vector<double>& a = n.attrs().Floats("coefficients");
  const NamedWindow* found = nullptr;
  for (const NamedWindow& w : kWindows) {
    bool same = w.coefficients.size() == a.size();
    for (size_t k = 0; same && k < a.size(); ++k) same = std::fabs(w.coefficients[k] - a[k]) < 1e-12;
    if (same) found = &w;
  }
  if (found == nullptr) return n.LacksForm("the window has no name");
  OnnxAttrs attrs;
  attrs.SetInt("periodic", n.attrs().Int("periodic", 1), 1);
  if (const DType dtype = n.attrs().Dtype("dtype", DType::kF32); dtype != DType::kF32) {
    attrs.Set("output_datatype", dtype);
  }
  n.Emit(found->onnx, n.Ins(), attrs);
  return Ok{};
}

Status EmitDft(NodeExport& n) {
  const bool inverse = n.attrs().Flag("inverse");
  const bool onesided = n.attrs().Flag("onesided");
  if (inverse && onesided) return n.LacksForm("runtimes have no inverse of half a spectrum");
  OnnxAttrs attrs;
  attrs.SetInt("inverse", inverse ? 1 : 0, 0);
  attrs.SetInt("onesided", onesided ? 1 : 0, 0);
  Names in = {n.In(0)};
  if (n.Has(1)) in.push_back(n.In(1));
  if (n.opset() >= 20) {
    if (n.Has(2)) {
      if (in.size() < 2) in.emplace_back();
      in.push_back(InI64(n, 2));
    }
    n.Emit("DFT", std::move(in), attrs);
    return Ok{};
  }
  int64_t axis = -2;
  if (n.Has(2)) {
    TRY(const std::vector<int64_t> axes, n.NeedInts(2, "the axis of DFT"));
    if (axes.size() != 1) return n.LacksForm("DFT has one axis");
    axis = axes[0];
  }
  if (axis < 0) {
    TRY(const int rank, n.Rank(0));
    axis += rank;
  }
  attrs.SetInt("axis", axis, 1);
  n.Emit("DFT", std::move(in), attrs);
  return Ok{};
}

Status EmitStft(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("onesided", n.attrs().Int("onesided", 1), 1);
  n.Emit("STFT", n.Ins(), attrs);
  return Ok{};
}

Status EmitMel(NodeExport& n) {
  OnnxAttrs attrs;
  if (const DType dtype = n.attrs().Dtype("dtype", DType::kF32); dtype != DType::kF32) {
    attrs.Set("output_datatype", dtype);
  }
  n.Emit("MelWeightMatrix", n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kCosineWindow, "HannWindow, HammingWindow, BlackmanWindow", 17, EmitWindow},
    {&ops::kDft, "DFT", 17, EmitDft},
    {&ops::kMelWeightMatrix, "MelWeightMatrix", 17, EmitMel},
    {&ops::kStft, "STFT", 17, EmitStft},
};

}  // namespace

extern const RowSet kSignalRows{kRows};

}  // namespace godwit::to_onnx
