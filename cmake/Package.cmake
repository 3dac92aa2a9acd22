# What `cmake --install` puts beside the compiler: the CMake package, pkg-config's file, the header, the manual pages.
include(CMakePackageConfigHelpers)
set(package_source ${CMAKE_SOURCE_DIR}/cmake/package)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/lepc)
configure_package_config_file(${package_source}/lepcConfig.cmake.in ${CMAKE_BINARY_DIR}/lepcConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/lepcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
# from where lepc.pc lies, so that the whole may be moved
file(RELATIVE_PATH package_up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${package_source}/lepc.pc.in ${CMAKE_BINARY_DIR}/lepc.pc @ONLY)
install(EXPORT lepcTargets NAMESPACE lepc:: DESTINATION ${package_folder})
install(FILES ${CMAKE_BINARY_DIR}/lepcConfig.cmake ${CMAKE_BINARY_DIR}/lepcConfigVersion.cmake
        ${package_source}/LepcModel.cmake DESTINATION ${package_folder})
install(FILES ${CMAKE_BINARY_DIR}/lepc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${CMAKE_SOURCE_DIR}/runtime/lep.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lepc)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})

find_program(PYTHON3 python3)
if(NOT PYTHON3)
  message(STATUS "no manual pages: python3 is not there")
  return()
endif()
set(manual ${CMAKE_SOURCE_DIR}/cmake/manual.py)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/lepc.1 DEPENDS ${manual} lepc
  COMMAND ${PYTHON3} ${manual} commands $<TARGET_FILE:lepc> ${CMAKE_BINARY_DIR}/lepc.1)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/lep.5 DEPENDS ${manual} ${CMAKE_SOURCE_DIR}/docs/language.md
  COMMAND ${PYTHON3} ${manual} page ${CMAKE_SOURCE_DIR}/docs/language.md ${CMAKE_BINARY_DIR}/lep.5)
add_custom_target(lepc_manual ALL DEPENDS ${CMAKE_BINARY_DIR}/lepc.1 ${CMAKE_BINARY_DIR}/lep.5)
install(FILES ${CMAKE_BINARY_DIR}/lepc.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/lep.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
