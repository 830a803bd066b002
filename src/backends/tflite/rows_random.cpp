// Random numbers: of the same distributions, not the same numbers.
#include "backends/tflite/emit.h"

namespace godwit::to_tflite {

namespace {

// Two seeds that are 0 leave the choice to the run, so a seed that is 0 is said by two that cancel out: what reads the
// file adds the second to the first times this.
constexpr uint64_t kFactor = 0x9E3779B97F4A7C15ULL;

OptionList Seeds(NodeExport& n) {
  OptionList options;
  if (!n.attrs().Has("seed")) return options;
  const auto seed = static_cast<uint64_t>(n.attrs().Int("seed"));
  if (seed == 0) options.Set("seed", 1);
  options.Set("seed2", static_cast<int64_t>(seed == 0 ? 0 - kFactor : seed));
  return options;
}

// factor * numbers + offset, as the node's result.
Status EmitScaled(NodeExport& n, std::string_view builtin, double factor, double offset) {
  if (n.OutType().dtype() != DType::kF32 && n.OutType().dtype() != DType::kF64) {
    return n.LacksForm("random numbers of TFLite are f32");
  }
  TRY(const Ref shape, n.InI32(0));
  if (factor == 1 && offset == 0) {
    n.EmitTo(0, builtin, {shape}, Seeds(n));
    return Ok{};
  }
  const TensorType type = n.TypeOf(n.Out());
  Ref y = n.Temp(builtin, {shape}, type, Seeds(n));
  const Ref by = n.Number(type.dtype, factor);
  if (offset == 0) {
    n.EmitTo(0, "MUL", {y, by});
    return Ok{};
  }
  if (factor != 1) y = n.Temp("MUL", {y, by}, type);
  n.EmitTo(0, "ADD", {y, n.Number(type.dtype, offset)});
  return Ok{};
}

Status EmitUniform(NodeExport& n) {
  const double low = n.attrs().Float("low", 0);
  return EmitScaled(n, "RANDOM_UNIFORM", n.attrs().Float("high", 1) - low, low);
}
Status EmitNormal(NodeExport& n) {
  return EmitScaled(n, "RANDOM_STANDARD_NORMAL", n.attrs().Float("scale", 1), n.attrs().Float("mean", 0));
}

Status EmitMultinomial(NodeExport& n) {
  n.EmitTo(0, "MULTINOMIAL", {n.In(0), n.ScalarI32(n.attrs().Int("samples", 1))}, Seeds(n));
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kMultinomial, "MULTINOMIAL", EmitMultinomial},
    {&ops::kRandomNormal, "RANDOM_STANDARD_NORMAL", EmitNormal},
    {&ops::kRandomUniform, "RANDOM_UNIFORM", EmitUniform},
};

}  // namespace

extern const RowSet kRandomRows{kRows};

}  // namespace godwit::to_tflite
