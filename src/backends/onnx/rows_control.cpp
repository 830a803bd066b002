// If, Loop and Scan, whose regions are graphs.
#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

Status EmitIf(NodeExport& n) {
  TRY(const onnx::Graph* then_branch, n.Body(0));
  TRY(const onnx::Graph* else_branch, n.Body(1));
  n.Emit("If", n.Ins(), {{"then_branch", then_branch}, {"else_branch", else_branch}});
  return Ok{};
}

Status EmitLoop(NodeExport& n) {
  TRY(const onnx::Graph* body, n.Body(0));
  Names in;
  for (size_t i = 0; i < n.n_in(); ++i) in.push_back(n.In(i));
  n.Emit("Loop", std::move(in), {{"body", body}});
  return Ok{};
}

Status EmitScan(NodeExport& n) {
  TRY(const onnx::Graph* body, n.Body(0));
  OnnxAttrs attrs{{"body", body}, {"num_scan_inputs", n.attrs().Int("sliced")}};
  constexpr std::pair<const char*, const char*> kLists[] = {{"scan_input_axes", "in_axes"},
                                                            {"scan_input_directions", "in_reversed"},
                                                            {"scan_output_axes", "out_axes"},
                                                            {"scan_output_directions", "out_reversed"}};
  for (const auto& [theirs, ours] : kLists) attrs.SetInts(theirs, n.attrs().Ints(ours));
  n.Emit("Scan", n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kIf, "If", 7, EmitIf},
    {&ops::kLoop, "Loop", 7, EmitLoop},
    {&ops::kScan, "Scan", 9, EmitScan},
};

}  // namespace

extern const RowSet kControlRows{kRows};

}  // namespace godwit::to_onnx
