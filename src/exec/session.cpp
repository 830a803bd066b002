#include "exec/session.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"

namespace godwit {

struct Session::Cached {
  std::vector<Type> types;
  std::unique_ptr<plan::Executable> executable;
  PlanStats stats;
};

namespace {
// Plans for this many combinations of input sizes are kept; the oldest goes first.
constexpr size_t kMaxPlans = 4;
}  // namespace

Session::Session(const Graph& graph, SessionOptions options)
    : graph_(graph),
      options_(options),
      facts_(graph),
      widening_(EffectivePrecision(graph, options.precision)),
      threads_(options.threads),
      runner_(facts_, options.run, &widening_),
      region_plans_(facts_, &widening_, &threads_) {
  if (!options.reference) runner_.SetExecutor(&region_plans_);
}
Session::~Session() = default;

Result<Session::Cached*> Session::PlanFor(const std::vector<RtValue>& inputs) {
  const Region& main = graph_.region(Graph::main());
  std::vector<Type> types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    types.push_back(inputs[i].is_tensor() ? Type(inputs[i].tensor.type()) : graph_.value(main.params[i]).type);
  }
  for (const auto& plan : plans_) {
    if (plan->types == types) return plan.get();
  }
  const auto start = std::chrono::steady_clock::now();
  auto cached = std::make_unique<Cached>();
  cached->types = types;
  TRY(Specialised specialised, Specialise(graph_, types, &widening_));
  cached->stats.folded_nodes = specialised.folded_nodes;
  plan::PlanOptions plan_options;
  plan_options.lower = !options_.reference;
  TRY(cached->executable, plan::Executable::Build(facts_, std::move(specialised), plan_options, &widening_));
  cached->stats.arena_bytes = cached->executable->arena_bytes();
  cached->stats.constant_bytes = cached->executable->constant_bytes();
  cached->stats.steps = cached->executable->step_count();
  cached->stats.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (plans_.size() == kMaxPlans) plans_.erase(plans_.begin());
  plans_.push_back(std::move(cached));
  return plans_.back().get();
}

Status Session::Prepare(const std::vector<RtValue>& inputs) {
  std::vector<RtValue> wide;
  for (const RtValue& v : inputs) {
    TRY(RtValue w, widening_.Map(v));
    wide.push_back(std::move(w));
  }
  TRY(Cached * plan, PlanFor(wide));
  stats_ = plan->stats;
  return Ok{};
}

Status CheckInput(const Graph& graph, size_t index, const RtValue& value,
                  std::vector<std::pair<std::string, int64_t>>* symbols) {
  const ValueId id = graph.region(Graph::main()).params[index];
  const Value& param = graph.value(id);
  const Type& type = param.type;
  if (value.absent()) {
    return Diag(diag::kExecInput, Concat("input '", param.name, "' is not given"))
        .Hint(Concat("--sample ", param.name, "=FILE.npy"));
  }
  if (!type.is_tensor() || !value.is_tensor()) return Ok{};
  const Tensor& t = value.tensor;
  const auto mismatch = [&](std::string_view why) {
    return Diag(diag::kExecInput, Concat("input '", param.name, "' is ", type.ToString(), ", but the value given is ",
                                         Name(t.dtype()), ToString(t.dims()), why));
  };
  if (type.dtype() != DType::kNone && t.dtype() != type.dtype()) return mismatch("");
  if (!type.ranked()) return Ok{};
  if (t.rank() != type.rank()) return mismatch("");
  for (int i = 0; i < t.rank(); ++i) {
    const Dim& d = type.shape()[static_cast<size_t>(i)];
    if (d.is_static() && d.value() != t.dim(i)) return mismatch("");
    if (auto name = d.symbol(); name && symbols != nullptr) {
      bool seen = false;
      for (const auto& [symbol, size] : *symbols) {
        if (symbol != *name) continue;
        seen = true;
        if (size != t.dim(i)) return mismatch(fmt::format("; dim '{}' was {} before", symbol, size));
      }
      if (!seen) symbols->emplace_back(*name, t.dim(i));
    }
  }
  return Ok{};
}

Result<std::vector<RtValue>> Session::Run(std::vector<RtValue> inputs, std::vector<plan::StepTime>* profile) {
  const size_t wanted = graph_.region(Graph::main()).params.size();
  if (inputs.size() != wanted) {
    return Diag(diag::kExecInput, fmt::format("the model has {} inputs, {} values were given", wanted, inputs.size()));
  }
  std::vector<std::pair<std::string, int64_t>> symbols;
  for (size_t i = 0; i < inputs.size(); ++i) {
    RETURN_IF_ERROR(CheckInput(graph_, i, inputs[i], &symbols));
    TRY(inputs[i], widening_.Map(std::move(inputs[i])));
  }
  TRY(Cached * plan, PlanFor(inputs));
  stats_ = plan->stats;
  runner_.Reset();
  TRY(std::vector<RtValue> results, plan->executable->Run(inputs, &threads_, &runner_, profile));
  const Region& main = graph_.region(Graph::main());
  for (size_t i = 0; i < results.size(); ++i) {
    if (!main.results[i]) continue;
    TRY(results[i], widening_.Leave(std::move(results[i]), graph_.value(main.results[i]).type));
  }
  return results;
}

}  // namespace godwit
