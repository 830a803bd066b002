// The field ids of the tables, as `slot::Tensor::shape`.
#pragma once

#include <cstdint>

namespace godwit::tflite::slot {

#define GODWIT_TFLITE_TABLE(name) \
  namespace name {                \
  enum Slot : uint16_t {
#define GODWIT_TFLITE_FIELD(table, name, id, type, element, of, fallback) name = id,
#define GODWIT_TFLITE_TABLE_END() \
  }                               \
  ;                               \
  }
#include "formats/tflite/schema.def"

}  // namespace godwit::tflite::slot
