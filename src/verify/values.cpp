#include "verify/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "ir/convert.h"

namespace godwit {

namespace {

std::string_view KindName(RtValue::Kind kind) {
  switch (kind) {
    case RtValue::Kind::kAbsent: return "nothing";
    case RtValue::Kind::kTensor: return "a tensor";
    case RtValue::Kind::kSequence: return "a sequence";
    case RtValue::Kind::kNone: return "an empty optional";
    case RtValue::Kind::kMap: return "a map";
  }
  return "nothing";
}

bool Near(double actual, double expected, const Tolerance& tolerance) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  if (std::isinf(expected) || std::isinf(actual)) return actual == expected;
  return std::fabs(actual - expected) <= tolerance.absolute + tolerance.relative * std::fabs(expected);
}

// The part of the peak as an absolute one.
Tolerance Settled(Tolerance tolerance, const Tensor& expected) {
  if (tolerance.peak <= 0 || expected.dtype() == DType::kString || IsComplex(expected.dtype())) return tolerance;
  double peak = 0;
  for (const double v : ToF64(expected)) {
    if (std::isfinite(v)) peak = std::max(peak, std::fabs(v));
  }
  tolerance.absolute += tolerance.peak * peak;
  return tolerance;
}

std::string TensorDifference(const Tensor& actual, const Tensor& expected, const Tolerance& given) {
  const Tolerance tolerance = Settled(given, expected);
  if (actual.dtype() != expected.dtype()) {
    return fmt::format("element type {} instead of {}", Name(actual.dtype()), Name(expected.dtype()));
  }
  if (actual.dims() != expected.dims()) {
    return fmt::format("shape {} instead of {}", ToString(actual.dims()), ToString(expected.dims()));
  }
  int64_t wrong = 0, first = -1;
  const auto count = [&](int64_t i, bool equal) {
    if (equal) return;
    if (first < 0) first = i;
    ++wrong;
  };
  std::string sample;
  if (actual.dtype() == DType::kString) {
    for (int64_t i = 0; i < actual.size(); ++i) {
      count(i, *actual.data<StringRef>()[i] == *expected.data<StringRef>()[i]);
    }
    if (wrong > 0) {
      sample = fmt::format("'{}' instead of '{}'", Printable(*actual.data<StringRef>()[first], 60),
                           Printable(*expected.data<StringRef>()[first], 60));
    }
  } else if (IsInteger(actual.dtype())) {
    const auto a = ToI64(actual), e = ToI64(expected);
    for (size_t i = 0; i < a.size(); ++i) {
      count(static_cast<int64_t>(i),
            a[i] == e[i] || Near(static_cast<double>(a[i]), static_cast<double>(e[i]), tolerance));
    }
    if (wrong > 0)
      sample = fmt::format("{} instead of {}", a[static_cast<size_t>(first)], e[static_cast<size_t>(first)]);
  } else {
    const auto a = ToComplex(actual), e = ToComplex(expected);
    for (size_t i = 0; i < a.size(); ++i) {
      count(static_cast<int64_t>(i),
            Near(a[i].real(), e[i].real(), tolerance) && Near(a[i].imag(), e[i].imag(), tolerance));
    }
    if (wrong > 0) {
      sample = fmt::format("{} instead of {}", ShortestDouble(a[static_cast<size_t>(first)].real()),
                           ShortestDouble(e[static_cast<size_t>(first)].real()));
    }
  }
  if (wrong == 0) return {};
  return fmt::format("{} of {} elements differ, the first at {}: {}", wrong, actual.size(), first, sample);
}

}  // namespace

std::string Difference(const RtValue& actual, const RtValue& expected, const Tolerance& tolerance) {
  if (actual.kind != expected.kind) {
    return fmt::format("{} instead of {}", KindName(actual.kind), KindName(expected.kind));
  }
  switch (expected.kind) {
    case RtValue::Kind::kTensor: return TensorDifference(actual.tensor, expected.tensor, tolerance);
    case RtValue::Kind::kSequence: {
      if (actual.sequence->size() != expected.sequence->size()) {
        return fmt::format("a sequence of {} instead of {}", actual.sequence->size(), expected.sequence->size());
      }
      for (size_t i = 0; i < expected.sequence->size(); ++i) {
        std::string d = Difference((*actual.sequence)[i], (*expected.sequence)[i], tolerance);
        if (!d.empty()) return fmt::format("element {}: {}", i, d);
      }
      return {};
    }
    case RtValue::Kind::kMap: {
      std::string d = TensorDifference(actual.map->keys, expected.map->keys, tolerance);
      if (!d.empty()) return Concat("keys: ", d);
      return Difference(RtValue::Sequence(actual.map->values), RtValue::Sequence(expected.map->values), tolerance);
    }
    default: return {};
  }
}

}  // namespace godwit
