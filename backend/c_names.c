#include "backend/c_names.h"

#include "backend/object.h"

#include <ctype.h>
#include <string.h>

const char *symbol_name(Arena *arena, const char *text)
{
    bool bare = !*text || isdigit((unsigned char)*text);
    char *name = arena_printf(arena, "%s%s", bare ? "model_" : "", text);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) || (unsigned char)*c >= 0x80) *c = '_';
    return name;
}

const char *upper_case(Arena *arena, const char *text)
{
    char *upper = arena_copy_string(arena, text);
    for (char *c = upper; *c; c++) *c = (char)toupper((unsigned char)*c);
    return upper;
}

const char *lower_case(Arena *arena, const char *text)
{
    char *lower = arena_copy_string(arena, text);
    for (char *c = lower; *c; c++) *c = (char)tolower((unsigned char)*c);
    return lower;
}

/* A bool is a byte, as is a number of less than 8 bits; floats of 16 bits or less are their bits: what C99 has in every
 * compiler. */
static const char *const c_types[DTYPE_COUNT] = {
    [F32] = "float",          [F64] = "double",       [F16] = "uint16_t",       [BF16] = "uint16_t",
    [I8] = "int8_t",          [I16] = "int16_t",      [I32] = "int32_t",        [I64] = "int64_t",
    [U8] = "uint8_t",         [U16] = "uint16_t",     [U32] = "uint32_t",       [U64] = "uint64_t",
    [BOOL] = "uint8_t",       [F8E4M3FN] = "uint8_t", [F8E4M3FNUZ] = "uint8_t", [F8E5M2] = "uint8_t",
    [F8E5M2FNUZ] = "uint8_t", [F8E8M0] = "uint8_t",   [F4E2M1] = "uint8_t",     [I4] = "int8_t",
    [U4] = "uint8_t",         [I2] = "int8_t",        [U2] = "uint8_t",
};

/* Parameters of our own, and the words of C and C++. */
static const char *const reserved[] = {
    "arena",
    "pool",
    "context",
    "auto",
    "break",
    "case",
    "char",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "typedef",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
    "asm",
    "bool",
    "catch",
    "class",
    "delete",
    "explicit",
    "export",
    "false",
    "friend",
    "mutable",
    "namespace",
    "new",
    "operator",
    "private",
    "protected",
    "public",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typeid",
    "typename",
    "using",
    "virtual",
    "wchar_t",
    "and",
    "or",
    "not",
    "xor",
    "compl",
    "alignas",
    "alignof",
    "char8_t",
    "concept",
    "constexpr",
    "decltype",
    "noexcept",
    "nullptr",
    "requires",
    "thread_local",
    "bitand",
    "bitor",
    "not_eq",
    "or_eq",
    "xor_eq",
    "and_eq",
    "const_cast",
    "dynamic_cast",
    "reinterpret_cast",
    "static_cast",
    "static_assert",
};

static bool name_is_free(const ParameterNames *names, const char *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(reserved[i], name)) return false;
    for (int i = 0; i < names->count; i++)
        if (!strcmp(names->at[i], name)) return false;
    return true;
}

const char *parameter_name(ParameterNames *names, const char *text)
{
    const char *name = symbol_name(names->arena, text);
    while (!name_is_free(names, name)) name = arena_printf(names->arena, "%s_", name);
    return names->at[names->count++] = name;
}

ParameterNames parameter_names(const Graph *graph)
{
    int ports = graph_outputs(graph);
    for (const Node *node = graph->first; node; node = node->next) ports += node->op == OP_input;
    ports += graph->ndims;
    return parameter_names_for(graph->arena, ports);
}

ParameterNames parameter_names_for(Arena *arena, int room)
{
    return (ParameterNames){.arena = arena, .at = ARENA_ARRAY(arena, const char *, room)};
}

const char *c_type(Dtype dtype) { return c_types[dtype]; }
