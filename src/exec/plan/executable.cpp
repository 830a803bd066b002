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

Result<std::vector<RtValue>> Executable::Run(const std::vector<RtValue>& inputs, ThreadPool* threads,
                                             const RunOptions& options, std::vector<StepTime>* profile) {
  if (!arena_) {
    const size_t bytes = static_cast<size_t>(std::max<int64_t>(arena_bytes_, kArenaAlignment));
    arena_ = std::shared_ptr<std::byte>(static_cast<std::byte*>(std::aligned_alloc(kArenaAlignment, bytes)),
                                        [](std::byte* p) { std::free(p); });
    if (!arena_) return Diag(diag::kLimitExceeded, "there is not enough memory for the model's activations");
  }
  if (!regions_) regions_ = std::make_unique<RegionRunner>(facts_, options, widening_);
  regions_->Reset();

  Frame frame;
  frame.slots_ = &slots_;
  frame.threads = threads;
  frame.regions = regions_.get();
  frame.arena_ = arena_.get();
  frame.arena_bytes_ = arena_bytes_;
  frame.memory_.resize(slots_.size(), nullptr);
  frame.dynamic_.resize(slots_.size());

  std::vector<RtValue> made(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.alias_of) continue;
    switch (slot.kind) {
      case Slot::Kind::kArena: frame.memory_[i] = arena_.get() + slot.offset; break;
      case Slot::Kind::kConstant: frame.memory_[i] = const_cast<std::byte*>(slot.constant.raw()); break;
      case Slot::Kind::kOutput: {
        TRY(Tensor t, Tensor::Make(slot.dtype, slot.dims));
        frame.memory_[i] = t.mutable_raw();
        made[i] = RtValue(std::move(t));
        break;
      }
      default: break;
    }
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i]) continue;
    const size_t slot = inputs_[i].index;
    if (slots_[slot].kind == Slot::Kind::kDynamic) {
      frame.dynamic_[slot] = inputs[i];
      frame.memory_[slot] = inputs[i].is_tensor() ? const_cast<std::byte*>(inputs[i].tensor.raw()) : nullptr;
    } else {
      frame.memory_[slot] = const_cast<std::byte*>(inputs[i].tensor.raw());
    }
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].alias_of) frame.memory_[i] = frame.memory_[slots_[i].alias_of.index];
  }

  using Clock = std::chrono::steady_clock;
  for (const auto& step : steps_) {
    const auto start = profile ? Clock::now() : Clock::time_point();
    Status status = step->Run(frame);
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
    const Slot& slot = slots_[id.index];
    if (slot.kind == Slot::Kind::kOutput && !slot.alias_of) {
      results.push_back(made[id.index]);
      continue;
    }
    RtValue value = frame.Value(id);
    RETURN_IF_ERROR(Own(&value));
    results.push_back(std::move(value));
  }
  return results;
}

}  // namespace godwit::plan
