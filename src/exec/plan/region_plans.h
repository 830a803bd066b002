// Plans for the regions of control flow, made when a region is run and kept for the sizes it is run with.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "exec/plan/executable.h"
#include "exec/region_runner.h"

namespace godwit::plan {

class RegionPlans final : public RegionExecutor {
 public:
  RegionPlans(const GraphFacts& facts, Widening* widening, ThreadPool* threads);
  ~RegionPlans() override;

  Result<std::optional<std::vector<RtValue>>> Run(RegionRunner& runner, RegionId id,
                                                  std::vector<RtValue>& params) override;

 private:
  struct Plan;
  struct RegionState;
  RegionState& StateOf(RegionId id);
  Plan* PlanFor(RegionState& state, RegionId id, const std::vector<RtValue>& inputs, size_t params);

  const GraphFacts& facts_;
  Widening* widening_;
  ThreadPool* threads_;
  std::unordered_map<uint32_t, std::unique_ptr<RegionState>> states_;
};

}  // namespace godwit::plan
