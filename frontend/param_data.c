/* The elements of parameters and pooled constants: from files beside the model, or drawn from a seed. */
#include "frontend/elaborate.h"

#include <string.h>
#include <sys/stat.h>

enum { MEBIBYTE = 1 << 20 };
static const int64_t usual_limit = INT64_C(1) << 36;

bool elaborate_charge(Elaborator *e, const Type *type, Span at)
{
    int64_t limit = e->options && e->options->data_limit ? e->options->data_limit : usual_limit;
    e->data_bytes += type_bytes(type); /* each is at most 2^40, and there are not 2^22 of them */
    if (e->data_bytes <= limit) return true;
    diag_error(e->diag, E0703, at, "constants and drawn parameters would take more than %lld MiB",
               (long long)(limit / MEBIBYTE));
    return diag_help(e->diag, "weights of that size belong into a file");
}

/* ---- files ---- */

static bool is_there(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    return file != NULL;
}

/* The file of that name, opened once; an entry without file when it could not be, which has been said. */
static OpenWeights *open_weights(Elaborator *e, const char *name, Span at)
{
    for (OpenWeights *w = e->files; w; w = w->next)
        if (!strcmp(w->name, name)) return w;
    OpenWeights *w = ARENA_NEW(e->arena, OpenWeights);
    if (e->weights && e->weights->value && e->weights_file == name) at = e->weights->value->at;
    *w = (OpenWeights){.next = e->files, .name = name, .at = at};
    e->files = w;
    const char *path = weights_path(e->arena, e->ast->source->path, name, at, e->diag);
    bool optional = e->options && e->options->weights_optional;
    if (path && optional && !is_there(path))
        w->missing = true;
    else if (path)
        w->file = weights_open(e->arena, path, at, e->diag);
    if (path && !w->missing && !w->file && e->diag->last && !e->diag->last->help)
        diag_help(e->diag, "put the file beside the model; weights seed: 1 draws parameters without one");
    if (w->file) w->used = ARENA_ARRAY(e->arena, bool, weights_count(w->file) + 1);
    return w;
}

static void mark_used(OpenWeights *w, const char *key)
{
    for (int i = 0; i < weights_count(w->file); i++)
        if (!strcmp(weights_key(w->file, i), key)) w->used[i] = true;
}

static bool missing_key(Elaborator *e, const OpenWeights *w, const char *name, const char *key, Span at)
{
    size_t count = (size_t)weights_count(w->file);
    const char **keys = ARENA_ARRAY(e->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) keys[i] = weights_key(w->file, (int)i);
    const char *near = diag_nearest(key, keys, count);
    diag_error(e->diag, E0502, at, "'%s' has no tensor '%s', which '%s' needs", w->name, key, name);
    if (near) return diag_help(e->diag, "did you mean %s? The key follows from the name on the left", near);
    return diag_help(e->diag, "the file has %zu tensors%s%s", count, count ? ", the first is " : "",
                     count ? keys[0] : "");
}

/* Whether each of the indices is below `count`; and all of those are there when the list must be whole. */
static bool are_indices(const IntList *list, int64_t count, bool whole)
{
    unsigned seen = 0;
    for (int i = 0; i < list->count; i++) {
        if (list->at[i] < 0 || list->at[i] >= count) return false;
        if (whole) seen |= 1u << list->at[i];
    }
    return !whole || (list->count == count && seen == (1u << count) - 1);
}

/* What is stored: the type, its axes where the permutation took them from; false when view, order and permutation do
 * not fit it. */
static bool stored_type(const ParamAttrs *attrs, const Type *type, Type *out)
{
    const IntList *view = &attrs->view, *permute = &attrs->permute, *order = &attrs->order;
    int rank = view->count ? view->count : type->rank;
    *out = *type;
    if (permute->count && !are_indices(permute, rank, true)) return false;
    if (!view->count) {
        for (int i = 0; i < permute->count; i++) out->dim[permute->at[i]] = type->dim[i];
        return !order->count && type_is_sane(out);
    }
    out->rank = rank;
    for (int i = 0; i < rank; i++) out->dim[i] = dim_fixed(view->at[i]);
    if (!type_is_sane(out) || !are_indices(order, view->at[0], false)) return false;
    int64_t elements = type_elements(out);
    if (order->count) elements = elements / view->at[0] * order->count;
    return elements == type_elements(type);
}

