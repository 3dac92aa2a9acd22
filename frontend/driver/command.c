#include "frontend/driver/report.h"

#include <string.h>

const Command command_table[] = {
    {"build", FOR_BUILD, command_build, "[build] MODEL -o OUT",
     "compiles a model; what comes out is told by --emit or OUT's suffix", true, false, NULL},
    {"run", FOR_RUN, command_run, "run MODEL [--input NAME=FILE]... [FILE]...",
     "compiles in memory and runs as the standalone binary would", true, true, NULL},
    {"profile", FOR_RUN, command_profile, "profile MODEL [--input NAME=FILE]...",
     "runs it as `lepc run --profile` does: the time of each layer", true, true, NULL},
    {"compare", FOR_COMPARE, command_compare, "compare MODEL [--input NAME=FILE]...",
     "the machine code beside the reference interpreter, layer by layer", true, false, NULL},
    {"eval", FOR_EVAL, command_eval, "eval MODEL --data=FOLDER [--metric=LIST]",
     "how good a classifier is on data of known classes", true, false, NULL},
    {"check", FOR_CHECK, command_check, "check MODEL", "everything that is wrong, at once; sizes when nothing is", true,
     false, NULL},
    {"dump", FOR_DUMP, command_dump, "dump MODEL [--after=PASS [--diff]]",
     "the program after a pass, in the language itself", true, false, NULL},
    {"import", FOR_IMPORT, command_import, "import MODEL.onnx -o OUT.lep",
     "a model of another format as a text to read and change, its weights beside it", true, false, NULL},
    {"report", FOR_REPORT, command_report, "report KIND[,KIND]... MODEL",
     "what a build takes: memory, size, time, fusion, quant, sparsity", true, true, reports_help},
    {"fmt", FOR_FMT, command_fmt, "fmt MODEL [-o OUT]", "the text in the house's formatting", true, false, NULL},
    {"ops", FOR_LIST, command_ops, "ops [NAME]...", "the operators: operands, attributes, defaults", false, true, NULL},
    {"passes", FOR_LIST, command_passes, "passes", "the passes in the order of a build", false, false, NULL},
    {"explain", FOR_LIST, command_explain, "explain [CODE]...", "what an error means, and ways out", false, true, NULL},
    {"targets", FOR_LIST, command_targets, "targets", "the processors that --cpu and --target know", false, false,
     NULL},
};
const int command_count = sizeof command_table / sizeof command_table[0];

const Command *command_find(const char *name)
{
    for (int i = 0; i < command_count; i++)
        if (strcmp(command_table[i].name, name) == 0) return &command_table[i];
    return NULL;
}
