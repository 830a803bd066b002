# One static library for each room of src/, linked to the rooms that tools/rooms.txt lets it use. A room that has
# no source yet is an empty interface library, so that the rooms above it can name it all the same.
set(GODWIT_ROOMS "")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tools/rooms.txt")
file(STRINGS "${CMAKE_SOURCE_DIR}/tools/rooms.txt" room_lines REGEX "^[a-z_]+:")

foreach(line IN LISTS room_lines)
  string(REGEX REPLACE "^([a-z_]+):.*" "\\1" room "${line}")
  string(REGEX REPLACE "^[a-z_]+:[ ]*" "" below "${line}")
  string(REGEX MATCHALL "[a-z_]+" below "${below}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${room}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/src/tools/main\\.cpp$")
  set(scope INTERFACE)
  if(sources)
    set(scope PUBLIC)
    add_library(godwit_${room} STATIC ${sources})
  else()
    add_library(godwit_${room} INTERFACE)
  endif()
  target_include_directories(godwit_${room} ${scope} "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
  if(sources)
    # The kernels may be built for other instructions than the rest, and headers compiled for those serve them alone.
    set(group rooms)
    if(room STREQUAL "exec")
      set(group kernels)
    endif()
    godwit_precompile(godwit_${room} ${group} ${GODWIT_PRECOMPILED})
  endif()
  foreach(lower IN LISTS below)
    target_link_libraries(godwit_${room} ${scope} godwit_${lower})
  endforeach()
  set(GODWIT_SCOPE_${room} ${scope})
  list(APPEND GODWIT_ROOMS godwit_${room})
endforeach()

# Which room brings which library in. The rooms above see it through the room they use.
target_link_libraries(godwit_base ${GODWIT_SCOPE_base} dep::fmt dep::sleef Threads::Threads)
target_link_libraries(godwit_formats ${GODWIT_SCOPE_formats} dep::zlib dep::png dep::jpeg)
target_link_libraries(godwit_exec ${GODWIT_SCOPE_exec} dep::hwy)

# Before Highway 1.0 the fallback below SSE4 has vectors of one lane, which the kernels do not serve: SSE4 is then the
# least that the program runs on.
if(DEP_hwy_VERSION VERSION_LESS 1.0 AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND
   NOT GODWIT_SCOPE_exec STREQUAL "INTERFACE")
  target_compile_options(godwit_exec PRIVATE -msse4.2 -mpclmul -maes)
endif()

# Kernels for one instruction set instead of four: a quarter of the time to build them, where speed is not the point.
if(GODWIT_ONE_SIMD AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT GODWIT_SCOPE_exec STREQUAL "INTERFACE")
  target_compile_options(godwit_exec PRIVATE -march=haswell -DHWY_COMPILE_ONLY_STATIC)
endif()

if(NOT GODWIT_SCOPE_api STREQUAL "INTERFACE")
  target_compile_definitions(godwit_api PRIVATE GODWIT_VERSION="${PROJECT_VERSION}")
endif()
add_executable(godwit "${CMAKE_SOURCE_DIR}/src/tools/main.cpp")
target_link_libraries(godwit PRIVATE godwit_tools)
target_compile_definitions(godwit PRIVATE GODWIT_VERSION="${PROJECT_VERSION}")
if(NOT GODWIT_SCOPE_tools STREQUAL "INTERFACE")
  target_compile_definitions(godwit_tools PRIVATE GODWIT_VERSION="${PROJECT_VERSION}")
endif()
set_target_properties(godwit PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
