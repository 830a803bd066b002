#include "exec/plan/executable.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "exec/plan/arena.h"

namespace godwit::plan {

RtValue Frame::Value(SlotId id) const {
  if (!id) return {};
  const Slot& slot = (*slots_)[id.index];
  if (slot.kind == Slot::Kind::kDynamic) return dynamic_[id.index];
  if (slot.kind == Slot::Kind::kConstant) return RtValue(slot.constant);
  return RtValue(Tensor(slot.dtype, slot.dims, memory_[id.index], nullptr));
}

namespace {

// A kernel may return one of its operands, or a view of it. What lies in memory that is reused is copied out.
Status Own(RtValue* value) {
  if (value->is_tensor()) {
    if (value->tensor.owner() || value->tensor.bytes() == 0) return Ok{};
    TRY(Tensor copy, Tensor::Make(value->tensor.dtype(), value->tensor.dims()));
    std::memcpy(copy.mutable_raw(), value->tensor.raw(), copy.bytes());
    *value = RtValue(std::move(copy));
  } else if (value->kind == RtValue::Kind::kSequence) {
    std::vector<RtValue> elements = *value->sequence;
    for (RtValue& e : elements) RETURN_IF_ERROR(Own(&e));
    *value = RtValue::Sequence(std::move(elements));
  }
  return Ok{};
}

}  // namespace

Status Frame::SetDynamic(SlotId id, RtValue value) {
  RETURN_IF_ERROR(Own(&value));
  memory_[id.index] = value.is_tensor() ? const_cast<std::byte*>(value.tensor.raw()) : nullptr;
  dynamic_[id.index] = std::move(value);
  return Ok{};
}

Executable::~Executable() = default;

void Executable::PlanMemory() {
  std::vector<ArenaItem> items;
  std::vector<int64_t> item_of(slots_.size(), -1);
  const auto root = [&](SlotId id) { return slots_[id.index].alias_of ? slots_[id.index].alias_of : id; };
  for (size_t s = 0; s < steps_.size(); ++s) {
    const auto touch = [&](SlotId id) {
      if (!id) return;
      const SlotId r = root(id);
      if (slots_[r.index].kind != Slot::Kind::kArena) return;
      int64_t& item = item_of[r.index];
      if (item < 0) {
        item = static_cast<int64_t>(items.size());
        items.push_back({slots_[r.index].bytes, static_cast<int64_t>(s), static_cast<int64_t>(s), 0});
      }
      items[static_cast<size_t>(item)].last = static_cast<int64_t>(s);
    };
    for (SlotId id : steps_[s]->reads) touch(id);
    for (SlotId id : steps_[s]->writes) touch(id);
  }
  for (SlotId id : outputs_) {
    if (id && item_of[root(id).index] >= 0) {
      items[static_cast<size_t>(item_of[root(id).index])].last = static_cast<int64_t>(steps_.size());
    }
  }
  arena_bytes_ = PlanArena(&items);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (item_of[i] >= 0) slots_[i].offset = items[static_cast<size_t>(item_of[i])].offset;
  }
  for (Slot& slot : slots_) {
    if (slot.alias_of) slot.offset = slots_[slot.alias_of.index].offset;
    if (slot.kind == Slot::Kind::kConstant && !slot.alias_of) {
      constant_bytes_ += static_cast<int64_t>(slot.constant.bytes());
    }
  }
}

// What is the same for all runs: the arena, and where constants lie.
Status Executable::PrepareFrame() {
  if (arena_) return Ok{};
  const size_t bytes = static_cast<size_t>(std::max<int64_t>(arena_bytes_, kArenaAlignment));
  arena_ = std::shared_ptr<std::byte>(static_cast<std::byte*>(std::aligned_alloc(kArenaAlignment, bytes)),
                                      [](std::byte* p) { std::free(p); });
  if (!arena_) return Diag(diag::kLimitExceeded, "there is not enough memory for the model's activations");
  frame_.slots_ = &slots_;
  frame_.memory_.resize(slots_.size(), nullptr);
  frame_.dynamic_.resize(slots_.size());
  results_.resize(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.alias_of) continue;
    if (slot.kind == Slot::Kind::kArena) frame_.memory_[i] = arena_.get() + slot.offset;
    if (slot.kind == Slot::Kind::kConstant) frame_.memory_[i] = const_cast<std::byte*>(slot.constant.raw());
    if (slot.kind == Slot::Kind::kOutput) made_.push_back(static_cast<uint32_t>(i));
  }
  return Ok{};
}

Status Executable::BindFrame(const std::vector<RtValue>& inputs) {
  for (const uint32_t i : made_) {
    TRY(results_[i], Tensor::Make(slots_[i].dtype, slots_[i].dims));
    frame_.memory_[i] = results_[i].mutable_raw();
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i]) continue;
    const size_t slot = inputs_[i].index;
    frame_.memory_[slot] = inputs[i].is_tensor() ? const_cast<std::byte*>(inputs[i].tensor.raw()) : nullptr;
    if (slots_[slot].kind == Slot::Kind::kDynamic) frame_.dynamic_[slot] = inputs[i];
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].alias_of) frame_.memory_[i] = frame_.memory_[slots_[i].alias_of.index];
  }
  return Ok{};
}

Result<std::vector<RtValue>> Executable::Run(const std::vector<RtValue>& inputs, ThreadPool* threads,
                                             RegionRunner* regions, std::vector<StepTime>* profile) {
  RETURN_IF_ERROR(PrepareFrame());
  RETURN_IF_ERROR(BindFrame(inputs));
  frame_.threads = threads;
  frame_.regions = regions;

  using Clock = std::chrono::steady_clock;
  for (const auto& step : steps_) {
    const auto start = profile ? Clock::now() : Clock::time_point();
    Status status = step->Run(frame_);
    if (!status.ok()) {
      NameNode(facts_.graph, step->node, &status.diag());
      return status.TakeDiag();
    }
    if (profile) {
      profile->push_back({step->Label(), step->node, std::chrono::duration<double>(Clock::now() - start).count()});
    }
  }

  std::vector<RtValue> results;
  for (SlotId id : outputs_) {
    if (!id) {
      results.emplace_back();
      continue;
    }
    const Slot& slot = slots_[id.index];
    if (slot.kind == Slot::Kind::kOutput && !slot.alias_of) {
      results.emplace_back(results_[id.index]);
      continue;
    }
    RtValue value = frame_.Value(id);
    // An input that is handed on needs no copy where its owner is known.
    for (size_t i = 0; i < inputs_.size() && slot.kind == Slot::Kind::kInput; ++i) {
      if (inputs_[i] == id) value = inputs[i];
    }
    RETURN_IF_ERROR(Own(&value));
    results.push_back(std::move(value));
  }
  for (const uint32_t i : made_) results_[i] = Tensor();
  for (RtValue& value : frame_.dynamic_) value = RtValue();
  return results;
}

}  // namespace godwit::plan
