// The walk over a TFLite model: tensors of each subgraph to values, each operator handed to its row, subgraphs written
// out where they are called or made the regions of control flow.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "formats/tflite/external.h"
#include "formats/tflite/model.h"
#include "frontends/tflite/import.h"
#include "frontends/tflite/state.h"
#include "ir/builder.h"

namespace godwit::from_tflite {

/// The mapped bytes and the views over them live as long as any constant that points into them.
struct Loaded {
  MappedFile::Ptr file;
  tflite::Model model;
  std::unique_ptr<tflite::ExternalConstants> external;
};

class GraphImport {
 public:
  /// `subgraph` is read as the model, or as what fills variables before it runs.
  GraphImport(std::shared_ptr<const Loaded> loaded, const ImportOptions& options, DiagSink* sink, size_t subgraph = 0,
              bool initialises = false);

  /// Call once.
  Status Run();
  Graph TakeGraph() { return std::move(graph_); }

  // For OpImport and the import functions.
  Builder& builder() { return builder_; }
  [[nodiscard]] const tflite::Model& model() const { return loaded_->model; }
  [[nodiscard]] const Limits& limits() const { return options_.limits; }
  [[nodiscard]] const tflite::SubGraph& subgraph() const { return *frames_.back().subgraph; }
  /// Of the subgraph that is being read. Constants are made when they are first asked for.
  Result<ValueId> ValueOf(int32_t tensor);
  [[nodiscard]] bool IsConstant(int32_t tensor) const;
  void Bind(int32_t tensor, ValueId value);
  /// The subgraph's operators in this place, its inputs bound to `in`; its outputs.
  Result<std::vector<ValueId>> Inline(int64_t subgraph, const std::vector<ValueId>& in);
  /// A node with regions. Each body fills its region: it is given the region's parameters and returns its results.
  using Body = std::function<Result<std::vector<ValueId>>(const std::vector<ValueId>& params)>;
  struct RegionSpec {
    std::vector<Type> params;
    Body body;
  };
  Result<std::vector<ValueId>> EmitRegions(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs,
                                           const std::vector<RegionSpec>& regions);
  /// Types of a subgraph's inputs and outputs as the file states them.
  Type StatedType(const tflite::Tensor& tensor);
  /// Adds the operator and its tensors to the diagnostic and passes it on.
  void Report(const tflite::Operator& op, Diag diag);
  State& state() { return state_; }
  [[nodiscard]] bool in_region() const { return builder_.region() != Graph::main(); }
  /// A subgraph as a model of its own, run once: what it assigns is what variables hold at first.
  Status RunInit(int64_t subgraph);
  /// What a resource of the subgraph stands for.
  void SetHandle(int32_t tensor, std::string key) { state_.handles[{frames_.back().index, tensor}] = std::move(key); }
  [[nodiscard]] const std::string* HandleOf(int32_t tensor) const;
  /// What the variable holds at this place; `type` is its type where it is met for the first time.
  ValueId ReadVariable(const std::string& key, const Type& type, std::string_view name = {});
  void WriteVariable(const std::string& key, ValueId value);
  /// A tensor that keeps its contents between runs; false where that cannot be said.
  bool WriteState(int32_t tensor, ValueId value);
  /// Complex numbers as pairs of real ones; see rules_signal.cpp.
  void SetPair(int32_t tensor, ValueId value) { pairs_[{frames_.back().index, tensor}] = value; }
  [[nodiscard]] ValueId PairOf(int32_t tensor) const;

 private:
  struct Frame {
    const tflite::SubGraph* subgraph = nullptr;
    size_t index = 0;
    std::vector<ValueId> values;  ///< by tensor
    std::string path;             ///< origin scope
  };

  void ReadHeader();
  void ImportInputs();
  void ImportOutputs();
  void ImportState();
  void ImportOperators();
  void ImportOperator(const tflite::Operator& op, size_t number);
  void ImportOpaque(const tflite::Operator& op);
  void CheckStated(const tflite::Operator& op);
  [[nodiscard]] std::string LabelOf(const tflite::Operator& op) const;
  Result<const tflite::SubGraph*> Enter(int64_t subgraph) const;
  /// What an initialising subgraph would make, against the limit of growth.
  [[nodiscard]] Status BoundInit(const Graph& graph) const;
  Result<ValueId> ReadState(int32_t tensor);
  /// The variable that a tensor is.
  [[nodiscard]] std::string StateKey(int32_t tensor) const;
  std::string InputName(size_t i) const;
  std::string OutputName(size_t i) const;

  std::shared_ptr<const Loaded> loaded_;
  const ImportOptions& options_;
  DiagSink* sink_;
  Graph graph_;
  Inference inference_;
  Builder builder_;
  State state_;
  std::map<std::pair<size_t, int32_t>, ValueId> pairs_;
  std::vector<Frame> frames_;
  size_t main_ = 0;  ///< the subgraph that is read as the model
  bool initialises_ = false;
  const tflite::SignatureDef* signature_ = nullptr;
  int64_t imported_ = 0;  ///< operators so far, those of a subgraph once for each place
  int64_t grown_ = 0;     ///< bytes of graph that no operator of the file stands for
  bool stopped_ = false;  ///< a limit was exceeded
  bool fixed_ = false;    ///< no shape that the file states is a placeholder
};

}  // namespace godwit::from_tflite
