#include "verify/source_noise.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "ir/walk.h"
#include "ops/arithmetic.h"
#include "ops/ops.h"
#include "verify/measure.h"
#include "verify/stored_biases.h"

namespace godwit {

namespace {

// Runs in f64 for at most this many samples that need it.
constexpr int kWideRuns = 3;
// Tolerance in units of what a model in integers is off from what it stands for: between integers and what they stand
// for there is one arithmetic, not two.
constexpr double kStepsFactor = 1.5;

bool HasSteps(const Graph& graph, NodeId id) { return graph.node(id).attrs.Has(ops::kArithmetic); }

// Halves away from zero, as runtimes of integers round, where floats go to even.
bool RoundsAway(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  return node.op == &ops::kQuantize && node.attrs.Str("rounding", "even") != "even";
}

}  // namespace

// A model that computes in integers is off from what it stands for by its steps, not by the rounding of floats: its
// noise is told by the same operators in real numbers.
SourceNoise::SourceNoise(const Graph* source, const Graph& written, double factor, uint64_t seed)
    : source_(source), factor_(factor), seed_(seed), wide_runs_left_(kWideRuns) {
  const std::vector<NodeId> nodes = NodesWithin(*source), written_nodes = NodesWithin(written);
  const auto any = [](const Graph& graph, const std::vector<NodeId>& of, bool (*is)(const Graph&, NodeId)) {
    return std::any_of(of.begin(), of.end(), [&](NodeId id) { return is(graph, id); });
  };
  quantised_ = any(*source, nodes, HasSteps);
  const bool written_has = any(written, written_nodes, HasSteps);
  judged_in_reals_ = quantised_ && !written_has;
  const bool rounds_else = !any(*source, nodes, RoundsAway) && any(written, written_nodes, RoundsAway);
  written_in_integers_ = !quantised_ && (written_has || rounds_else);
  if (!quantised_ && !written_in_integers_) return;
  plain_ = quantised_ ? source->Clone() : written.Clone();
  for (const NodeId id : NodesWithin(plain_)) {
    if (written_in_integers_ && rounds_else && RoundsAway(plain_, id)) plain_.node(id).attrs.Erase("rounding");
    if (HasSteps(plain_, id)) plain_.node(id).attrs.Erase(ops::kArithmetic);
  }
}

double SourceNoise::factor() const { return quantised_ ? std::min(factor_, kStepsFactor) : factor_; }

std::unique_ptr<ModelRunner> SourceNoise::Runner(const Graph& graph, Precision precision) const {
  SessionOptions options;
  options.threads = threads_;
  options.precision = precision;
  options.run.seed = seed_;
  return std::make_unique<ModelRunner>(graph, options);
}

const std::vector<double>* SourceNoise::Of(int index, const Values& inputs, const Values& reference) {
  if (noise_.sample == index) return &noise_.values;
  if (wide_runs_left_ == 0) return nullptr;
  --wide_runs_left_;
  if (wide_session_ == nullptr) wide_session_ = Runner(quantised_ ? plain_ : *source_, Precision::kDouble);
  const auto wide = wide_session_->Run(inputs);
  if (!wide.ok()) {
    failure_ = Concat("the source's noise could not be measured: ", wide.diag().what);
    wide_runs_left_ = 0;
    return nullptr;
  }
  noise_.sample = index;
  noise_.values.assign(reference.size(), -1);
  for (size_t i = 0; i < reference.size(); ++i) {
    Meter meter(false);
    const Deviation d = meter.Add(reference[i], (*wide)[i]);
    if (d.mismatch.empty()) noise_.values[i] = d.worst;
    // Held to real numbers, it may be off by as much as these are: f32 takes other steps than f64 here and there.
    const RtValue* real = judged_in_reals_ ? InReals(index, inputs, i) : nullptr;
    if (real == nullptr) continue;
    const Deviation own = meter.Add(*real, (*wide)[i]);
    const double part = own.worst * factor_ / factor();
    if (own.mismatch.empty()) noise_.values[i] = std::max(noise_.values[i], part);
  }
  return &noise_.values;
}

const RtValue* SourceNoise::InReals(int index, const Values& inputs, size_t output) {
  if (reals_of_ != index) {
    reals_of_ = index;
    reals_.clear();
    if (plain_session_ == nullptr) plain_session_ = Runner(plain_, Precision::kSingle);
    if (auto run = plain_session_->Run(inputs); run.ok()) reals_ = *std::move(run);
  }
  return output < reals_.size() ? &reals_[output] : nullptr;
}

const RtValue* SourceNoise::WithStoredBiases(int index, const Values& inputs, size_t output) {
  if (!written_in_integers_) return nullptr;
  if (biased_of_ != index) {
    if (biased_of_ < 0) stepped_ = StoredBiases(*source_);
    biased_of_ = index;
    biased_.clear();
    if (!stepped_) return nullptr;
    if (stepped_session_ == nullptr) stepped_session_ = Runner(*stepped_, Precision::kSingle);
    if (auto run = stepped_session_->Run(inputs); run.ok()) biased_ = *std::move(run);
  }
  return output < biased_.size() ? &biased_[output] : nullptr;
}

// Inputs changed by the last digit of f32, those near 0 by that of numbers around 1.
const std::vector<double>* SourceNoise::Sensitivity(int index, ModelRunner* source, const Values& inputs,
                                                    const Values& reference) {
  if (moved_.sample == index) return &moved_.values;
  Values near = inputs;
  bool changed = false;
  for (RtValue& value : near) {
    if (!value.is_tensor() || value.tensor.dtype() != DType::kF32) continue;
    Tensor tensor(DType::kF32, value.tensor.dims());
    const float* from = value.tensor.data<float>();
    auto* to = tensor.mutable_data<float>();
    for (int64_t i = 0; i < tensor.size(); ++i) {
      const float step = 0x1p-23F * std::max(1.0F, std::fabs(from[i]));
      // Up and down in no order that a model knows.
      const bool up = (static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ULL >> 60 & 1) != 0;
      to[i] = from[i] + (up ? step : -step);
    }
    value = RtValue(std::move(tensor));
    changed = true;
  }
  if (!changed) return nullptr;
  const auto run = source->Run(near);
  if (!run.ok()) return nullptr;
  moved_.sample = index;
  moved_.values.assign(reference.size(), -1);
  for (size_t i = 0; i < reference.size(); ++i) {
    Meter meter(false);
    const Deviation d = meter.Add((*run)[i], reference[i]);
    if (d.mismatch.empty()) moved_.values[i] = d.worst;
  }
  return &moved_.values;
}

}  // namespace godwit
