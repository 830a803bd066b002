#include "tools/value_stats.h"

#include <cmath>

#include "base/text.h"
#include "ir/convert.h"

namespace godwit::tools {

namespace {

void Measure(const Tensor& t, ValueStats* s) {
  if (t.dtype() == DType::kString || IsComplex(t.dtype())) return;
  s->numeric = true;
  const size_t unit = ByteSize(t.dtype());
  double sum = 0;
  for (int64_t i = 0; i < t.size(); ++i) {
    const double v = LoadF64(t.dtype(), t.raw() + static_cast<size_t>(i) * unit);
    if (std::isnan(v)) {
      ++s->nan;
    } else if (std::isinf(v)) {
      ++s->infinite;
    } else {
      s->min = s->finite == 0 || v < s->min ? v : s->min;
      s->max = s->finite == 0 || v > s->max ? v : s->max;
      sum += v;
      ++s->finite;
    }
  }
  if (s->finite > 0) s->mean = sum / static_cast<double>(s->finite);
}

}  // namespace

ValueStats StatsOf(const RtValue& value) {
  ValueStats s;
  switch (value.kind) {
    case RtValue::Kind::kTensor:
      s.type = Concat(Name(value.tensor.dtype()), ToString(value.tensor.dims()));
      Measure(value.tensor, &s);
      break;
    case RtValue::Kind::kSequence: s.type = Concat("sequence of ", std::to_string(value.sequence->size())); break;
    case RtValue::Kind::kMap: s.type = Concat("map of ", std::to_string(value.map->values.size())); break;
    case RtValue::Kind::kNone: s.type = "empty optional"; break;
    case RtValue::Kind::kAbsent: s.type = "nothing"; break;
  }
  return s;
}

}  // namespace godwit::tools
