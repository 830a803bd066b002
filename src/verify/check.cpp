#include "verify/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/text.h"
#include "exec/region_runner.h"
#include "exec/specialise.h"
#include "frontends/onnx/rule.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit {

namespace {

class Checker {
 public:
  Checker(const Graph& graph, DiagSink* sink) : graph_(graph), sink_(*sink), main_(graph.region(Graph::main())) {}

  void Run(const CheckOptions& options) {
    FindDependence();
    CheckComputation();
    CheckInputs();
    CheckOutputs();
    CheckNodes();
    CheckWeights(options.weights);
    CheckDynamicDims();
  }

 private:
  static Diag Warning(const DiagDef& def, std::string what) {
    return Diag(def, std::move(what)).As(Severity::kWarning);
  }

  // Which values an input reaches, and which reach an output. Regions see the values around them, so what a node's
  // regions use counts as used by the node.
  void FindDependence() {
    reached_.assign(graph_.value_count(), false);
    needed_.assign(graph_.value_count(), false);
    for (ValueId v : main_.params) reached_[v.index] = true;
    const GraphFacts facts(graph_);
    for (NodeId id : main_.nodes) {
      const Node& node = graph_.node(id);
      std::vector<ValueId> in = node.in;
      const std::vector<ValueId> captures = node.regions.empty() ? std::vector<ValueId>() : facts.Captures(id);
      in.insert(in.end(), captures.begin(), captures.end());
      const bool any = std::any_of(in.begin(), in.end(), [&](ValueId v) { return v && reached_[v.index]; });
      for (ValueId v : node.out) {
        if (v) reached_[v.index] = any || node.op->effect == Effect::kRandom;
      }
      operands_.emplace_back(id, std::move(in));
    }
    for (ValueId v : main_.results) needed_[v.index] = true;
    for (size_t i = operands_.size(); i-- > 0;) {
      const Node& node = graph_.node(operands_[i].first);
      const bool any = std::any_of(node.out.begin(), node.out.end(), [&](ValueId v) { return v && needed_[v.index]; });
      if (!any && node.op->effect == Effect::kPure) continue;
      for (ValueId v : operands_[i].second) {
        if (v) needed_[v.index] = true;
      }
    }
  }

  void CheckComputation() {
    const auto renames = [](const OpDef* op) {
      return op == &ops::kIdentity || op == &ops::kReshape || op == &ops::kSqueeze || op == &ops::kUnsqueeze ||
             op == &ops::kFlatten || op == &ops::kCast;
    };
    for (NodeId id : main_.nodes) {
      if (!renames(graph_.node(id).op)) return;
    }
    sink_.Add(Warning(diag::kCheckNoComputation, "the model has no operator that computes anything")
                  .Hint("export the model inside the wrapper"));
  }

  void CheckInputs() {
    for (ValueId v : main_.params) {
      if (needed_[v.index]) continue;
      sink_.Add(Warning(diag::kCheckUnusedInput, Concat("input '", graph_.value(v).name, "' is never used"))
                    .Tensor(graph_.value(v).name));
    }
  }

  void CheckOutputs() {
    if (main_.params.empty()) return;
    for (size_t i = 0; i < main_.results.size(); ++i) {
      if (reached_[main_.results[i].index]) continue;
      sink_.Add(Warning(diag::kCheckConstantOutput,
                        Concat("output '", graph_.output_names[i], "' is the same whatever is fed"))
                    .Tensor(graph_.output_names[i]));
    }
  }

  void CheckNodes() {
    std::map<std::string, int64_t> foreign;
    for (uint32_t i = 0; i < graph_.node_count(); ++i) {
      const Node& node = graph_.node(NodeId{i});
      // Nodes of known domains are opaque only where importing them failed, which has been reported.
      const bool unknown = node.op == &ops::kOpaque && !from_onnx::IsKnownDomain(node.attrs.Str("domain"));
      if (unknown) ++foreign[Concat(node.attrs.Str("domain"), ".", node.attrs.Str("op_type"))];
      const bool training = node.attrs.Flag("training") && (node.op == &ops::kBatchNorm);
      if (!training) continue;
      Diag diag = Warning(diag::kCheckTraining, "batch normalisation uses the statistics of the batch itself");
      NameNode(graph_, NodeId{i}, &diag);
      sink_.Add(std::move(diag));
    }
    for (const auto& [name, n] : foreign) {
      sink_.Add(
          Warning(diag::kCheckOpaque, fmt::format("{} node{} of the unknown operator {}", n, n == 1 ? "" : "s", name)));
    }
  }

