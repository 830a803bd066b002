// Layers that keep a line of past sums for each filter, on stored integers: the newest sum enters at the end, the lines
// are weighed and summed up.
#include "exec/plan/integer/svdf.h"

#include <algorithm>
#include <cstring>

#include "base/fixed_point.h"
#include "exec/plan/integer/rows.h"
#include "ir/convert.h"
#include "ops/ops.h"
#include "ops/recurrent_formula.h"

namespace godwit::plan {

namespace {

struct Svdf {
  Stored x, features, times, state, y, next;
  std::optional<Stored> bias;
  NodeId next_quantize;
  std::vector<NodeId> body;
};

class Matcher {
 public:
  Matcher(Lowering& l, NodeId quantize) : l_(l), quantize_(quantize) {}

  std::optional<Svdf> Match() {
    auto y = StoredBy(l_, quantize_);
    if (!y) return std::nullopt;
    s_.y = *std::move(y);
    const Graph& g = l_.graph();
    ValueId v = g.node(quantize_).in[0];
    const NodeId last = v ? g.value(v).def : NodeId();
    if (last && g.node(last).op == &ops::kRelu) {
      s_.body.push_back(last);
      v = g.node(last).in[0];
    }
    const auto formula = ops::MatchSvdf(g, v, [&](ValueId of) { return l_.UsersOf(of); });
    if (!formula) return std::nullopt;
    s_.body.insert(s_.body.end(), formula->body.begin(), formula->body.end());
    for (const NodeId id : s_.body) {
      for (const ValueId made : g.node(id).out) {
        if (made && l_.IsOutput(made)) return std::nullopt;
      }
    }
    if (formula->bias) {
      s_.bias = StoredOf(l_, formula->bias);
      if (!s_.bias) return std::nullopt;
    }
    if (!Get(formula->times, &s_.times) || !Get(formula->state, &s_.state) || !Get(formula->x, &s_.x) ||
        !Get(formula->features, &s_.features)) {
      return std::nullopt;
    }
    // What is kept for the next run.
    const std::vector<NodeId>& keeps = l_.UsersOf(formula->next);
    if (keeps.size() != 1) return std::nullopt;
    auto next = StoredBy(l_, keeps[0]);
    if (!next) return std::nullopt;
    s_.next = *std::move(next);
    s_.next_quantize = keeps[0];
    return Fits() ? std::optional(s_) : std::nullopt;
  }

 private:
  bool Get(ValueId v, Stored* to) {
    auto stored = StoredOf(l_, v);
    if (!stored || !stored->single()) return false;
    *to = *std::move(stored);
    return true;
  }

  bool Fits() {
    const auto is = [](const Stored& s, DType dtype) { return s.dtype == dtype && s.single(); };
    if (!is(s_.x, DType::kI8) || !is(s_.features, DType::kI8) || !is(s_.times, DType::kI16)) return false;
    if (!is(s_.state, DType::kI16) || !is(s_.next, DType::kI16) || !is(s_.y, DType::kI8)) return false;
    if (s_.next.scales != s_.state.scales || s_.state.zero() != 0 || s_.next.zero() != 0) return false;
    if (s_.features.zero() != 0 || s_.times.zero() != 0) return false;
    // Every use is inside.
    for (const NodeId id : s_.body) {
      for (const ValueId v : l_.graph().node(id).out) {
        const std::vector<NodeId>& users = l_.UsersOf(v);
        if (static_cast<size_t>(l_.Uses(v)) != users.size()) return false;
        for (const NodeId user : users) {
          const bool inside = user == quantize_ || user == s_.next_quantize ||
                              std::find(s_.body.begin(), s_.body.end(), user) != s_.body.end();
          if (!inside) return false;
        }
      }
    }
    return true;
  }

  Lowering& l_;
  NodeId quantize_;
  Svdf s_;
};

struct Layer {
  int64_t batch = 0, inputs = 0, filters = 0, memory = 0, units = 0;
  fixed::Multiplier to_state, to_y;
  int32_t x_zero = 0, y_zero = 0;
  std::vector<int8_t> features;
  std::vector<int16_t> times;
  std::vector<int32_t> bias;

