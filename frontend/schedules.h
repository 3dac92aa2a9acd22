/* Schedules that stand in a text: of --schedule=FILE. */
#ifndef FRONTEND_SCHEDULES_H
#define FRONTEND_SCHEDULES_H

#include "frontend/ast.h"
#include "ir/schedule.h"

/* The @schedule of each group in the text, which may be a dump or hold nothing else: `group c1 @schedule(lanes: 8) {}`.
 * What a @schedule does not say is its default, as in dumps.  E0405 for a group that stands there twice, E0609 for a
 * text without any, and what dumps are refused for. */
bool schedules_read(Arena *arena, const Ast *ast, GivenSchedules *out, Diag *diag);

#endif
