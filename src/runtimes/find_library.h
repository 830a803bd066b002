// Where the shared library of a runtime lies: as a Python package brings it, or where the loader looks. Nothing is run
// to find out.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtimes/runtime.h"

namespace godwit::runtimes {

/// The first file whose name starts with `prefix` ("libonnxruntime.so"): in a Python package folder of `packages`
/// ("onnxruntime/capi"), in LD_LIBRARY_PATH, in the system's folders; of several in one folder the newest version. ""
/// when there is none.
std::string FindLibrary(std::span<const std::string_view> packages, std::string_view prefix);

/// How a runtime is found and opened.
struct RuntimeKind {
  std::string_view name;     ///< "ONNX Runtime"
  const char* variable;      ///< of the environment: where the library is
  std::string_view folder;   ///< of the Python package that brings it
  std::string_view prefix;   ///< of the library's file name
  std::string_view package;  ///< what pip installs
  Result<std::unique_ptr<Runtime>> (*load)(const std::string& library);
};

/// The runtime of the library at `path`, else of the first of the usual places that has one. It stays loaded until the
/// program ends.
Result<Runtime*> FindRuntime(const RuntimeKind& kind, const std::string& path);

}  // namespace godwit::runtimes
