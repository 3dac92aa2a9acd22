/* Where values come from, and the nodes that hold others. */
#include "ir/ops/common.h"

const OpDef op_input = {
    .name = "input",
    .doc = "What the caller hands in on each run.",
    .kind = KIND_SOURCE,
};

const OpDef op_state = {
    .name = "state",
    .doc = "What a model keeps from one run to the next, in the caller's context: what its `next` gave the last time, "
           "and at first one value in every element.",
    .kind = KIND_SOURCE,
    .attrs = ATTRS(StateAttrs, ATTR(StateAttrs, value, .kind = ATTR_FLOAT, .doc = "of every element after a reset")),
};

const OpDef op_param = {
    .name = "param",
    .doc = "Weights: read from a file beside the model or drawn from a seed, trainable and prunable.",
    .kind = KIND_SOURCE,
    .attrs = ATTRS(
        ParamAttrs,
        ATTR(ParamAttrs, file, .kind = ATTR_STRING,
             .doc = "weight file beside the model; without one and a seed the model's own"),
        ATTR(ParamAttrs, key, .kind = ATTR_STRING,
             .doc = "name of the tensor in the file, or that values are drawn for, when it is not the param's"),
        ATTR(ParamAttrs, raw, .kind = ATTR_STRING, .doc = "file of elements only, little endian"),
        ATTR(ParamAttrs, offset, .kind = ATTR_INT, .doc = "of the first element in the raw file, in bytes"),
        ATTR(ParamAttrs, view, .kind = ATTR_INTS, .doc = "shape the stored tensor is given before it is permuted"),
        ATTR(ParamAttrs, order, .kind = ATTR_INTS, .doc = "which of the view's first axis are taken, in which order"),
        ATTR(ParamAttrs, permute, .kind = ATTR_INTS, .doc = "order of the stored axes"),
        ATTR(ParamAttrs, seed, .kind = ATTR_INT,
             .doc = "of random values, when there is no file; without one the model's"),
        ATTR(ParamAttrs, init, .kind = ATTR_INIT, .doc = "how they are drawn")),
};

const OpDef op_constant = {
    .name = "constant",
    .doc = "Known elements that no training changes: one value in every element, a tensor among the weights, a "
           "piece of a raw file or of a dump's pool file.",
    .kind = KIND_SOURCE,
    .attrs = ATTRS(ConstantAttrs,
                   ATTR(ConstantAttrs, value, .kind = ATTR_FLOAT, .doc = "of every element, when there is no pool"),
                   ATTR(ConstantAttrs, pool, .kind = ATTR_STRING, .doc = "file beside the dump"),
                   ATTR(ConstantAttrs, offset, .kind = ATTR_INT,
                        .doc = "of the first element in the pool or the raw file, in bytes"),
                   ATTR(ConstantAttrs, file, .kind = ATTR_STRING, .doc = "weight file, when it is not the model's"),
                   ATTR(ConstantAttrs, key, .kind = ATTR_STRING, .doc = "name of the tensor among the weights"),
                   ATTR(ConstantAttrs, raw, .kind = ATTR_STRING, .doc = "file of elements only, little endian")),
};

const OpDef op_group = {
    .name = "group",
    .doc = "Operators that become one loop nest; the results are those of the body.",
    .kind = KIND_GROUP,
};
