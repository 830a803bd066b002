# Language level, warnings, sanitizers, compiler cache and linker: what every target is built with.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "godwit needs GCC 12 or later, found ${CMAKE_CXX_COMPILER_VERSION}; install the package g++-12")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR "godwit needs Clang 14 or later, found ${CMAKE_CXX_COMPILER_VERSION}; install the package clang-14")
endif()

# The results of arithmetic are part of the contract: no contraction the source does not spell out.
add_compile_options(-ffp-contract=off -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)

# A warning is an error under the compilers that the source is kept clean for. Another one, newer perhaps, warns of what
# nobody has seen yet, and that must not stop who only wants to use the program.
set(strict OFF)
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13) OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15))
  set(strict ON)
endif()
option(GODWIT_STRICT "Treat warnings as errors" ${strict})
if(GODWIT_STRICT)
  add_compile_options(-Werror)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13 AND
   NOT CMAKE_CXX_COMPILER_VERSION MATCHES "^12\\.2")
  # Of GCC 12 only this release follows values without false alarms: others see overruns in copies of short vectors and
  # texts, and mistakes in what their own headers of 512-bit intrinsics leave open on purpose. Clang and the sanitizers
  # watch over the same.
  add_compile_options(-Wno-array-bounds -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
                      -Wno-stringop-overread)
endif()

if(GODWIT_SANITIZE)
  add_compile_options(-fsanitize=${GODWIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GODWIT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's flow analysis is unreliable on instrumented code; the release build keeps this warning.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(GODWIT_CCACHE ccache)
  if(GODWIT_CCACHE)
    # Paths below the source tree are hashed relative to it, so that several checkouts share one cache.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${GODWIT_CCACHE}")
  endif()
endif()

find_program(GODWIT_MOLD mold)
find_program(GODWIT_LLD NAMES ld.lld ld.lld-14)
if(GODWIT_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(GODWIT_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=lld)
endif()
