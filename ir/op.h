/* What an operator is: one OpDef each, in ir/ops/<family>.c.  Its row in
 * ir/ops.def makes every layer ask for its part at compile or link time. */
#ifndef IR_OP_H
#define IR_OP_H

#include "ir/attr.h"
#include "ir/expr.h"
#include "ir/graph.h"

/* How an operator is evaluated, fused and lowered: by kind, never by name. */
typedef enum OpKind {
    KIND_SOURCE,   /* input, param, constant: no computation */
    KIND_MAP,      /* a scalar expression of each element, operands broadcast as in numpy */
    KIND_VIEW,     /* each result element is one operand element: an index map */
    KIND_IOTA,     /* each result element is its coordinate along one axis, or a product of sizes: no operand */
    KIND_PIECES,   /* boxes side by side, each an index map of one operand: concat, pad */
    KIND_INDEX,    /* an element of operand 0 at coordinates that the other operands hold: gather */
    KIND_SCATTER,  /* operand 0, over which operand 1 is written where the others say */
    KIND_PREFIX,   /* a combiner with an identity, of all elements so far along one axis */
    KIND_SIZE,     /* a number becomes the size of a dim: define_size */
    KIND_REDUCE,   /* a combiner with an identity over some axes */
    KIND_CONTRACT, /* sums of products: conv, dense, matmul */
    KIND_WINDOW,   /* a combiner over a sliding window: pooling */
    KIND_ROW,      /* along the last axis, each row by itself: softmax and the like */
    KIND_NEST,     /* a loop nest of its own, a row in ir/nests.def: recurrences, attention */
    KIND_GROUP,    /* a region that becomes one loop nest */
    KIND_LOOP,     /* a region that runs once a turn: ir/scan.h */
    KIND_BRANCH,   /* two regions, one of which runs: ir/branch.h */
    KIND_COMPOSITE /* only an expansion */
} OpKind;

enum {
    OPERAND_OPTIONAL = 1,
    OPERAND_PARAM = 2,
    OPERAND_VARIADIC = 4,
    OPERAND_REAL = 8,      /* a number written in its place is f32 beside integers */
    OPERAND_INDEX = 16,    /* integers that say where */
    OPERAND_CONDITION = 32 /* bool, and says nothing of the other operands' dtype */
};

typedef struct Operand {
    const char *name;
    unsigned flags;
    const char *doc;
} Operand;

/* Where one element of a view comes from: operand index = offset + sum over result axes, element by element.
 * A row for each operand axis; stride[a][r] steps of operand axis a per step of result axis r. */
typedef struct IndexMap {
    int64_t offset[MAX_RANK];
    int64_t stride[MAX_RANK][MAX_RANK];
    bool linear; /* the flat index is the same: reshape */
} IndexMap;

/* What coordinates of operand 0 are, axis by axis: those of an axis of the result, or (axis -1) what an operand holds,
 * of which negative ones count from the end and those outside even so are moved to the nearest end. */
typedef struct Indexing {
    int rank, axis[MAX_RANK], operand[MAX_RANK];
} Indexing;

/* One box of a result of KIND_PIECES.  The boxes of a node are apart and together all of its result. */
typedef struct Piece {
    int operand; /* -1: zeros */
    int64_t begin[MAX_RANK], size[MAX_RANK];
    IndexMap map; /* coordinates of the operand from those inside the box */
} Piece;

typedef enum Combiner { COMBINE_SUM, COMBINE_MAX, COMBINE_MIN, COMBINE_PRODUCT } Combiner;

/* What a combiner does to two elements, and what every partial result (16 of a reduction, 1 of a window) starts
 * from: +0, the lowest or highest value (infinities for floats), 1. */
ExprKind combiner_expr(Combiner combiner);
Scalar combiner_identity(Combiner combiner, Dtype dtype);

