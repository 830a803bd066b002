#include "verify/measure.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "ir/convert.h"

namespace godwit {

namespace {

bool SameFamily(DType a, DType b) {
  return a == b || (IsFloat(a) && IsFloat(b)) || (IsComplex(a) && IsComplex(b)) ||
         ((IsInteger(a) || a == DType::kBool) && (IsInteger(b) || b == DType::kBool));
}

void Extend(const Deviation& part, Deviation* whole) {
  if (!part.mismatch.empty() && whole->mismatch.empty()) whole->mismatch = part.mismatch;
  whole->exact = whole->exact && part.exact;
  whole->discrete = part.discrete;
  if (part.worst > whole->worst || (whole->at < 0 && part.at >= 0)) whole->at = part.at, whole->shown = part.shown;
  whole->worst = std::max(whole->worst, part.worst);
  whole->least = whole->count == 0 ? part.least : std::min(whole->least, part.least);
  whole->most = whole->count == 0 ? part.most : std::max(whole->most, part.most);
  whole->two_valued = whole->two_valued && part.two_valued;
  whole->peak = std::max(whole->peak, part.peak);
  whole->count += part.count;
  whole->unequal += part.unequal;
  whole->lost += part.lost;
  whole->strays += part.strays;
  whole->total += part.total;
}

}  // namespace

template <class Load>
void Meter::AddNumbers(int64_t count, Load&& load, Deviation* out) {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  double sum_r = 0, sum_a = 0, sum_rr = 0, sum_aa = 0, sum_ra = 0, power = 0, noise = 0;
  bool started = count_ > 0;
  for (int64_t i = 0; i < count; ++i) {
    double a = 0, r = 0;
    load(i, &a, &r);
    if (!std::isfinite(a) || !std::isfinite(r)) {
      const bool same = std::isnan(a) ? std::isnan(r) : a == r;
      ++(same ? out->lost : out->strays);
      if (!same && out->at < 0) {
        out->at = i;
        out->shown = fmt::format("{} instead of {}", ShortestDouble(a), ShortestDouble(r));
      }
      continue;
    }
    if (!started) shift_ = r, started = true;
    const double d = std::fabs(a - r);
    if (d > out->worst) {
      out->worst = d;
      out->at = i;
    }
    out->total += d;
    least = std::min(least, r);
    most = std::max(most, r);
    const double cr = r - shift_, ca = a - shift_;
    sum_r += cr, sum_a += ca, sum_rr += cr * cr, sum_aa += ca * ca, sum_ra += cr * ca;
    power += r * r, noise += d * d;
    ++out->count;
  }
  count_ += out->count;
  sum_r_ += sum_r, sum_a_ += sum_a, sum_rr_ += sum_rr, sum_aa_ += sum_aa, sum_ra_ += sum_ra;
  power_ += power, noise_ += noise;
  if (out->count == 0) return;
  out->least = least, out->most = most;
  out->peak = std::max(std::fabs(least), std::fabs(most));
  for (int64_t i = 0; i < count && out->two_valued; ++i) {
    double a = 0, r = 0;
    load(i, &a, &r);
    out->two_valued = r == least || r == most || !std::isfinite(r);
  }
  if (out->at >= 0 && out->shown.empty()) {
    double a = 0, r = 0;
    load(out->at, &a, &r);
    out->shown = fmt::format("{} instead of {}", ShortestDouble(a), ShortestDouble(r));
  }
}

void Meter::AddTensor(const Tensor& actual, const Tensor& reference, Deviation* out) {
  const DType at = actual.dtype(), rt = reference.dtype();
  if (same_type_ ? at != rt : !SameFamily(at, rt)) {
    out->mismatch = fmt::format("element type {} instead of {}", Name(at), Name(rt));
    return;
  }
  if (actual.dims() != reference.dims()) {
    out->mismatch = fmt::format("shape {} instead of {}", ToString(actual.dims()), ToString(reference.dims()));
    return;
  }
  const int64_t count = actual.size();
  const bool same_bits = at == rt && at != DType::kString &&
                         (actual.bytes() == 0 || std::memcmp(actual.raw(), reference.raw(), actual.bytes()) == 0);
  out->exact = same_bits;
  out->discrete = !IsFloat(rt) && !IsComplex(rt);
  if (rt == DType::kString) {
    out->exact = true;
    for (int64_t i = 0; i < count; ++i) {
      const std::string &a = *actual.data<StringRef>()[i], &r = *reference.data<StringRef>()[i];
      if (a == r) continue;
      out->exact = false;
      if (out->unequal++ == 0) {
        out->at = i;
        out->shown = fmt::format("'{}' instead of '{}'", Printable(a, 60), Printable(r, 60));
      }
    }
    out->count = count;
    return;
  }
  if (at == DType::kF32 && rt == DType::kF32) {
    const float *a = actual.data<float>(), *r = reference.data<float>();
    AddNumbers(
        count, [&](int64_t i, double* x, double* y) { *x = double{a[i]}, *y = double{r[i]}; }, out);
  } else if (IsComplex(rt)) {
    const auto a = ToComplex(actual), r = ToComplex(reference);
    AddNumbers(
        2 * count,
        [&](int64_t i, double* x, double* y) {
          const auto k = static_cast<size_t>(i / 2);
          *x = i % 2 == 0 ? a[k].real() : a[k].imag();
          *y = i % 2 == 0 ? r[k].real() : r[k].imag();
        },
        out);
  } else if (out->discrete) {
    const auto a = ToI64(actual), r = ToI64(reference);
    AddNumbers(
        count,
        [&](int64_t i, double* x, double* y) {
          *x = static_cast<double>(a[static_cast<size_t>(i)]), *y = static_cast<double>(r[static_cast<size_t>(i)]);
        },
        out);
    out->at = -1;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] == r[i]) continue;
      if (out->unequal++ == 0) {
        out->at = static_cast<int64_t>(i);
        out->shown = fmt::format("{} instead of {}", a[i], r[i]);
      }
    }
    out->exact = out->unequal == 0;
  } else {
    const auto a = ToF64(actual), r = ToF64(reference);
    AddNumbers(
        count, [&](int64_t i, double* x, double* y) { *x = a[static_cast<size_t>(i)], *y = r[static_cast<size_t>(i)]; },
        out);
    if (at != rt) out->exact = out->worst == 0 && out->strays == 0;
  }
}

