// The parts of InferCtx and EvalCtx that do not depend on who calls them.
#include <fmt/format.h>

#include "base/text.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/operands.h"

namespace godwit {

const Type InferCtx::kUnknown;
const Tensor EvalCtx::kNoTensor;

namespace {

// The text of a numbered constraint, so that a failure says the rule and not only the figures.
Diag ConstraintFailure(const OpDef& op, std::string_view constraint, const std::string& what) {
  Diag diag(diag::kOpConstraint, what);
  diag.id = Concat(op.name, ".", constraint);
  for (std::string_view text : op.constraints) {
    if (text.starts_with(constraint) && text.size() > constraint.size() && text[constraint.size()] == ':') {
      diag.what = Concat(what, " (", op.name, " requires: ", Trim(text.substr(constraint.size() + 1)), ")");
    }
  }
  return diag;
}

}  // namespace

std::optional<std::vector<int64_t>> InferCtx::Ints(size_t i) {
  auto dims = Contents(i);
  if (!dims) return std::nullopt;
  std::vector<int64_t> out;
  out.reserve(dims->size());
  for (const Dim& d : *dims) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

Result<std::vector<Type>> InferCtx::InferRegion(size_t, const std::vector<Type>&) {
  return Diag(diag::kDefect, "an operator without regions asked for one");
}

Dim InferCtx::Fresh(std::string_view hint) { return Dim::Symbol(fmt::format("{}_{}", hint, fresh_++)); }

Diag InferCtx::Fail(std::string_view constraint, std::string what) const {
  return ConstraintFailure(op_, constraint, what);
}

Result<int> InferCtx::Axis(std::string_view constraint, int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) return Fail(constraint, fmt::format("axis {} with rank {}", axis, rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::vector<int64_t> EvalCtx::Ints(size_t i) const {
  std::vector<int64_t> out;
  if (!Has(i)) return out;
  const Tensor& t = In(i);
  out.resize(static_cast<size_t>(t.size()));
  for (size_t k = 0; k < out.size(); ++k) {
    switch (t.dtype()) {
      case DType::kI64: out[k] = t.data<int64_t>()[k]; break;
      case DType::kU64: out[k] = static_cast<int64_t>(t.data<uint64_t>()[k]); break;
      case DType::kI32: out[k] = t.data<int32_t>()[k]; break;
      case DType::kU32: out[k] = t.data<uint32_t>()[k]; break;
      case DType::kI16: out[k] = t.data<int16_t>()[k]; break;
      case DType::kU16: out[k] = t.data<uint16_t>()[k]; break;
      case DType::kI8:
      case DType::kI4:
      case DType::kI2: out[k] = t.data<int8_t>()[k]; break;
      case DType::kU8:
      case DType::kU4:
      case DType::kU2:
      case DType::kBool: out[k] = t.data<uint8_t>()[k]; break;
      case DType::kF32: out[k] = static_cast<int64_t>(t.data<float>()[k]); break;
      case DType::kF64: out[k] = static_cast<int64_t>(t.data<double>()[k]); break;
      default: out[k] = 0;
    }
  }
  return out;
}

Result<Tensor*> EvalCtx::Make(size_t i, DType dtype, Dims dims) {
  CHECK(i < out_.size());
  TRY(Tensor t, Tensor::Make(dtype, std::move(dims)));
  out_[i] = RtValue(std::move(t));
  return &out_[i].tensor;
}

Result<std::vector<RtValue>> EvalCtx::RunRegion(size_t, std::vector<RtValue>) {
  return Diag(diag::kDefect, "an operator without regions asked to run one");
}

Diag EvalCtx::Fail(std::string_view constraint, std::string what) const {
  return ConstraintFailure(op_, constraint, what);
}

Result<int> EvalCtx::Axis(std::string_view constraint, int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) return Fail(constraint, fmt::format("axis {} with rank {}", axis, rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Diag EvalCtx::NoKernel(std::string what) const { return Diag(diag::kExecNoKernel, Concat(op_.name, ": ", what)); }

Status CheckOperandTypes(const OpDef& op, const std::vector<const Type*>& in) {
  for (size_t i = 0; i < op.operands.size(); ++i) {
    const OperandDef& def = op.operands[i];
    if ((def.flags & OperandDef::kOptional) == 0 && (i >= in.size() || in[i] == nullptr)) {
      return Diag(diag::kOpType, fmt::format("{}: operand {} ({}) is missing", op.name, i, def.name));
    }
  }
  DType of_group[128] = {};
  for (size_t i = 0; i < in.size(); ++i) {
    if (op.operands.empty()) break;
    const size_t row = i < op.operands.size() ? i : op.operands.size() - 1;
    const OperandDef& def = op.operands[row];
    if (i >= op.operands.size() && !(def.flags & OperandDef::kVariadic)) {
      return Diag(diag::kOpType, fmt::format("{} takes {} operands, not {}", op.name, op.operands.size(), in.size()));
    }
    if (in[i] == nullptr) continue;
    if (def.flags & OperandDef::kNotTensor) continue;
    if (!in[i]->is_tensor() && !in[i]->is_unknown()) {
      return Diag(diag::kOpType,
                  fmt::format("{}: operand {} ({}) is {}, not a tensor", op.name, i, def.name, in[i]->ToString()));
    }
    const DType dtype = in[i]->dtype();
    if (dtype == DType::kNone) continue;
    if (!def.types.Has(dtype)) {
      return Diag(diag::kOpType,
                  fmt::format("{} does not take {} for operand {} ({})", op.name, Name(dtype), i, def.name));
    }
    if (def.group != 0) {
      DType& seen = of_group[static_cast<size_t>(def.group) & 127U];
      if (seen == DType::kNone) seen = dtype;
      if (seen != dtype) {
        return Diag(diag::kOpType, fmt::format("{}: operand {} ({}) is {}, but others of its kind are {}", op.name, i,
                                               def.name, Name(dtype), Name(seen)));
      }
    }
  }
  return Ok{};
}

Status CheckOperandValues(const OpDef& op, const std::vector<RtValue>& in) {
  static const Type kOther = Type::Sequence(Type());
  std::vector<Type> types(in.size());
  std::vector<const Type*> pointers(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i].is_tensor()) types[i] = Type::Tensor(in[i].tensor.dtype());
    pointers[i] = in[i].absent() ? nullptr : in[i].is_tensor() ? &types[i] : &kOther;
  }
  return CheckOperandTypes(op, pointers);
}

}  // namespace godwit
