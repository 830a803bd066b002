// Elements as most files hold them: 2- and 4-bit ones packed from the low bits up, the rest as in memory.
#pragma once

#include <functional>
#include <vector>

#include "base/bytes.h"
#include "ir/graph.h"

namespace godwit {

using ByteSink = std::function<Status(ByteSpan)>;

/// Bytes that a tensor of static shape takes so.
uint64_t StoredBytes(const TensorType& type);

/// Hands a constant's bytes on: from where they lie, when they lie somewhere in this form, else once it is computed.
Status WriteStored(const Constant& constant, const ByteSink& sink);

std::vector<std::byte> StoredElements(const Tensor& tensor);

}  // namespace godwit
