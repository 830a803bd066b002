// What the heap keeps for later although nobody uses it.
#pragma once

namespace godwit {

/// Gives memory that was freed back to the system, where the allocator can. For a moment between two kinds of work:
/// many small things are gone, few large ones come.
void ReturnFreedMemory();

}  // namespace godwit
