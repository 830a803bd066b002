// What the adapter calls of ONNX Runtime's C interface, declared by ourselves: the table of functions is an array of
// pointers whose order that interface fixes, and the objects behind it are opaque.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace godwit::runtimes::ort {

struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtValue;
struct OrtTypeInfo;
struct OrtTensorInfo;
struct OrtMemoryInfo;
struct OrtAllocator;

struct Calls {
#define GODWIT_ORT(position, name, result, ...) result (*name)(__VA_ARGS__) = nullptr;
#include "runtimes/onnxruntime_calls.def"
#undef GODWIT_ORT
};

/// What a library exports under "OrtGetApiBase".
struct ApiBase {
  const void* const* (*get_api)(uint32_t version);
  const char* (*get_version)();
};

/// The version of the table that is asked for; its first entries are the same in every later one.
inline constexpr uint32_t kApiVersion = 8;

/// The calls from a table of version kApiVersion or later.
Calls CallsOf(const void* const* table);
/// Takes the status over: Ok for none, else runtime.refused with its message.
Status Check(const Calls& calls, OrtStatus* status, std::string_view doing);

}  // namespace godwit::runtimes::ort
