// Scans that spell out a long short-term memory layer on stored integers.
#include "exec/kernels/integer/lstm.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "exec/plan/integer/rows.h"
#include "exec/plan/integer/scans.h"
#include "ir/convert.h"
#include "ops/ops.h"
#include "ops/recurrent_formula.h"

namespace godwit::plan {

namespace {

struct GateMatch {
  Stored w, r;
  std::optional<Stored> bias;
};

/// The gate on stored integers; nothing for what the integer kernel has no part for.
std::optional<GateMatch> StoredGate(Lowering& l, const ops::LstmGate& gate) {
  if (gate.peephole || gate.norm) return std::nullopt;
  GateMatch m;
  const auto weight = [&](ValueId v, Stored* to) {
    auto stored = StoredOf(l, v);
    if (!stored || !stored->single() || !stored->symmetric() || stored->dtype != DType::kI8) return false;
    *to = *std::move(stored);
    return true;
  };
  if (!weight(gate.w, &m.w) || !weight(gate.r, &m.r)) return std::nullopt;
  if (gate.bias) {
    m.bias = StoredOf(l, gate.bias);
    if (!m.bias) return std::nullopt;
  }
  return m;
}

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
  const auto scalar = [&](ValueId v) -> std::optional<double> { return RealScalar(l, v); };
  const auto formula = ops::MatchLstm(l.graph(), scan, scalar);
  if (!formula || formula->projection || formula->projection_clip != 0) return std::nullopt;
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
  k.coupled = formula->coupled;
  for (size_t g = k.coupled ? 1 : 0; g < 4; ++g) {
    const auto stored = StoredGate(l, formula->gates[g]);
    if (!stored) return std::nullopt;
    auto gate = GateOf(l, *stored, *x, *h, k.inputs, k.hidden);
    if (!gate) return std::nullopt;
    k.gates[g] = *std::move(gate);
  }
  if (!fixed::IsPowerOfTwo(c->scale(), &k.cell_exponent)) return std::nullopt;
  if (k.cell_exponent < -15 || k.cell_exponent > -9) return std::nullopt;
  if (formula->cell_clip > 0) {
    const float clip = static_cast<float>(formula->cell_clip) / c->scale();
    k.cell_clip = static_cast<int16_t>(std::clamp(clip, -32768.0F, 32767.0F));
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
