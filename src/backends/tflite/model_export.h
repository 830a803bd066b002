// The export of one model: tensors, constants, subgraphs, and the legaliser's view of TFLite.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/tflite/export.h"
#include "backends/tflite/node_export.h"
#include "backends/tflite/stateful.h"
#include "backends/tflite/store_half.h"
#include "passes/legalise/legaliser.h"

namespace godwit::to_tflite {

/// Constants up to this size that nobody named are one tensor for all who need the same.
inline constexpr int64_t kSharedElements = 4096;

/// How integers of a tensor stand for numbers, where that can be said in a TFLite file; null otherwise.
std::shared_ptr<const Quant> QuantOf(Scope& scope, const Node& node);
/// Equal but for ways to say it: zero points that are all zero, axes of a single scale, f32 scales.
bool SameQuant(const Quant& a, const Quant& b);

class ModelExport final : public LegaliseTarget {
 public:
  ModelExport(const Graph& graph, const ExportOptions& options, DiagSink* sink);
  /// What cannot be written goes to the sink.
  WrittenModel Run(StoredHalf* half);
  /// Nodes that no row takes in any layout and that have decompositions.
  std::vector<NodeId> ToDecompose();

  // What NodeExport needs.
  [[nodiscard]] const targets::TfliteProfile& profile() const { return options_.profile; }
  Legaliser& legaliser() { return legaliser_; }
  [[nodiscard]] const StateTable& states() const { return states_; }
  /// The value as a tensor of the subgraph that is being written. Does not say that the value is wanted.
  Ref RefOf(Scope& scope, ValueId id);
  Ref AddTensor(WrittenTensor tensor);
  Ref AddConstant(Constant constant, const Tensor* contents);
  [[nodiscard]] const WrittenTensor& tensor(Ref ref) const;
  /// A name where it has none.
  void Name(Ref ref, std::string_view name);
  void MakeVariable(Ref ref) { frame().graph.tensors[static_cast<size_t>(ref.index)].variable = true; }
  /// The node's operators with something written together with it; nothing where no row can.
  std::optional<WrittenGroup> TryTogether(Scope& scope, NodeId node, const Together& with);
  // Subgraphs of a row's own making. What is written between the two goes there, last operator first.
  void BeginGraph(std::string name);
  int EndGraph(Refs out);  ///< its number
  /// An input for a value of the graph around it, or for a tensor that is none.
  Ref Parameter(Scope& scope, ValueId id);
  Ref Parameter(TensorType type, std::string name);
  /// What a value of a region is called there.
  void Bind(Scope& scope, ValueId id, Ref ref) { frame().refs[{&scope, id.index}] = ref; }
  void Push(WrittenGroup group) { frame().graph.groups.push_back(std::move(group)); }
  /// The tensors for some results of a region; each is made within it, and once.
  Refs Given(Scope& scope, RegionId region, size_t first, size_t count);
  Result<int> Body(Scope& scope, RegionId region, const std::vector<ValueId>& captures, std::string name);
  /// The integers that a value stands for, if it is a tensor of quantised numbers.
  [[nodiscard]] std::shared_ptr<const Quant> QuantOfValue(const Scope& scope, ValueId id) const;

  // LegaliseTarget.
  std::vector<targets::Misfit> Place(Scope& scope, NodeId node) override;
  void Alias(Scope& fragment, ValueId value, ValueId result) override;
  void Copy(Scope& fragment, ValueId value, ValueId result) override;
  [[nodiscard]] Mark Here() const override { return {frame().graph.groups.size(), graphs_.size()}; }
  void Return(Mark mark) override;

 private:
  using Key = std::pair<const Scope*, uint32_t>;
  /// A subgraph in the making.
  struct Frame {
    WrittenGraph graph;
    std::map<Key, Ref> refs;
    std::unordered_map<std::string, Ref> contents;
  };
  [[nodiscard]] const Frame& frame() const { return *frames_.back(); }
  Frame& frame() { return *frames_.back(); }
  void Contents(Scope& scope, RegionId region);
  void WriteCopy(Ref from, Ref to);
  Ref NewRef(const Scope& scope, ValueId id);
  /// What is done once all of a subgraph is written.
  Status Finish(WrittenGraph* written) const;
  void NoteQuantised();
  void NoteNumbers();
  /// The values that a whole export asks for.
  [[nodiscard]] std::vector<bool> Wanted() const;

  const Graph& graph_;
  const ExportOptions& options_;
  DiagSink* sink_;
  Legaliser legaliser_;
  Scope root_;
  const StateTable states_;
  std::vector<bool> only_numbers_;  // by value of the graph: a constant that only says what operators are to do
  std::vector<std::unique_ptr<Frame>> frames_;  // bodies within bodies
  std::vector<WrittenGraph> graphs_;            // of finished bodies; the model itself is put before them
  std::unordered_map<uint32_t, std::shared_ptr<const Quant>> quants_;
};

/// Inputs and outputs that carry state become variables of the file.
Status KeepStates(const Graph& source, int runtime, WrittenGraph* main, std::vector<WrittenGraph>* bodies,
                  std::vector<std::string>* outputs);

/// Constants with the same contents become one, which has the first name that one of them has.
Status MergeConstants(WrittenGraph* graph);
/// Operators that compute the same from the same tensors become one.
void MergeWritten(WrittenGraph* graph);
/// Puts the operators in the order that the graph alone decides, all of them in one group.
void OrderWritten(WrittenGraph* graph);

/// The model as the views that the file's writer takes: names, numbers, operator codes, signatures, metadata. What does
/// not fit into a file goes to the sink. The first of `models` is the main one.
Exported Assemble(const std::vector<WrittenModel>& models, DiagSink* sink);

}  // namespace godwit::to_tflite
