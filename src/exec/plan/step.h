// What a plan is made of: slots (places for values) and steps (work on them), run in order.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/threads.h"
#include "exec/kernels/binary.h"
#include "exec/kernels/unary.h"
#include "exec/region_runner.h"
#include "ir/graph.h"

namespace godwit::plan {

using SlotId = Id<struct SlotTag>;

/// How a value lies in memory: in row-major order, or with its channels in blocks of 16, [image][block][spatial][16].
enum class Layout : uint8_t {
  kPlain,
  kBlocked,      ///< channels are axis 1
  kBlockedLast,  ///< channels are the last axis
};

struct Slot {
  enum class Kind : uint8_t {
    kInput,     ///< the caller's memory
    kConstant,  ///< held by the plan
    kArena,     ///< a range of the arena while it is alive
    kOutput,    ///< made anew for each run
    kDynamic,   ///< size or kind known only when run: whatever a kernel returns
  };
  Kind kind = Kind::kDynamic;
  DType dtype = DType::kNone;
  Dims dims;  ///< logical, whatever the layout
  Layout layout = Layout::kPlain;
  int64_t bytes = 0;
  SlotId alias_of;  ///< shares the memory of that slot, which has no alias itself
  Tensor constant;
  ValueId value;       ///< that it holds, where it stands for one of the graph
  int64_t offset = 0;  ///< kArena
};

/// The memory of one run.
class Frame {
 public:
  template <class T>
  const T* In(SlotId id) const {
    return reinterpret_cast<const T*>(memory_[id.index]);
  }
  template <class T>
  T* Out(SlotId id) {
    return reinterpret_cast<T*>(memory_[id.index]);
  }
  /// The slot as a value: a view of its memory, or what a kernel returned.
  [[nodiscard]] RtValue Value(SlotId id) const;
  Status SetDynamic(SlotId id, RtValue value);
  [[nodiscard]] bool IsDynamic(SlotId id) const { return (*slots_)[id.index].kind == Slot::Kind::kDynamic; }

  ThreadPool* threads = nullptr;
  RegionRunner* regions = nullptr;

 private:
  friend class Executable;
  const std::vector<Slot>* slots_ = nullptr;
  std::vector<std::byte*> memory_;
  std::vector<RtValue> dynamic_;
  std::byte* arena_ = nullptr;
  int64_t arena_bytes_ = 0;
};

/// How an operand lies over a dense result.
enum class Access : uint8_t {
  kFull,      ///< an element for each of the result's
  kScalar,    ///< one element
  kPeriodic,  ///< repeats every `period` elements
};
struct FusedBinary {
  kernels::BinaryOp op = kernels::BinaryOp::kAdd;
  SlotId other;
  Access access = Access::kFull;
  int64_t period = 0;    ///< of kPeriodic
  bool swapped = false;  ///< f(other, y)
};

class Step {
 public:
  virtual ~Step() = default;
  virtual Status Run(Frame& frame) const = 0;
  /// For profiles: "conv 3x3 + relu".
  [[nodiscard]] virtual std::string Label() const = 0;

  // Fusion of what follows into this step, where the step can take it; the result keeps the bits of separate steps.
  virtual bool FuseUnary(const kernels::Unary&) { return false; }
  /// y + r, with r in the layout of y.
  virtual bool FuseResidual(SlotId) { return false; }
  /// f(y, other) or f(other, y), elementwise.
  virtual bool FuseBinary(const FusedBinary&) { return false; }
  /// y + b, with b one value for each index of the last axis (plain) or of the channels (blocked).
  virtual bool FuseBias(SlotId) { return false; }

  std::vector<SlotId> reads;  ///< absent operands are invalid ids
  std::vector<SlotId> writes;
  NodeId node;                ///< the source node it does the work of (the last one, where several were fused)
  std::vector<NodeId> fused;  ///< the others
  size_t position = 0;        ///< in the list of steps, while the plan is made
};

}  // namespace godwit::plan
