/* Scans as parts of expansions: what runs once a turn is made with a Maker of its own, between begin and end.
 *
 *     ScanMaker s = make_scan(m, &(ScanAttrs){.axes = {1, {0}}}, 2, (Value[]){x, zero}, (const char *[]){"xt", "sum"});
 *     Value sum = make_binary(&s.turn, OP_add, s.inputs[1], s.inputs[0]);
 *     make_scan_return(&s, "sums", 0, sum);
 *     make_scan_next(&s, sum);
 *     Value sums = make_scan_end(&s);
 *
 * Slot 0 of `sums` is the running sum of all turns, slot 1 the last one: first what is returned, then what is carried.
 * The turn may use any value that the expansion has; what does not depend on the turn is hoisted out of it later, and
 * numbers that it makes stand outside at once.  After an error nothing is left of the scan, and all values of it are
 * without node. */
#ifndef IR_OPS_MAKE_SCAN_H
#define IR_OPS_MAKE_SCAN_H

#include "ir/op.h"

enum { MOST_SCAN_OPERANDS = 16 };

typedef struct ScanMaker {
    Maker turn;                       /* for the nodes of one turn */
    Value inputs[MOST_SCAN_OPERANDS]; /* of the turn: a slice, without the axis, or a carried value, as operands go */
    Node *scan;                       /* NULL after an error */
    int nexts;
} ScanMaker;

/* A scan of `attrs` (ir/scan.h): operands are the scanned tensors, one each in attrs->axes, then what carried values
 * begin with; `names` says what they are called in a turn. */
ScanMaker make_scan(const Maker *m, const ScanAttrs *attrs, int count, const Value *operands, const char *const *names);
/* One more result: `value` of all turns, side by side along `axis` of it.  All of these come before the nexts. */
void make_scan_return(ScanMaker *s, const char *name, int64_t axis, Value value);
/* What the first carried value that has no next yet becomes in the turn after. */
void make_scan_next(ScanMaker *s, Value value);
/* The whole; no node after an error, which has been said. */
Value make_scan_end(ScanMaker *s);

#endif
