// Branches: bodies are subgraphs that are given what they use of the graph around them.
#include <fmt/format.h>

#include "backends/tflite/emit.h"

namespace godwit::to_tflite {

namespace {

Status EmitIf(NodeExport& n) {
  const std::vector<ValueId> captures = n.Captures();
  Refs in = {n.Reshaped(n.In(0), {})};
  for (const ValueId v : captures) {
    if (!n.TypeOf(v).is_tensor()) return n.LacksForm("bodies of TFLite are given tensors only");
    in.push_back(n.Of(v));
  }
  for (size_t i = 0; i < n.n_out(); ++i) {
    if (!n.OutType(i).is_tensor()) return n.LacksForm("bodies of TFLite give tensors only");
  }
  TRY(const int then_body, n.Body(0, captures));
  TRY(const int else_body, n.Body(1, captures));
  n.Emit("IF", std::move(in), {{"then_subgraph_index", then_body}, {"else_subgraph_index", else_body}});
  return Ok{};
}

constexpr Row kRows[] = {{&ops::kIf, "IF", EmitIf}};

}  // namespace

extern const RowSet kControlRows{kRows};

}  // namespace godwit::to_tflite
