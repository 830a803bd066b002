#include "verify/layers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "exec/session.h"
#include "ir/convert.h"
#include "rewrite/match.h"
#include "rewrite/ports.h"
#include "verify/layer_match.h"
#include "verify/measure.h"
#include "verify/permuted.h"

namespace godwit {

namespace {

constexpr size_t kValueBins = 40;
constexpr size_t kErrorBins = 36;
constexpr size_t kMaxChannels = 128;
void FillPictures(const Tensor& actual, const Tensor& reference, LayerDeviation* out) {
  if (!IsFloat(reference.dtype()) || reference.size() == 0) return;
  const std::vector<double> a = ToF64(actual), r = ToF64(reference);
  out->values.assign(kValueBins, 0);
  out->errors.assign(kErrorBins, 0);
  const double span = out->most - out->least, unit = out->peak > 0 ? out->peak : 1;
  const int rank = reference.rank();
  const int axis = rank >= 3 ? 1 : rank - 1;
  const int64_t channels = axis >= 0 ? reference.dim(axis) : 1;
  int64_t inner = 1;
  for (int k = axis + 1; k < rank; ++k) inner *= reference.dim(k);
  const size_t bars = std::min(kMaxChannels, static_cast<size_t>(channels));
  std::vector<double> count(bars, 0);
  out->channel_reference.assign(bars, 0);
  out->channel_other.assign(bars, 0);
  out->channel_worst.assign(bars, 0);
  for (size_t i = 0; i < r.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(r[i])) continue;
    const double place = span > 0 ? (r[i] - out->least) / span * kValueBins : 0;
    ++out->values[std::min(kValueBins - 1, static_cast<size_t>(std::max(0.0, place)))];
    const double error = std::fabs(a[i] - r[i]) / unit;
    if (error > 0) {
      const double decade = std::clamp((std::log10(error) + 9) * 4, 0.0, static_cast<double>(kErrorBins - 1));
      ++out->errors[static_cast<size_t>(decade)];
    }
    const auto channel = static_cast<size_t>(static_cast<int64_t>(i) / inner % channels);
    const size_t bar = channel * bars / static_cast<size_t>(channels);
    out->channel_reference[bar] += r[i];
    out->channel_other[bar] += a[i];
    out->channel_worst[bar] = std::max(out->channel_worst[bar], error);
    ++count[bar];
  }
  for (size_t b = 0; b < bars; ++b) {
    if (count[b] == 0) continue;
    out->channel_reference[b] /= count[b];
    out->channel_other[b] /= count[b];
  }
}

// The real numbers that a quantised tensor stands for; others as they are.
RtValue Real(const Graph& graph, ValueId id, RtValue value) {
  const Type& type = graph.value(id).type;
  if (!value.is_tensor() || !type.is_tensor() || type.tensor().quant == nullptr || IsFloat(value.tensor.dtype())) {
    return value;
  }
  auto real = Dequantized(value.tensor, *type.tensor().quant);
  return real.ok() ? RtValue(*std::move(real)) : value;
}

// The other model's tensor in the reference's order, where its channels are elsewhere: the order that agrees best.
RtValue InOrderOf(const RtValue& expected, RtValue actual) {
  if (!expected.is_tensor() || !actual.is_tensor()) return actual;
  const Dims& wanted = expected.tensor.dims();
  if (actual.tensor.rank() != expected.tensor.rank()) {
    // The same vectors in another grouping.
    return actual.tensor.size() == expected.tensor.size() ? RtValue(actual.tensor.Reshaped(wanted)) : actual;
  }
  const std::vector<int64_t> last = ToChannelsLast(actual.tensor.rank());
  if (last.empty()) return actual;
  std::vector<std::vector<int64_t>> fitting;
  for (const std::vector<int64_t>& perm : {last, Inverse(last)}) {
    bool fits = true;
    for (size_t k = 0; k < perm.size(); ++k) {
      fits = fits && actual.tensor.dims()[static_cast<size_t>(perm[k])] == wanted[k];
    }
    if (fits) fitting.push_back(perm);
  }
  const auto far = [&](const RtValue& value) {
    Meter meter(false);
    const Deviation d = meter.Add(value, expected);
    return d.mismatch.empty() ? d.worst : std::numeric_limits<double>::infinity();
  };
  double least = fitting.empty() ? 0 : far(actual);
  for (const std::vector<int64_t>& perm : fitting) {
    auto moved = Permuted(actual.tensor, perm);
    if (!moved.ok()) continue;
    RtValue candidate(*std::move(moved));
    const double here = far(candidate);
    if (here >= least) continue;
    least = here;
    actual = std::move(candidate);
  }
  return actual;
}

LayerDeviation Measure(const Graph& reference, const Graph& other, const Twins& twins, const RtValue& actual,
                       const RtValue& expected, const RtValue* wide, const LayerOptions& options) {
  LayerDeviation out;
  out.tensor = reference.value(twins.reference.id).name;
  const Node& node = reference.node(twins.reference.node);
  const Origin& origin = reference.origin(node.origin);
  out.node = origin.node;
  out.op = origin.op_type.empty() ? std::string(node.op->name) : origin.op_type;
  out.place = twins.reference.place;
  out.twin = other.value(twins.other).name;
  out.by = twins.by;
  Meter meter(false);
  const Deviation d = meter.Add(actual, expected);
  if (expected.is_tensor()) out.type = Type(expected.tensor.type()).ToString();
  out.mismatch = d.mismatch;
  if (!d.mismatch.empty()) {
    out.departs = true;
    return out;
  }
  const double unit = d.peak > 0 ? d.peak : 1;
  out.peak = d.peak, out.least = d.least, out.most = d.most;
  out.worst = d.worst / unit, out.mean = d.mean() / unit;
  out.correlation = meter.correlation(), out.sqnr = meter.sqnr();
  out.exact = d.exact;
  out.tolerance = options.floor;
  if (wide != nullptr && !d.discrete) {
    Meter noise(false);
    const Deviation n = noise.Add(expected, *wide);
    if (n.mismatch.empty()) out.tolerance = std::max(options.floor, options.noise_factor * n.worst / unit);
  }
  out.departs = d.discrete ? d.unequal > 0 : d.strays > 0 || out.worst > out.tolerance;
  if (options.pictures && expected.is_tensor() && actual.is_tensor()) {
    FillPictures(actual.tensor, expected.tensor, &out);
  }
  return out;
}

}  // namespace

