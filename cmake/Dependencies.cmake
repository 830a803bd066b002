# Finds what deps/apt.txt names. A missing one is an error that says which package brings it.
find_package(PkgConfig)
if(NOT PKG_CONFIG_FOUND)
  message(FATAL_ERROR "pkg-config is missing: install the package pkg-config (or run `make deps`)")
endif()
find_package(Threads REQUIRED)

# godwit_dep(<name> <pkg-config module> <debian package>) makes the target dep::<name>.
function(godwit_dep name module package)
  pkg_check_modules(DEP_${name} IMPORTED_TARGET GLOBAL QUIET ${module})
  if(NOT DEP_${name}_FOUND)
    message(FATAL_ERROR "${module} is missing: install the package ${package} (or run `make deps`)")
  endif()
  add_library(dep::${name} ALIAS PkgConfig::DEP_${name})
endfunction()

godwit_dep(fmt fmt libfmt-dev)
godwit_dep(hwy libhwy libhwy-dev)
godwit_dep(zlib zlib zlib1g-dev)
godwit_dep(png libpng libpng-dev)
godwit_dep(jpeg libjpeg libjpeg-dev)

# Without a pkg-config file on some of the supported systems.
find_path(SLEEF_INCLUDE sleef.h)
find_library(SLEEF_LIBRARY sleef)
if(NOT SLEEF_INCLUDE OR NOT SLEEF_LIBRARY)
  message(FATAL_ERROR "SLEEF is missing: install the package libsleef-dev (or run `make deps`)")
endif()
add_library(dep::sleef INTERFACE IMPORTED)
target_link_libraries(dep::sleef INTERFACE "${SLEEF_LIBRARY}")

if(GODWIT_TESTS)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    message(FATAL_ERROR "GoogleTest is missing: install the package libgtest-dev (or run `make deps`)")
  endif()
endif()
find_package(benchmark QUIET)
