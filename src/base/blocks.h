// Memory for tensors. Weights come and go one at a time; were each given back to the system, the next would pay again
// for every page. So a few large blocks are kept and used again, as long as they and those in use stay within a limit.
#pragma once

#include <cstddef>
#include <memory>

namespace godwit {

/// That many bytes, aligned to 64, of any content; null where there is no memory.
std::shared_ptr<std::byte> AllocateBlock(size_t bytes);

/// Gives back the blocks that are kept.
void ForgetBlocks();

/// Bytes of the blocks that are kept.
size_t KeptBlockBytes();

}  // namespace godwit
