// Random numbers: of the same distributions, not the same numbers.
#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// Seeds that are 0 leave the choice to the run.
Attrs Seeded(OpImport& n) {
  Attrs attrs{{"dtype", ToDType(n.OutTensor(0).type)}};
  const auto seed = static_cast<uint64_t>(n.Int("seed")), seed2 = static_cast<uint64_t>(n.Int("seed2"));
  if (seed != 0 || seed2 != 0) attrs.Set("seed", static_cast<int64_t>(seed * 0x9E3779B97F4A7C15ULL + seed2));
  return attrs;
}

void ImportUniform(OpImport& n) { n.Out(0, n.Emit(ops::kRandomUniform, {n.Stored(0)}, Seeded(n))); }
void ImportNormal(OpImport& n) { n.Out(0, n.Emit(ops::kRandomNormal, {n.Stored(0)}, Seeded(n))); }

void ImportMultinomial(OpImport& n) {
  const std::vector<int64_t> samples = n.ConstInts(1);
  if (!n.ok()) return;
  if (samples.size() != 1 || samples[0] < 0) {
    n.BadOption("num_samples", "one number, not negative, is expected");
    return;
  }
  Attrs attrs = Seeded(n);
  attrs.Set("samples", samples[0]);
  n.Out(0, n.Emit(ops::kMultinomial, {n.Stored(0)}, std::move(attrs)));
}

constexpr Rule kRules[] = {
    {B::kMultinomial, Numbers::kStored, ImportMultinomial},
    {B::kRandomStandardNormal, Numbers::kStored, ImportNormal},
    {B::kRandomUniform, Numbers::kStored, ImportUniform},
    {B::kStablehloRngBitGenerator, Numbers::kStored, nullptr, "its results are the bits of one generator"},
};

}  // namespace

extern const RuleSet kRandomRules{kRules};

}  // namespace godwit::from_tflite
