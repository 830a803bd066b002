// Which operators of a TFLite model a delegate takes over, and into how many parts it cuts the model: each part is
// handed over and back when the model runs.
#pragma once

#include <string>
#include <vector>

#include "formats/tflite/model.h"
#include "targets/tflite.h"

namespace godwit::to_tflite {

struct LeftToKernels {
  size_t index = 0;  ///< of the operator in the main subgraph
  std::string op;
  std::string tensor;  ///< its first result
  std::string why;
};

struct Partition {
  size_t operators = 0;
  size_t delegated = 0;
  size_t parts = 0;    ///< that the delegate gets
  size_t largest = 0;  ///< operators of the largest
  std::vector<LeftToKernels> left;
};

/// Of the main subgraph, as TFLite's own partitioning goes.
Partition PartitionFor(const tflite::Model& model, targets::TfliteDelegate delegate);

}  // namespace godwit::to_tflite
