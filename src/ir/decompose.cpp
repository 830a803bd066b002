#include "ir/decompose.h"

#include <utility>

#include "base/text.h"

namespace godwit {

const Type& DecomposeCtx::TypeOf(ValueId id) const {
  static const Type kUnknown;
  return id.valid() ? build.TypeOf(id) : kUnknown;
}

std::optional<std::vector<int64_t>> DecomposeCtx::Ints(size_t i) {
  if (!Has(i)) return std::nullopt;
  const auto dims = build.inference().Contents(In(i));
  if (!dims) return std::nullopt;
  std::vector<int64_t> out;
  for (const Dim& d : *dims) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

std::vector<ValueId> DecomposeCtx::EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs node_attrs) {
  if (failed()) return std::vector<ValueId>(n_out);
  auto made = build.EmitN(op, std::move(in), n_out, std::move(node_attrs));
  if (made.ok()) return *std::move(made);
  status_ = made.TakeDiag();
  return std::vector<ValueId>(n_out);
}

ValueId DecomposeCtx::Emit(const OpDef& op, std::vector<ValueId> in, Attrs node_attrs) {
  return EmitN(op, std::move(in), 1, std::move(node_attrs))[0];
}

void DecomposeCtx::Fail(Diag diag) {
  if (!failed()) status_ = std::move(diag);
}

Diag DecomposeCtx::Cannot(std::string_view why) const {
  return Diag(diag::kIrNoDecomposition, Concat(op_.name, " cannot be said in simpler operators: ", why));
}

Result<std::vector<ValueId>> Decompose(Builder& builder, NodeId id) {
  const Node node = builder.graph().node(id);
  std::vector<bool> wanted;
  for (const ValueId out : node.out) wanted.push_back(out.valid());
  DecomposeCtx ctx(builder, *node.op, node.attrs, node.in, std::move(wanted));
  if (node.op->decompose == nullptr) return ctx.Cannot("it is a simple one");
  const OriginId outer = builder.origin();
  builder.set_origin(node.origin);
  Status status = node.op->decompose(ctx);
  builder.set_origin(outer);
  RETURN_IF_ERROR(std::move(status));
  RETURN_IF_ERROR(ctx.TakeStatus());
  for (size_t i = 0; i < node.out.size(); ++i) {
    if (!node.out[i].valid()) continue;
    const ValueId made = ctx.results()[i];
    if (!made.valid()) return ctx.Cannot(Concat("result ", std::to_string(i), " is not made"));
    // What was known of the result before stays known.
    const Type& before = builder.graph().value(node.out[i]).type;
    const std::optional<Type> both = Meet(before, builder.TypeOf(made));
    if (!both) {
      return Diag(diag::kDefect, Concat("decomposing ", node.op->name, " made ", builder.TypeOf(made).ToString(),
                                        " of ", before.ToString()));
    }
    if (builder.graph().value(made).def.valid()) builder.inference().SetType(made, *both);
  }
  return ctx.results();
}

}  // namespace godwit