  void Run(const int8_t* x, const int16_t* state, int8_t* y, int16_t* next) const {
    for (int64_t b = 0; b < batch; ++b) {
      std::vector<int32_t> sums(bias);
      for (int64_t f = 0; f < filters; ++f) {
        const int16_t* from = state + (b * filters + f) * memory;
        int16_t* to = next + (b * filters + f) * memory;
        std::copy(from + 1, from + memory, to);
        int32_t dot = 0;
        for (int64_t i = 0; i < inputs; ++i) {
          dot += features[static_cast<size_t>(f * inputs + i)] * (x[b * inputs + i] - x_zero);
        }
        to[memory - 1] = static_cast<int16_t>(std::clamp(to_state.Apply(dot), -32768, 32767));
        int32_t& sum = sums[static_cast<size_t>(f / (filters / units))];
        for (int64_t i = 0; i < memory; ++i) {
          sum = fixed::WrapAdd(sum, static_cast<int32_t>(times[static_cast<size_t>(f * memory + i)]) * to[i]);
        }
      }
      for (int64_t u = 0; u < units; ++u) {
        const int32_t v = to_y.Apply(sums[static_cast<size_t>(u)]) + y_zero;
        y[b * units + u] = static_cast<int8_t>(std::clamp(v, -128, 127));
      }
    }
  }
};

std::optional<Layer> LayerOf(Lowering& l, const Svdf& s) {
  const Tensor *features = l.Known(s.features.value), *times = l.Known(s.times.value);
  if (features == nullptr || times == nullptr || features->rank() != 2 || times->rank() != 2) return std::nullopt;
  const Dims dx = l.DimsOf(s.x.value), dy = l.DimsOf(s.y.value);
  Layer k;
  k.filters = times->dim(0), k.memory = times->dim(1), k.inputs = features->dim(1);
  if (dx.size() != 2 || dy.size() != 2 || dx[1] != k.inputs || features->dim(0) != k.filters) return std::nullopt;
  k.batch = dx[0], k.units = dy[1];
  const int64_t size = k.batch * k.filters * k.memory;
  if (k.units < 1 || k.memory < 1 || k.filters % k.units != 0) return std::nullopt;
  if (ElementCount(l.DimsOf(s.state.value)) != size || ElementCount(l.DimsOf(s.next.value)) != size)
    return std::nullopt;
  k.features.assign(features->data<int8_t>(), features->data<int8_t>() + features->size());
  k.times.assign(times->data<int16_t>(), times->data<int16_t>() + times->size());
  k.bias.assign(static_cast<size_t>(k.units), 0);
  if (s.bias) {
    const Tensor* bias = l.Known(s.bias->value);
    if (bias == nullptr || bias->dtype() != DType::kI32 || bias->size() != k.units) return std::nullopt;
    k.bias.assign(bias->data<int32_t>(), bias->data<int32_t>() + k.units);
  }
  const float to_state = s.x.scale() * s.features.scale() / s.state.scale();
  const float to_y = s.state.scale() * s.times.scale() / s.y.scale();
  k.to_state = fixed::Multiplier::Of(static_cast<double>(to_state));
  k.to_y = fixed::Multiplier::Of(static_cast<double>(to_y));
  k.x_zero = s.x.zero(), k.y_zero = s.y.zero();
  return k;
}

/// The quantize of the layer's result, which is matched from: that of the state is not.
NodeId ResultOf(const Cluster& c) { return c.others.empty() ? c.last : c.roots[0]; }

}  // namespace

std::optional<Cluster> SvdfClusterAt(Lowering& l, NodeId quantize) {
  const auto match = Matcher(l, quantize).Match();
  if (!match || !LayerOf(l, *match)) return std::nullopt;
  Cluster c;
  c.kind = Cluster::Kind::kSvdf;
  const bool first = l.IsBefore(quantize, match->next_quantize);
  c.last = first ? quantize : match->next_quantize;
  c.others = {first ? match->next_quantize : quantize};
  c.roots = {quantize};
  c.y = match->y;
  c.body = match->body;
  std::sort(c.body.begin(), c.body.end(), [&](NodeId a, NodeId b) { return l.IsBefore(a, b); });
  for (const NodeId id : c.body) {
    for (const ValueId v : l.graph().node(id).in) {
      if (v && StoredOf(l, v)) c.reals.push_back(v);
    }
  }
  return c;
}

Result<bool> LowerSvdf(Lowering& l, const Cluster& c) {
  const auto match = Matcher(l, ResultOf(c)).Match();
  if (!match) return false;
  auto layer = LayerOf(l, *match);
  if (!layer) return false;
  auto step = std::make_unique<FunctionStep>("svdf i8", [k = *std::move(layer)](Frame& frame, const Step& s) -> Status {
    k.Run(frame.In<int8_t>(s.reads[0]), frame.In<int16_t>(s.reads[1]), frame.Out<int8_t>(s.writes[0]),
          frame.Out<int16_t>(s.writes[1]));
    return Ok{};
  });
  step->reads = {l.Plain(match->x.value), l.Plain(match->state.value)};
  step->writes = {l.Define(match->y.value, Layout::kPlain), l.Define(match->next.value, Layout::kPlain)};
  step->fused = c.body;
  l.Emit(std::move(step), c.last);
  return true;
}

}  // namespace godwit::plan
