# What `cmake --install` puts in place: the program, the public headers, one static library of all rooms below the
# tools, and what lets CMake and pkg-config find them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(objects "")
foreach(room IN LISTS GODWIT_ROOMS)
  get_target_property(type ${room} TYPE)
  if(NOT room STREQUAL "godwit_tools" AND type STREQUAL "STATIC_LIBRARY")
    list(APPEND objects $<TARGET_OBJECTS:${room}>)
  endif()
endforeach()
add_library(libgodwit STATIC ${objects})
set_target_properties(libgodwit PROPERTIES OUTPUT_NAME godwit LINKER_LANGUAGE CXX)

set(GODWIT_CONFIG_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/godwit")
configure_package_config_file("${CMAKE_SOURCE_DIR}/cmake/godwitConfig.cmake.in" "${CMAKE_BINARY_DIR}/godwitConfig.cmake"
  INSTALL_DESTINATION "${GODWIT_CONFIG_DIR}" PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/godwitConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH GODWIT_PC_UP "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
configure_file("${CMAKE_SOURCE_DIR}/cmake/godwit.pc.in" "${CMAKE_BINARY_DIR}/godwit.pc" @ONLY)

install(TARGETS godwit RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS libgodwit ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${CMAKE_SOURCE_DIR}/include/godwit/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/godwit")
install(FILES "${CMAKE_BINARY_DIR}/godwitConfig.cmake" "${CMAKE_BINARY_DIR}/godwitConfigVersion.cmake"
        DESTINATION "${GODWIT_CONFIG_DIR}")
install(FILES "${CMAKE_SOURCE_DIR}/docs/generated/godwit.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${CMAKE_SOURCE_DIR}/docs/generated/completion/godwit"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
install(FILES "${CMAKE_SOURCE_DIR}/docs/generated/completion/_godwit"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
install(FILES "${CMAKE_SOURCE_DIR}/docs/generated/completion/godwit.fish"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
install(FILES "${CMAKE_BINARY_DIR}/godwit.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
