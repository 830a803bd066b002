#include "ir/verify.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace godwit {

namespace {

// A node's operands or results against the operator's table.
struct Side {
  std::string_view what;  ///< "operand" or "result"
  std::span<const OperandDef> defs;
  const std::vector<ValueId>& values;
  bool may_be_absent;  ///< a result that nobody wants is absent, whatever the table says
};

class Verifier {
 public:
  Verifier(const Graph& graph, DiagSink* sink, size_t limit)
      : g_(graph),
        sink_(sink),
        limit_(limit),
        visible_(graph.value_count()),
        bound_(graph.value_count()),
        listed_(graph.node_count()),
        entered_(graph.region_count()) {}

  void Run() {
    if (g_.region(Graph::main()).owner) Report({}, "the main region has an owner");
    const size_t results = g_.region(Graph::main()).results.size();
    if (g_.output_names.size() > results) Report({}, "there are more output names than outputs");
    Walk();
  }

 private:
  void Report(NodeId node, std::string what) {
    if (++reported_ > limit_) return;
    Diag diag(diag::kIrVerify, std::move(what));
    if (node) {
      const Node& n = g_.node(node);
      const Origin& origin = g_.origin(n.origin);
      diag.at = Concat("node ", std::to_string(node.index), n.op == nullptr ? std::string_view() : ", ",
                       n.op == nullptr ? std::string_view() : n.op->name);
      diag.node = origin.node;
      diag.op_type = origin.op_type;
    }
    sink_->Add(std::move(diag));
  }

  // Regions are entered from an explicit stack. What a region defines is visible until it is left.
  void Walk() {
    struct Frame {
      RegionId region;
      size_t node = 0;
      size_t next_region = 0;
    };
    std::vector<Frame> stack;
    if (Enter(Graph::main(), {})) stack.push_back({Graph::main()});
    while (!stack.empty() && reported_ < limit_) {
      Frame& top = stack.back();
      const Region& region = g_.region(top.region);
      if (top.node == region.nodes.size()) {
        Leave(top.region);
        stack.pop_back();
        continue;
      }
      const NodeId id = region.nodes[top.node];
      if (top.next_region == 0 && !CheckNode(id, top.region)) {
        ++top.node;
        continue;
      }
      const Node& node = g_.node(id);
      if (top.next_region < node.regions.size()) {
        const RegionId inner = node.regions[top.next_region++];
        if (Enter(inner, id)) stack.push_back({inner});
        continue;
      }
      Show(node.out, true);
      ++top.node;
      top.next_region = 0;
    }
  }

  void Show(const std::vector<ValueId>& values, bool visible) {
    for (ValueId v : values) {
      if (v && v.index < visible_.size()) visible_[v.index] = visible;
    }
  }

  bool Enter(RegionId id, NodeId owner) {
    if (id.index >= g_.region_count()) {
      Report(owner, "a region id is out of range");
      return false;
    }
    if (entered_[id.index]) {
      Report(owner, "a region belongs to two nodes");
      return false;
    }
    entered_[id.index] = true;
    const Region& region = g_.region(id);
    if (region.owner != owner) Report(owner, "a region names another owner");
    for (size_t i = 0; i < region.params.size(); ++i) {
      const ValueId v = region.params[i];
      if (!Bind(v, owner, "a region parameter")) continue;
      const Value& value = g_.value(v);
      if (value.param_of != id || value.index != i) Report(owner, "a region parameter names another place");
      if (value.def || value.constant) Report(owner, "a region parameter is defined elsewhere too");
      CheckType(value.type, owner);
    }
    Show(region.params, true);
    return true;
  }

  void Leave(RegionId id) {
    const Region& region = g_.region(id);
    for (ValueId v : region.results) {
      if (!v) {
        Report(region.owner, "a region result is absent");
      } else {
        CheckVisible(v, region.owner, "a region result");
      }
    }
    Show(region.params, false);
    for (NodeId n : region.nodes) {
      if (n.index < g_.node_count()) Show(g_.node(n).out, false);
    }
  }