/* Element by element of operand 1, in their order: the element of operand 0 at the coordinates of `place`, whose axes
 * are those of operand 1, becomes that element or, combined with it in dtype_wide, rounds again.  Coordinates that are
 * outside even when negative ones count from the end: nothing is written. */
typedef struct Scatter {
    Indexing place;
    bool combines;
    Combiner combiner;
} Scatter;

/* From the identity on, in dtype_wide, one element after the other along the axis; what is so far is rounded to be the
 * result. */
typedef struct Prefix {
    Combiner combiner;
    int axis;
    bool exclusive; /* without the element itself */
    bool reverse;   /* from the last to the first */
} Prefix;

typedef struct Reduction {
    Combiner combiner;
    bool axis[MAX_RANK];
    bool keep; /* reduced axes stay, with size 1 */
} Reduction;

/* A 2-D sliding window over [N, H, W, C], after padding is resolved. */
typedef struct Window {
    int64_t kernel[2], stride[2], dilation[2], pad_begin[2], pad_end[2];
    int64_t groups;
} Window;

/* The contraction out[n, y, x, oc] = bias[oc] + sum over (ky, kx, ic) of in * weight in that order.  Of 8-bit operands
 * the products, the bias and the sums are i32.
 * dense and matmul are the case of a 1x1 window, with `rows` pixels. */
typedef struct Contraction {
    Window window;
    int64_t batch, in_height, in_width, in_channels, out_height, out_width, out_channels;
    bool constant_weight; /* the second operand is known at compile time */
    bool batched_weight;  /* matmul of rank > 2 with a second operand per batch */
    int bias;             /* operand index of the bias, -1 none */
    int64_t pad_value;    /* what padding taps read; not 0 only for 8-bit operands */
} Contraction;

typedef struct Pooling {
    Window window;
    Combiner combiner;
    bool mean; /* sum divided by the taps inside the input */
} Pooling;

/* For expand and rules: nodes made before `at`, named after `node`.  A value without node (an error
 * before) as a required operand makes the same again, so that one check at the end does. */
typedef struct Maker {
    Graph *graph;
    Node *node;
    Node *at;
    Diag *diag;
    bool sized; /* sizes are written as if all dims were bounded */
} Maker;

Value make(const Maker *m, Op op, const void *attrs, int ninputs, const Value *inputs);
Value make_unary(const Maker *m, Op op, Value a);
Value make_binary(const Maker *m, Op op, Value a, Value b);
/* A scalar constant that broadcasts. */
Value make_number(const Maker *m, Dtype dtype, double value);
/* A constant tensor. */
Value make_tensor(const Maker *m, const Tensor *tensor);

