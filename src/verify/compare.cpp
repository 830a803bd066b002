#include "verify/compare.h"

#include <algorithm>

#include "base/text.h"
#include "ir/state.h"
#include "ir/walk.h"
#include "rewrite/match.h"
#include "rewrite/ports.h"

namespace godwit {

namespace {

bool Compatible(const Type& a, const Type& b) {
  if (a.kind() != b.kind()) return a.is_unknown() || b.is_unknown();
  if (!a.is_tensor()) return true;
  if (a.dtype() != b.dtype() && a.dtype() != DType::kNone && b.dtype() != DType::kNone) return false;
  if (!a.ranked() || !b.ranked()) return true;
  if (a.rank() != b.rank()) return false;
  for (size_t i = 0; i < a.shape().size(); ++i) {
    const Dim &x = a.shape()[i], &y = b.shape()[i];
    if (x.is_static() && y.is_static() && x.value() != y.value()) return false;
  }
  return true;
}

// The same dims in another order.
bool IsPermuted(const Type& a, const Type& b) {
  if (!a.ranked() || !b.ranked() || a.rank() != b.rank() || a.shape() == b.shape()) return false;
  std::vector<std::string> x, y;
  for (const Dim& d : a.shape()) x.push_back(d.ToString());
  for (const Dim& d : b.shape()) y.push_back(d.ToString());
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  return x == y;
}

struct Port {
  std::string name;
  Type type;
};
std::vector<Port> InputsOf(const Graph& graph) {
  std::vector<Port> out;
  for (const ValueId id : graph.region(Graph::main()).params) {
    out.push_back({graph.value(id).name, graph.value(id).type});
  }
  return out;
}
std::vector<Port> OutputsOf(const Graph& graph) {
  std::vector<Port> out;
  const std::vector<ValueId>& results = graph.region(Graph::main()).results;
  for (size_t i = 0; i < results.size(); ++i) out.push_back({graph.output_names[i], graph.value(results[i]).type});
  return out;
}

const Port* Find(const std::vector<Port>& ports, const std::string& name) {
  const auto it = std::find_if(ports.begin(), ports.end(), [&](const Port& p) { return p.name == name; });
  return it == ports.end() ? nullptr : &*it;
}

std::string List(const std::vector<Port>& ports) {
  std::string out;
  for (const Port& p : ports) {
    out += Concat(out.empty() ? "'" : ", '", Printable(p.name, 100), "' ", p.type.ToString());
  }
  return out.empty() ? "none" : out;
}

Diag Disagree(std::string_view what, const Port& ours, const Port& theirs) {
  Diag d(diag::kCompareInterface, Concat(what, " '", Printable(ours.name, 200), "' is ", ours.type.ToString(),
                                         " in the reference and ", theirs.type.ToString(), " in the other model"));
  d.hint = IsPermuted(ours.type, theirs.type) ? "the other model has another layout: compare it in the reference's"
                                              : "--shape NAME=1,3,224,224 fixes dims that are open";
  return d;
}

// Whether all of `theirs` stand at the places of `ours` under other names.
bool FitByPlace(const std::vector<Port>& ours, const std::vector<Port>& theirs) {
  if (ours.size() != theirs.size()) return false;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (Find(ours, theirs[i].name) != nullptr || !Compatible(ours[i].type, theirs[i].type)) return false;
  }
  return true;
}

// What was matched by place, for people and for a judge that reads the file itself.
struct Alignment {
  std::vector<std::string> notes;
  std::map<std::string, std::string> renamed;             // the other model's names by the reference's
  std::map<std::string, std::vector<int64_t>> reordered;  // how its ports lie, by the reference's names
};

// The order of `theirs` that makes it fit `ours`: channels last there or first; empty where it fits, or none does.
std::vector<int64_t> FittingOrder(const Type& ours, const Type& theirs) {
  if (Compatible(ours, theirs) || !ours.ranked() || !theirs.ranked() || ours.rank() != theirs.rank()) return {};
  const std::vector<int64_t> last = ToChannelsLast(ours.rank());
  if (last.empty()) return {};
  for (const std::vector<int64_t>& perm : {last, Inverse(last)}) {
    Type moved = theirs;
    for (size_t k = 0; k < perm.size(); ++k) {
      moved.tensor().shape[k] = theirs.shape()[static_cast<size_t>(perm[k])];
    }
    if (Compatible(ours, moved)) return perm;
  }
  return {};
}

// The reference's port for port `i` of the other model.
const Port* TwinOf(const std::vector<Port>& ours, const std::vector<Port>& theirs, size_t i) {
  if (const Port* named = Find(ours, theirs[i].name)) return named;
  return ours.size() == theirs.size() ? &ours[i] : nullptr;
}

bool WantsReal(const Type& ours, const Type& theirs) {
  return ours.is_tensor() && IsFloat(ours.dtype()) && theirs.is_tensor() && theirs.tensor().quant != nullptr;
}

// States that only the other model keeps begin with what they hold first, and are no ports.
Status HoldStates(const Graph& reference, Graph* other, Alignment* out) {
  const std::vector<Port> ours = InputsOf(reference);
  TRY(const std::vector<StateSlot> states, StatesOf(*other));
  if (InputsOf(*other).size() == ours.size()) return Ok{};
  int64_t held = 0;
  for (const StateSlot& slot : states) {
    if (Find(ours, slot.input) != nullptr || !slot.initial.valid()) continue;
    DropState(slot, other);
    ++held;
  }
  if (held > 0) {
    out->notes.push_back(
        Concat("states that only the other model keeps, and that hold their first contents: ", std::to_string(held)));
  }
  return Ok{};
}

// Hands the other model's ports over as the reference has them.
Status Harmonise(const Graph& reference, Graph* other, Alignment* out) {
  RETURN_IF_ERROR(HoldStates(reference, other, out));
  const std::vector<Port> our_inputs = InputsOf(reference), our_outputs = OutputsOf(reference);
  const std::vector<Port> inputs = InputsOf(*other), outputs = OutputsOf(*other);
  size_t real = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Port* twin = TwinOf(our_outputs, outputs, i);
    if (twin == nullptr) continue;
    if (WantsReal(twin->type, outputs[i].type)) {
      RETURN_IF_ERROR(DequantizeOutput(other, i));
      ++real;
    }
    const std::vector<int64_t> order = FittingOrder(twin->type, OutputsOf(*other)[i].type);
    if (order.empty()) continue;
    RETURN_IF_ERROR(ReorderOutput(other, i, order));
    out->reordered[twin->name] = Inverse(order);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port* twin = TwinOf(our_inputs, inputs, i);
    if (twin == nullptr) continue;
    const ValueId input = other->region(Graph::main()).params[i];
    if (WantsReal(twin->type, inputs[i].type)) {
      RETURN_IF_ERROR(DequantizeInput(other, input));
      ++real;
    }
    const std::vector<int64_t> order = FittingOrder(twin->type, other->value(input).type);
    if (order.empty()) continue;
    RETURN_IF_ERROR(ReorderInput(other, input, order));
    out->reordered[twin->name] = Inverse(order);
  }
  if (real > 0)
    out->notes.push_back("quantised inputs and outputs are compared as the real numbers that they stand for");
  if (!out->reordered.empty()) {
    std::string names;
    for (const auto& [name, order] : out->reordered) names += Concat(names.empty() ? "'" : ", '", name, "'");
    out->notes.push_back(Concat("the other model has its channels elsewhere: ", Printable(names, 300)));
  }
  return TopologicalSort(other, Graph::main());
}

