#include "api/dims.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace godwit {

namespace {

constexpr std::string_view kHint = "--dim N=4, or --dim H=64:224:512 for the least, best and largest size";

const Shape* ShapeOf(const Type& type) { return type.is_tensor() && type.ranked() ? &type.shape() : nullptr; }

}  // namespace

Result<DimRange> ParseDimRange(std::string_view text) {
  const size_t equals = text.rfind('=');
  const auto wrong = [&](std::string_view why) {
    return Diag(diag::kUsage, Concat("--dim: '", Printable(text, 200), "' ", why)).Hint(std::string(kHint));
  };
  if (equals == std::string_view::npos || equals == 0) return wrong("is not NAME=SIZE");
  DimRange range;
  range.name = Trim(text.substr(0, equals));
  std::vector<int64_t> sizes;
  for (const std::string_view part : Split(text.substr(equals + 1), ':')) {
    int64_t size = 0;
    if (!ParseInt(Trim(part), &size) || size < 0 || size > INT32_MAX) return wrong("holds what is no size");
    sizes.push_back(size);
  }
  if (sizes.size() != 1 && sizes.size() != 3) return wrong("has neither one size nor three");
  range.least = sizes.front();
  range.best = sizes.size() == 3 ? sizes[1] : sizes.front();
  range.most = sizes.back();
  if (range.least > range.best || range.best > range.most) return wrong("does not rise from least to largest");
  return range;
}

Result<bool> FixDims(const Graph& graph, const std::vector<DimRange>& ranges, LoadOptions* options) {
  std::set<std::string> known;
  bool added = false;
  for (const ValueId id : graph.region(Graph::main()).params) {
    const Value& input = graph.value(id);
    const Shape* shape = ShapeOf(input.type);
    if (shape == nullptr) continue;
    std::vector<std::string> dims;
    bool fixes = false;
    for (const Dim& dim : *shape) {
      std::vector<std::string> symbols;
      dim.CollectSymbols(&symbols);
      known.insert(symbols.begin(), symbols.end());
      const Dim put = dim.Substitute([&](const std::string& name) -> std::optional<Dim> {
        for (const DimRange& r : ranges) {
          if (r.fixed() && r.name == name) return Dim(r.best);
        }
        return std::nullopt;
      });
      fixes = fixes || !(put == dim);
      dims.push_back(put.ToString());
    }
    if (fixes && options->shapes.emplace(input.name, std::move(dims)).second) added = true;
  }
  for (const DimRange& r : ranges) {
    if (known.contains(r.name)) continue;
    std::string names;
    for (const std::string& name : known) names += Concat(names.empty() ? "'" : ", '", Printable(name, 100), "'");
    return Diag(diag::kUsage, Concat("--dim: no input has a dim named '", Printable(r.name, 100), "'"))
        .Hint(names.empty() ? "all dims of the inputs are numbers" : Concat("named dims are ", names));
  }
  return added;
}

bool HasDim(const Graph& graph, std::string_view name) {
  std::vector<std::string> symbols;
  for (const ValueId id : graph.region(Graph::main()).params) {
    const Shape* shape = ShapeOf(graph.value(id).type);
    if (shape == nullptr) continue;
    for (const Dim& dim : *shape) dim.CollectSymbols(&symbols);
  }
  return std::find(symbols.begin(), symbols.end(), name) != symbols.end();
}

DimSizes BestSizes(const std::vector<DimRange>& ranges) {
  DimSizes sizes;
  for (const DimRange& r : ranges) sizes.emplace_back(r.name, r.best);
  return sizes;
}

Status CheckSizes(const Graph& graph, const std::vector<DimRange>& ranges, const std::vector<RtValue>& inputs) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  for (size_t i = 0; i < params.size() && i < inputs.size(); ++i) {
    const Value& input = graph.value(params[i]);
    const Shape* shape = ShapeOf(input.type);
    if (shape == nullptr || !inputs[i].is_tensor()) continue;
    for (size_t k = 0; k < shape->size() && k < inputs[i].tensor.dims().size(); ++k) {
      const int64_t size = inputs[i].tensor.dims()[k];
      for (const DimRange& r : ranges) {
        if (!((*shape)[k] == Dim::Symbol(r.name)) || (size >= r.least && size <= r.most)) continue;
        return Diag(diag::kExecInput, Concat("input '", input.name, "': ", r.name, " is ", std::to_string(size),
                                             ", outside of ", std::to_string(r.least), " to ", std::to_string(r.most)))
            .Hint("--dim states the sizes that are allowed");
      }
    }
  }
  return Ok{};
}

}  // namespace godwit
