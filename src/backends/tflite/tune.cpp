#include "backends/tflite/tune.h"

namespace godwit::to_tflite {

Status Tune(const targets::TfliteProfile& profile, WrittenGraph* graph) {
  RETURN_IF_ERROR(ScaleAndShift(profile, graph));
  // A GPU runs windows of any extent as they are.
  if (profile.gpu && !profile.xnnpack) return Ok{};
  NarrowConcats(profile, graph);
  return SplitWindows(profile, graph);
}

std::vector<int> CountReaders(const WrittenGraph& graph) {
  std::vector<int> readers(graph.tensors.size());
  const auto read = [&](const Refs& refs) {
    for (const Ref r : refs) {
      if (r.valid()) ++readers[static_cast<size_t>(r.index)];
    }
  };
  for (const WrittenGroup& group : graph.groups) {
    for (const WrittenOperator& op : group) read(op.in);
  }
  read(graph.out);
  return readers;
}

bool SettleVersion(const targets::TfliteProfile& profile, const WrittenGraph& graph, WrittenOperator* op) {
  targets::TfliteUse use;
  use.op = op->op;
  const auto add = [&](const Refs& refs, std::vector<targets::TfliteTensor>* list) {
    for (const Ref r : refs) {
      if (!r.valid()) {
        list->push_back({});
        continue;
      }
      const WrittenTensor& t = graph.tensors[static_cast<size_t>(r.index)];
      list->push_back({&t.type, t.constant.has_value()});
    }
  };
  add(op->in, &use.in);
  add(op->out, &use.out);
  use.option = [&](std::string_view name) -> std::optional<double> { return NumberOf(*op, name); };
  const targets::TfliteFit fit = targets::FitTflite(use, profile);
  if (fit.version == 0) return false;
  op->version = fit.version;
  op->since = fit.since;
  return true;
}

}  // namespace godwit::to_tflite
