/* Objects with their weights, archives and headers: as linkers and C compilers take them. */
#include "backend/elf.h"
#include "backend/lower.h"
#include "backend/object.h"
#include "tests/support/native.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- weights ---- */

static Node *constant(Sketch *s, int64_t rows, int64_t columns, Place place)
{
    int64_t dims[] = {rows, columns};
    Node *node = sketch_param(s, I16, 2, dims).node;
    for (int64_t i = 0; i < rows * columns; i++) ((int16_t *)node->data->data)[i] = (int16_t)(i + 1);
    node->places = ARENA_NEW(s->arena, Place);
    node->places[0] = place;
    return node;
}

static void weights_lie_as_their_places_say(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    Sketch s = sketch_new(arena, "m");
    constant(&s, 2, 3, (Place){.space = SPACE_CONSTANT, .offset = 4, .stride = {3, 1}});
    constant(&s, 2, 3, (Place){.space = SPACE_CONSTANT, .offset = 20, .panel = 2});
    constant(&s, 2, 2, (Place){.space = SPACE_CONSTANT, .offset = 40, .stride = {1, 2}});
    constant(&s, 1, 1, (Place){.space = SPACE_ARENA, .offset = 0});
    int16_t section[24] = {0};
    weights_fill(s.graph, (unsigned char *)section);
    static const int16_t expected[24] = {0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 2, 4, 5, 3, 0, 6, 0, 0, 0, 1, 3, 2, 4};
    assert_memory_equal(section, expected, sizeof section);
    arena_free(arena);
}

static void names_become_symbols(void **state)
{
    Arena *arena = arena_new(NULL, NULL);
    assert_string_equal(symbol_name(arena, "mnist"), "mnist");
    assert_string_equal(symbol_name(arena, "a.b-c d\xc3\xa9"), "a_b_c_d__");
    assert_string_equal(symbol_name(arena, "2nd"), "model_2nd");
    assert_string_equal(symbol_name(arena, ""), "model_");
    arena_free(arena);
}

/* ---- a model, its object and its header in a folder of their own ---- */

typedef struct Built {
    Arena *arena;
    LoopProgram program;
    Bytes object;
    float expected[4]; /* of the input 1, 2, 3 */
} Built;

/* relu(dense) of three inputs, four outputs, weights 0.25 * k - 1 and biases 1. */
static Built build(const char *name, const char *output, const char *const *labels)
{
    Arena *arena = arena_new(NULL, NULL);
    Sketch s = sketch_new(arena, name);
    Value x = sketch_input(&s, F32, DIMS(1, 3)), w = sketch_param(&s, F32, DIMS(3, 4));
    Value bias = sketch_param(&s, F32, DIMS(4));
    for (int i = 0; i < 12; i++) ((float *)w.node->data->data)[i] = 0.25f * (float)i - 1;
    for (int i = 0; i < 4; i++) ((float *)bias.node->data->data)[i] = 1;
    Value y = sketch_op(&s, OP_relu, NULL, OPERANDS(sketch_op(&s, OP_dense, NULL, OPERANDS(x, w, bias))));
    graph_add_result(s.graph, (Result){.name = output, .value = y, .labels = labels, .nlabels = labels ? 4 : 0});
    s.graph->doc = "ends */ a comment, \"says\" ?\?/ odd\nthings";
    Built built = {.arena = arena, .program = {.arena = arena}};
    for (int o = 0; o < 4; o++) {
        float sum = 1;
        for (int k = 0; k < 3; k++) sum += (float)(k + 1) * (0.25f * (float)(4 * k + o) - 1);
        built.expected[o] = sum > 0 ? sum : 0;
    }
    Target target;
    bool ok = target_select("x86_64-pc-linux-gnu", "", "", arena, &target, s.diag);
    PassContext context = {.target = &target, .level = 3};
    ok =
        ok && pass_pipeline(s.graph, &context, NULL, NULL, NULL, s.diag) &&
        lower_graph(s.graph, &target, &built.program, s.diag) &&
        emit_program(&built.program, &(EmitOptions){.target = &target, .level = 3}, EMIT_OBJECT, &built.object, s.diag);
    if (!ok) diag_print(s.diag, stderr, false);
    assert_true(ok);
    return built;
}

static char *folder_new(void)
{
    static const char pattern[] = "/tmp/lepc-test-XXXXXX";
    char *folder = malloc(sizeof pattern);
    assert_non_null(folder);
    memcpy(folder, pattern, sizeof pattern);
    assert_non_null(mkdtemp(folder));
    return folder;
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_bytes(path, bytes, size);
}

static void write_built(const char *folder, const char *name, const Built *built)
{
    char *text = NULL, file[80];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    header_write(&built->program, out);
    fclose(out);
    snprintf(file, sizeof file, "%s.h", name);
    write_file(folder, file, text, size);
    snprintf(file, sizeof file, "%s.o", name);
    write_file(folder, file, built->object.data, built->object.size);
    free(text);
}

