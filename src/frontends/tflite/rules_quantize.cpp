// The file's own steps between real numbers and integers.
#include <fmt/format.h>

#include <cmath>

#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"
#include "ops/arithmetic.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// From real numbers it is a step of its own. From integers it is a change of scale, which LiteRT works out in integers:
// a dequantize and a quantize that belong together.
void ImportQuantize(OpImport& n) {
  const tflite::Tensor& to = n.OutTensor(0);
  if (!HasScale(to)) {
    n.Unsupported("its result has no scale");
    return;
  }
  if (n.Has(0) && HasScale(n.InTensor(0))) {
    n.set_arithmetic(ops::kLitert);
    n.Out(0, n.Quantized(n.RealTensor(n.op().inputs[0], true), to));
    return;
  }
  const ValueId x = n.Stored(0);
  if (!n.ok() || IsFloat(n.DtypeOf(x))) {
    n.Out(0, n.Quantized(x, to));
    return;
  }
  n.Unsupported("its operand has no scale");
}

// Halves are only widened.
void ImportDequantize(OpImport& n) {
  if (n.Quantised(0)) {
    n.Out(0, n.Real(0));
    return;
  }
  const ValueId x = n.Stored(0);
  if (n.ok() && !IsFloat(n.DtypeOf(x))) {
    n.Unsupported("its operand has no scale");
    return;
  }
  n.Out(0, n.Cast(x, DType::kF32));
}

// To the nearest of 2^num_bits values between min and max, zero among them, and back.
void ImportFakeQuant(OpImport& n) {
  const ValueId x = n.Real(0);
  const int64_t bits = n.Int("num_bits");
  const auto min = n.options().Float("min"), max = n.options().Float("max");
  if (bits < 2 || bits > 16 || !(min <= 0 && max >= 0 && min < max)) {
    n.BadOption("num_bits", fmt::format("{} bits from {} to {}", bits, min, max));
    return;
  }
  // The kernels do not look at narrow_range.
  const float low = 0;
  const auto high = static_cast<float>((int64_t{1} << bits) - 1);
  const float scale = (max - min) / (high - low);
  const float from_min = low - min / scale;
  const float zero = from_min < low ? low : from_min > high ? high : std::round(from_min);
  const float least = (low - zero) * scale, most = (high - zero) * scale;
  const ValueId cut = n.Clip(x, static_cast<double>(least), static_cast<double>(most));
  const ValueId steps =
      n.Mul(n.Sub(cut, n.Number(x, static_cast<double>(least))), n.Number(x, static_cast<double>(1.0F / scale)));
  const ValueId whole = n.Emit(ops::kFloor, {n.Add(steps, n.Number(x, 0.5))});
  n.Out(0, n.Add(n.Mul(whole, n.Number(x, static_cast<double>(scale))), n.Number(x, static_cast<double>(least))));
}

// Sparse constants are dense here.
void ImportDensify(OpImport& n) { n.Out(0, n.Stored(0)); }

constexpr Rule kRules[] = {
    {B::kDensify, Numbers::kStored, ImportDensify},
    {B::kDequantize, Numbers::kStored, ImportDequantize},
    {B::kFakeQuant, Numbers::kStored, ImportFakeQuant},
    {B::kQuantize, Numbers::kStored, ImportQuantize},
};

}  // namespace

extern const RuleSet kQuantizeRules{kRules};

}  // namespace godwit::from_tflite