Status AlignInputs(const Graph& reference, Graph* other, Alignment* out) {
  const std::vector<Port> ours = InputsOf(reference), theirs = InputsOf(*other);
  if (!theirs.empty() && FitByPlace(ours, theirs)) {
    for (size_t i = 0; i < ours.size(); ++i) {
      other->value(other->region(Graph::main()).params[i]).name = ours[i].name;
      out->renamed[ours[i].name] = theirs[i].name;
    }
    out->notes.push_back(Concat("inputs have other names and are matched by place: ", List(theirs)));
    return Ok{};
  }
  for (const Port& port : theirs) {
    const Port* twin = Find(ours, port.name);
    if (twin == nullptr) {
      return Diag(diag::kCompareInterface,
                  Concat("the other model takes ", List(theirs), "; the reference takes ", List(ours)));
    }
    if (!Compatible(twin->type, port.type)) return Disagree("input", *twin, port);
  }
  return Ok{};
}

Status AlignOutputs(Graph* reference, Graph* other, Alignment* out) {
  const std::vector<Port> ours = OutputsOf(*reference), theirs = OutputsOf(*other);
  if (FitByPlace(ours, theirs)) {
    other->output_names = reference->output_names;
    for (size_t i = 0; i < ours.size(); ++i) out->renamed[ours[i].name] = theirs[i].name;
    out->notes.push_back(Concat("outputs have other names and are matched by place: ", List(theirs)));
    return Ok{};
  }
  std::vector<Port> alone;
  Region& main = reference->region(Graph::main());
  std::vector<ValueId> results;
  std::vector<std::string> names;
  for (size_t i = 0; i < ours.size(); ++i) {
    const Port* twin = Find(theirs, ours[i].name);
    if (twin == nullptr) {
      alone.push_back(ours[i]);
      continue;
    }
    if (IsPermuted(ours[i].type, twin->type) && !Compatible(ours[i].type, twin->type)) {
      return Disagree("output", ours[i], *twin);
    }
    results.push_back(main.results[i]);
    names.push_back(ours[i].name);
  }
  if (results.empty()) {
    return Diag(diag::kCompareInterface,
                Concat("no outputs in common: the reference has ", List(ours), ", the other model ", List(theirs)));
  }
  if (!alone.empty()) {
    main.results = std::move(results);
    reference->output_names = std::move(names);
    out->notes.push_back(Concat("only the reference has the outputs ", List(alone)));
  }
  for (const Port& port : theirs) {
    if (Find(ours, port.name) == nullptr) {
      out->notes.push_back(Concat("only the other model has the output '", Printable(port.name, 100), "'"));
    }
  }
  return Ok{};
}

