/* `deploy` blocks: how a model is to be built, apart from what it is. */
#ifndef FRONTEND_DEPLOY_H
#define FRONTEND_DEPLOY_H

#include "frontend/frontend.h"
#include "ir/policy.h"

typedef struct Deploys {
    int count;
    Policy *at;
} Deploys;

/* All deploy blocks of a file, each checked as far as it can be without its model: E0202, E0204, E04xx, E0505. */
Deploys deploy_read(Arena *arena, const Ast *ast, Diag *diag);
/* Its layers and inputs are the graph's: E0201. */
bool deploy_check(const Policy *policy, const Graph *graph, Diag *diag);

/* The flags that beat a block: rows are added behind those that are there.  E0801. */
bool deploy_quantize_flag(Arena *arena, Policy *policy, const char *text, Diag *diag); /* LAYER:int8[:tensor] */
bool deploy_prune_flag(Arena *arena, Policy *policy, const char *text, Diag *diag);    /* LAYER:75%[:1x16], LAYER:2:4 */
bool deploy_calibrate_flag(Arena *arena, Policy *policy, const char *text, Diag *diag); /* [INPUT=]PATH */
bool deploy_method_flag(Policy *policy, const char *text, Diag *diag);                  /* percentile:99.99 */
/* 64KiB in bytes, or -1; `flag` is for messages. */
int64_t deploy_bytes_flag(const char *flag, const char *text, Diag *diag);

/* ---- shared by the files of deploy ---- */

/* Bytes of `real` of a unit, -1 when it is none of storage. */
int64_t deploy_unit_bytes(double real, const char *unit);
void deploy_add_quant(Arena *arena, Policy *policy, QuantRow row);
void deploy_add_prune(Arena *arena, Policy *policy, PruneRow row);
void deploy_add_calibrate(Arena *arena, Policy *policy, CalibrateRow row);
/* What is wrong with a row, or NULL. */
const char *deploy_prune_problem(const PruneRow *row);

#endif
