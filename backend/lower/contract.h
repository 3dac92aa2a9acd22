/* A contraction as the tile generator sees it: sizes, and where each operand's
 * element (n, y, x, c) is. */
#ifndef BACKEND_LOWER_CONTRACT_H
#define BACKEND_LOWER_CONTRACT_H

#include "backend/lower/part.h"

/* Address = base + n*N + y*Y + x*X + c*C elements of `buffer`; a factor of 0 broadcasts. */
typedef struct Site {
    const LoopBuffer *buffer; /* NULL: no such operand */
    int64_t base, n, y, x, c;
    Affine shift; /* more elements, when rows are counted from somewhere else than the first */
} Site;

/* Some rows of a contraction over images, by themselves. */
typedef struct Rows {
    Affine first;               /* row of the result that is row 0 of the tiles */
    int64_t count;              /* rows from there on */
    const Site *input, *output; /* of those rows, in place of the operand's and the result's own; or NULL */
    int64_t slack;              /* bytes behind such an input that may be read */
} Rows;

typedef struct Tile Tile;
/* Adds every product of the reduction to the tile's sums, which hold the bias. */
typedef void TileReduce(const Tile *tile);
/* Takes the sums of vectors `first` up to `last` - 1 of every pixel away; `active` lanes of each are channels, and none
 * that the tile's limit leaves out. */
typedef void TileStore(const Tile *tile, int first, int last, int active);

typedef struct Contract {
    Lowering *lowering;
    Contraction shape;
    Window pool; /* 1x1 when nothing is pooled */
    Dtype sum;   /* of the sums: that of the operands, narrow floats widened */
    Site input, weight, bias, output;
    bool depthwise;      /* lanes read their own input channel */
    bool bias_is_padded; /* to whole panels: more lanes of it may be read than there are channels */
    bool row_is_run;     /* a kernel row's inputs are neighbours in memory */
    bool image;          /* operands are [N, H, W, C]; else lines of rows */
    bool flat;           /* the pixels of all images as one line, or of the rows at hand */
    Affine first_row;    /* of the result, that tiles count from */
    int64_t slack;       /* bytes behind the input that may be read */
    int64_t batch, groups;
    int64_t height, width;     /* pixels that are computed: what pooling drops is left out */
    Extent images, tall, wide; /* where they are bounded, how far batch, height and width go when the code runs, the
                                  last two in windows of the pooling */
    Extent many, deep;         /* the same of channels and inner, in products of matrices */
    int nleading;              /* axes that `n` counts through when there are gaps between them, outermost first */
    struct {
        Extent extent;
        int64_t step; /* of n */
    } leading[MAX_RANK];
    int64_t channels;                                               /* output channels of a group */
    int64_t inner;                                                  /* input channels of a group */
    int64_t reduction;                                              /* products of one sum */
    int64_t lanes, rows, columns, vectors, unroll, panel, prefetch; /* from the schedule */
    int64_t products;                                               /* of one step */
    bool apart;       /* each lane's sum is a scalar of its own; an epilogue sees vectors */
    Dtype multiplied; /* what the tile's weights are held in */
    TileReduce *reduce;
    Part batch_part, channel_part, row_part, column_part; /* one of them may be cut */
    const LoopBuffer *starts, *offsets; /* of a weight without its zeros, ir/packing_sparse.h; else NULL */
    int64_t abreast;                    /* panels of it that are read side by side */
    TileStore *store;
} Contract;

/* The coordinates of the tile's first output channel.  A packed weight of channel oc + v * lanes is at
 * panel-relative positions that are affine only because a block never straddles a panel. */
typedef struct Channels {
    Affine oc;      /* in the whole result */
    Affine panel;   /* index of the panel that oc lies in */
    int64_t within; /* oc within the panel, when `sub` is not in use */
    Affine sub;     /* the part of a panel that the tile covers, when it is narrower */
    Affine ic;      /* first input channel, of grouped convolutions */
    int vectors;
    int active;   /* lanes of the last vector that are channels */
    bool limited; /* or, of the only vector, those below `limit` */
    Affine limit;
} Channels;

/* rows x columns pixels times some vectors of channels, whose sums are sums[(row * columns + column) * vectors + v], or
 * apart that times lanes, and one for each lane. */
struct Tile {
    Contract *contract;
    Channels channels;
    Affine n, y, x; /* of the first pixel, before pooling */
    int64_t rows, columns;
    const LoopRegister *sums, *weights; /* weights: a vector for each of the tile's, or one for each lane */
};

/* The whole tile: from its bias through contract->reduce to contract->store. */
void tile_emit(Tile *tile);
TileReduce tile_reduce; /* over (ky, kx, ic) in order */
TileStore tile_finish;  /* what the group does with the sums, into its result */
/* With the two above. */
Contract contract_new(Lowering *lowering);
/* The same for some rows; images are the caller's loop. */
Contract contract_of_rows(Lowering *lowering, const Rows *rows);
/* By dot products of bytes: the schedule's variant is `dot`. */
void contract_use_dots(Contract *contract);
/* The tiles of image `n`, of all groups of channels. */
void contract_groups(Contract *contract, Affine n);
/* Channels that are covered together: a tile's, or a panel's. */
int64_t contract_block(const Contract *contract);
/* Tiles over the channels from `first` on, whose input channels begin at `ic`, and the pixels of image `n`. */
void contract_tiles(Contract *contract, Affine n, Affine first, Affine ic);
/* The whole nest: tiles over channels and pixels, each from its bias through contract->reduce to what the group does
 * with the sums. */
void contract_cover(Contract *contract);
/* Where the input of pixel (row, column) at tap (ky, kx) is. */
Affine tile_input(const Tile *tile, Affine row, Affine column, Affine ky, Affine kx, Affine channel);
/* The register of the sums of vector `v` of a pixel; of its first lane, when they are apart. */
Affine tile_sum(const Tile *tile, Affine row, Affine column, Affine v);
/* A load of `lanes` elements, of which channels, in the dtype that sums are made in. */
const LoopExpr *tile_load(const Tile *tile, const LoopBuffer *buffer, Affine at, int lanes, int active);
/* An operand of the epilogue: the result's shape, one element a channel, or one element. */
Site contract_site(const Contract *contract, Value value);
/* Every factor and the base are multiples of `by`. */
Affine affine_divide(Affine a, int64_t by);
Affine site_address(const Site *site, Affine n, Affine y, Affine x, Affine c);

#endif
