// A small pool of threads that splits index ranges. The split is static and contiguous; what is computed for an index
// must not depend on the split, so the number of threads changes time and never a result.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace godwit {

/// A view of a callable `void(begin, end)`; it must outlive the call it is passed to.
class RangeBody {
 public:
  template <class F, class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, RangeBody>>>
  RangeBody(F&& body)  // NOLINT(google-explicit-constructor)
      : object_(&body), call_([](const void* object, std::int64_t begin, std::int64_t end) {
          (*static_cast<std::remove_reference_t<F>*>(const_cast<void*>(object)))(begin, end);
        }) {}

  void operator()(std::int64_t begin, std::int64_t end) const { call_(object_, begin, end); }

 private:
  const void* object_;
  void (*call_)(const void*, std::int64_t, std::int64_t);
};

class ThreadPool {
 public:
  /// `threads` counts the calling thread; values below 1 mean one per processor.
  explicit ThreadPool(int threads = 1);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int size() const;

  /// Calls `body(begin, end)` for disjoint ranges that cover [0, count), each at least `grain` long but for the last,
  /// and returns when all are done. Inside a body, or while another thread uses the pool, it runs in the calling
  /// thread.
  void For(std::int64_t count, std::int64_t grain, RangeBody body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `pool->For(...)`, or the whole range in the calling thread when there is no pool.
void ParallelFor(ThreadPool* pool, std::int64_t count, std::int64_t grain, RangeBody body);

}  // namespace godwit
