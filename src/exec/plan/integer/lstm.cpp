// Scans that spell out a long short-term memory layer on stored integers.
#include "exec/kernels/integer/lstm.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "exec/plan/integer/rows.h"
#include "exec/plan/integer/scans.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

struct GateMatch {
  Stored w, r;
  std::optional<Stored> bias;
};
struct Match {
  std::optional<GateMatch> gates[4];  // input, forget, update, output
  float cell_clip = 0;
};

/// Finds the formula of the layer in the body of a scan over states h, c and rows of x.
class Matcher {
 public:
  Matcher(Lowering& l, const Region& body)
      : l_(l), g_(l.graph()), h_(body.params[0]), c_(body.params[1]), x_(body.params[2]) {}

  std::optional<Match> Of(const Region& body) {
    Match m;
    if (body.results.size() != 3 || body.results[0] != body.results[2]) return std::nullopt;
    const Node *out = Def(body.results[0], ops::kMul), *cell = Def(body.results[1], ops::kClip);
    const ValueId next_c = body.results[1];
    ValueId sum = next_c;
    if (cell != nullptr) {
      const auto low = RealScalar(l_, cell->in[1]), high = RealScalar(l_, cell->in[2]);
      if (!low || !high || *low != -*high) return std::nullopt;
      m.cell_clip = *high;
      sum = cell->in[0];
    }
    const Node* add = Def(sum, ops::kAdd);
    if (out == nullptr || add == nullptr) return std::nullopt;
    // h = sigmoid(output) * tanh(c)
    if (!Either(*out, [&](ValueId a, ValueId b) {
          const Node* tanh = Def(b, ops::kTanh);
          return tanh != nullptr && tanh->in[0] == next_c && Gate(a, ops::kSigmoid, &m.gates[3]);
        })) {
      return std::nullopt;
    }
    // c = sigmoid(forget) * c + input * tanh(update)
    const bool fits = Either(*add, [&](ValueId a, ValueId b) {
      const Node *kept = Def(a, ops::kMul), *added = Def(b, ops::kMul);
      if (kept == nullptr || added == nullptr) return false;
      ValueId forget;
      const bool keeps = Either(*kept, [&](ValueId f, ValueId c) {
        forget = f;
        return c == c_ && Gate(f, ops::kSigmoid, &m.gates[1]);
      });
      return keeps && Either(*added, [&](ValueId i, ValueId u) {
               if (!Gate(u, ops::kTanh, &m.gates[2])) return false;
               const Node* rest = Def(i, ops::kSub);
               if (rest != nullptr) return rest->in[1] == forget && RealScalar(l_, rest->in[0]) == 1.0F;
               return Gate(i, ops::kSigmoid, &m.gates[0]);
             });
    });
    return fits ? std::optional(std::move(m)) : std::nullopt;
  }

 private:
  const Node* Def(ValueId v, const OpDef& op) const {
    const NodeId def = v ? g_.value(v).def : NodeId();
    return def && g_.node(def).op == &op ? &g_.node(def) : nullptr;
  }
  template <class F>
  static bool Either(const Node& node, F f) {
    return f(node.in[0], node.in[1]) || f(node.in[1], node.in[0]);
  }

  // act(x * w + h * r [+ bias])
  bool Gate(ValueId v, const OpDef& activation, std::optional<GateMatch>* gate) {
    const Node* act = Def(v, activation);
    if (act == nullptr) return false;
    GateMatch m;
    const Node* add = Def(act->in[0], ops::kAdd);
    if (add == nullptr) return false;
    ValueId products = act->in[0];
    for (size_t i = 0; i < 2; ++i) {
      if (auto bias = StoredOf(l_, add->in[i])) {
        m.bias = std::move(bias);
        products = add->in[1 - i];
      }
    }
    const Node* both = Def(products, ops::kAdd);
    if (both == nullptr) return false;
    const bool fits = Either(*both, [&](ValueId a, ValueId b) { return Product(a, x_, &m.w) && Product(b, h_, &m.r); });
    if (fits) *gate = std::move(m);
    return fits;
  }
  bool Product(ValueId v, ValueId of, Stored* w) {
    const Node* product = Def(v, ops::kMatMul);
    if (product == nullptr || product->in[0] != of || !product->attrs.Flag("transpose_b")) return false;
    auto stored = StoredOf(l_, product->in[1]);
    if (!stored || !stored->single() || !stored->symmetric() || stored->dtype != DType::kI8) return false;
    *w = *std::move(stored);
    return true;
  }