// Sizes that the other model has fixed are those at which both are run.
void TakeSizes(const Graph& other, Graph* reference) {
  std::map<std::string, int64_t> sizes;
  const std::vector<Port> theirs = InputsOf(other);
  const std::vector<ValueId> params = reference->region(Graph::main()).params;
  for (const ValueId id : params) {
    const Value& ours = reference->value(id);
    const Port* twin = Find(theirs, ours.name);
    if (twin == nullptr || !ours.type.ranked() || !twin->type.ranked() || ours.type.rank() != twin->type.rank())
      continue;
    for (size_t k = 0; k < ours.type.shape().size(); ++k) {
      const Dim &mine = ours.type.shape()[k], &fixed = twin->type.shape()[k];
      if (mine == Dim::Symbol(mine.ToString()) && fixed.is_static()) sizes.emplace(mine.ToString(), fixed.value());
    }
  }
  if (sizes.empty()) return;
  for (const ValueId id : params) {
    if (!reference->value(id).type.ranked()) continue;
    for (Dim& dim : reference->value(id).type.tensor().shape) {
      dim = dim.Substitute([&](const std::string& name) -> std::optional<Dim> {
        const auto at = sizes.find(name);
        return at == sizes.end() ? std::nullopt : std::optional<Dim>(at->second);
      });
    }
  }
}

}  // namespace

Result<Comparison> CompareModels(const Graph& reference, const Graph& other, const CompareOptions& options) {
  Graph ours = reference.Clone(), theirs = other.Clone();
  Alignment alignment;
  RETURN_IF_ERROR(Harmonise(ours, &theirs, &alignment));
  RETURN_IF_ERROR(AlignInputs(ours, &theirs, &alignment));
  RETURN_IF_ERROR(AlignOutputs(&ours, &theirs, &alignment));
  TakeSizes(theirs, &ours);
  Comparison out;
  ProofOptions proof = options.proof;
  proof.judged_names = std::move(alignment.renamed);
  proof.judged_orders = std::move(alignment.reordered);
  TRY(out.proof, Prove(ours, theirs, proof));
  out.proof.notes.insert(out.proof.notes.begin(), alignment.notes.begin(), alignment.notes.end());
  const bool wanted = options.layers || out.proof.verdict == Verdict::kDiffers;
  if (!wanted) return out;
  if (out.proof.worst_inputs.empty()) {
    out.layers_missing = out.proof.reason.empty() ? "the proof was cut" : out.proof.reason;
    return out;
  }
  LayerOptions layers;
  layers.threads = options.proof.threads;
  layers.floor = options.proof.floor;
  layers.noise_factor = options.proof.noise_factor;
  layers.pictures = options.pictures;
  auto compared = CompareLayers(ours, theirs, out.proof.worst_inputs, layers);
  if (compared.ok()) {
    out.layers = *std::move(compared);
  } else {
    out.layers_missing = compared.diag().what;
  }
  return out;
}

}  // namespace godwit