  // A value is defined in one place.
  bool Bind(ValueId v, NodeId node, std::string_view what) {
    if (!v || v.index >= g_.value_count()) {
      Report(node, Concat(what, " is out of range"));
      return false;
    }
    if (bound_[v.index]) {
      Report(node, Concat(what, " is defined twice"));
      return false;
    }
    bound_[v.index] = true;
    return true;
  }

  void CheckVisible(ValueId v, NodeId node, std::string_view what) {
    if (v.index >= g_.value_count()) return Report(node, Concat(what, " is out of range"));
    if (g_.value(v).constant) return CheckConstant(v, node);
    if (!visible_[v.index]) Report(node, Concat(what, " is used where it is not defined: ", ValueText(v)));
  }

  [[nodiscard]] std::string ValueText(ValueId v) const {
    const std::string& name = g_.value(v).name;
    return name.empty() ? "value " + std::to_string(v.index) : "'" + Printable(name) + "'";
  }

  void CheckConstant(ValueId v, NodeId node) {
    if (bound_[v.index]) return;
    bound_[v.index] = true;
    const Value& value = g_.value(v);
    if (value.constant.index >= g_.constant_count()) return Report(node, "a constant id is out of range");
    if (value.def || value.param_of) Report(node, "a constant is defined elsewhere too");
    const Constant& constant = g_.constant(value.constant);
    if (!constant.type.is_static()) Report(node, Concat("the shape of constant ", ValueText(v), " is not known"));
    if (value.type.dtype() != constant.type.dtype || value.type.shape() != constant.type.shape) {
      Report(node, Concat("constant ", ValueText(v), " is ", value.type.ToString(), " but its data is ",
                          Type(constant.type).ToString()));
    }
    const auto* tensor = std::get_if<Tensor>(&constant.data);
    const bool differs =
        tensor != nullptr && (tensor->dtype() != constant.type.dtype || ToShape(tensor->dims()) != constant.type.shape);
    if (differs) Report(node, Concat("the tensor of constant ", ValueText(v), " has another type"));
    if (tensor == nullptr && std::get<1>(constant.data) == nullptr) Report(node, "a constant has no data");
    CheckType(value.type, node);
  }

  void CheckType(const Type& type, NodeId node) {
    if (!type.is_tensor() || type.tensor().quant == nullptr) return;
    const Quant& q = *type.tensor().quant;
    if (q.scales.empty()) Report(node, "a quantised type has no scale");
    if (!q.zero_points.empty() && q.zero_points.size() != q.scales.size()) {
      Report(node, "a quantised type has another number of zero points than scales");
    }
    if (q.axis < 0 ? q.scales.size() > 1 : type.ranked() && q.axis >= type.rank()) {
      Report(node, "the axis of a quantised type does not fit");
    }
    if (q.block < 0) Report(node, "the block size of a quantised type is negative");
  }

  // False when the node is too broken to go into.
  bool CheckNode(NodeId id, RegionId region) {
    if (!id || id.index >= g_.node_count()) {
      Report({}, "a node id is out of range");
      return false;
    }
    if (listed_[id.index]) {
      Report(id, "a node is listed twice");
      return false;
    }
    listed_[id.index] = true;
    const Node& node = g_.node(id);
    if (node.op == nullptr) {
      Report(id, "a node has no operator");
      return false;
    }
    if (node.parent != region) Report(id, "a node names another region");
    for (ValueId v : node.in) {
      if (v) CheckVisible(v, id, "an operand");
    }
    for (size_t i = 0; i < node.out.size(); ++i) {
      if (!node.out[i] || !Bind(node.out[i], id, "a result")) continue;
      const Value& value = g_.value(node.out[i]);
      if (value.def != id || value.index != i) Report(id, "a result names another node");
      if (value.param_of || value.constant) Report(id, "a result is defined elsewhere too");
      CheckType(value.type, id);
    }
    CheckOperands(id, node);
    CheckAttrs(id, node);
    return true;
  }

