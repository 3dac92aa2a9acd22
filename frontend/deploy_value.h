/* What may stand behind a key of a deploy block. */
#ifndef FRONTEND_DEPLOY_VALUE_H
#define FRONTEND_DEPLOY_VALUE_H

#include "frontend/ast.h"
#include "ir/policy.h"

typedef struct DeployReader {
    Arena *arena;
    Diag *diag;
    const Ast *ast;
    Policy *policy;
} DeployReader;

/* One thing that a key says: `h sparsity: 75% block: 1x4`, up to the next comma. */
typedef struct DeployItem {
    const AstArg *subject; /* the value without a word before it, or NULL */
    const AstArg *first, *end;
    Span at;
} DeployItem;

/* Stores what the argument says; false after a diagnostic. */
typedef bool DeployRead(const DeployReader *r, const AstArg *arg, void *field);

typedef struct DeployWord {
    const char *name;
    DeployRead *read;
    size_t offset;
} DeployWord;

DeployRead deploy_read_text, deploy_read_path, deploy_read_name, deploy_read_count, deploy_read_share,
    deploy_read_points, deploy_read_bytes, deploy_read_limit, deploy_read_block, deploy_read_dtype, deploy_read_method;

/* Reads the words of an item into the struct at `base`; given[] tells which stood there.  E0401, E0405. */
bool deploy_words(const DeployReader *r, const char *key, const DeployItem *item, const DeployWord *words, size_t count,
                  void *base, bool *given);

#endif