  Lowering& l_;
  const Graph& g_;
  ValueId h_, c_, x_;
};

/// The rows of the matrix summed up, times the number.
void AddRowSums(const std::vector<int8_t>& matrix, int64_t columns, int32_t times, std::vector<int32_t>* to) {
  for (size_t row = 0; row < to->size(); ++row) {
    int32_t sum = 0;
    for (int64_t i = 0; i < columns; ++i) sum += matrix[row * static_cast<size_t>(columns) + static_cast<size_t>(i)];
    (*to)[row] = fixed::WrapAdd((*to)[row], fixed::WrapMul(sum, times));
  }
}

std::vector<int8_t> BytesOf(const Tensor& t) { return {t.data<int8_t>(), t.data<int8_t>() + t.size()}; }

std::optional<kernels::LstmGate> GateOf(Lowering& l, const GateMatch& m, const Stored& x, const Stored& h,
                                        int64_t inputs, int64_t hidden) {
  kernels::LstmGate g;
  const Tensor *w = l.Known(m.w.value), *r = l.Known(m.r.value);
  if (w == nullptr || r == nullptr || w->dims() != Dims{hidden, inputs} || r->dims() != Dims{hidden, hidden}) {
    return std::nullopt;
  }
  g.w = BytesOf(*w);
  g.r = BytesOf(*r);
  g.w_start.assign(static_cast<size_t>(hidden), 0);
  g.r_start = g.w_start;
  if (m.bias) {
    const Tensor* bias = l.Known(m.bias->value);
    if (bias == nullptr || bias->dtype() != DType::kI32 || bias->size() != hidden) return std::nullopt;
    g.w_start.assign(bias->data<int32_t>(), bias->data<int32_t>() + hidden);
  }
  AddRowSums(g.w, inputs, -x.zero(), &g.w_start);
  AddRowSums(g.r, hidden, -h.zero(), &g.r_start);
  constexpr float kUnit = 1.0F / 4096;
  g.w_factor = fixed::Multiplier::Of(static_cast<double>(m.w.scale() * x.scale() / kUnit));
  g.r_factor = fixed::Multiplier::Of(static_cast<double>(m.r.scale() * h.scale() / kUnit));
  return g;
}

struct Layer {
  kernels::LstmLayer kernel;
  Stored x, h, c;
};

