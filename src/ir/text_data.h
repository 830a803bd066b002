// The contents of tensors in the text form: written out, as base64 of their bytes in memory, or elided.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "ir/graph.h"
#include "ir/scan.h"
#include "ir/text.h"

namespace godwit {

/// "[1,2]", "base64 \"AAAA\"", "elided 1024" or "elided 1024 hash \"...\"".
std::string TensorDataText(const Tensor& tensor, const TextOptions& options);
std::string ElidedText(uint64_t bytes);
/// Data of a tensor of that type. What was elided gives a source that says so when it is loaded.
Result<std::variant<Tensor, std::shared_ptr<const TensorSource>>> ScanTensorData(Scanner& scanner,
                                                                                 const TensorType& type);

}  // namespace godwit