std::string_view Name(MatchedBy by) {
  switch (by) {
    case MatchedBy::kName: return "name";
    case MatchedBy::kOrigin: return "origin";
    case MatchedBy::kValue: return "value";
  }
  return "name";
}

Result<LayerComparison> CompareLayers(const Graph& reference, const Graph& other, const std::vector<RtValue>& inputs,
                                      const LayerOptions& options) {
  std::vector<RtValue> other_inputs;
  for (const ValueId theirs : other.region(Graph::main()).params) {
    const std::vector<ValueId>& params = reference.region(Graph::main()).params;
    for (size_t i = 0; i < params.size() && i < inputs.size(); ++i) {
      if (reference.value(params[i]).name == other.value(theirs).name) other_inputs.push_back(inputs[i]);
    }
  }
  SessionOptions session;
  session.threads = options.threads;
  LayerComparison out;
  TRY(const std::vector<Twins> twins, FindTwins(reference, inputs, other, other_inputs, session, &out.unmatched));
  for (size_t from = 0; from < twins.size();) {
    std::vector<ValueId> ours, theirs;
    double bytes = 0;
    while (from + ours.size() < twins.size() && bytes < kHeldBytes) {
      const Twins& t = twins[from + ours.size()];
      ours.push_back(t.reference.id);
      theirs.push_back(t.other);
      bytes += 4 * HeldBytesOf(reference.value(t.reference.id).type);
    }
    TRY(auto expected, RunTaps(reference, ours, inputs, session));
    TRY(auto actual, RunTaps(other, theirs, other_inputs, session));
    bool differ = false;
    for (size_t i = 0; i < expected.size(); ++i) {
      const bool one_real = expected[i].is_tensor() && actual[i].is_tensor() &&
                            IsFloat(expected[i].tensor.dtype()) != IsFloat(actual[i].tensor.dtype());
      if (one_real) {
        expected[i] = Real(reference, ours[i], std::move(expected[i]));
        actual[i] = Real(other, theirs[i], std::move(actual[i]));
      }
      actual[i] = InOrderOf(expected[i], std::move(actual[i]));
      Meter meter(false);
      const Deviation d = meter.Add(actual[i], expected[i]);
      differ = differ || !d.mismatch.empty() || d.worst > options.floor * d.peak;
    }
    // The noise is needed only where something is beyond the least tolerance.
    std::vector<RtValue> wide;
    if (differ) {
      SessionOptions doubled = session;
      doubled.precision = Precision::kDouble;
      if (auto values = RunTaps(reference, ours, inputs, doubled); values.ok()) wide = *std::move(values);
    }
    for (size_t i = 0; i < ours.size(); ++i) {
      // A branch that neither took.
      const auto empty = [](const RtValue& v) { return v.is_tensor() && v.tensor.size() == 0; };
      if (twins[from + i].reference.branch && empty(expected[i]) && empty(actual[i])) {
        ++out.idle;
        continue;
      }
      out.layers.push_back(Measure(reference, other, twins[from + i], actual[i], expected[i],
                                   wide.empty() ? nullptr : &wide[i], options));
      if (out.layers.back().departs && !out.first) out.first = out.layers.size() - 1;
    }
    from += ours.size();
  }
  return out;
}

}  // namespace godwit
