#include "verify/carried_states.h"

#include <algorithm>
#include <cmath>

#include "ir/convert.h"

namespace godwit {

size_t FindName(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::vector<std::string> InputNames(const Graph& graph) {
  std::vector<std::string> out;
  for (const ValueId id : graph.region(Graph::main()).params) out.push_back(graph.value(id).name);
  return out;
}

Status CarriedStates::Find(const Graph& source) {
  TRY(slots_, StatesOf(source));
  return Ok{};
}

void CarriedStates::PutInto(Values* inputs) const {
  for (const auto& [input, value] : left_) (*inputs)[input] = value;
}

void CarriedStates::Carry(const Graph& source, const Values& reference, const ProofOptions& options) {
  const std::vector<std::string> names = InputNames(source);
  for (const StateSlot& slot : slots_) {
    const size_t in = FindName(names, slot.input), out = FindName(source.output_names, slot.output);
    const auto stated = options.inputs.find(slot.input);
    if (in == names.size() || out >= reference.size() || !reference[out].is_tensor()) continue;
    if (stated != options.inputs.end() && (stated->second.ranged || !stated->second.value.absent())) continue;
    const DType dtype = source.value(source.region(Graph::main()).params[in]).type.dtype();
    const Tensor& left = reference[out].tensor;
    if (left.dtype() == dtype) {
      left_[in] = reference[out];
      continue;
    }
    // It is judged as the real numbers that it stands for.
    const auto quant = options.judged_quants.find(slot.output);
    if (quant == options.judged_quants.end() || quant->second->scales.size() != 1) continue;
    auto stored = Tensor::Make(dtype, left.dims());
    if (!stored.ok()) continue;
    const std::vector<double> real = ToF64(left);
    const std::vector<int64_t>& zeros = quant->second->zero_points;
    const int64_t zero = zeros.empty() ? 0 : zeros[0];
    for (size_t i = 0; i < real.size(); ++i) {
      const auto steps = static_cast<int64_t>(std::llround(real[i] / quant->second->scales[0]));
      StoreI64(dtype, steps + zero, stored->mutable_raw() + i * ByteSize(dtype));
    }
    left_[in] = RtValue(*std::move(stored));
  }
}

bool CarriedStates::TakeOwn(const Graph& written, const std::string& input, size_t place) {
  const auto states = StatesOf(written);
  if (!states.ok()) return false;
  for (const StateSlot& slot : *states) {
    if (slot.input != input || !slot.initial.valid()) continue;
    own_left_[place] = RtValue(slot.initial);
    own_slots_.push_back(slot);
    return true;
  }
  return false;
}

void CarriedStates::CarryOwn(const Graph& written, const Values& actual) {
  const std::vector<std::string> names = InputNames(written);
  for (const StateSlot& slot : own_slots_) {
    const size_t in = FindName(names, slot.input), out = FindName(written.output_names, slot.output);
    if (in < names.size() && out < actual.size()) own_left_[in] = actual[out];
  }
}

}  // namespace godwit
