// Pages of mapped files, all that are about to be read at once.
#pragma once

#include "base/bytes.h"

namespace godwit {

/// Maps the pages of a range that is about to be read, of a mapped file or not: at once they cost a fraction of what
/// each costs that is met while reading. Short ranges are left alone, and what cannot be mapped is met while reading.
void PopulatePages(ByteSpan range);

}  // namespace godwit
