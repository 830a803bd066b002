// The export of one model: names, constants, bodies, and the legaliser's view of ONNX.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backends/onnx/export.h"
#include "backends/onnx/node_export.h"
#include "passes/legalise/legaliser.h"

namespace godwit::to_onnx {

class ModelExport final : public LegaliseTarget {
 public:
  ModelExport(const Graph& graph, const ExportOptions& options, int opset, DiagSink* sink);
  Exported Run();

  // What NodeExport needs.
  [[nodiscard]] int opset() const { return opset_; }
  [[nodiscard]] int64_t SourceOpset() const;
  ExportArena& arena() { return arena_; }
  Legaliser& legaliser() { return legaliser_; }
  /// The value's name; constants become a part of the file. Does not say that the value is wanted.
  Name NameOf(Scope& scope, ValueId id);
  Name NewName(std::string_view hint);
  Name NewNodeName(std::string_view hint);
  Name AddConstant(Tensor tensor, std::string_view hint);
  [[nodiscard]] bool MayWrite(const Row& row) const;
  [[nodiscard]] static bool IsStandard(std::string_view domain);
  [[nodiscard]] int64_t VersionOf(std::string_view domain) const;
  onnx::Graph Body(Scope& scope, RegionId region, std::string_view name);

  // LegaliseTarget.
  std::vector<targets::Misfit> Place(Scope& scope, NodeId node) override;
  void Alias(Scope& fragment, ValueId value, ValueId result) override;
  void Copy(Scope& fragment, ValueId value, ValueId result) override;
  [[nodiscard]] Mark Here() const override { return {groups_.size(), initializers_.size()}; }
  void Return(Mark mark) override;

 private:
  struct Initializer {
    Name name;
    std::string content;  // key of those without a name of their own
    uint32_t order = 0;   // constants of the source first, in its order
    Constant constant;
  };
  void NameEverything();
  void NameRegion(RegionId region, const std::vector<Name>& outputs);
  Name Unused(std::string_view wanted, const std::unordered_set<std::string>& taken);
  Name Made(std::string_view hint, std::unordered_set<std::string>* taken);
  Name Initialize(Constant constant, Name name, uint32_t order);
  Name Unnamed(Constant constant, const Tensor* contents);
  void WriteIdentity(Name in, Name out, const Type& type);
  std::span<const onnx::Node> TakeNodes(size_t from);
  onnx::Graph Contents(Scope& scope, RegionId region, const std::vector<Name>& outputs, Symbols symbols);
  void Keep(const Scope& scope, const Node& node, std::vector<onnx::Node>& written);
  std::vector<onnx::ValueInfo> InnerTypes();

  const Graph& graph_;
  const ExportOptions& options_;
  const int opset_;
  DiagSink* sink_;
  ExportArena arena_;
  Legaliser legaliser_;
  Scope root_;
  std::vector<std::vector<onnx::Node>> groups_;  // of the body being written, last node first
  std::vector<Initializer> initializers_;
  std::unordered_set<Name> initialized_;
  std::unordered_map<std::string, Name> contents_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> node_names_;
  std::unordered_map<std::string, int> counters_;
  std::map<RegionId, std::unordered_set<std::string>> region_names_;
  std::map<std::string, int64_t, std::less<>> domains_;  // that were written, beside ai.onnx
  std::vector<Name> outputs_;
  size_t node_count_ = 0;
};

}  // namespace godwit::to_onnx
