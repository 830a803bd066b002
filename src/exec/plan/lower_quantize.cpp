// Quantize, dequantize and casts between the element types of real models, in whichever layout the operand has.
#include <algorithm>

#include "exec/kernels/quantize.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "exec/plan/reorder_step.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

bool IsPacked(DType dtype) {
  return dtype == DType::kU8 || dtype == DType::kI8 || dtype == DType::kU16 || dtype == DType::kI16;
}

/// Calls `f` with a value of the C++ type of the elements; false where kernels do not have it.
template <class F>
bool WithElement(DType dtype, F f) {
  switch (dtype) {
    case DType::kU8: f(uint8_t{}); return true;
    case DType::kI8: f(int8_t{}); return true;
    case DType::kU16: f(uint16_t{}); return true;
    case DType::kI16: f(int16_t{}); return true;
    case DType::kI32: f(int32_t{}); return true;
    case DType::kI64: f(int64_t{}); return true;
    case DType::kF32: f(float{}); return true;
    case DType::kF64: f(double{}); return true;
    case DType::kBool: f(kernels::BoolByte{}); return true;
    default: return false;
  }
}

/// Either way. reads: x, scale, and the zero points where there are any.
template <class T>
class QuantizeStep final : public Step {
 public:
  QuantizeStep(bool quantizes, bool away, DType low, int64_t outer, int64_t channels, int64_t inner)
      : quantizes_(quantizes), away_(away), low_(low), outer_(outer), channels_(channels), inner_(inner) {}

  Status Run(Frame& frame) const override {
    std::vector<int32_t> zeros(static_cast<size_t>(channels_), 0);
    if (reads.size() > 2) {
      const auto* raw = frame.In<std::byte>(reads[2]);
      for (size_t i = 0; i < zeros.size(); ++i) {
        zeros[i] = static_cast<int32_t>(LoadI64(low_, raw + i * ByteSize(low_)));
      }
    }
    const kernels::Scales<T> scales{outer_, channels_, inner_, frame.In<T>(reads[1]), zeros.data(), away_};
    WithElement(low_, [&](auto e) {
      using E = decltype(e);
      if constexpr (std::is_integral_v<E> && !std::is_same_v<E, int64_t>) {
        if constexpr (sizeof(E) < 4) {
          if (quantizes_) {
            return kernels::Quantize(frame.In<T>(reads[0]), scales, frame.Out<E>(writes[0]), frame.threads);
          }
        }
        kernels::Dequantize(frame.In<E>(reads[0]), scales, frame.Out<T>(writes[0]), frame.threads);
      }
    });
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return quantizes_ ? "quantize" : "dequantize"; }

 private:
  bool quantizes_, away_;
  DType low_;
  int64_t outer_, channels_, inner_;
};

