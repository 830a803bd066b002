#include "verify/sample_plan.h"

#include <algorithm>
#include <climits>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "ir/convert.h"
#include "ir/cost.h"
#include "ir/walk.h"

namespace godwit {

namespace {

enum class Role : uint8_t { kBatch, kSpatial, kLength };
struct OpenDim {
  std::string name;
  Role role = Role::kLength;
};

bool Mentions(std::string_view name, std::initializer_list<std::string_view> words) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view word : words) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

Role RoleOf(std::string_view name, int axis, int rank) {
  if (Mentions(name, {"batch"})) return Role::kBatch;
  if (Mentions(name, {"height", "width"})) return Role::kSpatial;
  if (Mentions(name, {"seq", "time", "length", "token"})) return Role::kLength;
  if (axis == 0) return Role::kBatch;
  return rank >= 4 ? Role::kSpatial : Role::kLength;
}

std::vector<OpenDim> FindOpenDims(const Graph& graph, const InputSpecs& specs) {
  std::set<std::string> known;
  for (const ValueId id : graph.region(Graph::main()).params) {
    const auto it = specs.find(graph.value(id).name);
    if (it == specs.end() || it->second.value.absent() || !graph.value(id).type.ranked()) continue;
    for (const Dim& d : graph.value(id).type.shape()) {
      if (const auto symbol = d.symbol()) known.insert(*symbol);
    }
  }
  std::vector<OpenDim> out;
  for (const ValueId id : graph.region(Graph::main()).params) {
    const Type& type = graph.value(id).type;
    if (!type.ranked()) continue;
    for (int axis = 0; axis < type.rank(); ++axis) {
      std::vector<std::string> symbols;
      type.shape()[static_cast<size_t>(axis)].CollectSymbols(&symbols);
      for (const std::string& symbol : symbols) {
        if (known.insert(symbol).second) out.push_back({symbol, RoleOf(symbol, axis, type.rank())});
      }
    }
  }
  return out;
}

// One rung of the ladder: the first size of each role, and what the next dim of that role has more.
struct Rung {
  int64_t batch;
  int64_t spatial, spatial_step;
  int64_t length, length_step;
};
constexpr Rung kFirst[] = {{1, 64, 32, 6, 3},  {1, 224, 32, 16, 16}, {1, 224, 0, 16, 0},
                           {1, 64, 0, 128, 0}, {1, 320, 0, 512, 0},  {1, 32, 0, 1, 0},
                           {1, 1, 0, 1, 0},    {2, 2, 0, 2, 0},      {1, 64, 32, 4000, 0}};
constexpr Rung kSecond[] = {{2, 96, -32, 9, 2}, {2, 256, -32, 32, 16}, {1, 96, -32, 9, 2},   {1, 256, -32, 32, 16},
                            {2, 256, 0, 24, 0}, {1, 256, 0, 24, 0},    {2, 64, 0, 16, 0},    {2, 32, 0, 1, 0},
                            {1, 96, 0, 64, 0},  {2, 96, -32, 768, 0},  {1, 96, -32, 768, 0}, {2, 320, 0, 512, 0},
                            {1, 2, 0, 2, 0},    {2, 96, -32, 5000, 0}};

// Sizes that an exporter may have left in the model although it calls them open: they stand in the shapes that it
// states. The most frequent numbers first.
std::vector<int64_t> StatedNumbers(const Graph& graph) {
  constexpr int64_t kMostElements = 8, kMostSize = 4096;
  constexpr size_t kMostNumbers = 6;
  std::map<int64_t, int> count;
  for (uint32_t i = 0; i < graph.value_count(); ++i) {
    const Value& value = graph.value(ValueId{i});
    if (!value.constant.valid()) continue;
    const Constant& constant = graph.constant(value.constant);
    const auto elements = ElementCount(constant.type.shape).known();
    if (constant.type.dtype != DType::kI64 || !elements || *elements > kMostElements) continue;
    const auto loaded = constant.Load();
    if (!loaded.ok()) continue;
    for (const int64_t number : ToI64(*loaded)) {
      if (number > 2 && number <= kMostSize) ++count[number];
    }
  }
  std::vector<int64_t> out;
  for (const auto& [number, times] : count) out.push_back(number);
  std::stable_sort(out.begin(), out.end(), [&](int64_t a, int64_t b) { return count[a] > count[b]; });
  out.resize(std::min(out.size(), kMostNumbers));
  return out;
}

}  // namespace

