// What the parts of CheckModel share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/diag.h"
#include "base/limits.h"
#include "formats/tflite/model.h"

namespace godwit::tflite {

class Checker {
 public:
  Checker(const Model& model, const Limits& limits, DiagSink* problems)
      : model_(model), limits_(limits), problems_(problems), texts_of_buffer_(model.buffers.size(), kUnread) {}
  void CheckAll();

 private:
  // The model as a whole: check.cpp.
  void CheckExternal();
  void CheckSignatures();
  void CheckNesting();
  void CheckSubGraph(size_t g);
  void CheckOrder(const SubGraph& graph, size_t g);
  // One tensor: check_tensor.cpp, check_quantization.cpp, check_sparsity.cpp.
  void CheckTensor(const SubGraph& graph, const Tensor& t, const std::string& at);
  bool CheckShape(const Tensor& t, const std::string& at);
  void CheckBytes(const Tensor& t, const std::string& at);
  void CheckTexts(const Tensor& t, uint64_t elements, const std::string& at);
  void CheckQuantization(const SubGraph& graph, const Tensor& t, const std::string& at);
  void CheckSparsity(const Tensor& t, const std::string& at);
  // One operator: check_operator.cpp, check_options.cpp.
  void CheckOperator(const SubGraph& graph, const Operator& op, const std::string& at);
  bool CheckIndices(const SubGraph& graph, const Operator& op, const std::string& at);
  void CheckOptions(const SubGraph& graph, const Operator& op, const std::string& at);

  void Fail(const DiagDef& def, const std::string& at, std::string what);
  void FailTensor(const DiagDef& def, const Tensor& t, const std::string& at, std::string what);
  void FailOperator(const DiagDef& def, const Operator& op, const std::string& at, std::string what,
                    Severity severity = Severity::kError);
  /// Enough has been reported: a file can be wrong in as many places as it has bytes.
  [[nodiscard]] bool Full() const;
  /// Whether the bytes of the tensor are in the model.
  [[nodiscard]] bool IsConstant(const Tensor& t) const;

  static constexpr int64_t kUnread = -2;
  static constexpr int64_t kNoTexts = -1;

  const Model& model_;
  const Limits& limits_;
  DiagSink* problems_;
  std::vector<int64_t> texts_of_buffer_;  // how many texts each buffer holds, once that has been asked
};

/// The number of elements; nothing if a dimension is negative or they cannot be counted.
std::optional<int64_t> ElementsOf(std::span<const int32_t> shape);
/// The graphs that an operator runs, as it names them or, without options, as their defaults do.
std::vector<int64_t> SubGraphsOf(const Model& model, const Operator& op);

}  // namespace godwit::tflite