  void CheckWeights(bool values) {
    std::vector<bool> used(graph_.value_count(), false);
    for (uint32_t i = 0; i < graph_.node_count(); ++i) {
      for (ValueId v : graph_.node(NodeId{i}).in) {
        if (v) used[v.index] = true;
      }
    }
    for (uint32_t r = 0; r < graph_.region_count(); ++r) {
      for (ValueId v : graph_.region(RegionId{r}).results) used[v.index] = true;
    }
    for (uint32_t i = 0; i < graph_.value_count(); ++i) {
      const Value& value = graph_.value(ValueId{i});
      if (!value.constant || value.name.empty()) continue;
      const Constant& constant = graph_.constant(value.constant);
      // Small constants that nothing takes are shapes and axes whose work was done while reading.
      if (!used[i] && constant.stored_bytes() > 1024) {
        sink_.Add(Warning(diag::kCheckUnusedWeight,
                          fmt::format("'{}' ({}) is never used", value.name, HumanBytes(constant.stored_bytes())))
                      .Tensor(value.name));
      }
      if (values) CheckValues(value, constant);
    }
  }

  void CheckValues(const Value& value, const Constant& constant) {
    auto tensor = constant.Load();
    if (!tensor.ok()) {
      sink_.Add(std::move(tensor.diag()).Tensor(value.name));
      return;
    }
    if (!IsFloat(tensor->dtype())) return;
    int64_t bad = 0;
    double largest = 0;
    const size_t step = ByteSize(tensor->dtype());
    for (int64_t i = 0; i < tensor->size(); ++i) {
      const double v = LoadF64(tensor->dtype(), tensor->raw() + static_cast<size_t>(i) * step);
      bad += std::isfinite(v) ? 0 : 1;
      largest = std::max(largest, std::fabs(v));
    }
    const auto warn = [&](std::string what) {
      sink_.Add(Warning(diag::kCheckWeightValues, std::move(what)).Tensor(value.name));
    };
    if (bad > 0) {
      warn(fmt::format("{} of {} elements of '{}' are NaN or infinite", bad, tensor->size(), value.name));
    } else if (tensor->dtype() == DType::kF32 && largest > 0 && largest < double{std::numeric_limits<float>::min()}) {
      warn(fmt::format("no element of '{}' is larger than {:.3g}: all are subnormal", value.name, largest));
    }
  }

  // Types of the inputs with each symbol put to a size.
  std::vector<Type> Sized(const std::map<std::string, int64_t>& sizes) const {
    std::vector<Type> types;
    for (ValueId v : main_.params) {
      Type type = graph_.value(v).type;
      if (type.is_tensor()) {
        for (Dim& d : type.tensor().shape) {
          d = d.Substitute([&](const std::string& name) -> std::optional<Dim> {
            const auto it = sizes.find(name);
            return it == sizes.end() ? std::nullopt : std::optional<Dim>(Dim(it->second));
          });
        }
      }
      types.push_back(std::move(type));
    }
    return types;
  }

  // Empty when the model's types work out at these sizes, else why not.
  std::optional<Diag> Failure(const std::map<std::string, int64_t>& sizes) const {
    Widening as_is;
    FoldLimits limits;
    limits.value_bytes = 1 << 16;  // shape arithmetic only
    auto result = Specialise(graph_, Sized(sizes), &as_is, limits);
    if (result.ok()) return std::nullopt;
    return result.diag();
  }

  // A size that a symbol can have is looked for among these; a symbol with one single such size is pinned.
  void CheckDynamicDims() {
    static constexpr int64_t kSizes[] = {1, 2, 224, 256, 320, 64, 32, 16, 8, 4, 3, 128, 512, 640, 96};
    std::vector<std::string> symbols;
    for (ValueId v : main_.params) {
      if (!graph_.value(v).type.is_tensor()) continue;
      for (const Dim& d : graph_.value(v).type.shape()) d.CollectSymbols(&symbols);
    }
    std::sort(symbols.begin(), symbols.end());
    symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
    if (symbols.empty() || symbols.size() > 8) return;
    std::map<std::string, int64_t> base;
    bool found = false;
    for (int64_t size : kSizes) {
      for (const std::string& s : symbols) base[s] = size;
      base[symbols.front()] = symbols.size() > 1 ? 1 : size;
      if (!Failure(base)) {
        found = true;
        break;
      }
    }
    if (!found) return;
    for (const std::string& s : symbols) {
      std::optional<Diag> why;
      const bool free = std::any_of(std::begin(kSizes), std::end(kSizes), [&](int64_t size) {
        if (size == base[s]) return false;
        auto sizes = base;
        sizes[s] = size;
        auto failure = Failure(sizes);
        if (!failure) return true;
        if (!why) why = std::move(failure);
        return false;
      });
      if (free || !why) continue;
      Diag diag = Warning(diag::kCheckPinnedDim,
                          fmt::format("dim '{}' is declared dynamic but only works as {}: {}", s, base[s], why->what));
      diag.node = why->node;
      sink_.Add(std::move(diag).Hint("export again with this dim marked dynamic, or fix it with --shape"));
    }
  }

  const Graph& graph_;
  DiagSink& sink_;
  const Region& main_;
  std::vector<bool> reached_, needed_;
  std::vector<std::pair<NodeId, std::vector<ValueId>>> operands_;
};

}  // namespace

void CheckModel(const Graph& graph, const CheckOptions& options, DiagSink* sink) { Checker(graph, sink).Run(options); }

}  // namespace godwit