Deviation Meter::Add(const RtValue& actual, const RtValue& reference) {
  Deviation out;
  // Sequences hold sequences only as deep as their types say; each level is one round of the list.
  std::vector<std::pair<const RtValue*, const RtValue*>> open = {{&actual, &reference}};
  while (!open.empty()) {
    const auto [a, r] = open.back();
    open.pop_back();
    if (a->kind != r->kind) {
      out.mismatch = "another kind of value";
      return out;
    }
    if (r->is_tensor()) {
      Deviation part;
      AddTensor(a->tensor, r->tensor, &part);
      Extend(part, &out);
    } else if (r->kind == RtValue::Kind::kSequence) {
      if (a->sequence->size() != r->sequence->size()) {
        out.mismatch = fmt::format("a sequence of {} instead of {}", a->sequence->size(), r->sequence->size());
        return out;
      }
      for (size_t i = r->sequence->size(); i-- > 0;) open.emplace_back(&(*a->sequence)[i], &(*r->sequence)[i]);
    } else if (r->kind == RtValue::Kind::kMap) {
      Deviation part;
      AddTensor(a->map->keys, r->map->keys, &part);
      Extend(part, &out);
      if (a->map->values.size() != r->map->values.size()) {
        out.mismatch = "a map of another size";
        return out;
      }
      for (size_t i = r->map->values.size(); i-- > 0;) open.emplace_back(&a->map->values[i], &r->map->values[i]);
    }
  }
  return out;
}

double Meter::correlation() const {
  if (noise_ == 0) return 1;
  const auto n = static_cast<double>(count_);
  const double vr = sum_rr_ - sum_r_ * sum_r_ / n, va = sum_aa_ - sum_a_ * sum_a_ / n;
  if (vr <= 0 || va <= 0) return 0;
  return std::min(1.0, (sum_ra_ - sum_r_ * sum_a_ / n) / std::sqrt(vr * va));
}

double Meter::sqnr() const {
  if (noise_ == 0) return std::numeric_limits<double>::infinity();
  return power_ > 0 ? 10 * std::log10(power_ / noise_) : -std::numeric_limits<double>::infinity();
}

}  // namespace godwit
