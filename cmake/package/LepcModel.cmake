# lepc_add_model(<target> <model.lep> [DEPLOY <name>] [TARGET <triple or board>] [CPU <name>]
#                [OPTIONS <option>...] [DEPENDS <file>...])
#
# Compiles a model when the project is built: <target> is then a static library that others link to, and whose header
# is <target.h>.  DEPENDS: files that the model reads (weights, labels, calibration data), so that a change of theirs
# compiles it again; those beside it that are called like it are found without.
#
#   find_package(lepc REQUIRED)
#   lepc_add_model(mnist models/mnist.lep CPU x86-64-v3)
#   target_link_libraries(program PRIVATE mnist)
function(lepc_add_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "DEPLOY;TARGET;CPU" "OPTIONS;DEPENDS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "lepc_add_model(${target}): what is '${arg_UNPARSED_ARGUMENTS}'?")
  endif()
  get_filename_component(model "${model}" ABSOLUTE)
  if(NOT EXISTS "${model}")
    message(FATAL_ERROR "lepc_add_model(${target}): there is no ${model}")
  endif()
  set(options ${arg_OPTIONS})
  foreach(word DEPLOY TARGET CPU)
    if(arg_${word})
      string(TOLOWER ${word} name)
      list(APPEND options "--${name}=${arg_${word}}")
    endif()
  endforeach()
  if(CMAKE_CROSSCOMPILING AND NOT arg_TARGET AND CMAKE_C_COMPILER_TARGET)
    list(APPEND options "--target=${CMAKE_C_COMPILER_TARGET}")
  endif()

  get_filename_component(beside "${model}" DIRECTORY)
  get_filename_component(stem "${model}" NAME_WE)
  file(GLOB files CONFIGURE_DEPENDS "${beside}/${stem}.*")
  foreach(file IN LISTS arg_DEPENDS)
    get_filename_component(file "${file}" ABSOLUTE)
    list(APPEND files "${file}")
  endforeach()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/lepc/${target}")
  set(library "${folder}/lib${target}.a")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(OUTPUT "${library}" "${folder}/${target}.h"
    COMMAND lepc::lepc build "${model}" ${options} --quiet --emit=lib -o "${library}"
    DEPENDS "${model}" ${files} lepc::lepc VERBATIM COMMENT "Compiling the model ${stem}")
  add_custom_target(${target}_model DEPENDS "${library}")
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${library}"
                        INTERFACE_INCLUDE_DIRECTORIES "${folder}")
  add_dependencies(${target} ${target}_model)
endfunction()
