// A compiled model of LiteRT as a Model.
#pragma once

#include <functional>
#include <memory>

#include "runtimes/litert.h"
#include "runtimes/runtime.h"

namespace godwit::runtimes::litert {

class Runner;
/// The same model once more, with so many threads.
using Reopen = std::function<Result<std::shared_ptr<Runner>>(int threads)>;

/// A model that was opened. `keep` holds the bytes that it reads.
struct Opened {
  LiteRtModel* model = nullptr;
  LiteRtCompiledModel* compiled = nullptr;
  std::shared_ptr<const void> keep;
};

/// Takes it over.
Result<std::shared_ptr<Runner>> MakeRunner(const Calls& calls, Opened opened);
/// The first run on inputs of new shapes is tried in a process of its own: what ends that does not end ours. A model
/// that has run holds on to buffers of the sizes that it had, so other shapes open it anew.
std::unique_ptr<Model> MakeModel(std::shared_ptr<Runner> runner, Reopen reopen, int threads);

}  // namespace godwit::runtimes::litert
