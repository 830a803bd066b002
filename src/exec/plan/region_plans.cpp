#include "exec/plan/region_plans.h"

#include <cstring>

#include "ops/ops.h"

namespace godwit::plan {

namespace {

// Plans of one region that are kept; the oldest goes first.
constexpr size_t kMaxPlans = 4;
// A plan costs more than a run node by node. A region that never meets the same sizes twice gets this many.
constexpr int kPlansWithoutUse = 8;
// Captured integers of at most this many elements are taken as part of the plan: they are shapes and indices.
constexpr int64_t kMaxShapeLike = 16;
// Making a plan takes time for each value of the graph: what many regions of a large graph cost is bounded.
constexpr size_t kMaxWork = size_t{1} << 30;

bool IsShapeLike(const RtValue& value) {
  if (!value.is_tensor() || value.tensor.size() > kMaxShapeLike) return false;
  const DType dtype = value.tensor.dtype();
  return dtype == DType::kI64 || dtype == DType::kI32 || dtype == DType::kBool;
}

// A copy of its own: the operand may lie in memory that is reused.
RtValue Copy(const RtValue& value) {
  Tensor t(value.tensor.dtype(), value.tensor.dims());
  if (t.bytes() > 0) std::memcpy(t.mutable_raw(), value.tensor.raw(), t.bytes());
  return RtValue(std::move(t));
}

}  // namespace

struct RegionPlans::Plan {
  std::vector<Type> types;
  std::vector<RtValue> known;  ///< by input: contents that the plan relies on; absent elsewhere
  std::unique_ptr<Executable> executable;
};

struct RegionPlans::RegionState {
  std::vector<ValueId> captures;
  std::vector<std::unique_ptr<Plan>> plans;
  int budget = kPlansWithoutUse;
  bool contents_vary = false;  ///< captured integers differ from run to run
  bool failed = false;         ///< no plan can be made: the runner says why
};

RegionPlans::RegionPlans(const GraphFacts& facts, Widening* widening, ThreadPool* threads)
    : facts_(facts), widening_(widening), threads_(threads) {}
RegionPlans::~RegionPlans() = default;

RegionPlans::RegionState& RegionPlans::StateOf(RegionId id) {
  std::unique_ptr<RegionState>& state = states_[id.index];
  if (!state) {
    state = std::make_unique<RegionState>();
    state->captures = facts_.Captures(facts_.graph.region(id).owner);
    state->failed = facts_.graph.region_count() * facts_.graph.value_count() > kMaxWork;
  }
  return *state;
}

RegionPlans::Plan* RegionPlans::PlanFor(RegionState& state, RegionId id, const std::vector<RtValue>& inputs,
                                        size_t params) {
  const Region& region = facts_.graph.region(id);
  auto plan = std::make_unique<Plan>();
  std::vector<RegionInput> given;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ValueId v = i < params ? region.params[i] : state.captures[i - params];
    const Type type =
        inputs[i].is_tensor() ? Type(inputs[i].tensor.type()) : widening_->Map(facts_.graph.value(v).type);
    plan->types.push_back(type);
    given.push_back({v, type, {}});
  }
  bool same_types = false;
  for (const auto& old : state.plans) {
    if (old->types != plan->types) continue;
    bool same = true;
    for (size_t i = 0; i < inputs.size() && same; ++i) {
      same = old->known[i].absent() || Identical(old->known[i].tensor, inputs[i].tensor);
    }
    if (same) {
      state.budget = kPlansWithoutUse;
      return old.get();
    }
    same_types = true;
  }
  if (state.failed || state.budget == 0) return nullptr;
  --state.budget;
  // Once contents have changed under the same types, plans do without them.
  state.contents_vary = state.contents_vary || same_types;
  plan->known.resize(inputs.size());
  for (size_t i = params; i < inputs.size() && !state.contents_vary; ++i) {
    if (IsShapeLike(inputs[i])) plan->known[i] = given[i].known = Copy(inputs[i]);
  }
  auto specialised = SpecialiseRegion(facts_.graph, id, given, widening_);
  if (specialised.ok()) {
    auto built = Executable::Build(facts_, *std::move(specialised), {}, widening_);
    if (built.ok()) plan->executable = *std::move(built);
  }
  if (!plan->executable) {
    state.failed = true;
    return nullptr;
  }
  if (state.plans.size() == kMaxPlans) state.plans.erase(state.plans.begin());
  state.plans.push_back(std::move(plan));
  return state.plans.back().get();
}

Result<std::optional<std::vector<RtValue>>> RegionPlans::Run(RegionRunner& runner, RegionId id,
                                                             std::vector<RtValue>& params) {
  std::optional<std::vector<RtValue>> out;
  RegionState& state = StateOf(id);
  const size_t wanted = facts_.graph.region(id).params.size();
  if (params.size() < wanted) return out;
  std::vector<RtValue> inputs(params.begin(), params.begin() + static_cast<int64_t>(wanted));
  for (ValueId v : state.captures) inputs.push_back(runner.ValueOf(v));
  Plan* plan = PlanFor(state, id, inputs, wanted);
  if (plan == nullptr) return out;
  RETURN_IF_ERROR(runner.CountSteps(static_cast<int64_t>(plan->executable->step_count()) + 1));
  TRY(out, plan->executable->Run(inputs, threads_, &runner));
  return out;
}

}  // namespace godwit::plan