typedef struct OpDef OpDef;
struct OpDef {
    const char *name, *doc; /* doc: one or two sentences with the formula, as `lepc ops` prints it */
    OpKind kind;
    int noperands;
    const Operand *operands;
    int nresults;               /* 0 means 1 */
    const char *const *results; /* slot names when there are several */
    AttrTable attrs;
    /* Shape and type rule: out[] for each result; operands' number and optionality are checked before. */
    bool (*infer)(const Node *node, Type *out, Diag *diag);
    /* Type of the missing parameter operand `index`, from operand 0 and the layer attributes.  True with
     * out->dtype DTYPE_COUNT: the attributes say that there is none (bias: no). */
    bool (*param)(const Node *node, int index, Type *out, Diag *diag);
    /* The other way around: the numbers among the layer attributes that make the parameters which the node has. */
    void (*layer)(const Node *node, void *attrs);
    /* What a primitive computes, in the order of operations that is the numeric contract; KIND_MAP and
     * KIND_VIEW, KIND_PIECES, KIND_INDEX, KIND_SCATTER, KIND_PREFIX, KIND_REDUCE, KIND_WINDOW have theirs from the
     * descriptions below. */
    void (*eval)(const Node *node, const Tensor *in, Tensor *out);
    /* A map's expression: result 0 of arguments 0.. as its operands. */
    void (*map)(const Node *node, Expr *e, const int *args);
    bool (*view)(const Node *node, IndexMap *out);
    /* The piece with this number, from 0; false when there are no more. */
    bool (*piece)(const Node *node, int64_t number, Piece *out);
    void (*index)(const Node *node, Indexing *out);
    void (*scatter)(const Node *node, Scatter *out);
    void (*prefix)(const Node *node, Prefix *out);
    void (*reduce)(const Node *node, Reduction *out);
    void (*contract)(const Node *node, Contraction *out);
    void (*pool)(const Node *node, Pooling *out);
    /* A composite: the same in other operators, always its meaning; out[] for each result. */
    bool (*expand)(const Maker *m, Value *out);
    /* A composite whose results may have elements where an operand has none: sums over nothing and the like.  Of
     * primitives the kind says so; all others are refused such operands. */
    bool of_nothing;
    /* Of an operand that hardly any value would fit by chance, a type that does, for tests: `first` is operand 0's,
     * NULL for itself; `number` chooses among several.  False, or NULL: any may fit. */
    bool (*fitting)(int index, const Type *first, int64_t number, Type *out);
    /* KIND_ROW and KIND_NEST: whether the code of its own computes this node; NULL: always.  Else it is expanded.
     * With an `eval` beside `expand`, that is what a node which stays whole computes. */
    bool (*whole)(const Node *node);
    /* KIND_NEST: the Packing in which the code reads a constant operand; NULL: all are plain. */
    int (*packing)(const Node *node, int operand);
    bool counts; /* the first attribute, `count`, names a dim of which the node says how much it is: ir/count.h */
    const char *onnx, *tflite; /* the one-to-one name there, or NULL */
};

#define OP(name, kind) extern const OpDef op_##name;
#include "ir/ops.def"
/* Whether a node is a constant all of whose elements are equal, and that element. */
bool node_is_splat(const Node *node, Scalar *element);

extern const OpDef *const op_table[OP_COUNT];
/* Index of the first operand that a layer makes itself, or -1. */
int op_first_param(const OpDef *def);
/* Of a reduction, a prefix or a pooling. */
Combiner node_combiner(const Node *node);
/* A view whose elements lie as its operand's do, one by one: another name for the same memory, as a reshape is. */
bool node_is_alias(const Node *node);
/* What the views that lead to the value are of; itself when it is none. */
Value value_root(Value value);
/* The box is all of an operand of this type, as it is. */
bool piece_is_whole(const Piece *piece, const Type *type);
/* A node that code is made of once fusion is done: a group, or what has groups in its regions. */
bool node_is_step(const Node *node);
/* A node whose regions are graphs of steps: a loop or a branch. */
bool node_is_control(const Node *node);
/* True for a row of kind COMP in ir/ops.def. */
bool op_is_composite(Op op);
/* A composite with code of its own, in a form which that computes, of operands that all have elements: not expanded. */
bool node_is_whole(const Node *node);
/* No result has elements: there is nothing to compute; or some operand has none. */
bool node_is_empty(const Node *node);
bool node_reads_nothing(const Node *node);
/* E0305 when a result has elements where an operand has none, and the operator does not say what they are. */
bool node_check_nothing(const Node *node, const Type *results, Diag *diag);
Op op_find(const char *name); /* OP_COUNT when there is none */
const char *op_nearest(const char *name);
/* "conv2d(x, weight, [bias], stride: 1, ...)", for help and documentation. */
const char *op_signature(Arena *arena, const OpDef *def);
static inline const OpDef *node_def(const Node *node) { return op_table[node->op]; }

/* Operations that a KIND_MAP node takes for one element: arithmetic and comparisons are one each, divisions and roots
 * four; elementary functions are what their expressions take. */
int node_map_cost(const Node *node);

/* Which axis a KIND_IOTA node counts along; -1: it is one number, the product of sizes. */
int iota_axis(const Node *node);

