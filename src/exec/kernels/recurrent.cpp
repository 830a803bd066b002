#include "exec/kernels/recurrent.h"

#include <algorithm>

#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/recurrent.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

enum class Gates { kRnn, kLstm, kGruReset, kGru, kGruLinear };

/// The operands of one row, a vector or the first lanes of one at a time.
template <class T>
class Row {
 public:
  using V = hn::Vec<Tag<T>>;

  HWY_INLINE Row(const GateArgs<T>& args, std::int64_t row)
      : n_(args.hidden),
        gates_(args.gates + row * args.gates_row),
        h_(args.h + row * n_),
        c_(args.c == nullptr ? nullptr : args.c + row * n_),
        y_(args.y == nullptr ? nullptr : args.y + row * args.y_row),
        product_(args.product == nullptr ? nullptr : args.product + row * n_),
        peephole_(args.peephole),
        flag_(args.flag),
        clips_(args.clip > T(0)),
        clip_(args.clip) {}

  template <Gates kind>
  HWY_INLINE void Run() {
    for (at_ = 0; at_ + kLanes <= n_; at_ += kLanes) {
      count_ = kLanes;
      Step<kind>();
    }
    count_ = n_ - at_;
    if (count_ > 0) Step<kind>();
  }

 private:
  static constexpr std::int64_t kLanes = LanesOf<T>();

  HWY_INLINE V Load(const T* from) const {
    const Tag<T> d;
    return count_ == kLanes ? hn::LoadU(d, from + at_) : LoadFirst(d, from + at_, count_);
  }
  HWY_INLINE void Store(V v, T* to) const {
    const Tag<T> d;
    if (count_ == kLanes)
      hn::StoreU(v, d, to + at_);
    else
      StoreFirst(v, d, to + at_, count_);
  }
  HWY_INLINE V Clip(V x) const {
    if (!clips_) return x;
    const Tag<T> d;
    return AtMost(d, hn::Set(d, clip_), AtLeast(d, hn::Set(d, -clip_), x));
  }
  HWY_INLINE V Gate(std::int64_t i) const { return Load(gates_ + i * n_); }
  HWY_INLINE V Peeped(std::int64_t gate, std::int64_t i, V c) const {
    const V sum = Gate(gate);
    return peephole_ == nullptr ? sum : hn::Add(sum, hn::Mul(Load(peephole_ + i * n_), c));
  }
  HWY_INLINE void StoreState(V h) const {
    Store(h, h_);
    if (y_ != nullptr) Store(h, y_);
  }
  HWY_INLINE void Blend(V z, V candidate) const {
    const V one = hn::Set(Tag<T>(), 1);
    StoreState(hn::Add(hn::Mul(hn::Sub(one, z), candidate), hn::Mul(z, Load(h_))));
  }

  template <Gates kind>
  HWY_INLINE void Step() const {
    const Tag<T> d;
    if constexpr (kind == Gates::kRnn) {
      const V sum = Clip(Gate(0));
      StoreState(flag_ ? AtLeast(d, hn::Zero(d), sum) : Tanh(sum));
    } else if constexpr (kind == Gates::kLstm) {
      const V old = Load(c_);
      const V i = Sigmoid(Clip(Peeped(0, 0, old)));
      const V f = flag_ ? hn::Sub(hn::Set(d, 1), i) : Sigmoid(Clip(Peeped(2, 2, old)));
      const V c = hn::Add(hn::Mul(f, old), hn::Mul(i, Tanh(Clip(Gate(3)))));
      Store(c, c_);
      StoreState(hn::Mul(Sigmoid(Clip(Peeped(1, 1, c))), Tanh(c)));
    } else if constexpr (kind == Gates::kGruReset) {
      Store(Sigmoid(Clip(Gate(0))), gates_);
      Store(hn::Mul(Sigmoid(Clip(Gate(1))), Load(h_)), product_);
    } else if constexpr (kind == Gates::kGru) {
      Blend(Gate(0), Tanh(Clip(Gate(2))));
    } else {
      const V reset = Sigmoid(Clip(Gate(1)));
      const V sum = hn::Add(Gate(2), hn::Mul(reset, Load(product_)));
      Blend(Sigmoid(Clip(Gate(0))), Tanh(Clip(sum)));
    }
  }

  std::int64_t n_, at_ = 0, count_ = 0;
  T* gates_;
  T* h_;
  T* c_;
  T* y_;
  T* product_;
  const T* peephole_;
  bool flag_, clips_;
  T clip_;
};

template <Gates kind, class T>
void Rows(const GateArgs<T>& args, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) Row<T>(args, row).template Run<kind>();
}

template <class T>
void AnyRows(int kind, const GateArgs<T>& args, std::int64_t begin, std::int64_t end) {
  switch (static_cast<Gates>(kind)) {
    case Gates::kRnn: return Rows<Gates::kRnn>(args, begin, end);
    case Gates::kLstm: return Rows<Gates::kLstm>(args, begin, end);
    case Gates::kGruReset: return Rows<Gates::kGruReset>(args, begin, end);
    case Gates::kGru: return Rows<Gates::kGru>(args, begin, end);
    case Gates::kGruLinear: return Rows<Gates::kGruLinear>(args, begin, end);
  }
}

void GatesFloat(int kind, const GateArgs<float>& args, std::int64_t begin, std::int64_t end) {
  AnyRows(kind, args, begin, end);
}
void GatesDouble(int kind, const GateArgs<double>& args, std::int64_t begin, std::int64_t end) {
  AnyRows(kind, args, begin, end);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(GatesFloat);
HWY_EXPORT(GatesDouble);

void Some(int kind, const GateArgs<float>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(GatesFloat)(kind, args, begin, end);
}
void Some(int kind, const GateArgs<double>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(GatesDouble)(kind, args, begin, end);
}

// `kind` is the place in Gates, which each instruction set has a copy of.
template <class T>
void All(int kind, const GateArgs<T>& args, ThreadPool* pool) {
  PrepareSimd();
  const std::int64_t grain = 1 + 4096 / std::max<std::int64_t>(1, args.hidden);
  ParallelFor(pool, args.rows, grain, [&](std::int64_t begin, std::int64_t end) { Some(kind, args, begin, end); });
}

}  // namespace

#define GODWIT_GATES(Name, kind)                                  \
  template <class T>                                              \
  void Name(const GateArgs<T>& args, ThreadPool* pool) {          \
    All(kind, args, pool);                                        \
  }                                                               \
  template void Name<float>(const GateArgs<float>&, ThreadPool*); \
  template void Name<double>(const GateArgs<double>&, ThreadPool*);
GODWIT_GATES(RnnGates, 0)
GODWIT_GATES(LstmGates, 1)
GODWIT_GATES(GruReset, 2)
GODWIT_GATES(GruGates, 3)
GODWIT_GATES(GruLinearGates, 4)
#undef GODWIT_GATES

}  // namespace godwit::kernels
#endif  // HWY_ONCE
