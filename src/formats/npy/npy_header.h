// The header of a .npy file: a Python dict as text. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/npy/npy.h"

namespace godwit::npy {

struct Header {
  NpyType type;
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

/// The text between the length and the data.
Result<Header> ParseHeader(std::string_view text);
/// Magic, version, length and text, padded to a multiple of 64 bytes.
std::string MakeHeader(NpyType type, std::span<const int64_t> shape);

}  // namespace godwit::npy
