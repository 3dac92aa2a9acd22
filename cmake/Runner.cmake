# The main program of standalone binaries: an archive that lepc links models with, found beside lepc
# as ../lib/lepc/<triple>/liblepc_runner.a; and the same code for `lepc run`.
execute_process(COMMAND ${CMAKE_C_COMPILER} -dumpmachine OUTPUT_VARIABLE runner_triple OUTPUT_STRIP_TRAILING_WHITESPACE)
file(GLOB runner_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/runner/*.c)
foreach(target lepc_runner lepc_runner_here)
  add_library(${target} STATIC ${runner_sources})
  target_compile_options(${target} PRIVATE ${LEPC_WARNINGS})
  target_link_libraries(${target} PUBLIC m)
endforeach()
# binaries are small and stand alone: no sanitizer runtime in the archive that users link
target_compile_options(lepc_runner PRIVATE -Os -ffunction-sections -fdata-sections -fno-sanitize=all)
set_target_properties(lepc_runner PROPERTIES
  ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/lepc/${runner_triple})
install(TARGETS lepc_runner ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/lepc/${runner_triple})
