/* Where a value lives at run time.  Beside the Type, once planned. */
#ifndef IR_PLACE_H
#define IR_PLACE_H

#include "ir/scan.h"

typedef enum Space {
    SPACE_NONE,     /* inside a group: registers */
    SPACE_INPUT,    /* the user's buffer number `index`, dense */
    SPACE_OUTPUT,   /* the same */
    SPACE_CONSTANT, /* the weights' section */
    SPACE_ARENA,    /* the caller's arena */
    SPACE_STATE,    /* the caller's context: kept from one run to the next */
    SPACE_SCRATCH   /* a part of the arena that one part of a group has for itself while it runs: no value's */
} Space;

/* The buffer holds the tensor with a ring of `before[axis]` and `after[axis]` more elements around it,
 * which its producer fills with `ring` on each call: zeros, or the zero point of 8-bit elements. */
struct Place {
    Space space;
    int index;
    int64_t offset;           /* bytes to the start of the buffer, ring included */
    int64_t stride[MAX_RANK]; /* elements between neighbours of each axis */
    int64_t before[MAX_RANK], after[MAX_RANK];
    int64_t ring;
    int64_t moves[MAX_SCANS]; /* elements that the buffer's start goes on each turn of the scans around the node,
                                 outermost first */
    int64_t panel;            /* constants only: 0, or [..., N] lies as [N / panel rounded up, ..., panel], padded
                                 with zeros, in the order that a tile reads it */
    int64_t slack;            /* in the arena only: bytes behind the last element that may be read, and hold anything */
    bool part;                /* what is around the tensor is other values', which fill it: no ring */
    int packing; /* constants only: a Packing of ir/packing.h, what the weights' section holds of the tensor */
    /* packing sparse only: panels that are read side by side, the steps that all such groups of panels take, and
     * elements of the other operand that one step along each axis of the reduction goes */
    int64_t abreast, steps, reach[MAX_RANK];
};

const char *space_name(Space space);
Space space_find(const char *name); /* SPACE_NONE when there is none */
/* Dense row-major strides of a buffer with the place's ring around a tensor of this type; with a panel, those inside
 * one. */
void place_set_strides(Place *place, const Type *type);
bool place_has_halo(const Place *place);
/* True when no two elements share an address, and buffer and offset stay within 2^40 bytes: then the functions below
 * cannot overflow.  Places of a dump may say anything. */
bool place_is_sane(const Place *place, const Type *type);
/* Bytes of the buffer, ring and padding of panels included. */
int64_t place_bytes(const Place *place, const Type *type);
/* Elements from the buffer's start to element (0, 0, ...). */
int64_t place_interior(const Place *place);
/* Bytes of a space that the top level's values take, a multiple of 64. */
int64_t graph_space_bytes(const Graph *graph, Space space);
/* Slices along the axis of a dense tensor at `whole`, as scans `depth` deep see them one a turn. */
Place place_slice(const Place *whole, const Type *type, int64_t axis, int depth);
/* Where the region of a planned scan finds its number-th input. */
Place scan_input_place(const Node *scan, int number);
/* Where a region of a planned scan or branch puts its number-th result. */
Place body_result_place(const Node *node, int number);
/* Does the operand of a box lie in it already, in the buffer of the whole?  Types and places as they are planned. */
bool place_holds_piece(const Place *whole, const Piece *piece, const Place *operand, const Type *type);
bool place_equal(const Place *a, const Place *b);

#endif
