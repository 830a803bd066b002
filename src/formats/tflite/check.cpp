#include <algorithm>
#include <set>

#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/checker.h"
#include "formats/tflite/parse.h"

namespace godwit::tflite {

namespace {

constexpr size_t kMostProblems = 100;

}  // namespace

void CheckModel(const Model& model, const Limits& limits, DiagSink* problems) {
  Checker(model, limits, problems).CheckAll();
}

void Checker::Fail(const DiagDef& def, const std::string& at, std::string what) {
  problems_->Add(Diag(def, std::move(what)).At(at));
}

void Checker::FailTensor(const DiagDef& def, const Tensor& t, const std::string& at, std::string what) {
  problems_->Add(Diag(def, std::move(what)).At(at).Tensor(std::string(t.name)));
}

void Checker::FailOperator(const DiagDef& def, const Operator& op, const std::string& at, std::string what,
                           Severity severity) {
  Diag diag = Diag(def, std::move(what)).At(at).As(severity);
  diag.op_type = model_.OperatorNameOf(op);
  problems_->Add(std::move(diag));
}

bool Checker::Full() const { return problems_->error_count() >= kMostProblems; }

bool Checker::IsConstant(const Tensor& t) const {
  return t.external_buffer != 0 || (t.buffer < model_.buffers.size() && model_.buffers[t.buffer].size() != 0);
}

void Checker::CheckAll() {
  CheckExternal();
  for (size_t g = 0; g < model_.subgraphs.size() && !Full(); ++g) CheckSubGraph(g);
  CheckSignatures();
  for (size_t k = 0; k < model_.metadata.size() && !Full(); ++k) {
    if (model_.metadata[k].buffer < model_.buffers.size()) continue;
    Fail(diag::kTfliteIndex, Concat("metadata[", std::to_string(k), "]"),
         Concat("metadata is in buffer ", std::to_string(model_.metadata[k].buffer), " of ",
                std::to_string(model_.buffers.size())));
  }
  if (!problems_->has_errors()) CheckNesting();
}

void Checker::CheckExternal() {
  std::set<uint32_t> ids;
  for (size_t k = 0; k < model_.external_buffers.size() && !Full(); ++k) {
    const ExternalBuffer& e = model_.external_buffers[k];
    const std::string at = Concat("external_buffers[", std::to_string(k), "]");
    if (e.id == 0 || !ids.insert(e.id).second) {
      Fail(diag::kTfliteExternal, at, Concat("the number ", std::to_string(e.id), " is zero or given twice"));
    }
    if (e.group >= model_.external_buffer_groups.size() || model_.external_buffer_groups[e.group].empty()) {
      Fail(diag::kTfliteExternal, at, "no file is named for it");
    }
  }
}

void Checker::CheckSignatures() {
  for (size_t k = 0; k < model_.signature_defs.size() && !Full(); ++k) {
    const SignatureDef& s = model_.signature_defs[k];
    const std::string at = Concat("signature_defs[", std::to_string(k), "]");
    if (s.subgraph_index >= model_.subgraphs.size()) {
      Fail(diag::kTfliteIndex, at,
           Concat("the signature is of graph ", std::to_string(s.subgraph_index), " of ",
                  std::to_string(model_.subgraphs.size())));
      continue;
    }
    const size_t tensors = model_.subgraphs[s.subgraph_index].tensors.size();
    for (const auto& maps : {s.inputs, s.outputs}) {
      for (const TensorMap& m : maps) {
        if (m.tensor_index < tensors) continue;
        Fail(diag::kTfliteIndex, at,
             Concat("'", Printable(m.name), "' is tensor ", std::to_string(m.tensor_index), " of ",
                    std::to_string(tensors)));
        break;
      }
    }
  }
}

void Checker::CheckSubGraph(size_t g) {
  const SubGraph& graph = model_.subgraphs[g];
  const std::string name = Concat("subgraphs[", std::to_string(g), "]");
  const size_t before = problems_->error_count();
  const auto count = static_cast<int64_t>(graph.tensors.size());
  for (const auto& [list, what] : {std::pair(graph.inputs, ".inputs"), std::pair(graph.outputs, ".outputs")}) {
    for (const int32_t k : list) {
      if (k >= 0 && k < count) continue;
      Fail(diag::kTfliteIndex, name + what, Concat("tensor ", std::to_string(k), " of ", std::to_string(count)));
      break;
    }
  }
  for (size_t k = 0; k < graph.tensors.size() && !Full(); ++k) {
    CheckTensor(graph, graph.tensors[k], Concat(name, ".tensors[", std::to_string(k), "]"));
  }
  for (size_t k = 0; k < graph.operators.size() && !Full(); ++k) {
    CheckOperator(graph, graph.operators[k], Concat(name, ".operators[", std::to_string(k), "]"));
  }
  if (problems_->error_count() == before) CheckOrder(graph, g);
}

void Checker::CheckOrder(const SubGraph& graph, size_t g) {
  // What a constant holds that no operator reads before one writes it is of no effect: exporters leave it behind.
  enum State : uint8_t { kNothing, kUntouched, kGiven, kMade };
  std::vector<State> states(graph.tensors.size(), kNothing);
  for (size_t k = 0; k < graph.tensors.size(); ++k) {
    const Tensor& t = graph.tensors[k];
    if (IsConstant(t)) states[k] = kUntouched;
    if (t.is_variable) states[k] = kGiven;
  }
  for (const int32_t k : graph.inputs) states[static_cast<size_t>(k)] = kGiven;
  // A tensor without elements needs nobody who makes it.
  const auto there = [&](size_t k) {
    return states[k] != kNothing || ElementsOf(graph.tensors[k].shape).value_or(1) == 0;
  };
  const std::string name = Concat("subgraphs[", std::to_string(g), "]");
  for (size_t n = 0; n < graph.operators.size() && !Full(); ++n) {
    const Operator& op = graph.operators[n];
    const std::string at = Concat(name, ".operators[", std::to_string(n), "]");
    for (const int32_t k : op.inputs) {
      if (k >= 0 && states[static_cast<size_t>(k)] == kUntouched) states[static_cast<size_t>(k)] = kGiven;
      if (k < 0 || there(static_cast<size_t>(k))) continue;
      FailOperator(diag::kTfliteOrder, op, at,
                   Concat("its input, tensor ", std::to_string(k), " '",
                          Printable(graph.tensors[static_cast<size_t>(k)].name), "', is made by nothing before it"));
      break;
    }
    for (const int32_t k : op.outputs) {
      State& state = states[static_cast<size_t>(k)];
      if (state == kUntouched) {
        FailOperator(diag::kTfliteOverwritten, op, at,
                     Concat("its output, tensor ", std::to_string(k), " '",
                            Printable(graph.tensors[static_cast<size_t>(k)].name), "', has elements in the file"),
                     Severity::kWarning);
      } else if (state != kNothing) {
        FailOperator(diag::kTfliteOrder, op, at,
                     Concat("its output, tensor ", std::to_string(k), " '",
                            Printable(graph.tensors[static_cast<size_t>(k)].name), "', is ",
                            state == kMade ? "made by another operator too" : "a constant, a variable or an input"));
        break;
      }
      state = kMade;
    }
  }
  for (const int32_t k : graph.outputs) {
    if (Full() || there(static_cast<size_t>(k))) continue;
    FailTensor(diag::kTfliteOrder, graph.tensors[static_cast<size_t>(k)], name + ".outputs",
               Concat("nothing makes tensor ", std::to_string(k), ", which the graph gives"));
  }
}

// Graphs run each other as a tree unless one leads back to itself; each one is copied for each place that runs it.
void Checker::CheckNesting() {
  const size_t n = model_.subgraphs.size();
  enum State : uint8_t { kNew, kOpen, kDone };
  struct Graph {
    State state = kNew;
    int64_t depth = 1;
    int64_t operators = 0;  // those of the graphs it runs included
    std::vector<int64_t> runs;
    size_t next = 0;
  };
  std::vector<Graph> graphs(n);
  for (size_t g = 0; g < n; ++g) {
    graphs[g].operators = static_cast<int64_t>(model_.subgraphs[g].operators.size());
    for (const Operator& op : model_.subgraphs[g].operators) {
      const std::vector<int64_t> runs = SubGraphsOf(model_, op);
      graphs[g].runs.insert(graphs[g].runs.end(), runs.begin(), runs.end());
    }
  }
  std::vector<size_t> stack;
  for (size_t root = 0; root < n; ++root) {
    if (graphs[root].state != kNew) continue;
    stack.push_back(root);
    while (!stack.empty()) {
      const size_t g = stack.back();
      Graph& graph = graphs[g];
      graph.state = kOpen;
      const std::string at = Concat("subgraphs[", std::to_string(g), "]");
      if (graph.next == graph.runs.size()) {
        for (const int64_t r : graph.runs) {
          const Graph& inner = graphs[static_cast<size_t>(r)];
          graph.depth = std::max(graph.depth, inner.depth + 1);
          graph.operators = std::min(graph.operators + inner.operators, limits_.nodes + 1);
        }
        graph.state = kDone;
        stack.pop_back();
        if (graph.depth > limits_.subgraph_nesting) {
          problems_->Add(LimitExceeded(limits_, &Limits::subgraph_nesting, static_cast<uint64_t>(graph.depth),
                                       "graphs within each other")
                             .At(at));
          return;
        }
        if (graph.operators > limits_.nodes) {
          problems_->Add(LimitExceeded(limits_, &Limits::nodes, static_cast<uint64_t>(graph.operators),
                                       "operators, those of graphs that it runs counted each time")
                             .At(at));
          return;
        }
        continue;
      }
      const auto next = static_cast<size_t>(graph.runs[graph.next++]);
      if (graphs[next].state == kOpen) {
        Fail(diag::kTfliteRecursion, at, Concat("it runs graph ", std::to_string(next), ", which leads to it"));
        return;
      }
      if (graphs[next].state == kNew) stack.push_back(next);
    }
  }
}

}  // namespace godwit::tflite
