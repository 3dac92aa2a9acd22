# The main program of standalone binaries: an archive that lepc links models with, found beside lepc
# as ../lib/lepc/<triple>/liblepc_runner.a; and the same code, without main(), for `lepc run`.
execute_process(COMMAND ${CMAKE_C_COMPILER} -dumpmachine OUTPUT_VARIABLE runner_triple OUTPUT_STRIP_TRAILING_WHITESPACE)
find_path(STB_INCLUDE stb/stb_image.h)
if(NOT STB_INCLUDE)
  message(FATAL_ERROR "stb/stb_image.h is needed to read pictures: install libstb-dev")
endif()
file(GLOB runner_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/*.c ${CMAKE_SOURCE_DIR}/runtime/runner/*.c)
if(CMAKE_C_COMPILER_ID STREQUAL GNU) # it warns of stb_image, at -O3
  set_source_files_properties(${CMAKE_SOURCE_DIR}/runtime/runner/picture.c PROPERTIES
                              COMPILE_OPTIONS -Wno-maybe-uninitialized)
endif()
foreach(target lepc_runner lepc_runner_here)
  set(sources ${runner_sources})
  if(target STREQUAL lepc_runner_here)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  endif()
  add_library(${target} STATIC ${sources})
  target_compile_options(${target} PRIVATE ${LEPC_WARNINGS})
  target_include_directories(${target} SYSTEM PRIVATE ${STB_INCLUDE})
  target_link_libraries(${target} PUBLIC m)
endforeach()
# binaries are small and stand alone: no sanitizer or coverage runtime in the archive that users link
target_compile_options(lepc_runner PRIVATE -Os -ffunction-sections -fdata-sections -fno-sanitize=all
                       -fno-profile-arcs -fno-test-coverage)
set_target_properties(lepc_runner PROPERTIES
  ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/lepc/${runner_triple})
install(TARGETS lepc_runner ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/lepc/${runner_triple})
