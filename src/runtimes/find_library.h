// Where the shared library of a runtime lies: as a Python package brings it, or where the loader looks. Nothing is run
// to find out.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace godwit::runtimes {

/// The first file whose name starts with `prefix` ("libonnxruntime.so"): in a Python package folder of `packages`
/// ("onnxruntime/capi"), in LD_LIBRARY_PATH, in the system's folders; of several in one folder the newest version. ""
/// when there is none.
std::string FindLibrary(std::span<const std::string_view> packages, std::string_view prefix);

}  // namespace godwit::runtimes