  void CheckOperands(NodeId id, const Node& node) {
    std::array<DType, 256> groups{};
    CheckSide(id, {"operand", node.op->operands, node.in, false}, &groups);
    CheckSide(id, {"result", node.op->results, node.out, true}, &groups);
  }

  void CheckSide(NodeId id, const Side& side, std::array<DType, 256>* groups) {
    const bool variadic = !side.defs.empty() && (side.defs.back().flags & OperandDef::kVariadic) != 0;
    if (side.values.size() > side.defs.size() && !variadic) {
      return Report(id, Concat("there are ", std::to_string(side.values.size()), " ", side.what, "s where ",
                               std::to_string(side.defs.size()), " are allowed"));
    }
    for (size_t i = 0; i < std::max(side.values.size(), side.defs.size()); ++i) {
      const OperandDef& def = side.defs[std::min(i, side.defs.size() - 1)];
      const ValueId v = i < side.values.size() ? side.values[i] : ValueId{};
      if (v && v.index < g_.value_count()) {
        CheckOperandType(id, side.what, def, g_.value(v).type, groups);
      } else if (!v && (def.flags & OperandDef::kOptional) == 0 && !side.may_be_absent) {
        Report(id, Concat(side.what, " '", def.name, "' is missing"));
      }
    }
  }

  void CheckOperandType(NodeId id, std::string_view what, const OperandDef& def, const Type& type,
                        std::array<DType, 256>* groups) {
    if (type.is_unknown()) return;
    if (!type.is_tensor()) {
      if ((def.flags & OperandDef::kNotTensor) == 0) {
        Report(id, Concat(what, " '", def.name, "' is ", type.ToString(), ", not a tensor"));
      }
      return;
    }
    if (type.dtype() == DType::kNone) return;
    if (!def.types.Has(type.dtype())) {
      Report(id, Concat(what, " '", def.name, "' cannot be ", type.ToString()));
    }
    if (def.group == 0) return;
    DType& seen = (*groups)[static_cast<unsigned char>(def.group)];
    if (seen != DType::kNone && seen != type.dtype()) {
      Report(id, Concat(what, " '", def.name, "' is ", Name(type.dtype()), " where others are ", Name(seen)));
    }
    seen = type.dtype();
  }

  void CheckAttrs(NodeId id, const Node& node) {
    const std::span<const AttrDef> defs = node.op->attrs;
    const bool open = std::any_of(defs.begin(), defs.end(), [](const AttrDef& d) { return d.name == "*"; });
    if (!open && node.regions.size() != node.op->regions) {
      Report(id, Concat("there are ", std::to_string(node.regions.size()), " regions where ",
                        std::to_string(node.op->regions), " are needed"));
    }
    for (const AttrDef& def : defs) {
      if (def.fallback.empty() && !node.attrs.Has(def.name))
        Report(id, Concat("attribute '", def.name, "' is missing"));
    }
    for (const auto& attr : node.attrs) {
      const auto def = std::find_if(defs.begin(), defs.end(), [&](const AttrDef& d) { return d.name == attr.first; });
      if (def == defs.end()) {
        if (!open) Report(id, Concat("there is no attribute '", Printable(attr.first), "'"));
      } else if (def->kind != KindOf(attr.second)) {
        Report(id, Concat("attribute '", def->name, "' is of another kind"));
      }
    }
  }

  const Graph& g_;
  DiagSink* sink_;
  size_t limit_;
  size_t reported_ = 0;
  std::vector<bool> visible_;
  std::vector<bool> bound_;
  std::vector<bool> listed_;
  std::vector<bool> entered_;
};

}  // namespace

void VerifyGraph(const Graph& graph, DiagSink* sink, size_t limit) { Verifier(graph, sink, limit).Run(); }

Status VerifyGraph(const Graph& graph) {
  DiagSink sink;
  VerifyGraph(graph, &sink, 1);
  if (sink.all().empty()) return Ok{};
  return sink.all().front();
}

}  // namespace godwit
