#include "base/threads.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace godwit {
namespace {

thread_local bool inside_body = false;

}  // namespace

struct ThreadPool::State {
  std::mutex user;  // held by the thread whose For is running
  std::mutex mutex;
  std::condition_variable wake, done;
  std::vector<std::thread> workers;
  const RangeBody* body = nullptr;
  std::int64_t count = 0, step = 0;
  std::uint64_t round = 0;
  int pending = 0;
  bool stopping = false;

  void RunPart(int part) const {
    const std::int64_t begin = std::min(count, part * step), end = std::min(count, begin + step);
    if (begin >= end) return;
    inside_body = true;
    (*body)(begin, end);
    inside_body = false;
  }

  void Work(int part) {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stopping || round != seen; });
      if (stopping) return;
      seen = round;
      lock.unlock();
      RunPart(part);
      lock.lock();
      if (--pending == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads < 1) threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  for (int part = 1; part < threads; ++part) {
    state_->workers.emplace_back([state = state_.get(), part] { state->Work(part); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::size() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::For(std::int64_t count, std::int64_t grain, RangeBody body) {
  if (count <= 0) return;
  State& state = *state_;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t parts = std::min<std::int64_t>(size(), (count + grain - 1) / grain);
  std::unique_lock user(state.user, std::defer_lock);
  if (parts < 2 || inside_body || !user.try_lock()) return body(0, count);
  {
    const std::lock_guard lock(state.mutex);
    state.body = &body;
    state.count = count;
    state.step = std::max(grain, (count + parts - 1) / parts);
    state.pending = static_cast<int>(state.workers.size());
    ++state.round;
  }
  state.wake.notify_all();
  state.RunPart(0);
  std::unique_lock lock(state.mutex);
  state.done.wait(lock, [&] { return state.pending == 0; });
}

void ParallelFor(ThreadPool* pool, std::int64_t count, std::int64_t grain, RangeBody body) {
  if (count <= 0) return;
  if (pool == nullptr) return body(0, count);
  pool->For(count, grain, body);
}

}  // namespace godwit
