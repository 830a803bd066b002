// opaque: an operator of the source that is not known here. It keeps its name, operands and attributes verbatim, is
// carried through same-format trips, and cannot be run.
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {
    {"operands", kAnyType, OperandDef::kVariadic | OperandDef::kOptional | OperandDef::kNotTensor}};
constexpr OperandDef kOut[] = {
    {"results", kAnyType, OperandDef::kVariadic | OperandDef::kOptional | OperandDef::kNotTensor}};
constexpr AttrDef kAttrs[] = {{"domain", AttrKind::kString, "", "Operator domain of the source."},
                              {"op_type", AttrKind::kString, "", "Operator name in the source."},
                              {"*", AttrKind::kString, "none", "The source's attributes, verbatim."}};

Status Infer(InferCtx&) { return Ok{}; }

Status Eval(EvalCtx& ctx) {
  return ctx.NoKernel(std::string("unknown operator ") + std::string(ctx.attrs.Str("domain")) + "." +
                      std::string(ctx.attrs.Str("op_type")));
}

}  // namespace

extern const OpDef kOpaque{.name = "opaque",
                           .doc = "An operator of the source that is not known here, kept verbatim.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .effect = Effect::kWrites,
                           .infer = Infer,
                           .eval = Eval};

}  // namespace godwit::ops
