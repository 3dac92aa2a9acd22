/* Attributes of a node, with what ONNX says when they are not given. */
#include "frontend/onnx/import_state.h"

#include <string.h>

static int find(const OnnxCall *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attribute && i < 64; i++)
        if (c->node->attribute[i]->name && !strcmp(c->node->attribute[i]->name, name)) return (int)i;
    return -1;
}

const Onnx__AttributeProto *onnx_attr(OnnxCall *c, const char *name)
{
    int index = find(c, name);
    if (index < 0) return NULL;
    c->used |= (uint64_t)1 << index;
    return c->node->attribute[index];
}

bool onnx_has_attr(OnnxCall *c, const char *name) { return onnx_attr(c, name) != NULL; }

void onnx_ignore(OnnxCall *c, const char *name) { onnx_attr(c, name); }

int64_t onnx_int(OnnxCall *c, const char *name, int64_t fallback)
{
    const Onnx__AttributeProto *attr = onnx_attr(c, name);
    return attr && attr->has_i ? attr->i : attr ? 0 : fallback;
}

double onnx_float(OnnxCall *c, const char *name, double fallback)
{
    const Onnx__AttributeProto *attr = onnx_attr(c, name);
    return attr && attr->has_f ? (double)attr->f : attr ? 0 : fallback;
}

const char *onnx_string(OnnxCall *c, const char *name, const char *fallback)
{
    const Onnx__AttributeProto *attr = onnx_attr(c, name);
    if (!attr) return fallback;
    return attr->has_s ? arena_copy_chars(c->arena, (const char *)attr->s.data, attr->s.len) : "";
}

static bool too_many(OnnxCall *c, const char *name, size_t count)
{
    return onnx_refuse(c, name, "lepc has tensors of up to 8 axes", "%s has %zu numbers", name, count);
}

bool onnx_ints(OnnxCall *c, const char *name, IntList *out)
{
    const Onnx__AttributeProto *attr = onnx_attr(c, name);
    *out = (IntList){0};
    if (!attr) return true;
    if (attr->n_ints > MAX_INTS) return too_many(c, name, attr->n_ints);
    out->count = (int)attr->n_ints;
    for (size_t i = 0; i < attr->n_ints; i++) out->at[i] = attr->ints[i];
    return true;
}

bool onnx_ints_of(OnnxCall *c, const char *name, int count, int64_t fallback, IntList *out)
{
    bool given = onnx_has_attr(c, name);
    if (!onnx_ints(c, name, out)) return false;
    if (given && out->count != count)
        return onnx_wrong(c, "expected %d numbers in %s, found %d", count, name, out->count);
    for (int i = 0; i < count && !given; i++) out->at[i] = fallback;
    out->count = count;
    return true;
}

bool onnx_ints_either(OnnxCall *c, const char *name, int64_t since, int index, IntList *out)
{
    *out = (IntList){0};
    if (c->opset < since) return onnx_ints(c, name, out);
    return !onnx_has(c, index) || onnx_known_ints(c, index, name, out);
}

bool onnx_axis(OnnxCall *c, int64_t axis, int rank, int *out)
{
    *out = (int)(axis < 0 ? axis + rank : axis);
    if (axis >= -rank && axis < rank) return true;
    return onnx_wrong(c, "axis %lld is none of %d", (long long)axis, rank);
}
