#include "ir/graph.h"

namespace godwit {

Result<Tensor> Constant::Load() const {
  if (const auto* tensor = std::get_if<Tensor>(&data)) return *tensor;
  return std::get<1>(data)->Load();
}

uint64_t Constant::stored_bytes() const {
  if (const auto* tensor = std::get_if<Tensor>(&data)) {
    const auto bits = static_cast<uint64_t>(tensor->size()) * Info(tensor->dtype()).bits;
    return (bits + 7) / 8;
  }
  return std::get<1>(data)->stored_bytes();
}

Graph::Graph() { regions_.Add({}); }

const Origin& Graph::origin(OriginId id) const {
  static const Origin kUnknown;
  return id ? origins_[id] : kUnknown;
}

NodeId Graph::AddNode(RegionId region, const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs,
                      OriginId origin) {
  Node node;
  node.op = &op;
  node.in = std::move(in);
  node.attrs = std::move(attrs);
  node.parent = region;
  node.origin = origin;
  const NodeId id = nodes_.Add(std::move(node));
  nodes_[id].out.reserve(n_out);
  for (size_t i = 0; i < n_out; ++i) AddResult(id);
  regions_[region].nodes.push_back(id);
  return id;
}

ValueId Graph::AddResult(NodeId node) {
  std::vector<ValueId>& out = nodes_[node].out;
  Value value;
  value.def = node;
  value.index = static_cast<uint32_t>(out.size());
  out.push_back(values_.Add(std::move(value)));
  return out.back();
}

ValueId Graph::AddParam(RegionId region, Type type, std::string value_name) {
  Value value;
  value.type = std::move(type);
  value.name = std::move(value_name);
  value.param_of = region;
  value.index = static_cast<uint32_t>(regions_[region].params.size());
  const ValueId id = values_.Add(std::move(value));
  regions_[region].params.push_back(id);
  return id;
}

ValueId Graph::AddConstant(Constant constant, std::string value_name) {
  Value value;
  value.type = Type(constant.type);
  value.name = std::move(value_name);
  value.constant = constants_.Add(std::move(constant));
  return values_.Add(std::move(value));
}

ValueId Graph::AddConstant(Tensor tensor, std::string value_name) {
  Constant constant;
  constant.type = tensor.type();
  constant.data = std::move(tensor);
  return AddConstant(std::move(constant), std::move(value_name));
}

RegionId Graph::AddRegion(NodeId owner) {
  Region region;
  region.owner = owner;
  const RegionId id = regions_.Add(std::move(region));
  nodes_[owner].regions.push_back(id);
  return id;
}

}  // namespace godwit
