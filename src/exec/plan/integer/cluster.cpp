#include "exec/plan/integer/cluster.h"

#include <algorithm>
#include <cmath>

#include "exec/plan/integer/rows.h"
#include "exec/plan/integer/scans.h"
#include "exec/plan/integer/svdf.h"
#include "exec/plan/lowering.h"
#include "ir/convert.h"
#include "ops/arithmetic.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

// Compositions of the source's operators are shorter.
constexpr size_t kMaxBody = 16;

bool IsStored(DType dtype) {
  return dtype == DType::kI8 || dtype == DType::kU8 || dtype == DType::kI16 || dtype == DType::kI32 ||
         dtype == DType::kI64 || dtype == DType::kI4;
}

/// Scales and zero points of a dequantize or quantize node, known before the run.
std::optional<Stored> ParametersOf(Lowering& l, const Node& node, const Attrs& attrs, ValueId stored) {
  if (attrs.Int("block") != 0 || !l.IsStatic(stored)) return std::nullopt;
  Stored s;
  s.value = stored;
  s.dtype = l.TypeOf(stored).dtype();
  if (!IsStored(s.dtype)) return std::nullopt;
  const Tensor* scale = l.Known(node.in[1]);
  if (scale == nullptr || scale->dtype() != DType::kF32 || scale->size() == 0) return std::nullopt;
  s.scales.assign(scale->data<float>(), scale->data<float>() + scale->size());
  if (!std::all_of(s.scales.begin(), s.scales.end(), [](float v) { return v > 0 && std::isfinite(v); })) {
    return std::nullopt;
  }
  if (node.in.size() > 2 && node.in[2]) {
    const Tensor* zero = l.Known(node.in[2]);
    if (zero == nullptr || zero->size() != scale->size()) return std::nullopt;
    for (const int64_t z : ToI64(*zero)) s.zeros.push_back(static_cast<int32_t>(z));
  } else {
    s.zeros.assign(s.scales.size(), 0);
  }
  const auto rank = static_cast<int>(l.DimsOf(stored).size());
  s.axis = static_cast<int>(attrs.Int("axis", 1));
  if (s.axis < 0) s.axis += rank;
  if (!s.single() && (s.axis < 0 || s.axis >= rank)) return std::nullopt;
  return s;
}

bool States(const Attrs& attrs, std::string_view arithmetic) { return attrs.Str(ops::kArithmetic) == arithmetic; }

/// The range of an activation that the source fuses into operators.
std::optional<RealRange> ActivationRange(Lowering& l, const Node& node) {
  if (node.op == &ops::kRelu) return RealRange{.low = 0};
  if (node.op != &ops::kClip) return std::nullopt;
  RealRange range;
  if (node.in.size() > 1 && node.in[1]) {
    const auto low = RealScalar(l, node.in[1]);
    if (!low) return std::nullopt;
    range.low = *low;
  }
  if (node.in.size() > 2 && node.in[2]) {
    const auto high = RealScalar(l, node.in[2]);
    if (!high) return std::nullopt;
    range.high = *high;
  }
  return range;
}

class Finder {
 public:
  Finder(Lowering& l, const std::vector<NodeId>& order) : l_(l), position_(l.graph().node_count(), kOutside) {
    for (size_t i = 0; i < order.size(); ++i) position_[order[i].index] = i;
  }

  std::optional<Cluster> At(NodeId id) {
    const Node& node = l_.graph().node(id);
    if (node.op == &ops::kScan) return ScanClusterAt(l_, id);
    if (node.op == &ops::kEqual || node.op == &ops::kLess || node.op == &ops::kLessEqual) return ComparisonAt(id);
    auto y = StoredBy(l_, id);
    if (!y) return std::nullopt;
    Cluster c;
    c.last = id;
    c.y = *std::move(y);
    if (!Collect(node.in[0], &c) || !Closed(c)) return SvdfClusterAt(l_, id);
    SplitActivation(&c);
    return c;
  }

 private:
  static constexpr size_t kOutside = static_cast<size_t>(-1);

  std::optional<Cluster> ComparisonAt(NodeId id) {
    const Node& node = l_.graph().node(id);
    if (!node.out[0] || !l_.IsStatic(node.out[0]) || !StoredOf(l_, node.in[0]) || !StoredOf(l_, node.in[1])) {
      return std::nullopt;
    }
    Cluster c;
    c.last = id;
    c.y.value = node.out[0];
    c.y.dtype = DType::kBool;
    c.reals = {node.in[0], node.in[1]};
    return c;
  }

  // Walks back from the result to dequantize nodes and known values.
  bool Collect(ValueId result, Cluster* c) {
    std::vector<ValueId> open = {result};
    while (!open.empty()) {
      const ValueId v = open.back();
      open.pop_back();
      if (StoredOf(l_, v)) {
        c->reals.push_back(v);
        continue;
      }
      if (l_.Known(v) != nullptr) continue;
      const NodeId def = l_.graph().value(v).def;
      if (!def || position_[def.index] == kOutside) return false;
      if (std::find(c->body.begin(), c->body.end(), def) != c->body.end()) continue;
      const Node& node = l_.graph().node(def);
      const bool foreign = node.op == &ops::kDequantize || node.op == &ops::kQuantize || !node.regions.empty();
      if (foreign || node.op->effect != Effect::kPure || c->body.size() == kMaxBody) return false;
      c->body.push_back(def);
      for (const ValueId in : node.in) {
        if (in) open.push_back(in);
      }
    }
    std::sort(c->body.begin(), c->body.end(),
              [this](NodeId a, NodeId b) { return position_[a.index] < position_[b.index]; });
    return true;
  }

