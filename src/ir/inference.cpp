#include "ir/inference.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace godwit {

namespace {

// Constants beyond this many elements are weights, not shapes: inference does not look into them.
constexpr int64_t kMaxShapeLike = 4096;
constexpr size_t kMaxContents = 4096;

// An attribute may ask for a type that the operator does not give.
Status CheckResultType(const OpDef& op, size_t i, const Type& type) {
  if (op.results.empty() || !type.is_tensor() || type.dtype() == DType::kNone) return Ok{};
  const OperandDef& def = op.results[std::min(i, op.results.size() - 1)];
  if (def.types.Has(type.dtype())) return Ok{};
  return Diag(diag::kOpType, Concat(op.name, " does not give ", Name(type.dtype()), " as its result ", def.name));
}

class GraphInferCtx final : public InferCtx {
 public:
  GraphInferCtx(Inference& inference, const Node& node, const Attrs& node_attrs, std::vector<const Type*> in)
      : InferCtx(*node.op, node_attrs, std::move(in), std::max<size_t>(node.out.size(), 1)),
        inference_(inference),
        node_(node) {}

  const Tensor* Const(size_t i) override { return Has(i) ? inference_.Const(node_.in[i]) : nullptr; }
  std::optional<std::vector<Dim>> Contents(size_t i) override {
    return Has(i) ? inference_.Contents(node_.in[i]) : std::nullopt;
  }
  Dim Fresh(std::string_view hint) override { return inference_.Fresh(hint); }

  Result<std::vector<Type>> InferRegion(size_t k, const std::vector<Type>& params) override {
    const Graph& graph = inference_.graph();
    if (k >= node_.regions.size()) return Diag(diag::kOpConstraint, Concat(node_.op->name, ": a body is missing"));
    const RegionId id = node_.regions[k];
    const Region& region = graph.region(id);
    for (size_t i = 0; i < region.params.size() && i < params.size(); ++i) {
      inference_.SetType(region.params[i], params[i]);
    }
    RETURN_IF_ERROR(inference_.InferRegion(id));
    std::vector<Type> types;
    for (ValueId v : region.results) types.push_back(v ? inference_.TypeOf(v) : Type());
    return types;
  }

 private:
  Inference& inference_;
  const Node& node_;
};

}  // namespace

void Inference::SetType(ValueId id, Type type) {
  if (types_ != nullptr) {
    (*types_)[id.index] = std::move(type);
  } else {
    writable_->value(id).type = std::move(type);
  }
}

Status Inference::InferNode(NodeId id) {
  const Node& node = graph_.node(id);
  std::vector<const Type*> in;
  in.reserve(node.in.size());
  for (ValueId v : node.in) in.push_back(v ? &TypeOf(v) : nullptr);
  RETURN_IF_ERROR(CheckOperandTypes(*node.op, in));
  if (node.op->infer == nullptr) return Ok{};
  GraphInferCtx ctx(*this, node, attrs_ ? attrs_(id) : node.attrs, std::move(in));
  RETURN_IF_ERROR(node.op->infer(ctx));
  for (size_t i = 0; i < node.out.size(); ++i) {
    if (!node.out[i]) continue;
    RETURN_IF_ERROR(CheckResultType(*node.op, i, ctx.results()[i]));
    SetType(node.out[i], std::move(ctx.results()[i]));
    auto& contents = ctx.result_contents()[i];
    if (contents && contents->size() <= kMaxContents) {
      contents_[node.out[i].index] = *std::move(contents);
    } else {
      contents_.erase(node.out[i].index);
    }
  }
  return Ok{};
}

Status Inference::InferRegion(RegionId id) {
  for (size_t i = 0; i < graph_.region(id).nodes.size(); ++i) {
    RETURN_IF_ERROR(InferNode(graph_.region(id).nodes[i]));
  }
  return Ok{};
}

const Tensor* Inference::Const(ValueId id) {
  if (!graph_.IsConstant(id)) return nullptr;
  if (auto it = loaded_.find(id.index); it != loaded_.end()) return it->second.valid() ? &it->second : nullptr;
  const Constant& constant = graph_.constant(graph_.value(id).constant);
  int64_t count = 1;
  for (const Dim& d : constant.type.shape) {
    if (!d.is_static() || d.value() > kMaxShapeLike) return nullptr;
    count *= d.value();
    if (count > kMaxShapeLike) return nullptr;
  }
  auto tensor = constant.Load();
  Tensor& slot = loaded_[id.index];
  if (tensor.ok()) slot = *std::move(tensor);
  return slot.valid() ? &slot : nullptr;
}

std::optional<std::vector<Dim>> Inference::Contents(ValueId id) {
  if (auto it = contents_.find(id.index); it != contents_.end()) return it->second;
  const Tensor* t = Const(id);
  if (t == nullptr || t->rank() > 1) return std::nullopt;
  std::vector<Dim> dims;
  dims.reserve(static_cast<size_t>(t->size()));
  for (int64_t i = 0; i < t->size(); ++i) {
    switch (t->dtype()) {
      case DType::kI64: dims.emplace_back(t->data<int64_t>()[i]); break;
      case DType::kI32: dims.emplace_back(t->data<int32_t>()[i]); break;
      case DType::kBool: dims.emplace_back(t->data<uint8_t>()[i]); break;
      default: return std::nullopt;
    }
  }
  return dims;
}

Dim Inference::Fresh(std::string_view hint) {
  int& n = fresh_[std::string(hint)];
  std::string name;
  do name = fmt::format("{}_{}", hint, n++);
  while (taken_.contains(name));
  return Dim::Symbol(name);
}

void Inference::AvoidSymbolsInUse() {
  std::vector<std::string> names;
  for (uint32_t i = 0; i < graph_.value_count(); ++i) {
    const Type* type = &TypeOf(ValueId{i});
    while (type->kind() == Type::Kind::kSequence || type->kind() == Type::Kind::kOptional) type = &type->element();
    for (const Dim& dim : type->shape()) {
      if (!dim.is_static()) dim.CollectSymbols(&names);
    }
  }
  taken_.insert(names.begin(), names.end());
}

}  // namespace godwit
