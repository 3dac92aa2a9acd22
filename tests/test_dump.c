/* lepc dump, its differences and its layers, as a user calls it. */
#include "tests/support/command.h"
#include "tests/support/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char model[] = "lep 1\n"
                            "\n"
                            "model small {\n"
                            "  weights seed: 1\n"
                            "  input x: f32[1, 4]\n"
                            "  d = dense(x, out: 3) |> silu\n"
                            "  e = d + 0.0\n"
                            "  output y = e * 2.0\n"
                            "}\n";

static void shows_what_a_pass_changed(void **state)
{
    Said said = LEPC("dump", "small.lep", "--after=expand", "--diff");
    succeeds(said);
    contains(said.out, "--- before expand\n+++ after expand\n");
    contains(said.out, "\n-  d: f32[1, 3] = silu(d.dense)\n");
    contains(said.out, "= sigmoid(d.dense)\n");
    said = LEPC("dump", "small.lep", "--after=cse", "--diff");
    succeeds(said);
    assert_string_equal(said.out, "");
}

static void says_when_a_pass_did_not_run(void **state)
{
    Said said = LEPC("dump", "small.lep", "--after=simplify", "--diff", "-O0");
    succeeds(said);
    contains(said.err, "pass 'simplify' did not run");
    fails(LEPC("dump", "small.lep", "--diff"), 2, "--after=PASS");
    fails(LEPC("dump", "small.lep", "--diff", "--after=fuse", "-o", "out.lep"), 2, "on the terminal");
    fails(LEPC("dump", "small.lep", "--diff", "--after=fues"), 2, "did you mean 'fuse'?");
}

static void shows_one_layer(void **state)
{
    Said said = LEPC("dump", "small.lep", "--after=fuse", "--layer=d");
    succeeds(said);
    contains(said.out, "group ");
    contains(said.out, "d.dense: f32[1, 3] = dense(");
    assert_null(strstr(said.out, "model small"));
    assert_null(strstr(said.out, "input x"));
    fails(LEPC("dump", "small.lep", "--layer=q"), 2, "there is no layer 'q'");
}

static int enter_folder(void **state)
{
    if (folder_enter(state, "dump")) return -1;
    write_text("small.lep", model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_a_pass_changed),
        cmocka_unit_test(says_when_a_pass_did_not_run),
        cmocka_unit_test(shows_one_layer),
    };
    return cmocka_run_group_tests(tests, enter_folder, folder_leave);
}
