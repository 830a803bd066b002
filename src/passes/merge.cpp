// Equal things become one: nodes that compute the same from the same operands, and constants with the same contents.
#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include "ir/walk.h"
#include "passes/node_key.h"
#include "passes/pass.h"

namespace godwit {

namespace {

// A node can stand for an equal one later in its own region or in a region further in, so tables are kept per region
// and looked up outwards.
class NodeMerger {
 public:
  NodeMerger(Editor& editor, Ledger& ledger) : editor_(editor), ledger_(ledger) {}

  Status Run() {
    for (NodeId id : NodesWithin(editor_.graph())) {
      if (!ledger_.Open()) break;
      std::string key = NodeKey(editor_.graph(), id);
      if (key.empty()) continue;
      const NodeId twin = Find(id, key);
      if (!twin) {
        tables_[editor_.graph().node(id).parent.index].emplace(std::move(key), id);
        continue;
      }
      const std::vector<ValueId> from = editor_.graph().node(id).out;
      const std::vector<ValueId> to = editor_.graph().node(twin).out;
      bool merged = true;
      for (size_t i = 0; i < from.size(); ++i) {
        if (from[i] && !editor_.ReplaceValue(from[i], to[i]).ok()) merged = false;
      }
      if (merged) ledger_.Count(kMergeNodesPass.name, id);
    }
    editor_.RemoveDead();
    return editor_.Commit();
  }

 private:
  NodeId Find(NodeId id, const std::string& key) {
    RegionId region = editor_.graph().node(id).parent;
    while (true) {
      const auto& table = tables_[region.index];
      if (const auto it = table.find(key); it != table.end()) return it->second;
      if (region == Graph::main()) return {};
      region = editor_.graph().node(editor_.graph().region(region).owner).parent;
    }
  }

  Editor& editor_;
  Ledger& ledger_;
  std::unordered_map<uint32_t, std::unordered_map<std::string, NodeId>> tables_;  // by region
};

Status MergeNodes(Editor& editor, Ledger& ledger) { return NodeMerger(editor, ledger).Run(); }

// Contents are looked at only where type and size agree, and first at a few places, so that weights stay in their
// file. Constants that must be computed first are left alone when they are large.
constexpr uint64_t kComputedBytes = uint64_t{1} << 17;

class ConstantMerger {
 public:
  ConstantMerger(Editor& editor, Ledger& ledger) : editor_(editor), ledger_(ledger) {}

  Status Run() {
    std::unordered_map<std::string, std::vector<ValueId>> by_type;
    std::vector<const std::vector<ValueId>*> order;
    Graph& graph = editor_.graph();
    for (uint32_t i = 0; i < graph.value_count(); ++i) {
      const ValueId v{i};
      if (!graph.IsConstant(v) || !editor_.Used(v)) continue;
      const Constant& constant = graph.constant(graph.value(v).constant);
      const auto* source = std::get_if<1>(&constant.data);
      if (source != nullptr && (*source)->depth() > 0 && (*source)->stored_bytes() > kComputedBytes) continue;
      const Type& type = graph.value(v).type;
      if (type.tensor().quant) continue;
      std::vector<ValueId>& group = by_type[type.ToString()];
      if (group.empty()) order.push_back(&group);
      group.push_back(v);
    }
    for (const std::vector<ValueId>* group : order) {
      if (group->size() > 1) RETURN_IF_ERROR(Merge(*group));
    }
    return editor_.Commit();
  }

 private:
  Status Merge(const std::vector<ValueId>& group) {
    Graph& graph = editor_.graph();
    std::unordered_map<std::string, std::vector<std::pair<ValueId, PackedBytes>>> by_sample;
    for (ValueId v : group) {
      const PackedBytes bytes = BytesOf(graph.constant(graph.value(v).constant));
      if (bytes.bytes.data() == nullptr) continue;
      auto& same = by_sample[SampleOf(bytes.bytes)];
      const auto twin = std::find_if(same.begin(), same.end(), [&](const auto& other) {
        return std::equal(bytes.bytes.begin(), bytes.bytes.end(), other.second.bytes.begin(), other.second.bytes.end());
      });
      if (twin == same.end()) {
        same.emplace_back(v, bytes);
      } else if (ledger_.Open()) {
        RETURN_IF_ERROR(editor_.ReplaceValue(v, twin->first));
        ledger_.Count(kMergeConstantsPass.name, {});
      }
    }
    return Ok{};
  }

  // Where they lie in their file, so that comparing weights takes no memory; loaded only where they lie nowhere.
  static PackedBytes BytesOf(const Constant& constant) {
    if (const auto* source = std::get_if<1>(&constant.data)) {
      if (PackedBytes packed = (*source)->Packed(); packed.owner != nullptr) return packed;
    }
    const auto tensor = constant.Load();
    if (!tensor.ok()) return {};
    return {{tensor->raw(), tensor->bytes()}, tensor->owner()};
  }

  static std::string SampleOf(std::span<const std::byte> bytes) {
    constexpr size_t kPieces = 8;
    constexpr size_t kBytes = 16;
    const auto* data = reinterpret_cast<const char*>(bytes.data());
    if (bytes.size() <= kPieces * kBytes) return {data, bytes.size()};
    std::string sample;
    for (size_t k = 0; k < kPieces; ++k) sample.append(data + (bytes.size() - kBytes) / (kPieces - 1) * k, kBytes);
    return sample;
  }

  Editor& editor_;
  Ledger& ledger_;
};

Status MergeConstants(Editor& editor, Ledger& ledger) { return ConstantMerger(editor, ledger).Run(); }

}  // namespace

const Pass kMergeNodesPass{"merge-nodes", "Nodes that compute the same from the same operands become one.",
                           Numerics::kExact, MergeNodes};
const Pass kMergeConstantsPass{"merge-constants", "Constants with the same contents become one.", Numerics::kExact,
                               MergeConstants};

}  // namespace godwit
