# The standard library's headers and fmt, compiled once for all rooms and once for all tests: a quarter of the time of
# a build from nothing. Only where no compiler cache is in use, which does better and does not go together with it.
# Every file still includes what it uses: builds with a cache see to that.
if(GODWIT_CCACHE)
  set(precompile OFF)
else()
  set(precompile ON)
endif()
option(GODWIT_PRECOMPILE "Precompile the headers of the standard library" ${precompile})

set(GODWIT_PRECOMPILED
    <algorithm> <array> <cmath> <cstdint> <cstring> <functional> <limits> <map> <memory> <numeric> <optional> <set>
    <span> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)

# godwit_precompile(TARGET GROUP HEADERS...): the first target of a group makes the file, the others use it. (A target
# that does not exist yet cannot lead: the CMake of the systems we serve refuses it.)
function(godwit_precompile target group)
  if(NOT GODWIT_PRECOMPILE OR GODWIT_SANITIZE)
    return()
  endif()
  get_property(leader GLOBAL PROPERTY GODWIT_PRECOMPILED_${group})
  if(leader)
    target_precompile_headers(${target} REUSE_FROM ${leader})
  else()
    set_property(GLOBAL PROPERTY GODWIT_PRECOMPILED_${group} ${target})
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()
