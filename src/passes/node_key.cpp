#include "passes/node_key.h"

#include <algorithm>

#include "ir/text.h"
#include "ops/ops.h"

namespace godwit {

namespace {

template <class T>
void Append(std::string* key, const T& value) {
  key->append(reinterpret_cast<const char*>(&value), sizeof value);
}

bool Commutative(const OpDef* op) {
  static const OpDef* const kOps[] = {&ops::kAdd,        &ops::kMul,        &ops::kLogicalAnd,
                                      &ops::kLogicalOr,  &ops::kLogicalXor, &ops::kBitwiseOr,
                                      &ops::kBitwiseAnd, &ops::kBitwiseXor, &ops::kEqual};
  return std::find(std::begin(kOps), std::end(kOps), op) != std::end(kOps);
}

}  // namespace

std::string NodeKey(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op->effect != Effect::kPure || !node.regions.empty() || node.out.empty()) return {};
  std::string key;
  Append(&key, node.op);
  std::vector<ValueId> in = node.in;
  if (Commutative(node.op)) std::sort(in.begin(), in.end());
  Append(&key, in.size());
  for (ValueId v : in) Append(&key, v.index);
  for (ValueId v : node.out) key += v ? '1' : '0';
  for (const auto& [name, value] : node.attrs) {
    key += '\n';
    key += name;
    key += '=';
    if (const auto* tensor = std::get_if<Tensor>(&value)) {
      key += Type(tensor->type()).ToString();
      key.append(reinterpret_cast<const char*>(tensor->raw()), tensor->bytes());
    } else {
      key += AttrText(value);
    }
  }
  return key;
}

}  // namespace godwit
