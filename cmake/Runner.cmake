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

# The same archive for other processors, where a cross compiler and its C library are installed.
file(GLOB runner_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/*.h ${CMAKE_SOURCE_DIR}/runtime/runner/*.h)
# a folder with nothing but this library: headers of this machine's C library are not the other one's
file(COPY ${STB_INCLUDE}/stb/stb_image.h DESTINATION ${CMAKE_BINARY_DIR}/cross/include/stb)
function(lepc_cross_runner triple)
  find_program(LEPC_CC_${triple} ${triple}-gcc)
  if(NOT LEPC_CC_${triple} OR triple STREQUAL runner_triple)
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/cross/${triple}/probe.c "#include <stdio.h>\n")
  execute_process(COMMAND ${LEPC_CC_${triple}} -fsyntax-only ${CMAKE_BINARY_DIR}/cross/${triple}/probe.c
                  RESULT_VARIABLE missing OUTPUT_QUIET ERROR_QUIET)
  if(missing)
    message(STATUS "no binaries for ${triple}: ${LEPC_CC_${triple}} has no C library")
    return()
  endif()
  set(objects)
  foreach(source ${runner_sources})
    get_filename_component(name ${source} NAME_WE)
    set(object ${CMAKE_BINARY_DIR}/cross/${triple}/${name}.o)
    add_custom_command(OUTPUT ${object} DEPENDS ${source} ${runner_headers}
      COMMAND ${CMAKE_C_COMPILER_LAUNCHER} ${LEPC_CC_${triple}} -std=c11 -Os -fPIC -ffunction-sections -fdata-sections
              -ffp-contract=off -D_POSIX_C_SOURCE=200809L -DLEPC_VERSION=\\"${PROJECT_VERSION}\\"
              -I${CMAKE_SOURCE_DIR} -isystem ${CMAKE_BINARY_DIR}/cross/include
              -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/= -c ${source} -o ${object}
      COMMENT "Building ${name} for ${triple}")
    list(APPEND objects ${object})
  endforeach()
  set(archive ${CMAKE_BINARY_DIR}/lib/lepc/${triple}/liblepc_runner.a)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib/lepc/${triple})
  add_custom_command(OUTPUT ${archive} DEPENDS ${objects}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${archive} COMMAND ${triple}-ar rcsD ${archive} ${objects})
  add_custom_target(lepc_runner_${triple} ALL DEPENDS ${archive})
  install(FILES ${archive} DESTINATION ${CMAKE_INSTALL_LIBDIR}/lepc/${triple})
endfunction()
foreach(triple aarch64-linux-gnu riscv64-linux-gnu x86_64-linux-gnu)
  lepc_cross_runner(${triple})
endforeach()