std::optional<Layer> LayerOf(Lowering& l, const Cluster& cluster, const ScanParts& parts) {
  const Node& scan = l.graph().node(cluster.core());
  const Attrs& attrs = l.AttrsOf(cluster.core());
  if (scan.in.size() != 3 || attrs.Int("sliced") != 1 || scan.regions.size() != 1) return std::nullopt;
  const Region& body = l.graph().region(scan.regions[0]);
  if (body.params.size() != 3 || body.results.size() != 3) return std::nullopt;
  const auto h = StoredOf(l, scan.in[0]), c = StoredOf(l, scan.in[1]), x = StoredOf(l, scan.in[2]);
  if (!h || !c || !x || h->dtype != DType::kI8 || c->dtype != DType::kI16 || x->dtype != DType::kI8)
    return std::nullopt;
  if (!x->single() || !h->single() || !c->single() || c->zero() != 0) return std::nullopt;
  const Dims dx = l.DimsOf(x->value), dh = l.DimsOf(h->value);
  if (dx.size() != 3 || dh.size() != 2 || l.DimsOf(c->value) != dh) return std::nullopt;
  // Results go by the scales of their states.
  const auto same = [](const std::optional<Stored>& a, const Stored& b) {
    return !a || (a->dtype == b.dtype && a->scales == b.scales && a->zeros == b.zeros);
  };
  if (!same(parts.results[0], *h) || !same(parts.results[1], *c) || !same(parts.results[2], *h)) return std::nullopt;
  auto match = Matcher(l, body).Of(body);
  if (!match) return std::nullopt;
  Layer layer{{}, *x, *h, *c};
  kernels::LstmLayer& k = layer.kernel;
  const auto entry = [&](std::string_view name) {
    const std::vector<int64_t>& list = attrs.Ints(name);
    return list.empty() ? int64_t{0} : list[0];
  };
  const int64_t time = entry("in_axes");
  if (time != entry("out_axes") || (time != 0 && time != 1)) return std::nullopt;
  if (entry("in_reversed") != entry("out_reversed")) return std::nullopt;
  k.reverse = entry("in_reversed") != 0;
  k.time_first = time == 0;
  k.time = dx[k.time_first ? 0 : 1], k.batch = dx[k.time_first ? 1 : 0], k.inputs = dx[2], k.hidden = dh[1];
  if (dh[0] != k.batch) return std::nullopt;
  k.coupled = !match->gates[0];
  for (size_t g = k.coupled ? 1 : 0; g < 4; ++g) {
    auto gate = GateOf(l, *match->gates[g], *x, *h, k.inputs, k.hidden);
    if (!gate) return std::nullopt;
    k.gates[g] = *std::move(gate);
  }
  if (!fixed::IsPowerOfTwo(c->scale(), &k.cell_exponent)) return std::nullopt;
  if (k.cell_exponent < -15 || k.cell_exponent > -9) return std::nullopt;
  if (match->cell_clip > 0) {
    k.cell_clip = static_cast<int16_t>(std::clamp(match->cell_clip / c->scale(), -32768.0F, 32767.0F));
  }
  constexpr double kGate = 1.0 / 32768;
  const auto factor = static_cast<float>(kGate / static_cast<double>(h->scale()) * kGate);
  k.hidden_factor = fixed::Multiplier::Of(static_cast<double>(factor));
  k.hidden_zero = h->zero();
  return layer;
}

}  // namespace

bool IsStoredLstm(Lowering& l, const Cluster& cluster, const ScanParts& parts) {
  return LayerOf(l, cluster, parts).has_value();
}

Result<bool> LowerStoredLstm(Lowering& l, const Cluster& cluster) {
  const ScanParts parts = PartsOf(l, cluster);
  auto layer = LayerOf(l, cluster, parts);
  if (!layer) return false;
  const kernels::LstmLayer& k = layer->kernel;
  const int64_t states = k.batch * k.hidden;
  std::vector<SlotId> writes;
  for (size_t i = 0; i < 3; ++i) {
    const auto& result = parts.results[i];
    if (result)
      writes.push_back(l.Define(result->value, Layout::kPlain));
    else
      writes.push_back(l.AddTemporary(i == 1 ? DType::kI16 : DType::kI8, {i == 2 ? states * k.time : states}));
  }
  auto step = std::make_unique<FunctionStep>("lstm i8", [k, states](Frame& frame, const Step& s) -> Status {
    auto* h = frame.Out<int8_t>(s.writes[0]);
    auto* c = frame.Out<int16_t>(s.writes[1]);
    std::memcpy(h, frame.In<int8_t>(s.reads[0]), static_cast<size_t>(states));
    std::memcpy(c, frame.In<int16_t>(s.reads[1]), static_cast<size_t>(states) * 2);
    kernels::RunLstm(k, frame.In<int8_t>(s.reads[2]), h, c, frame.Out<int8_t>(s.writes[2]));
    return Ok{};
  });
  step->reads = {l.Plain(layer->h.value), l.Plain(layer->c.value), l.Plain(layer->x.value)};
  step->writes = std::move(writes);
  step->fused = cluster.body;
  l.Emit(std::move(step), cluster.last);
  return true;
}

}  // namespace godwit::plan