/* A file's tensor is seen as before from its second axis on, or as blocks, which are parts of axes. */
static bool fits_stored(const ParamAttrs *attrs, const Type *wanted, const Type *stored)
{
    if (!attrs->view.count) return type_equal(stored, wanted);
    if (!stored->rank || stored->dtype != wanted->dtype || type_elements(stored) != type_elements(wanted)) return false;
    if (!attrs->order.count) return stored->dim[0].high == attrs->view.at[0];
    return stored->dim[stored->rank - 1].high % wanted->dim[wanted->rank - 1].high == 0;
}

/* What a tensor of a file is called: 'a.weight' of 'w.safetensors'. */
static const char *stored_text(Elaborator *e, const ParamAttrs *attrs)
{
    if (attrs->raw) return arena_printf(e->arena, "'%s'", attrs->raw);
    return attrs->key ? arena_printf(e->arena, "'%s' of '%s'", attrs->key, attrs->file)
                      : arena_printf(e->arena, "'%s'", attrs->file);
}

static bool wrong_shape(Elaborator *e, const char *name, const ParamAttrs *attrs, const Type *wanted,
                        const Type *stored, Span at)
{
    diag_error(e->diag, E0503, at, "%s is %s, but '%s' needs %s", stored_text(e, attrs), type_text(e->arena, stored),
               name, type_text(e->arena, wanted));
    return diag_help(e->diag, "check the sizes of the layer, and layout: keras or pytorch");
}

/* Files have no elements of less than a byte: each has one there, as in memory. */
static Dtype stored_dtype(Dtype dtype) { return dtype_is_storage(dtype) && dtype_width(dtype) < 8 ? U8 : dtype; }

/* Whether the bytes of such elements are what those of the dtype can be. */
static bool fits_width(const Tensor *tensor)
{
    unsigned char byte;
    Tensor one = {.type = type_scalar(tensor->type.dtype), .data = &byte};
    const unsigned char *bytes = tensor->data;
    bool real = dtype_is_float(tensor->type.dtype);
    for (int64_t i = 0, count = type_elements(&tensor->type); i < count; i++) {
        if (real && bytes[i] >> dtype_width(tensor->type.dtype)) return false;
        if (real) continue;
        tensor_set(&one, 0, tensor_get(tensor, i));
        if (byte != bytes[i]) return false;
    }
    return true;
}

static const Tensor *load(Elaborator *e, const ParamAttrs *attrs, const Type *type, const Type *wanted,
                          const Tensor *stored, Span at)
{
    /* the mapping may be unaligned, and goes when elaboration ends */
    Tensor *tensor = ARENA_NEW(e->arena, Tensor);
    *tensor = tensor_new(e->arena, *wanted);
    memcpy(tensor->data, stored->data, (size_t)type_bytes(wanted));
    if (attrs->order.count) *tensor = tensor_take(e->arena, tensor, attrs->order.count, attrs->order.at);
    if (attrs->permute.count) {
        int order[MAX_RANK];
        for (int i = 0; i < attrs->permute.count; i++) order[i] = (int)attrs->permute.at[i];
        *tensor = tensor_transpose(e->arena, tensor, order);
    }
    tensor->type = *type;
    if (wanted->dtype == type->dtype || fits_width(tensor)) return tensor;
    diag_error(e->diag, E0503, at, "%s has a byte that is no element of %s", stored_text(e, attrs),
               dtype_name(type->dtype));
    diag_help(e->diag, "each element lies in a byte of its own, with its sign");
    return NULL;
}

