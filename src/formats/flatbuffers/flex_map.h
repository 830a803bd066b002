// The numbers of a FlexBuffer whose root is a map, as custom operators of TFLite keep their options.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace godwit::flat {

/// Integers, floats and truth values by key; entries of other kinds are left out. format.flexbuffer where the bytes are
/// no such map.
Result<std::map<std::string, double>> ReadFlexNumbers(ByteSpan bytes);

}  // namespace godwit::flat
