// NumPy arrays: .npy (versions 1 to 3) and .npz, read in place where the bytes are little-endian C order already, and
// written as NumPy writes them, byte for byte and without a time stamp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace godwit {

/// The element type: b bool, i and u integers, f floats, c complex, U text of 4-byte characters, S bytes, V opaque
/// bytes (what the types of ml_dtypes, bfloat16 and the 8-bit floats, are saved as; the reader's caller must know
/// which).
struct NpyType {
  char kind = 'f';
  int64_t bytes = 4;  ///< of one element
  bool operator==(const NpyType&) const = default;
};
/// "<f4", "|b1", "<U5"
std::string NpyDescr(NpyType type);

struct NpyArray {
  NpyType type;
  std::vector<int64_t> shape;
  ByteSpan bytes;                     ///< little-endian, C order
  std::shared_ptr<const void> owner;  ///< keeps `bytes`; null: they lie in the file that was read, or are the caller's
};

struct NamedNpy {
  std::string name;
  NpyArray array;
};

/// Arrays of Python objects are pickles, which are never read.
Result<NpyArray> ReadNpy(ByteSpan file, const Limits& limits);
/// The members in the order of the archive, without their ".npy".
Result<std::vector<NamedNpy>> ReadNpz(ByteSpan file, const Limits& limits);

/// The elements of a U or S array as UTF-8 (U) or bytes (S).
Result<std::vector<std::string>> NpyStrings(const NpyArray& array);
/// A U array; text that is not UTF-8 makes it an S array.
NpyArray NpyFromStrings(const std::vector<std::string>& strings, std::vector<int64_t> shape);

Status WriteNpy(const NpyArray& array, AtomicFile* file);
Status WriteNpz(std::span<const NamedNpy> arrays, bool deflate, AtomicFile* file);

}  // namespace godwit
