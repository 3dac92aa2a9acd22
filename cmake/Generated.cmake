# The lexer and the parser.
set(generated ${CMAKE_BINARY_DIR}/generated/frontend)
file(MAKE_DIRECTORY ${generated})
bison_target(parser ${CMAKE_SOURCE_DIR}/frontend/parser.y ${generated}/parser.c
             DEFINES_FILE ${generated}/parser.h COMPILE_FLAGS "-Wall -Werror")
flex_target(lexer ${CMAKE_SOURCE_DIR}/frontend/lexer.l ${generated}/lexer.c)
add_flex_bison_dependency(lexer parser)
add_library(lepc_text STATIC ${BISON_parser_OUTPUTS} ${FLEX_lexer_OUTPUTS})
target_include_directories(lepc_text PUBLIC ${CMAKE_BINARY_DIR}/generated)
target_compile_options(lepc_text PRIVATE -Wall -Wextra -Wno-sign-compare -Wno-unused-function)
target_link_libraries(lepc_text PUBLIC lepc_ir)
target_include_directories(lepc_frontend PRIVATE ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(lepc_frontend PUBLIC lepc_text)
