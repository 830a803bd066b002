// The graph: SSA values and nodes in chunked stores under typed ids. A region is a list of nodes in topological
// order with parameters and results; region 0 is the model, the others belong to If, Loop, Scan and their like and
// may use values of the regions around them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "ir/attrs.h"
#include "ir/op_def.h"
#include "ir/tensor.h"
#include "ir/type.h"

namespace godwit {

using NodeId = Id<struct NodeTag>;
using ValueId = Id<struct ValueTag>;
using RegionId = Id<struct RegionTag>;
using ConstantId = Id<struct ConstantTag>;
using OriginId = Id<struct OriginTag>;

/// Bytes of a tensor as most files hold them: dense little-endian elements, 2- and 4-bit ones packed from the low bits
/// up. `owner` keeps them alive.
struct PackedBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Where the bytes of a constant come from when it is not in memory yet. Loading copies nothing where it need not.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  [[nodiscard]] virtual Result<Tensor> Load() const = 0;
  /// The bytes where they lie, when they lie somewhere in packed form: a copy to another file then loads nothing.
  /// Without an owner where they do not; Load tells what is wrong then, if anything is.
  [[nodiscard]] virtual PackedBytes Packed() const { return {}; }
  /// Bytes it takes in its file.
  [[nodiscard]] virtual uint64_t stored_bytes() const = 0;
  /// How many computations stand between the file and the bytes: loading is not cheap where there is one.
  [[nodiscard]] virtual int depth() const { return 0; }
};

struct Constant {
  TensorType type;
  std::variant<Tensor, std::shared_ptr<const TensorSource>> data;

  [[nodiscard]] Result<Tensor> Load() const;
  [[nodiscard]] uint64_t stored_bytes() const;
};

/// Where a node came from; feeds diagnostics, layer-by-layer comparison and profiles.
struct Origin {
  std::string node;     ///< source node name
  std::string op_type;  ///< source operator, "Conv" or "com.microsoft.Gelu"
  std::string scope;    ///< enclosing functions and sub-graphs, outermost first, "/" between
  std::string doc;      ///< what the source says about the node, often nothing
};

struct Node {
  const OpDef* op = nullptr;
  std::vector<ValueId> in;   ///< an invalid id is an absent optional operand
  std::vector<ValueId> out;  ///< an invalid id is a result nobody wants
  Attrs attrs;
  std::vector<RegionId> regions;
  RegionId parent;
  OriginId origin;
};

struct Value {
  Type type;
  std::string name;    ///< source tensor name, empty if it had none
  NodeId def;          ///< invalid for region parameters and constants
  uint32_t index = 0;  ///< which result of `def`, or which parameter
  ConstantId constant;
  RegionId param_of;  ///< valid for region parameters
};

struct Region {
  std::vector<ValueId> params;
  std::vector<NodeId> nodes;
  std::vector<ValueId> results;
  NodeId owner;
};

class Graph {
 public:
  Graph();
  Graph(Graph&&) noexcept = default;
  Graph& operator=(Graph&&) noexcept = default;
  ~Graph() = default;
  /// The same graph under the same ids. Contents of constants are shared, not copied.
  [[nodiscard]] Graph Clone() const { return *this; }

  std::string name;
  std::string doc;       ///< what the source says about the model
  std::string producer;  ///< "pytorch 2.4"
  std::string format;    ///< "ONNX IR 8"
  std::vector<std::pair<std::string, int64_t>> opsets;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> output_names;  ///< of the main region's results (inputs carry their value's name)

  static constexpr RegionId main() { return RegionId{0}; }

  Node& node(NodeId id) { return nodes_[id]; }
  [[nodiscard]] const Node& node(NodeId id) const { return nodes_[id]; }
  Value& value(ValueId id) { return values_[id]; }
  [[nodiscard]] const Value& value(ValueId id) const { return values_[id]; }
  Region& region(RegionId id) { return regions_[id]; }
  [[nodiscard]] const Region& region(RegionId id) const { return regions_[id]; }
  Constant& constant(ConstantId id) { return constants_[id]; }
  [[nodiscard]] const Constant& constant(ConstantId id) const { return constants_[id]; }
  [[nodiscard]] const Origin& origin(OriginId id) const;
  /// Every source node has one, those included that left no node of ours behind.
  [[nodiscard]] size_t origin_count() const { return origins_.size(); }

  [[nodiscard]] size_t node_count() const { return nodes_.size(); }
  [[nodiscard]] size_t value_count() const { return values_.size(); }
  [[nodiscard]] size_t region_count() const { return regions_.size(); }
  [[nodiscard]] size_t constant_count() const { return constants_.size(); }

  /// Appends to the region's node list; `n_out` results are made with unknown types.
  NodeId AddNode(RegionId region, const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs = {},
                 OriginId origin = {});
  /// One more result of the node, of unknown type.
  ValueId AddResult(NodeId node);
  ValueId AddParam(RegionId region, Type type, std::string value_name);
  ValueId AddConstant(Constant constant, std::string value_name = {});
  ValueId AddConstant(Tensor tensor, std::string value_name = {});
  /// A new region owned by `owner`, appended to the owner's regions.
  RegionId AddRegion(NodeId owner);
  OriginId AddOrigin(Origin origin) { return origins_.Add(std::move(origin)); }

  [[nodiscard]] bool IsConstant(ValueId id) const { return id && values_[id].constant.valid(); }

 private:
  Graph(const Graph&) = default;

  Store<Node, NodeId> nodes_;
  Store<Value, ValueId> values_;
  Store<Region, RegionId> regions_;
  Store<Constant, ConstantId> constants_;
  Store<Origin, OriginId> origins_;
};

}  // namespace godwit
