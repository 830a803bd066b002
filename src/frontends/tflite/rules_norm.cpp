// Normalisations over the last axis.
#include <fmt/format.h>

#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void ImportSoftmax(OpImport& n) {
  ValueId x = n.In(0);
  const double beta = n.Float("beta");
  if (beta != 1) x = n.Mul(x, n.Number(x, beta));
  n.Out(0, n.Emit(ops::kSoftmax, {x}));
}

void ImportLogSoftmax(OpImport& n) { n.Out(0, n.Emit(ops::kSoftmax, {n.In(0)}, {{"mode", std::string("log")}})); }

// The kernels divide by 1e-6 at least.
void ImportL2Norm(OpImport& n) { n.Out(0, n.Emit(ops::kLpNorm, {n.In(0)}, {{"epsilon", static_cast<double>(1e-6F)}})); }

// Of the sum of squares, not of their mean.
void ImportLrn(OpImport& n) {
  const int64_t radius = n.Int("radius");
  if (radius < 0 || radius > INT32_MAX / 2) {
    n.BadOption("radius", fmt::format("{}", radius));
    return;
  }
  const int64_t size = 2 * radius + 1;
  n.Out(0, n.Emit(ops::kLrn, {n.In(0)},
                  {{"size", size},
                   {"alpha", n.Float("alpha") * static_cast<double>(size)},
                   {"beta", n.Float("beta")},
                   {"bias", n.Float("bias")},
                   {"channel_axis", int64_t{-1}}}));
}

constexpr Rule kRules[] = {
    {B::kL2Normalization, Numbers::kReal, ImportL2Norm},
    {B::kLocalResponseNormalization, Numbers::kReal, ImportLrn},
    {B::kLogSoftmax, Numbers::kReal, ImportLogSoftmax},
    {B::kSoftmax, Numbers::kReal, ImportSoftmax},
};

}  // namespace

extern const RuleSet kNormRules{kRules};

}  // namespace godwit::from_tflite
