#include "passes/append.h"

#include <algorithm>

#include "base/diag_passes.h"
#include "base/text.h"
#include "ir/builder.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "rewrite/ports.h"

namespace godwit {

namespace {

constexpr std::string_view kOperators[] = {"argmax", "argmin", "softmax", "sigmoid", "tanh"};

bool IsPlace(std::string_view op) { return op == "argmax" || op == "argmin"; }
bool HasAxis(std::string_view op) { return IsPlace(op) || op == "softmax"; }

/// The operator that the text begins with, up to its end or a colon; empty for none.
std::string_view OperatorAt(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(':'));
  return std::find(std::begin(kOperators), std::end(kOperators), word) == std::end(kOperators) ? std::string_view()
                                                                                               : word;
}

Diag Wrong(std::string_view text, std::string_view why) {
  return Diag(diag::kUsage, Concat("--append: '", Printable(text, 200), "' ", why))
      .Hint("--append softmax, --append argmax:axis=1, --append NAME=sigmoid");
}

Result<ValueId> Emitted(const Append& wish, PortLayout own, Builder& builder, ValueId x) {
  if (wish.op == "sigmoid") return builder.Emit(ops::kSigmoid, {x});
  if (wish.op == "tanh") return builder.Emit(ops::kTanh, {x});
  const int rank = builder.TypeOf(x).rank();
  const int64_t channels = rank < 3 || own == PortLayout::kChannelsLast ? rank - 1 : 1;
  const int64_t axis = wish.axis.value_or(channels);
  if (wish.op == "softmax") return builder.Emit(ops::kSoftmax, {x}, {{"axis", axis}});
  TRY(const ValueId place,
      builder.Emit(ops::kArgReduce, {x},
                   {{"mode", std::string(wish.op.substr(3))}, {"axis", axis}, {"keep_dims", int64_t{wish.keep}}}));
  if (builder.TypeOf(place).dtype() == wish.type) return place;
  return builder.Emit(ops::kCast, {place}, {{"to", wish.type}});
}

Status AppendTo(const Append& wish, PortLayout own, size_t index, Graph* graph) {
  const std::string name = graph->output_names[index];
  RETURN_IF_ERROR(DequantizeOutput(graph, index));
  const ValueId x = graph->region(Graph::main()).results[index];
  const Type& type = graph->value(x).type;
  const auto wrong = [&](std::string_view why) {
    return Diag(diag::kPassEdge, Concat("--append: output '", Printable(name, 200), "' ", why));
  };
  if (!type.ranked() || !IsFloat(type.dtype())) return wrong(Concat("is ", type.ToString(), ", not a float tensor"));
  if (HasAxis(wish.op)) {
    const int64_t axis = wish.axis.value_or(0);
    if (type.rank() == 0) return wrong("has no axis");
    if (axis < -type.rank() || axis >= type.rank()) return wrong(Concat("has no axis ", std::to_string(axis)));
  }
  Inference inference(*graph);
  Builder builder(*graph, inference);
  Origin origin;
  origin.node = Concat(name, "/", wish.op);
  origin.op_type = wish.op;
  builder.set_origin(graph->AddOrigin(std::move(origin)));
  TRY(const ValueId made, Emitted(wish, own, builder, x));
  graph->region(Graph::main()).results[index] = made;
  return Ok{};
}

}  // namespace

Result<Append> ParseAppend(std::string_view text) {
  Append out;
  std::string_view rest = text;
  // Names may hold '=' and ':' themselves.
  for (size_t at = text.size(); OperatorAt(rest).empty();) {
    at = at == 0 ? std::string_view::npos : text.rfind('=', at - 1);
    if (at == std::string_view::npos || at == 0) {
      return Wrong(text, "is none of argmax, argmin, softmax, sigmoid, tanh");
    }
    rest = text.substr(at + 1);
    out.output = std::string(text.substr(0, at));
  }
  out.op = std::string(OperatorAt(rest));
  const std::vector<std::string_view> parts = Split(rest, ':');
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string_view part = parts[i];
    int64_t axis = 0;
    if (part.starts_with("axis=") && ParseInt(part.substr(5), &axis) && HasAxis(out.op)) {
      out.axis = axis;
    } else if (part == "keep" && IsPlace(out.op)) {
      out.keep = true;
    } else if ((part == "type=i32" || part == "type=i64") && IsPlace(out.op)) {
      out.type = part == "type=i32" ? DType::kI32 : DType::kI64;
    } else {
      return Wrong(text, Concat("has '", Printable(part, 80), "', which ", out.op, " does not take"));
    }
  }
  return out;
}

Status ApplyAppend(const Append& wish, PortLayout own, Graph* graph) {
  bool any = false;
  for (size_t i = 0; i < graph->output_names.size(); ++i) {
    if (!wish.output.empty() && graph->output_names[i] != wish.output) continue;
    const Type& type = graph->value(graph->region(Graph::main()).results[i]).type;
    const bool numbers = type.is_tensor() &&
                         (IsFloat(type.dtype()) || (type.tensor().quant != nullptr && type.tensor().quant->block == 0));
    if (wish.output.empty() && !numbers) continue;
    RETURN_IF_ERROR(AppendTo(wish, own, i, graph));
    any = true;
  }
  if (any) return TopologicalSort(graph, Graph::main());
  const std::string what = wish.output.empty() ? "the model has no output of floats"
                                               : Concat("the model has no output '", Printable(wish.output, 200), "'");
  std::string known;
  for (const std::string& name : graph->output_names)
    known += Concat(known.empty() ? "'" : ", '", Printable(name, 80), "'");
  return Diag(diag::kPassEdge, Concat("--append: ", what)).Hint(Concat("its outputs are ", known));
}

}  // namespace godwit
