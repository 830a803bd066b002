#include "base/memory.h"

#include <cstdlib>  // says whose library this is

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace godwit {

void ReturnFreedMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace godwit
