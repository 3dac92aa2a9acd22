/* The syntax tree of a .lep file: what the text says, before it means anything. */
#ifndef FRONTEND_AST_H
#define FRONTEND_AST_H

#include "ir/diag.h"

typedef struct Ast Ast;

#endif
