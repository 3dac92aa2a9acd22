#include "runtime/runner/runner.h"

/* Of the object that lepc compiled. */
extern const LepModel lep_model;

int main(int argc, char **argv) { return runner_main(&lep_model, argc, argv); }
