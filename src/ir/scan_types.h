// Reading dims and types from the middle of a longer text, for the parsers of this room.
#pragma once

#include "ir/dim.h"
#include "ir/scan.h"
#include "ir/type.h"

namespace godwit {

Result<Dim> ScanDim(Scanner& scanner);
Result<Type> ScanType(Scanner& scanner);

}  // namespace godwit
