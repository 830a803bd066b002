// The zip archive that may follow the tables: TFLite Metadata keeps label files and the like there. It is found from
// the end of the file, and kept as bytes.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace godwit::tflite {

/// The archive that ends the file and begins at byte `from` or later; empty if there is none, or only a damaged one.
ByteSpan FindAppended(ByteSpan file, uint64_t from);

/// An archive in two pieces, of which the second is the changed directory.
struct MovedArchive {
  ByteSpan members;
  std::string directory;
};
/// The archive for byte `to` of a file: offsets that do not count from its own start count from that of the file.
MovedArchive MoveAppended(ByteSpan archive, uint64_t to);

}  // namespace godwit::tflite
