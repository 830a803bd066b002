// What the adapter calls of LiteRT's C interface, declared by ourselves: functions by their names, opaque objects, and
// the two structures that cross.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace godwit::runtimes::litert {

struct LiteRtEnvironment;
struct LiteRtModel;
struct LiteRtSignature;
struct LiteRtTensor;
struct LiteRtOptions;
struct LiteRtOpaqueOptions;
struct LiteRtCpuOptions;
struct LiteRtCompiledModel;
struct LiteRtTensorBuffer;

inline constexpr size_t kMostDims = 8;

struct Layout {
  uint32_t rank_and_flags = 0;  ///< the rank in the low seven bits
  int32_t dims[kMostDims] = {};
  uint32_t strides[kMostDims] = {};
  [[nodiscard]] size_t rank() const { return rank_and_flags & 0x7F; }
};
struct TensorType {
  int32_t element = 0;
  Layout layout;
};
static_assert(sizeof(Layout) == 68 && sizeof(TensorType) == 72, "as the interface lays them out");

struct Calls {
#define GODWIT_LITERT(needed, name, result, ...) result (*name)(__VA_ARGS__) = nullptr;
#include "runtimes/litert_calls.def"
#undef GODWIT_LITERT

  /// From this version on a model is made with an environment.
  [[nodiscard]] bool models_need_environment() const { return LiteRtCreateModelFromFd != nullptr; }
};

/// Ok for 0, else runtime.refused with the name of the status, and what the library said where `said` holds it.
Status Check(const Calls& calls, int status, std::string_view doing, const std::string& said = {});

}  // namespace godwit::runtimes::litert
