#include "base/memory.h"

#include "base/blocks.h"

#include <cstdlib>  // says whose library this is

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace godwit {

void ReturnFreedMemory() {
  ForgetBlocks();
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace godwit