Result<bool> LowerQuantize(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const Attrs& attrs = l.AttrsOf(id);
  const bool quantizes = node.op == &ops::kQuantize;
  const ValueId x = node.in[0], scale = node.in[1], y = node.out[0];
  const ValueId zero = node.in.size() > 2 ? node.in[2] : ValueId();
  if (!y || !l.IsStatic(x) || !l.IsStatic(y) || !l.IsStatic(scale) || (zero && !l.IsStatic(zero))) return false;
  const DType real = l.TypeOf(quantizes ? x : y).dtype(), low = l.TypeOf(quantizes ? y : x).dtype();
  const bool known_low = IsPacked(low) || (low == DType::kI32 && !quantizes);
  if (!IsPlanFloat(real) || !known_low || l.TypeOf(scale).dtype() != real || attrs.Int("block") != 0) return false;
  if (quantizes && attrs.Dtype("precision", real) != real && attrs.Dtype("precision") != DType::kNone) return false;
  if (zero && l.TypeOf(zero).dtype() != low) return false;
  const Dims dims = l.DimsOf(x), scales = l.DimsOf(scale);
  const int64_t channels = ElementCount(scales), count = ElementCount(dims);
  if (count == 0 || (zero && ElementCount(l.DimsOf(zero)) != channels)) return false;
  const bool single = channels == 1 && scales.size() <= 1;
  int64_t outer = 1, inner = count;
  if (!single) {
    const auto rank = static_cast<int64_t>(dims.size());
    int64_t axis = attrs.Int("axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || scales != Dims{dims[static_cast<size_t>(axis)]}) return false;
    for (int64_t i = 0; i <= axis; ++i) inner /= dims[static_cast<size_t>(i)];
    outer = count / inner / channels;
  }
  const Layout layout = single ? l.LayoutOf(x) : Layout::kPlain;
  if (single) inner = ElementsIn(dims, layout);
  auto step = MakeStep<QuantizeStep>(real, quantizes, attrs.Str("rounding") == "away", low, outer, channels, inner);
  step->reads = {l.In(x, layout), l.Plain(scale)};
  if (zero) step->reads.push_back(l.Plain(zero));
  step->writes = {l.Define(y, layout)};
  l.Emit(std::move(step), id);
  return true;
}

class DynamicQuantizeStep final : public Step {
 public:
  explicit DynamicQuantizeStep(int64_t count) : count_(count) {}
  Status Run(Frame& frame) const override {
    kernels::DynamicQuantize(frame.In<float>(reads[0]), count_, frame.Out<uint8_t>(writes[0]),
                             frame.Out<float>(writes[1]), frame.Out<uint8_t>(writes[2]), frame.threads);
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return "dynamic quantize"; }

 private:
  int64_t count_;
};

Result<bool> LowerDynamicQuantize(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId x = node.in[0];
  if (!l.IsStatic(x) || l.TypeOf(x).dtype() != DType::kF32 || ElementCount(l.DimsOf(x)) == 0) return false;
  if (node.out.size() != 3 || !node.out[0] || !node.out[1] || !node.out[2]) return false;
  auto step = std::make_unique<DynamicQuantizeStep>(ElementCount(l.DimsOf(x)));
  step->reads = {l.Plain(x)};
  for (ValueId v : node.out) step->writes.push_back(l.Define(v, Layout::kPlain));
  l.Emit(std::move(step), id);
  return true;
}

class CastStep final : public Step {
 public:
  CastStep(DType from, DType to, int64_t count) : from_(from), to_(to), count_(count) {}
  Status Run(Frame& frame) const override {
    WithElement(from_, [&](auto from) {
      using From = decltype(from);
      WithElement(to_, [&](auto to) {
        using To = decltype(to);
        if constexpr (std::is_arithmetic_v<To> && sizeof(To) >= 4 && !std::is_same_v<From, To>) {
          kernels::ConvertElements(frame.In<From>(reads[0]), count_, frame.Out<To>(writes[0]), frame.threads);
        }
      });
    });
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override {
    return std::string(Name(from_)) + " to " + std::string(Name(to_));
  }

 private:
  DType from_, to_;
  int64_t count_;
};

Result<bool> LowerCast(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId x = node.in[0], y = node.out[0];
  if (!y || !l.IsStatic(x) || !l.IsStatic(y)) return false;
  const DType from = l.TypeOf(x).dtype(), to = l.TypeOf(y).dtype();
  if (from == to && from != DType::kString) {
    if (l.LayoutOf(x) == Layout::kPlain) l.Plain(x);
    l.Share(y, x);
    return true;
  }
  const bool wide = to == DType::kF32 || to == DType::kF64 || to == DType::kI32 || to == DType::kI64;
  if (!wide || !WithElement(from, [](auto) {})) return false;
  const Layout layout = l.LayoutOf(x);
  auto step = std::make_unique<CastStep>(from, to, ElementsIn(l.DimsOf(x), layout));
  step->reads = {l.In(x, layout)};
  step->writes = {l.Define(y, layout)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {{&ops::kQuantize, LowerQuantize},
                                {&ops::kDequantize, LowerQuantize},
                                {&ops::kDynamicQuantize, LowerDynamicQuantize},
                                {&ops::kCast, LowerCast}};

}  // namespace

std::span<const LowerRule> QuantizeRules() { return kRules; }

}  // namespace godwit::plan
