// Operators and tensors of a model in the making. Tensors are numbered per subgraph as they come; what no operator
// uses in the end is left out and the rest numbered again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace godwit::to_tflite {

/// A tensor of the subgraph that is being written.
struct Ref {
  int32_t index = -1;  ///< -1: absent
  [[nodiscard]] bool valid() const { return index >= 0; }
  friend bool operator==(Ref, Ref) = default;
};
using Refs = std::vector<Ref>;

/// One field of an operator's options. A DType is the number that the schema has for it.
struct OptionValue {
  enum class Kind : uint8_t { kInt, kFloat, kInts, kDType, kText };
  Kind kind = Kind::kInt;
  int64_t i = 0;
  double f = 0;
  DType dtype = DType::kNone;
  std::vector<int64_t> ints;
  std::string text;

  OptionValue(int64_t v) : i(v) {}                                                // NOLINT(google-explicit-constructor)
  OptionValue(int v) : i(v) {}                                                    // NOLINT(google-explicit-constructor)
  OptionValue(bool v) : i(v ? 1 : 0) {}                                           // NOLINT(google-explicit-constructor)
  OptionValue(double v) : kind(Kind::kFloat), f(v) {}                             // NOLINT(google-explicit-constructor)
  OptionValue(std::string v) : kind(Kind::kText), text(std::move(v)) {}           // NOLINT(google-explicit-constructor)
  OptionValue(DType v) : kind(Kind::kDType), dtype(v) {}                          // NOLINT(google-explicit-constructor)
  OptionValue(std::vector<int64_t> v) : kind(Kind::kInts), ints(std::move(v)) {}  // NOLINT(google-explicit-constructor)
};

/// Options by the schema's names: {{"stride_w", 2}, {"half_pixel_centers", true}}. Those at the schema's default need
/// not be given.
class OptionList {
 public:
  OptionList() = default;
  OptionList(std::initializer_list<std::pair<std::string_view, OptionValue>> items) : items_(items) {}

  void Set(std::string_view name, OptionValue value) { items_.emplace_back(name, std::move(value)); }
  [[nodiscard]] const std::vector<std::pair<std::string_view, OptionValue>>& items() const { return items_; }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  /// Numbers of subgraphs are counted from `by` on.
  void MoveSubgraphs(int64_t by) {
    for (auto& [name, value] : items_) {
      if (name.ends_with("_subgraph_index")) value.i += by;
    }
  }

 private:
  std::vector<std::pair<std::string_view, OptionValue>> items_;
};

struct WrittenTensor {
  std::string name;  ///< wanted; empty: any
  TensorType type;
  std::optional<Constant> constant;
  bool variable = false;
  bool resource = false;  ///< stands for a variable; has no elements
  /// Hash of the constant's bytes, where somebody has looked at them.
  std::optional<std::pair<uint64_t, uint64_t>> contents = std::nullopt;
};

struct WrittenOperator {
  std::string_view op;  ///< builtin name, or that of a custom operator
  bool custom = false;
  int version = 1;  ///< settled when it is checked
  int since = 0;    ///< the first runtime that has it
  Refs in, out, intermediates;
  Refs states;  ///< operands that it keeps from run to run: variable tensors
  OptionList options;
  std::string custom_options;
};

/// A number or flag of the options, the schema's default where it is not set; nothing where there is no such field.
std::optional<double> NumberOf(const WrittenOperator& op, std::string_view field);

/// One node's operators, in the order of execution.
using WrittenGroup = std::vector<WrittenOperator>;

struct WrittenGraph {
  std::string name;
  std::vector<WrittenTensor> tensors;
  Refs in, out;
  std::vector<WrittenGroup> groups;  ///< last node first
};

/// What one way to enter the file runs: its main subgraph, then those that this uses, numbered from 1 on.
struct WrittenModel {
  std::vector<WrittenGraph> graphs;
  const Graph* source = nullptr;
  std::vector<std::string> outputs;  ///< their names
};

}  // namespace godwit::to_tflite