/* True when the command, run in the folder, exits with 0; quiet unless it must. */
static bool shell(const char *folder, const char *command, bool must)
{
    char line[1000];
    snprintf(line, sizeof line, "cd %s && { %s; } > log 2>&1%s", folder, command,
             must ? " || { cat log; false; }" : "");
    return system(line) == 0;
}

static void remove_folder(char *folder)
{
    shell(folder, "rm -f ./*", true);
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

static const char main_text[] =
    "#include <stdio.h>\n#include \"one.h\"\n#include \"two.h\"\n#include \"one.h\"\n"
    "static const char *const labels[] = ONE_Y_LABELS;\n"
    "int main(void)\n{\n"
    "    static unsigned char room[ONE_ARENA_BYTES + ONE_ARENA_ALIGN + 1];\n"
    "    unsigned char *arena = room;\n"
    "    float x[3] = {1, 2, 3}, y[4] = {0}, z[4] = {0};\n"
    "    while ((uintptr_t)arena % ONE_ARENA_ALIGN) arena++;\n"
    "    if (one_run(x, y, arena, NULL) != LEP_OK || two_run(x, z, arena, NULL) != LEP_OK) return 1;\n"
    "    if (one_run(NULL, y, arena, NULL) != LEP_ERROR_ARGUMENT) return 2;\n"
    "    if (ONE_ARENA_BYTES && one_run(x, y, arena + 1, NULL) != LEP_ERROR_ALIGNMENT) return 3;\n"
    "    for (int i = 0; i < 4; i++) printf(\"%s %.9g %.9g\\n\", labels[i], (double)y[i], (double)z[i]);\n"
    "    return 0;\n}\n";

/* Two models in one folder, and main.c beside them. */
static char *write_two(Built *one, Built *two)
{
    static const char *const labels[] = {"a", "\"b\"", "c\\", "d?\?/\xc3\xa9"};
    char *folder = folder_new();
    *one = build("one", "y", labels);
    *two = build("two", "class", NULL);
    write_built(folder, "one", one);
    write_built(folder, "two", two);
    write_file(folder, "main.c", main_text, sizeof main_text - 1);
    write_file(folder, "main.cc", main_text, sizeof main_text - 1);
    char expected[400];
    int used = 0;
    for (int i = 0; i < 4; i++)
        used += snprintf(expected + used, sizeof expected - (size_t)used, "%s %.9g %.9g\n", labels[i],
                         (double)one->expected[i], (double)two->expected[i]);
    write_file(folder, "expected", expected, (size_t)used);
    return folder;
}

/* The commands of this machine's compilers and linkers that are there. */
static void objects_link_with_what_there_is(void **state)
{
    static const struct {
        const char *need, *link;
        bool cplusplus;
    } rows[] = {
        {"gcc", "gcc -std=c99 -O2 main.c one.o two.o", false},
        {"gcc", "gcc -std=c11 -no-pie main.c one.o two.o", false},
        {"clang-19", "clang-19 -std=c99 main.c one.o two.o", false},
        {"ld.lld-19", "clang-19 -fuse-ld=lld main.c one.o two.o", false},
        {"g++", "g++ -std=c++17 main.cc one.o two.o", true},
    };
    static const char warnings[] = "-Wall -Wextra -Wpedantic -Wconversion -Werror -Wl,--fatal-warnings";
    Built one, two;
    char *folder = write_two(&one, &two), command[400];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(command, sizeof command, "command -v %s", rows[i].need);
        if (!shell(folder, command, false)) {
            print_message("no %s here\n", rows[i].need);
            continue;
        }
        snprintf(command, sizeof command, "%s %s -o prog && ./prog > out && cmp out expected", rows[i].link, warnings);
        assert_true(shell(folder, command, true));
    }
    remove_folder(folder);
    arena_free(one.arena);
    arena_free(two.arena);
}

static void a_stale_header_does_not_link(void **state)
{
    Built one, two, newer = build("one", "renamed", NULL);
    char *folder = write_two(&one, &two);
    assert_true(shell(folder, "cc main.c one.o two.o -o prog", true));
    write_file(folder, "one.o", newer.object.data, newer.object.size);
    assert_true(shell(folder, "! cc main.c one.o two.o -o prog 2> errors", true));
    assert_true(shell(folder, "grep -q 'undefined reference.*one_run_' errors", true));
    remove_folder(folder);
    arena_free(one.arena);
    arena_free(two.arena);
    arena_free(newer.arena);
}

