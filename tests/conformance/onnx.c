/* The official tests of ONNX through native code: those of the onnx package (PyPI), found by --data or LEPC_ONNX,
 * which is the package's backend/test/data or a folder above.
 *
 *     onnx_conformance [--match TEXT] [--write FILE] [--against FILE] [--cpu NAME] [--level N] [--fast] [--verbose]
 *                      [--texts] [--every N]
 *
 * Prints a line a test and a sum a suite.  --write makes the table of docs/onnx-support.md; --against fails when a test
 * that passed in that table does not any more.  --texts also writes each graph as text, for people and as dumps, and
 * fails when what is read back becomes another object.  --every takes each N-th test; LEPC_SAMPLED each 20th.  A test
 * is a process's own affair: one that crashes or takes too long has failed, and the others go on. */
#include "tests/conformance/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, SAMPLED = 20 };

static const char usage[] = "onnx_conformance [--data DIR] [--match TEXT] [--write FILE] [--against FILE]\n"
                            "  [--cpu NAME] [--level 0..3] [--fast] [--jobs N] [--seconds N] [--verbose]\n"
                            "  [--texts] [--every N]\n";

typedef struct Arguments {
    const char *data, *match, *write, *against;
    int every;
    SuiteOptions suite;
} Arguments;

static bool take_value(Arguments *out, const char *flag, const char *value)
{
    if (!strcmp(flag, "--data"))
        out->data = value;
    else if (!strcmp(flag, "--match"))
        out->match = value;
    else if (!strcmp(flag, "--write"))
        out->write = value;
    else if (!strcmp(flag, "--against"))
        out->against = value;
    else if (!strcmp(flag, "--cpu"))
        out->suite.test.cpu = value;
    else if (!strcmp(flag, "--level"))
        out->suite.test.level = atoi(value);
    else if (!strcmp(flag, "--jobs"))
        out->suite.jobs = atoi(value);
    else if (!strcmp(flag, "--every"))
        out->every = atoi(value);
    else if (!strcmp(flag, "--seconds"))
        out->suite.seconds = (unsigned)atoi(value);
    else
        return false;
    return true;
}

static bool parse(Arguments *out, int argc, char **argv)
{
    const char *data = getenv("LEPC_ONNX");
    *out = (Arguments){.data = data ? data : LEPC_ONNX_HERE, .suite = suite_defaults()};
    out->every = getenv("LEPC_SAMPLED") ? SAMPLED : 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--fast"))
            out->suite.test.fast = true;
        else if (!strcmp(argv[i], "--verbose"))
            out->suite.test.verbose = true;
        else if (!strcmp(argv[i], "--texts"))
            out->suite.test.texts = true;
        else if (i + 1 < argc && take_value(out, argv[i], argv[i + 1]))
            i++;
        else
            return false;
    }
    return out->every > 0 && out->suite.jobs > 0 && out->suite.seconds > 0;
}

int main(int argc, char **argv)
{
    Arguments arguments;
    if (!parse(&arguments, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    Suite suite;
    if (!arguments.data || !suite_find(&suite, arguments.data, arguments.match)) {
        printf("skipped: no official tests of ONNX in '%s'\n"
               "  pip install --target DIR --no-deps onnx==1.20.1, then LEPC_ONNX=DIR\n",
               arguments.data ? arguments.data : "$LEPC_ONNX");
        return SKIPPED;
    }
    if (arguments.every > 1) suite_sample(&suite, arguments.every);
    suite_run(&suite, &arguments.suite);
    suite_print(&suite, stdout);
    bool good = !arguments.against || suite_holds(&suite, arguments.against);
    if (arguments.write) good = suite_write(&suite, arguments.write) && good;
    suite_free(&suite);
    return good ? 0 : 1;
}