/* The result type of maps: broadcast shapes, one dtype. */
bool infer_broadcast(const Node *node, Type *out, Diag *diag);
/* The shape that both broadcast to; false when there is none. */
bool shape_broadcast(const Type *a, const Type *b, Type *out);

/* Attributes of operators that other layers make or read. */
typedef struct StateAttrs {
    double value;
} StateAttrs;

typedef struct ConstantAttrs {
    double value;           /* of every element, when there is no pool */
    const char *pool;       /* hash-named file beside a dump */
    int64_t offset;         /* into it, in bytes */
    const char *file, *key; /* or weight file beside the model, NULL: the model's, and tensor name in it */
    const char *raw;        /* or file of elements only; `offset` is into it */
} ConstantAttrs;

typedef struct ParamAttrs {
    const char *file, *key; /* weight file beside the model, tensor name in it; NULL: seeded */
    const char *raw;        /* or file of elements only */
    int64_t offset;         /* of the first one in it, in bytes */
    /* the stored tensor is reshaped to `view`, of whose first axis those of `order` are taken, transposed, reshaped to
     * the type */
    IntList view, order, permute;
    int64_t seed; /* without a file: values drawn from this seed and the key or else the name */
    Init init;
} ParamAttrs;

typedef struct ReshapeAttrs {
    IntList shape;
    const Dim *shape_dims; /* as AttrDef has it */
} ReshapeAttrs;

typedef struct TransposeAttrs {
    IntList permute;
} TransposeAttrs;

typedef struct CastAttrs {
    int to;
    int overflow, round; /* CastOverflow, CastRound */
} CastAttrs;

typedef struct BroadcastAttrs {
    IntList shape;
    const Dim *shape_dims;
} BroadcastAttrs;

/* One number an axis from the first on; negative begins and ends count from the end. */
typedef struct SliceAttrs {
    IntList begin, end, step;
    const Dim *begin_dims, *end_dims;
} SliceAttrs;

typedef struct IotaAttrs {
    IntList shape;
    int64_t axis;
    int to; /* a Dtype */
    const Dim *shape_dims;
} IotaAttrs;

typedef struct EinsumAttrs {
    const char *equation;
} EinsumAttrs;

typedef struct TakeAttrs {
    IntList from;
} TakeAttrs;

typedef struct GatherAttrs {
    int64_t axis;
} GatherAttrs;

typedef struct GatherNdAttrs {
    int64_t batch;
} GatherNdAttrs;

/* What an update does to the element that it meets. */
typedef enum Meeting { MEET_NONE, MEET_ADD, MEET_MUL, MEET_MIN, MEET_MAX } Meeting;

typedef struct PutAttrs {
    IntList from;
    int reduce; /* a Meeting */
} PutAttrs;

typedef struct ScatterAttrs {
    int64_t axis;
    int reduce; /* a Meeting */
} ScatterAttrs;

typedef struct ScatterNdAttrs {
    int reduce; /* a Meeting */
} ScatterNdAttrs;

typedef struct CumulativeAttrs {
    int64_t axis;
    bool exclusive, reverse;
} CumulativeAttrs;

typedef struct OneHotAttrs {
    int64_t depth, axis;
    int to; /* a Dtype */
} OneHotAttrs;

typedef struct TriangleAttrs {
    bool upper;
    int64_t diagonal;
} TriangleAttrs;

typedef struct ConcatAttrs {
    int64_t axis;
} ConcatAttrs;

typedef enum PadFill { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_SYMMETRIC, PAD_WRAP } PadFill;

typedef struct PadAttrs {
    IntList begin, end; /* elements more, of each axis from the first on */
    int mode;           /* a PadFill */
} PadAttrs;

typedef struct ClampAttrs {
    double low, high;
} ClampAttrs;

typedef struct IsInfAttrs {
    bool negative, positive;
} IsInfAttrs;

