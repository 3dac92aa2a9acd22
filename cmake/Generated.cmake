# The lexer and the parser: part of the front end, but bison's and flex's style is not ours.
set(generated ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated})
bison_target(parser ${CMAKE_SOURCE_DIR}/frontend/parser.y ${generated}/parser.c
             DEFINES_FILE ${generated}/parser.h COMPILE_FLAGS "-Wall -Werror")
flex_target(lexer ${CMAKE_SOURCE_DIR}/frontend/lexer.l ${generated}/lexer.c)
add_flex_bison_dependency(lexer parser)
target_sources(lepc_frontend PRIVATE ${BISON_parser_OUTPUTS} ${FLEX_lexer_OUTPUTS})
target_include_directories(lepc_frontend PRIVATE ${generated})
set(relaxed -Wno-conversion -Wno-sign-conversion -Wno-sign-compare -Wno-shadow -Wno-unused-function
    -Wno-missing-prototypes -Wno-unused-but-set-variable -Wno-strict-prototypes)
set_source_files_properties(${generated}/parser.c ${generated}/lexer.c PROPERTIES COMPILE_OPTIONS "${relaxed}")

# Messages of ONNX files, by protobuf-c's compiler from our own description of them.
find_program(PROTOC_C NAMES protoc-c)
if(NOT PROTOC_C)
  message(FATAL_ERROR "protoc-c is needed: install protobuf-c-compiler")
endif()
add_custom_command(OUTPUT ${generated}/onnx.pb-c.c ${generated}/onnx.pb-c.h
  DEPENDS ${CMAKE_SOURCE_DIR}/frontend/onnx/onnx.proto
  COMMAND ${PROTOC_C} --proto_path=${CMAKE_SOURCE_DIR}/frontend/onnx --c_out=${generated} onnx.proto
  COMMENT "Building messages of ONNX files")
target_sources(lepc_frontend PRIVATE ${generated}/onnx.pb-c.c ${generated}/onnx.pb-c.h)
target_include_directories(lepc_frontend PUBLIC ${generated})
set_source_files_properties(${generated}/onnx.pb-c.c PROPERTIES COMPILE_OPTIONS "${relaxed}")