/* A file that need not be there, and is not, leaves the param without elements. */
static bool load_raw(Elaborator *e, const char *name, const ParamAttrs *attrs, const Type *type, Span at,
                     const Tensor **out)
{
    Type wanted, in_file = *type;
    Tensor stored;
    const char *path = weights_path(e->arena, e->ast->source->path, attrs->raw, at, e->diag);
    if (path && e->options && e->options->weights_optional && !is_there(path)) return true;
    in_file.dtype = stored_dtype(type->dtype);
    if (!path) return false;
    if (!stored_type(attrs, &in_file, &wanted)) {
        diag_error(e->diag, E0404, at, "`view`, `order` and `permute` do not make %s of '%s'",
                   type_text(e->arena, type), name);
        return diag_help(e->diag, "`permute` has each axis once, `view` the sizes that the file has");
    }
    if (!weights_raw(e->arena, path, attrs->offset, &wanted, &stored, at, e->diag)) {
        if (!e->diag->last->help) diag_help(e->diag, "put the file beside the model");
        return false;
    }
    *out = load(e, attrs, type, &wanted, &stored, at);
    return *out != NULL;
}

/* Bytes of a file of elements only; -1 when it cannot be told, which is said when it is read. */
static int64_t raw_size(Elaborator *e)
{
    struct stat status;
    const char *path = weights_path(e->arena, e->ast->source->path, e->weights_file, e->weights->at, e->diag);
    return path && stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (int64_t)status.st_size : -1;
}

bool param_place(Elaborator *e, const char *name, const Type *type, ParamAttrs *attrs, Span at)
{
    Type in_file = *type, wanted;
    if (!e->raw_weights || attrs->raw != e->weights_file) return true;
    if (e->raw_ended) return false;
    in_file.dtype = stored_dtype(type->dtype);
    if (!stored_type(attrs, &in_file, &wanted) || type_elements(&wanted) != type_elements(type)) {
        diag_error(e->diag, E0506, at, "'%s' is part of another parameter in this layout: a raw file has no such",
                   name);
        return diag_help(e->diag, "a raw file in layout: lep has each parameter by itself");
    }
    int64_t size = raw_size(e), bytes = type_bytes(&wanted);
    if (size < 0 && !(e->options && e->options->weights_optional)) {
        e->raw_ended = true;
        diag_error(e->diag, E0501, e->weights->value->at, "'%s' is no file that can be read", e->weights_file);
        return diag_help(e->diag, "put the file beside the model; weights seed: 1 draws parameters without one");
    }
    attrs->offset = e->raw_offset;
    e->raw_ended = size >= 0 && bytes > size - e->raw_offset;
    e->raw_offset += e->raw_ended ? 0 : bytes;
    if (!e->raw_ended) return true;
    diag_error(e->diag, E0503, at, "'%s' needs %lld bytes from byte %lld of '%s' on, which has %lld", name,
               (long long)bytes, (long long)attrs->offset, e->weights_file, (long long)size);
    return diag_help(e->diag, "a raw file holds the elements of all parameters, in the order of the text");
}

/* All of a raw file is somebody's. */
static void check_raw(Elaborator *e)
{
    int64_t size = raw_size(e);
    if (size <= e->raw_offset) return;
    diag_error(e->diag, E0503, e->weights->value->at, "'%s' has %lld bytes, but the model's parameters take %lld",
               e->weights_file, (long long)size, (long long)e->raw_offset);
    diag_help(e->diag, "is a layer missing? `lepc dump --after=expand` shows where each begins");
}

static bool load_keyed(Elaborator *e, const char *name, const ParamAttrs *attrs, const Type *type, Span at,
                       const Tensor **out)
{
    OpenWeights *w = open_weights(e, attrs->file, at);
    if (w->missing) return true;
    if (!w->file) return false;
    bool single = weights_count(w->file) == 1 && !*weights_key(w->file, 0); /* a .npy */
    const char *key = attrs->key ? attrs->key : single ? "" : NULL;
    if (!key) {
        diag_error(e->diag, E0403, at, "param needs the key of its tensor in '%s'", attrs->file);
        return diag_help(e->diag, "write param(file: \"%s\", key: \"%s\")", attrs->file, name);
    }
    Tensor stored;
    Type wanted, in_file = *type;
    if (!weights_find(w->file, key, &stored)) return missing_key(e, w, name, key, at);
    mark_used(w, key);
    in_file.dtype = stored_dtype(type->dtype);
    if (!stored_type(attrs, &in_file, &wanted) || !fits_stored(attrs, &wanted, &stored.type))
        return wrong_shape(e, name, attrs, type, &stored.type, at);
    *out = load(e, attrs, type, &wanted, &stored, at);
    return *out != NULL;
}

