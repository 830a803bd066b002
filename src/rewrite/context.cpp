#include "rewrite/context.h"

#include <cmath>
#include <cstring>

#include "ir/convert.h"

namespace godwit {

const Type& RewriteCtx::TypeOf(ValueId v) const {
  static const Type kUnknown;
  return v ? graph().value(v).type : kUnknown;
}

std::optional<double> RewriteCtx::Splat(ValueId v) {
  const Tensor* t = Small(v);
  if (t == nullptr || t->size() == 0 || !(kNumbers | kBools).Has(t->dtype())) return std::nullopt;
  const size_t step = ByteSize(t->dtype());
  for (int64_t i = 1; i < t->size(); ++i) {
    if (std::memcmp(t->raw(), t->raw() + static_cast<size_t>(i) * step, step) != 0) return std::nullopt;
  }
  if (t->dtype() == DType::kBool) return t->data<uint8_t>()[0];
  if (IsFloat(t->dtype())) return LoadF64(t->dtype(), t->raw());
  const auto number = IsSigned(t->dtype()) ? static_cast<double>(LoadI64(t->dtype(), t->raw()))
                                           : static_cast<double>(LoadU64(t->dtype(), t->raw()));
  constexpr double kExact = 9007199254740992.0;
  return std::fabs(number) < kExact ? std::optional(number) : std::nullopt;
}

std::optional<std::vector<Dim>> RewriteCtx::Dims(ValueId v) {
  return v ? editor_.inference().Contents(v) : std::nullopt;
}

std::optional<std::vector<int64_t>> RewriteCtx::Ints(ValueId v) {
  const auto dims = Dims(v);
  if (!dims) return std::nullopt;
  std::vector<int64_t> out;
  for (const Dim& d : *dims) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

const Node* RewriteCtx::Def(ValueId v) const {
  if (!v || !graph().value(v).def) return nullptr;
  const Node& def = graph().node(graph().value(v).def);
  return def.parent == node().parent ? &def : nullptr;
}

const Node* RewriteCtx::Def(ValueId v, const OpDef& op) const {
  const Node* def = Def(v);
  return def != nullptr && def->op == &op ? def : nullptr;
}

bool RewriteCtx::SingleUse(ValueId v) const {
  const std::vector<UseSite>& uses = editor_.Uses(v);
  return uses.size() == 1 && uses[0].node.valid();
}

const Node* RewriteCtx::OnlyUser(ValueId v) const {
  if (!SingleUse(v)) return nullptr;
  const Node& user = graph().node(editor_.Uses(v)[0].node);
  return user.parent == node().parent ? &user : nullptr;
}

Result<std::vector<ValueId>> RewriteCtx::EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs) {
  TRY(NodeId made, editor_.AddNode(node().parent, op, std::move(in), n_out, std::move(attrs), origin_));
  made_.push_back(made);
  return graph().node(made).out;
}

Result<ValueId> RewriteCtx::Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs) {
  TRY(std::vector<ValueId> out, EmitN(op, std::move(in), 1, std::move(attrs)));
  return out[0];
}

ValueId RewriteCtx::I64s(const std::vector<int64_t>& values) {
  return Constant(Tensor::I64({static_cast<int64_t>(values.size())}, values));
}

ValueId RewriteCtx::Scalar(DType dtype, double value) {
  Tensor t(dtype, {});
  StoreF64(dtype, value, t.mutable_raw());
  return Constant(std::move(t));
}

Result<bool> RewriteCtx::Replace(const std::vector<ValueId>& now) {
  const std::vector<ValueId> old = node().out;
  // All or none: nothing is moved before every type is known to fit.
  for (size_t i = 0; i < old.size(); ++i) {
    if (!editor_.Used(old[i])) continue;
    if (i >= now.size() || !now[i] || !Meet(TypeOf(old[i]), TypeOf(now[i]))) return false;
    if (!IsConstant(now[i]) && !editor_.Encloses(editor_.HomeOf(now[i]), node().parent)) return false;
  }
  for (size_t i = 0; i < old.size() && i < now.size(); ++i) {
    if (editor_.Used(old[i])) RETURN_IF_ERROR(editor_.ReplaceValue(old[i], now[i]));
  }
  made_.clear();
  return true;
}

Result<bool> RewriteCtx::Rebuild(const OpDef& op, std::vector<ValueId> in, Attrs attrs) {
  const size_t n_out = node().out.size();
  TRY(std::vector<ValueId> out, EmitN(op, std::move(in), n_out, std::move(attrs)));
  const NodeId made = made_.back();
  for (size_t i = 0; i < n_out; ++i) {
    if (!Out(i)) editor_.DropResult(made, i);
  }
  return Replace(out);
}

Result<bool> RewriteCtx::Rewire(size_t i, ValueId operand) {
  std::vector<ValueId> in = node().in;
  in[i] = operand;
  return Rebuild(*node().op, std::move(in), attrs());
}

void RewriteCtx::Undo() {
  while (!made_.empty()) {
    editor_.Erase(made_.back());
    made_.pop_back();
  }
}

}  // namespace godwit