std::vector<SampleKind> SampleKinds(int count, size_t real) {
  using K = SampleKind;
  constexpr K kOrder[] = {K::kRandom, K::kSigned, K::kRamp, K::kZeros, K::kOnes, K::kLarge, K::kRandom, K::kSigned};
  std::vector<SampleKind> out;
  for (int i = 0; i < count; ++i) {
    out.push_back(i < static_cast<int>(std::size(kOrder)) ? kOrder[i] : i % 2 == 0 ? K::kRandom : K::kSigned);
  }
  constexpr int kEdges = 4;
  const int given = std::min(static_cast<int>(std::min<size_t>(real, INT_MAX)), std::max(1, count - kEdges));
  for (int i = 0; i < given; ++i) {
    const auto drawn = std::find_if(out.begin(), out.end(), [](K k) { return k == K::kRandom || k == K::kSigned; });
    out.erase(drawn == out.end() ? out.end() - 1 : drawn);
    out.insert(out.begin(), K::kGiven);
  }
  return out;
}

std::vector<std::string> OpenDims(const Graph& graph, const InputSpecs& specs) {
  std::vector<std::string> out;
  for (const OpenDim& d : FindOpenDims(graph, specs)) out.push_back(d.name);
  return out;
}

std::vector<DimSizes> SizesToTry(const Graph& graph, const InputSpecs& specs, int which) {
  const std::vector<OpenDim> open = FindOpenDims(graph, specs);
  if (open.empty()) return {{}};
  std::vector<DimSizes> out;
  const auto usual = which == 0 ? std::span<const Rung>(kFirst) : std::span<const Rung>(kSecond);
  std::vector<Rung> rungs(usual.begin(), usual.end());
  if (which == 0) {
    for (const int64_t number : StatedNumbers(graph)) {
      for (const int64_t batch : {1, 2}) rungs.push_back({batch, number, 0, number, 0});
    }
  }
  for (const Rung& rung : rungs) {
    DimSizes sizes;
    int64_t spatial = 0, length = 0;
    for (const OpenDim& d : open) {
      int64_t size = rung.batch;
      // Not too many steps either way: a model with dozens of open dims still runs at modest sizes.
      if (d.role == Role::kSpatial) size = std::max<int64_t>(1, rung.spatial + rung.spatial_step * (spatial++ % 2));
      if (d.role == Role::kLength) size = rung.length + rung.length_step * (length++ % 4);
      sizes.emplace_back(d.name, size);
    }
    if (std::find(out.begin(), out.end(), sizes) == out.end()) out.push_back(std::move(sizes));
  }
  return out;
}

std::string ToString(const DimSizes& sizes) {
  std::string out;
  for (const auto& [name, size] : sizes) {
    out += Concat(out.empty() ? "" : " ", Printable(name, 60), "=", std::to_string(size));
  }
  return out;
}

double MacsAt(const Graph& graph, const DimSizes& sizes) {
  const auto sized = [&](ValueId id) {
    Type type = graph.value(id).type;
    if (type.ranked()) {
      for (Dim& d : type.tensor().shape) {
        d = d.Substitute([&](const std::string& symbol) -> std::optional<Dim> {
          for (const auto& [name, size] : sizes) {
            if (name == symbol) return Dim(size);
          }
          return std::nullopt;
        });
      }
    }
    return type;
  };
  double total = 0;
  for (const NodeId id : NodesWithin(graph)) {
    const Node& node = graph.node(id);
    if (node.op->macs == nullptr) continue;
    std::vector<Type> types;
    types.reserve(node.in.size() + node.out.size());
    std::vector<const Type*> in, out;
    for (const ValueId v : node.in) in.push_back(v ? &types.emplace_back(sized(v)) : nullptr);
    for (const ValueId v : node.out) out.push_back(v ? &types.emplace_back(sized(v)) : nullptr);
    total += node.op->macs(CostCtx(*node.op, node.attrs, std::move(in), std::move(out)));
  }
  return total;
}

}  // namespace godwit