static void archives_are_found_by_their_index(void **state)
{
    Built one, two;
    char *folder = write_two(&one, &two);
    Diag diag = diag_new(one.arena);
    Bytes first, second;
    assert_true(archive_write(one.arena, "one.o", &one.object, &first, &diag));
    assert_true(archive_write(one.arena, "a_member_of_a_long_name.o", &two.object, &second, &diag));
    write_file(folder, "libone.a", first.data, first.size);
    write_file(folder, "libtwo.a", second.data, second.size);
    assert_true(
        shell(folder, "rm one.o two.o; cc main.c -L. -lone -ltwo -o prog && ./prog > out && cmp out expected", true));
    assert_true(shell(folder, "test \"$(ar t libone.a)\" = one.o", true));
    assert_true(shell(folder, "test \"$(ar t libtwo.a)\" = a_member_of_a_long_name.o", true));
    assert_true(shell(folder, "ar p libtwo.a > two.o && cc main.c two.o -L. -lone -o prog", true));
    remove_folder(folder);
    arena_free(one.arena);
    arena_free(two.arena);
}

/* Everything that an object exports carries the model's name. */
static void symbols_carry_the_models_name(void **state)
{
    Built built = build("one", "y", NULL);
    Elf elf;
    int exported = 0;
    assert_true(elf_open(&built.object, &elf));
    for (size_t i = 1; i < elf.nsymbols; i++) {
        ElfSymbol symbol = elf_symbol(&elf, i);
        if (symbol.info >> 4 == 0 || symbol.section == 0) continue;
        assert_memory_equal(elf_symbol_name(&elf, &symbol), "one_", 4);
        exported += (symbol.other & 3) == 0;
    }
    assert_int_equal(exported, 2); /* one_run, and the same with the hash of the ABI */
    arena_free(built.arena);
}

/* ---- debug lines ---- */

/* What addr2line says of the first step: the function's line in the text that it was parsed from. */
static void debuggers_see_the_text(void **state)
{
    static const char text[] =
        "# a comment\nfunc layer {\n  buffer o: f32[1] output align 1 writable\n  o[0] = f32(1)\n}\n";
    Arena *arena = arena_new(NULL, NULL);
    Diag diag = diag_new(arena);
    Source source = {"models/net.loops", text, sizeof text - 1};
    Target target;
    LoopProgram program = {.arena = arena};
    Bytes object;
    program.steps = loop_parse(arena, &source, &program.nsteps, &diag);
    assert_true(target_select("x86_64-pc-linux-gnu", "", "", arena, &target, &diag));
    EmitOptions options = {.target = &target, .level = 2, .debug = true};
    assert_true(emit_program(&program, &options, EMIT_OBJECT, &object, &diag));
    char *folder = folder_new();
    write_file(folder, "net.o", object.data, object.size);
    assert_true(shell(folder, "cc -shared net.o -o net.so && nm net.so > symbols", true));
    assert_true(shell(folder, "addr2line -e net.so -f $(sed -n 's/ . program__step_0//p' symbols) > lines", true));
    assert_true(shell(folder, "grep -q models/net.loops:2 lines", true));
    remove_folder(folder);
    arena_free(arena);
}

/* ---- damaged objects ---- */

static void damaged_objects_are_refused(void **state)
{
    Built built = build("one", "y", NULL);
    ObjectSection section = {.name = ".s", .symbol = "one_weights", .size = 8};
    Bytes out;
    for (size_t i = 0; i < built.object.size; i++) {
        Arena *arena = arena_new(NULL, NULL);
        Diag diag = diag_new(arena);
        Bytes cut = {(unsigned char *)arena_copy_chars(arena, (char *)built.object.data, i), i};
        if (!object_add_section(arena, &cut, &section, &out, &diag)) assert_int_equal(diag.errors, 1);
        archive_write(arena, "m.o", &cut, &out, &diag);
        Bytes bent = {(unsigned char *)arena_copy_chars(arena, (char *)built.object.data, built.object.size),
                      built.object.size};
        bent.data[i] = (unsigned char)~bent.data[i];
        object_add_section(arena, &bent, &section, &out, &diag);
        archive_write(arena, "m.o", &bent, &out, &diag);
        arena_free(arena);
    }
    Diag diag = diag_new(built.arena);
    Bytes text = {(unsigned char *)"no object", 9};
    assert_false(object_add_section(built.arena, &text, &section, &out, &diag));
    assert_int_equal(diag.first->code, E0904);
    arena_free(built.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_lie_as_their_places_say),
        cmocka_unit_test(names_become_symbols),
        cmocka_unit_test(objects_link_with_what_there_is),
        cmocka_unit_test(a_stale_header_does_not_link),
        cmocka_unit_test(archives_are_found_by_their_index),
        cmocka_unit_test(symbols_carry_the_models_name),
        cmocka_unit_test(debuggers_see_the_text),
        cmocka_unit_test(damaged_objects_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