  // Nobody else sees what is between.
  bool Closed(const Cluster& c) {
    for (const NodeId id : c.body) {
      for (const ValueId v : l_.graph().node(id).out) {
        if (!v) continue;
        if (l_.IsOutput(v) || !l_.IsStatic(v)) return false;
        const std::vector<NodeId>& users = l_.UsersOf(v);
        // Uses in regions are counted, but are no nodes of the plan.
        size_t uses = 0;
        for (const NodeId user : users) {
          if (user != c.last && std::find(c.body.begin(), c.body.end(), user) == c.body.end()) return false;
          ++uses;
        }
        if (static_cast<size_t>(l_.Uses(v)) != uses) return false;
      }
    }
    return true;
  }

  void SplitActivation(Cluster* c) {
    if (c->body.size() < 2) return;
    const Node& last = l_.graph().node(c->body.back());
    const auto range = ActivationRange(l_, last);
    // A fused activation is of what the operator made, not of an operand.
    if (!range || StoredOf(l_, last.in[0])) return;
    c->activation = c->body.back();
    c->range = *range;
    c->body.pop_back();
  }

  Lowering& l_;
  std::vector<size_t> position_;
};

}  // namespace

bool Stored::symmetric() const {
  return std::all_of(zeros.begin(), zeros.end(), [](int32_t z) { return z == 0; });
}

StoredRange RangeOf(DType dtype) {
  switch (dtype) {
    case DType::kU8: return {0, 255};
    case DType::kI8: return {-128, 127};
    case DType::kI16: return {-32768, 32767};
    default: return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  }
}

StoredRange RangeOf(const Stored& y, const RealRange& range) {
  StoredRange out = RangeOf(y.dtype);
  const auto stored = [&](float real) {
    const double q = static_cast<double>(y.zero()) + std::round(static_cast<double>(real / y.scale()));
    return static_cast<int32_t>(std::clamp(q, -2147483648.0, 2147483647.0));
  };
  if (std::isfinite(range.low)) out.low = std::max(out.low, stored(range.low));
  if (std::isfinite(range.high)) out.high = std::min(out.high, stored(range.high));
  return out;
}

std::optional<Stored> StoredOf(Lowering& l, ValueId real, std::string_view arithmetic) {
  if (!real) return std::nullopt;
  const NodeId def = l.graph().value(real).def;
  if (!def) return std::nullopt;
  const Node& node = l.graph().node(def);
  if (node.op != &ops::kDequantize) return std::nullopt;
  const Attrs& attrs = l.AttrsOf(def);
  if (!States(attrs, arithmetic) || l.TypeOf(real).dtype() != DType::kF32) return std::nullopt;
  return ParametersOf(l, node, attrs, node.in[0]);
}

std::optional<Stored> StoredOf(Lowering& l, ValueId real) { return StoredOf(l, real, ops::kLitert); }

std::optional<Stored> StoredBy(Lowering& l, NodeId quantize) {
  const Node& node = l.graph().node(quantize);
  if (node.op != &ops::kQuantize || node.out.empty() || !node.out[0]) return std::nullopt;
  const Attrs& attrs = l.AttrsOf(quantize);
  if (!States(attrs, ops::kLitert) || l.TypeOf(node.in[0]).dtype() != DType::kF32) return std::nullopt;
  return ParametersOf(l, node, attrs, node.out[0]);
}

std::optional<float> RealScalar(Lowering& l, ValueId v) {
  const Tensor* t = l.Known(v);
  if (t == nullptr || t->dtype() != DType::kF32 || t->size() != 1) return std::nullopt;
  return t->data<float>()[0];
}

Clusters FindClusters(Lowering& l, const std::vector<NodeId>& order) {
  Clusters out;
  Finder finder(l, order);
  for (const NodeId id : order) {
    if (auto cluster = finder.At(id)) out.emplace(cluster->last.index, *std::move(cluster));
  }
  return out;
}

Result<bool> LowerCluster(Lowering& l, const Cluster& cluster) {
  if (cluster.kind == Cluster::Kind::kLstm) return LowerStoredLstm(l, cluster);
  if (cluster.kind == Cluster::Kind::kSvdf) return LowerSvdf(l, cluster);
  const OpDef* op = l.graph().node(cluster.body.empty() ? cluster.last : cluster.core()).op;
  for (const std::span<const ClusterRow> rows :
       {ProductRows(), BinaryRows(), CompareRows(), TableRows(), LineRows(), WindowRows(), MoveClusterRows()}) {
    for (const ClusterRow& row : rows) {
      if (row.op != op) continue;
      TRY(const bool taken, row.lower(l, cluster));
      if (taken) return true;
    }
  }
  return false;
}

}  // namespace godwit::plan