typedef struct BitShiftAttrs {
    int direction; /* 0 left, 1 right */
} BitShiftAttrs;

typedef struct ModAttrs {
    bool truncate;
} ModAttrs;

/* Of elu, celu, thresholded_relu and silu. */
typedef struct AlphaAttrs {
    double alpha;
} AlphaAttrs;

typedef struct SeluAttrs {
    double alpha, gamma;
} SeluAttrs;

typedef struct ShrinkAttrs {
    double bias, limit;
} ShrinkAttrs;

typedef struct HardSigmoidAttrs {
    double alpha, beta;
} HardSigmoidAttrs;

typedef struct LeakyReluAttrs {
    double alpha;
} LeakyReluAttrs;

typedef struct GeluAttrs {
    int approximate; /* 0 none, 1 tanh */
} GeluAttrs;

typedef struct ReduceAttrs {
    IntList axes;
    bool keep;
} ReduceAttrs;

/* Between real numbers and 8-bit ones: real = scale * (stored - zero). */
typedef struct QuantizeAttrs {
    int to; /* I8 or U8 */
    int64_t zero, low, high;
} QuantizeAttrs;

typedef struct DequantizeAttrs {
    int64_t zero;
} DequantizeAttrs;

typedef enum RequantRule { REQUANT_F32, REQUANT_TFLITE, REQUANT_ONNX } RequantRule;

typedef struct RequantizeAttrs {
    int to; /* I8 or U8 */
    int64_t zero, low, high;
    int rule; /* a RequantRule */
} RequantizeAttrs;

typedef struct ConvAttrs {
    int64_t out;    /* layer */
    IntList kernel; /* layer */
    bool bias;      /* layer */
    IntList stride, dilation;
    int64_t groups;
    Pad pad;
    int64_t pad_value; /* of 8-bit operands: the stored number that padding taps read */
} ConvAttrs;

typedef struct ConvTransposeAttrs {
    int64_t out;    /* layer */
    IntList kernel; /* layer */
    bool bias;      /* layer */
    IntList stride;
    Pad pad;
    IntList extra;
} ConvTransposeAttrs;

typedef struct EmbeddingAttrs {
    int64_t rows, out; /* layer */
} EmbeddingAttrs;

typedef struct DenseAttrs {
    int64_t out; /* layer */
    bool bias;   /* layer */
} DenseAttrs;

typedef struct PoolAttrs {
    IntList size, stride; /* a stride of 0 is the size */
    IntList dilation;     /* 0 is 1 */
    Pad pad;
} PoolAttrs;

typedef struct GlobalPoolAttrs {
    bool keep;
} GlobalPoolAttrs;

typedef struct SoftmaxAttrs {
    int64_t axis;
} SoftmaxAttrs;

typedef enum LossReduction { LOSS_MEAN, LOSS_SUM, LOSS_NONE } LossReduction;

/* Of nll_loss and cross_entropy. */
typedef struct LossAttrs {
    int64_t axis, ignore;
    int reduction; /* a LossReduction */
} LossAttrs;

typedef struct LayerNormAttrs {
    double epsilon;
} LayerNormAttrs;

typedef struct AttentionAttrs {
    int64_t heads;
    double scale;
    bool causal;
} AttentionAttrs;

typedef struct RotaryEmbeddingAttrs {
    int64_t heads;
    bool interleaved;
} RotaryEmbeddingAttrs;

typedef struct LstmRecurrenceAttrs {
    bool recurrent_bias; /* layer */
} LstmRecurrenceAttrs;

/* Of each scanned operand the axis that its slices are taken along; of a scan of none the turns, 0 without a bound. */
typedef struct ScanAttrs {
    IntList axes;
    int64_t turns;
    bool stops; /* before a turn when the first carried value, a bool, is no */
} ScanAttrs;

typedef struct BatchNormAttrs {
    double epsilon;
} BatchNormAttrs;

#endif
