#include "frontends/onnx/node_import.h"

#include <fmt/format.h>

#include "base/text.h"
#include "frontends/onnx/graph_import.h"
#include "frontends/onnx/tensor_import.h"

namespace godwit::from_onnx {

Result<ValueId> NodeImport::In(size_t i) const {
  if (Has(i)) return in_[i];
  return Diag(diag::kOnnxInputMissing, fmt::format("{} needs its input {}", node_.op_type, i));
}

const Type& NodeImport::TypeOf(ValueId v) const { return importer_.builder().TypeOf(v); }

Result<int> NodeImport::Rank(ValueId v) const {
  const Type& type = TypeOf(v);
  if (type.ranked()) return type.rank();
  return Diag(diag::kOnnxRankUnknown,
              fmt::format("{} must know the rank of an operand, and nothing states it", node_.op_type))
      .Tensor(importer_.builder().graph().value(v).name)
      .Hint("give the model's input shapes, for example --shape input=1,3,224,224");
}

std::optional<std::vector<int64_t>> NodeImport::KnownInts(ValueId v) {
  auto contents = builder().inference().Contents(v);
  if (!contents) return std::nullopt;
  std::vector<int64_t> out;
  for (const Dim& d : *contents) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

const Tensor* NodeImport::KnownTensor(ValueId v) { return builder().inference().Const(v); }

const onnx::Attribute* NodeImport::Find(std::string_view name) {
  for (size_t i = 0; i < node_.attributes.size(); ++i) {
    if (node_.attributes[i].name != name) continue;
    if (i < 64) read_ |= uint64_t{1} << i;
    return importer_.Resolve(node_.attributes[i]);
  }
  return nullptr;
}

bool NodeImport::HasAttr(std::string_view name) { return Find(name) != nullptr; }

Result<const onnx::Attribute*> NodeImport::FindTyped(std::string_view name, onnx::AttributeType type,
                                                     onnx::AttributeType empty_list_type) {
  const onnx::Attribute* a = Find(name);
  if (a == nullptr || a->type == type || a->type == empty_list_type) return a;
  return Diag(diag::kOnnxAttrType, fmt::format("attribute '{}' is {}, not {}", name, onnx::AttributeTypeName(a->type),
                                               onnx::AttributeTypeName(type)));
}

namespace {
Diag Missing(std::string_view name) {
  return Diag(diag::kOnnxAttrMissing, fmt::format("required attribute '{}' is missing", name));
}
}  // namespace

Result<int64_t> NodeImport::Int(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kInt, onnx::AttributeType::kInt));
  if (a == nullptr) return Missing(name);
  return a->i;
}

Result<int64_t> NodeImport::Int(std::string_view name, int64_t fallback) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kInt, onnx::AttributeType::kInt));
  return a == nullptr ? fallback : a->i;
}

Result<double> NodeImport::Float(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kFloat, onnx::AttributeType::kFloat));
  if (a == nullptr) return Missing(name);
  return static_cast<double>(a->f);
}

Result<double> NodeImport::Float(std::string_view name, double fallback) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kFloat, onnx::AttributeType::kFloat));
  return a == nullptr ? fallback : static_cast<double>(a->f);
}

Result<std::string> NodeImport::Str(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kString, onnx::AttributeType::kString));
  if (a == nullptr) return Missing(name);
  return std::string(a->s());
}

Result<std::string> NodeImport::Str(std::string_view name, std::string_view fallback) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kString, onnx::AttributeType::kString));
  return std::string(a == nullptr ? fallback : a->s());
}

Result<std::vector<int64_t>> NodeImport::Ints(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kInts, onnx::AttributeType::kUndefined));
  if (a == nullptr) return std::vector<int64_t>();
  return std::vector<int64_t>(a->ints().begin(), a->ints().end());
}

Result<std::vector<double>> NodeImport::Floats(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kFloats, onnx::AttributeType::kUndefined));
  if (a == nullptr) return std::vector<double>();
  return std::vector<double>(a->floats().begin(), a->floats().end());
}

