// Rows write for one node each, so that two convolutions over one padded tensor each pad it: such operators are made
// one once everything is written.
#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

#include "backends/tflite/model_export.h"
#include "backends/tflite/tune.h"
#include "base/text.h"

namespace godwit::to_tflite {

namespace {

// Operators that give other results each time, keep something, or run other subgraphs.
bool IsPure(const WrittenOperator& op) {
  static constexpr std::string_view kOthers[] = {"IF",
                                                 "WHILE",
                                                 "CALL_ONCE",
                                                 "VAR_HANDLE",
                                                 "READ_VARIABLE",
                                                 "ASSIGN_VARIABLE",
                                                 "RANDOM_UNIFORM",
                                                 "RANDOM_STANDARD_NORMAL",
                                                 "MULTINOMIAL",
                                                 "STABLEHLO_RNG_BIT_GENERATOR",
                                                 "UNIDIRECTIONAL_SEQUENCE_LSTM",
                                                 "BIDIRECTIONAL_SEQUENCE_LSTM",
                                                 "UNIDIRECTIONAL_SEQUENCE_RNN",
                                                 "BIDIRECTIONAL_SEQUENCE_RNN",
                                                 "LSTM",
                                                 "RNN",
                                                 "SVDF"};
  return !op.custom && std::find(std::begin(kOthers), std::end(kOthers), op.op) == std::end(kOthers);
}

std::string KeyOf(const WrittenOperator& op, const WrittenGraph& graph) {
  std::string key(op.op);
  const auto add = [&](const std::string& text) { key += Concat(" ", text); };
  for (const Ref r : op.in) add(std::to_string(r.index));
  for (const auto& [name, value] : op.options.items()) {
    add(Concat(name, "=", std::to_string(value.i), ",", std::to_string(value.f), ",",
               std::to_string(static_cast<int>(value.dtype))));
    for (const int64_t v : value.ints) add(std::to_string(v));
  }
  // Results of another type or scale are other results.
  for (const Ref r : op.out) add(Type(graph.tensors[static_cast<size_t>(r.index)].type).ToString());
  return key;
}

bool SameScales(const WrittenTensor& a, const WrittenTensor& b) {
  if (a.type.quant == nullptr || b.type.quant == nullptr) return a.type.quant == b.type.quant;
  return SameQuant(*a.type.quant, *b.type.quant);
}

using Makers = std::unordered_map<int32_t, const WrittenOperator*>;

// A reshape of what has been reshaped before, by a row of another node, is a reshape of what was there at first.
void SkipReshapes(WrittenGraph* graph) {
  const auto tensor = [&](Ref r) -> const WrittenTensor& { return graph->tensors[static_cast<size_t>(r.index)]; };
  Makers reshapes;
  for (size_t g = graph->groups.size(); g-- > 0;) {
    for (WrittenOperator& op : graph->groups[g]) {
      if (op.custom || op.op != "RESHAPE") continue;
      while (true) {
        const auto before = reshapes.find(op.in[0].index);
        if (before == reshapes.end() || !SameScales(tensor(op.in[0]), tensor(before->second->in[0]))) break;
        op.in[0] = before->second->in[0];
      }
      reshapes[op.out[0].index] = &op;
    }
  }
  std::vector<int> readers = CountReaders(*graph);
  for (WrittenGroup& group : graph->groups) {
    for (size_t k = group.size(); k-- > 0;) {
      const WrittenOperator& op = group[k];
      if (op.custom || op.op != "RESHAPE" || readers[static_cast<size_t>(op.out[0].index)] > 0) continue;
      if (op.in.size() > 1 && !tensor(op.in[1]).constant) continue;
      --readers[static_cast<size_t>(op.in[0].index)];
      group.erase(group.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
}

}  // namespace

void MergeWritten(WrittenGraph* graph) {
  SkipReshapes(graph);
  std::vector<int32_t> now(graph->tensors.size());
  for (size_t i = 0; i < now.size(); ++i) now[i] = static_cast<int32_t>(i);
  const auto handed_out = [&](Ref ref) {
    return std::find(graph->out.begin(), graph->out.end(), ref) != graph->out.end();
  };
  std::map<std::string, Refs> made;
  for (size_t g = graph->groups.size(); g-- > 0;) {
    std::vector<WrittenOperator> kept;
    for (WrittenOperator& op : graph->groups[g]) {
      for (Ref& r : op.in) {
        if (r.valid()) r.index = now[static_cast<size_t>(r.index)];
      }
      if (!IsPure(op)) {
        kept.push_back(std::move(op));
        continue;
      }
      const auto [it, fresh] = made.try_emplace(KeyOf(op, *graph), op.out);
      bool same = !fresh && it->second.size() == op.out.size();
      for (size_t i = 0; same && i < op.out.size(); ++i) {
        const auto &a = graph->tensors[static_cast<size_t>(op.out[i].index)],
                   &b = graph->tensors[static_cast<size_t>(it->second[i].index)];
        same = !handed_out(op.out[i]) && SameScales(a, b);
      }
      if (!same) {
        kept.push_back(std::move(op));
        continue;
      }
      for (size_t i = 0; i < op.out.size(); ++i) now[static_cast<size_t>(op.out[i].index)] = it->second[i].index;
    }
    graph->groups[g] = std::move(kept);
  }
}

}  // namespace godwit::to_tflite