bool weights_may_have(Elaborator *e, const char *name, const char *key, Span at)
{
    Tensor ignored;
    const OpenWeights *w = open_weights(e, name, at);
    return !w->file || weights_find(w->file, key, &ignored);
}

bool param_load(Elaborator *e, const char *name, const ParamAttrs *attrs, const Type *type, Span at, const Tensor **out)
{
    *out = NULL;
    if (attrs->raw) return load_raw(e, name, attrs, type, at, out);
    if (attrs->file) return load_keyed(e, name, attrs, type, at, out);
    const char *why = init_refusal(&attrs->init, type);
    if (why) {
        diag_error(e->diag, E0404, at, "%s of '%s', %s, %s", init_rows[attrs->init.kind].word, name,
                   type_text(e->arena, type), why);
        return diag_help(e->diag, "docs/language.md lists what draws parameters");
    }
    if (!elaborate_charge(e, type, at)) return false;
    *out = init_draw(e->arena, type, &attrs->init, attrs->seed, attrs->key ? attrs->key : name);
    return true;
}

/* What PyTorch's batch norms count while they train, and nothing reads afterwards. */
static bool is_counter(const Elaborator *e, const char *key)
{
    static const char counter[] = ".num_batches_tracked";
    size_t length = strlen(key), end = sizeof counter - 1;
    return e->layout == LAYOUT_PYTORCH && length > end && !strcmp(key + length - end, counter);
}

void weights_finish(Elaborator *e, bool complete)
{
    if (complete && e->raw_weights) check_raw(e);
    for (OpenWeights *w = e->files; w; w = w->next) {
        if (!w->file) continue;
        const char *first = NULL;
        int unused = 0;
        for (int i = 0; i < weights_count(w->file); i++)
            if (!w->used[i] && !is_counter(e, weights_key(w->file, i)) && !unused++) first = weights_key(w->file, i);
        if (complete && unused) {
            const char *more = unused > 1 ? arena_printf(e->arena, " and %d more", unused - 1) : "";
            diag_warning(e->diag, E0509, w->at, "the model does not use '%s'%s of '%s'", first, more, w->name);
            diag_help(e->diag, "is a layer missing? A key is the name on the left and the parameter's");
        }
        weights_close(w->file);
        w->file = NULL;
    }
}

/* ---- the pool of a dump ---- */

static bool pool_is_whole(const Source *file, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    char expected[32];
    for (size_t i = 0; i < file->length; i++) hash = (hash ^ (unsigned char)file->text[i]) * 0x100000001b3u;
    snprintf(expected, sizeof expected, "%016llx.bin", (unsigned long long)hash);
    return strcmp(expected, name) == 0;
}

static const Source *open_pool(Elaborator *e, const char *name, Span at)
{
    if (e->pool && !strcmp(e->pool_name, name)) return e->pool;
    const char *path = weights_path(e->arena, e->ast->source->path, name, at, e->diag);
    const Source *file = path ? source_read_at(e->arena, path, SIZE_MAX / 4, at, e->diag) : NULL;
    if (!file) return NULL;
    if (!pool_is_whole(file, name)) {
        diag_error(e->diag, E0507, at, "'%s' does not hold what its name is the hash of", name);
        diag_help(e->diag, "make the dump again; both files belong together");
        return NULL;
    }
    e->pool = file;
    e->pool_name = name;
    return file;
}

const Tensor *pool_tensor(Elaborator *e, const ConstantAttrs *attrs, const Type *type, Span at)
{
    const Source *file = open_pool(e, attrs->pool, at);
    if (!file) return NULL;
    int64_t bytes = type_bytes(type), size = (int64_t)file->length;
    if (attrs->offset < 0 || attrs->offset > size || bytes > size - attrs->offset) {
        diag_error(e->diag, E0507, at, "'%s' has %lld bytes; this constant would take %lld from %lld on", attrs->pool,
                   (long long)size, (long long)bytes, (long long)attrs->offset);
        diag_help(e->diag, "make the dump again");
        return NULL;
    }
    Tensor *tensor = ARENA_NEW(e->arena, Tensor);
    *tensor = tensor_new(e->arena, *type);
    memcpy(tensor->data, file->text + attrs->offset, (size_t)bytes);
    return tensor;
}