Result<std::vector<std::string>> NodeImport::Strs(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kStrings, onnx::AttributeType::kUndefined));
  std::vector<std::string> out;
  if (a == nullptr) return out;
  for (std::string_view s : a->strings()) out.emplace_back(s);
  return out;
}

Result<Tensor> NodeImport::TensorAttr(std::string_view name) {
  const onnx::Attribute* a = Find(name);
  if (a == nullptr) return Tensor();
  if (a->t() != nullptr) return importer_.tensors().Load(*a->t());
  if (a->sparse() != nullptr) return importer_.tensors().LoadSparse(*a->sparse());
  return Diag(diag::kOnnxAttrType,
              fmt::format("attribute '{}' is {}, not TENSOR", name, onnx::AttributeTypeName(a->type)));
}

Result<godwit::Constant> NodeImport::ConstantAttr(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kTensor, onnx::AttributeType::kTensor));
  if (a == nullptr || a->t() == nullptr) return Missing(name);
  return importer_.tensors().Lazy(*a->t());
}

Result<const onnx::Graph*> NodeImport::GraphAttr(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kGraph, onnx::AttributeType::kGraph));
  return a == nullptr ? nullptr : a->g();
}

Result<DType> NodeImport::DtypeAttr(std::string_view name, DType fallback) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kInt, onnx::AttributeType::kInt));
  if (a == nullptr) return fallback;
  const DType dtype = ToDType(a->i);
  if (dtype == DType::kNone) return BadValue(name, fmt::format("{} is not a tensor element type", a->i));
  return dtype;
}

Result<Type> NodeImport::TypeAttr(std::string_view name) {
  TRY(const onnx::Attribute* a, FindTyped(name, onnx::AttributeType::kType, onnx::AttributeType::kType));
  if (a == nullptr || a->tp() == nullptr) return Missing(name);
  return importer_.ToType(*a->tp(), name);
}

Builder& NodeImport::builder() { return importer_.builder(); }

Result<ValueId> NodeImport::Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs) {
  return builder().Emit(op, std::move(in), std::move(attrs));
}

Result<std::vector<ValueId>> NodeImport::EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs) {
  return builder().EmitN(op, std::move(in), n_out, std::move(attrs));
}

Result<std::vector<ValueId>> NodeImport::EmitRegions(const OpDef& op, std::vector<ValueId> in, size_t n_out,
                                                     Attrs attrs, const std::vector<const onnx::Graph*>& graphs,
                                                     const std::vector<std::vector<Type>>& param_types) {
  return importer_.EmitRegions(op, std::move(in), n_out, std::move(attrs), graphs, param_types);
}

Result<std::vector<ValueId>> NodeImport::Inline(const onnx::Graph& graph, const std::vector<ValueId>& in) {
  return importer_.InlineGraph(graph, in);
}

Status NodeImport::Same(const OpDef& op, Attrs attrs) {
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if ((op.operands[i].flags & OperandDef::kOptional) == 0) RETURN_IF_ERROR(In(i));
  }
  TRY(std::vector<ValueId> out, EmitN(op, in_, out_.size(), std::move(attrs)));
  out_ = std::move(out);
  return Ok{};
}

Diag NodeImport::BadValue(std::string_view attribute, std::string what) const {
  return Diag(diag::kOnnxAttrValue, fmt::format("attribute '{}': {}", attribute, what));
}

Diag NodeImport::Unsupported(std::string why) const { return Diag(diag::kOnnxOpUnsupported, std::move(why)); }

void NodeImport::Warn(Diag diag) { importer_.Report(node_, std::move(diag).As(Severity::kWarning)); }

std::vector<std::string_view> NodeImport::Unread() const {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < node_.attributes.size() && i < 64; ++i) {
    if (!((read_ >> i) & 1U)) names.push_back(node_.attributes[i].name);
  }
  return names;
}

}  // namespace godwit::from_onnx
