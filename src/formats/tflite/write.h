// Writes the views of model.h as TFLite bytes. The same model gives the same bytes. The tables are laid out in memory;
// constants stream from where they lie.
#pragma once

#include <string>

#include "base/atomic_file.h"
#include "base/result.h"
#include "formats/tflite/model.h"

namespace godwit::tflite {

struct WriteOptions {
  uint64_t alignment = 64;  ///< of long constants; a power of two, 16 at least
  /// Where the constants go behind the tables, counted in 64 bits, which old runtimes do not read: files larger than
  /// this.
  uint64_t longest_flatbuffer = 0x7FFFFFFF;
  uint64_t longest_tables = 0x7FFFFFFF;  ///< what offsets reach; longer ones are refused
};

/// Equal constants are stored once. Every operator code is written in both of its fields.
Status WriteModel(const Model& model, const WriteOptions& options, AtomicFile* file);
/// How long the file will be.
Result<uint64_t> ModelBytes(const Model& model, const WriteOptions& options = {});
/// For small models and tests.
Result<std::string> SerializeModel(const Model& model, const WriteOptions& options = {});

}  // namespace godwit::tflite
