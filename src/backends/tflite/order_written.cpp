// The order in which a written subgraph runs follows from what it computes, not from what the graph went through: each
// operator stands as late as those that need it allow, the operands of one operator in their order.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "backends/tflite/model_export.h"

namespace godwit::to_tflite {

namespace {

// What is read is read before anything is assigned.
bool ComesFirst(const WrittenOperator& op) {
  static constexpr std::array<std::string_view, 3> kOps = {"CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE"};
  return std::find(kOps.begin(), kOps.end(), op.op) != kOps.end();
}

class Orderer {
 public:
  explicit Orderer(WrittenGraph* graph) : graph_(*graph), maker_(graph->tensors.size(), kNone) {
    for (size_t g = graph_.groups.size(); g-- > 0;) {
      for (WrittenOperator& op : graph_.groups[g]) ops_.push_back(std::move(op));
    }
    for (size_t i = 0; i < ops_.size(); ++i) {
      for (const Ref r : ops_[i].out) {
        if (r.valid()) maker_[static_cast<size_t>(r.index)] = i;
      }
    }
  }

  void Run() {
    placed_.resize(ops_.size());
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (ComesFirst(ops_[i])) Place(i);
    }
    for (const Ref r : graph_.out) {
      if (const size_t op = MakerOf(r); op != kNone) Place(op);
    }
    for (size_t i = 0; i < ops_.size(); ++i) Place(i);
    graph_.groups.clear();
    graph_.groups.push_back(std::move(order_));
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  size_t MakerOf(Ref r) const { return r.valid() ? maker_[static_cast<size_t>(r.index)] : kNone; }

  void Place(size_t root) {
    std::vector<std::pair<size_t, size_t>> stack;  // an operator, and which of its operands is next
    const auto open = [&](size_t op) {
      if (placed_[op]) return;
      placed_[op] = true;
      stack.emplace_back(op, 0);
    };
    open(root);
    while (!stack.empty()) {
      auto& [op, next] = stack.back();
      if (next == ops_[op].in.size()) {
        order_.push_back(std::move(ops_[op]));
        stack.pop_back();
        continue;
      }
      if (const size_t maker = MakerOf(ops_[op].in[next++]); maker != kNone) open(maker);
    }
  }

  WrittenGraph& graph_;
  std::vector<WrittenOperator> ops_;
  std::vector<size_t> maker_;  // by tensor
  std::vector<bool> placed_;
  WrittenGroup order_;
};

}  // namespace

void OrderWritten(WrittenGraph* graph) { Orderer(graph).Run(); }

}  // namespace godwit::to_tflite
