#include "ir/init.h"

#include "ir/attr.h"
#include "ir/random.h"

#include <math.h>
#include <string.h>

const InitRow init_rows[INIT_COUNT] = {
#define INIT(NAME, word_, first, first_default, second, second_default, is_flag, doc_)                                 \
    [INIT_##NAME] = {word_, {first, second}, {first_default, second_default}, is_flag, doc_},
#include "ir/init.def"
};

Init init_of(InitKind kind)
{
    Init init = {.kind = (int)kind};
    memcpy(init.at, init_rows[kind].defaults, sizeof init.at);
    return init;
}

/* Parameters by bits, as other attributes. */
bool init_equal(const Init *a, const Init *b) { return a->kind == b->kind && memcmp(a->at, b->at, sizeof a->at) == 0; }

const char *init_text(Arena *arena, const Init *init)
{
    const InitRow *row = &init_rows[init->kind];
    const char *text = row->word, *open = "(";
    for (int i = 0; i < INIT_PARAMETERS && row->parameters[i]; i++) {
        if (!memcmp(&init->at[i], &row->defaults[i], sizeof init->at[i])) continue;
        bool flag = i == 1 && row->second_is_flag;
        const char *value = !flag ? number_text(arena, init->at[i], false) : init->at[i] != 0 ? "yes" : "no";
        text = arena_printf(arena, "%s%s%s: %s", text, open, row->parameters[i], value);
        open = ", ";
    }
    return *open == ',' ? arena_printf(arena, "%s)", text) : text;
}

/* Of the parameters of the other direction as of those of the first. */
static const char *without_direction(const char *operand)
{
    static const char reverse[] = "reverse_";
    return strncmp(operand, reverse, sizeof reverse - 1) != 0 ? operand : operand + sizeof reverse - 1;
}

Init init_for(const char *operand, const Init *init, const Init *bias)
{
    operand = without_direction(operand);
    static const char *const biases[] = {"bias", "recurrent_bias", "offset"};
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++)
        if (!strcmp(operand, biases[i])) return *bias;
    if (!strcmp(operand, "mean")) return init_of(INIT_ZEROS);
    if (!strcmp(operand, "scale") || !strcmp(operand, "variance")) return init_of(INIT_ONES);
    return *init;
}

/* ---- what it cannot draw ---- */

/* Orthogonalising takes rows * columns * the fewer of both steps: this many are half a minute. */
static const double most_steps = (double)(INT64_C(1) << 34);

/* A tensor as a matrix: its last dim are the columns. */
static int64_t columns_of(const Type *type) { return type->rank ? type->dim[type->rank - 1].high : 1; }

const char *init_refusal(const Init *init, const Type *type)
{
    InitKind kind = (InitKind)init->kind;
    bool whole = kind <= INIT_UNIFORM;
    if (!whole && !dtype_is_float(type->dtype)) return "draws fractions, which whole numbers cannot hold";
    for (int i = 0; i < INIT_PARAMETERS && kind != INIT_CONSTANT; i++)
        if (!isfinite(init->at[i])) return "has a parameter that is not finite";
    if (kind == INIT_UNIFORM && !(init->at[0] <= init->at[1])) return "has a low above its high";
    if ((kind == INIT_NORMAL || kind == INIT_TRUNCATED_NORMAL) && !(init->at[1] >= 0)) return "has a negative std";
    if (kind != INIT_ORTHOGONAL) return NULL;
    if (type->rank < 2) return "makes matrices, and this has one dim";
    double columns = (double)columns_of(type), rows = (double)type_elements(type) / columns;
    if (rows * columns * fmin(rows, columns) > most_steps) return "would take too long for a matrix of this size";
    return NULL;
}

/* ---- drawing ---- */

/* Of all dims but the last, and of all but the last but one. */
static void fans(const Type *type, double *in, double *out)
{
    double elements = (double)type_elements(type);
    *in = elements / (type->rank > 1 ? (double)columns_of(type) : 1);
    *out = elements / (type->rank > 1 ? (double)type->dim[type->rank - 2].high : 1);
}

/* center + reach * u, or center + reach * z, of a u in (-1, 1) or a normal z. */
typedef struct Law {
    enum { LAW_UNIFORM, LAW_NORMAL, LAW_TRUNCATED } shape;
    double center, reach;
} Law;

static Law law_of(const Init *init, const Type *type)
{
    double in, out, a = init->at[0], b = init->at[1];
    fans(type, &in, &out);
    double fan = (1 + a * a) * (b != 0 ? out : in);
    switch ((InitKind)init->kind) {
    case INIT_ONES: return (Law){LAW_UNIFORM, 1, 0};
    case INIT_CONSTANT: return (Law){LAW_UNIFORM, a, 0};
    case INIT_UNIFORM: return (Law){LAW_UNIFORM, a / 2 + b / 2, b / 2 - a / 2};
    case INIT_NORMAL: return (Law){LAW_NORMAL, a, b};
    case INIT_TRUNCATED_NORMAL: return (Law){LAW_TRUNCATED, a, b};
    case INIT_XAVIER_UNIFORM: return (Law){LAW_UNIFORM, 0, a * sqrt(6 / (in + out))};
    case INIT_XAVIER_NORMAL: return (Law){LAW_NORMAL, 0, a * sqrt(2 / (in + out))};
    case INIT_HE_UNIFORM: return (Law){LAW_UNIFORM, 0, sqrt(6 / fan)};
    case INIT_HE_NORMAL: return (Law){LAW_NORMAL, 0, sqrt(2 / fan)};
    case INIT_LECUN_NORMAL: return (Law){LAW_NORMAL, 0, sqrt(1 / in)};
    default: return (Law){LAW_NORMAL, 0, 0};
    }
}

static double draw(const Law *law, uint64_t key, uint64_t index)
{
    static const double within_two = 0.022750131948179207; /* of the normal distribution lies below -2 */
    if (law->reach == 0) return law->center;
    double u = random_uniform(key, index);
    if (law->shape == LAW_UNIFORM) return law->center + law->reach * (2 * u - 1);
    if (law->shape == LAW_TRUNCATED) u = within_two + u * (1 - 2 * within_two);
    return law->center + law->reach * random_normal_quantile(u);
}

/* ---- orthogonal: Gram and Schmidt, each vector twice, so that rounding leaves no trace ---- */

enum { LANES = 16 };

static double dot(const double *a, const double *b, int64_t count)
{
    double sums[LANES] = {0}, sum = 0;
    for (int64_t i = 0; i < count; i++) sums[i % LANES] += a[i] * b[i];
    for (int i = 0; i < LANES; i++) sum += sums[i];
    return sum;
}

static void orthonormalise(double *vectors, int64_t count, int64_t length)
{
    for (int64_t j = 0; j < count; j++) {
        double *v = vectors + j * length;
        for (int64_t k = 0; k < 2 * j; k++) {
            const double *u = vectors + k % j * length;
            double along = dot(u, v, length);
            for (int64_t i = 0; i < length; i++) v[i] -= along * u[i];
        }
        double norm = sqrt(dot(v, v, length));
        for (int64_t i = 0; i < length && norm > 0; i++) v[i] /= norm;
    }
}

static void draw_orthogonal(Arena *arena, Tensor *tensor, double gain, uint64_t key)
{
    int64_t columns = columns_of(&tensor->type), elements = type_elements(&tensor->type), rows = elements / columns;
    int64_t count = rows < columns ? rows : columns, length = elements / count;
    int64_t along = rows < columns ? 1 : columns, across = rows < columns ? columns : 1; /* of vectors' elements */
    double *vectors = ARENA_ARRAY(arena, double, elements);
    const Law law = {LAW_NORMAL, 0, 1};
    for (int64_t j = 0; j < count; j++)
        for (int64_t i = 0; i < length; i++)
            vectors[j * length + i] = draw(&law, key, (uint64_t)(j * across + i * along));
    orthonormalise(vectors, count, length);
    for (int64_t j = 0; j < count; j++)
        for (int64_t i = 0; i < length; i++)
            tensor_set_real(tensor, j * across + i * along, gain * vectors[j * length + i]);
}

/* ---- to test a model ---- */

/* splitmix64 */
static double next_uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 40) * 0x1p-24;
}

/* Around `center`, up to `reach` on either side; weights have the reach of He's rule for their fan-in. */
static const struct UsualRow {
    const char *operand;
    double center, reach;
} usual_rows[] = {
    {"bias", 0, 0.1},   {"recurrent_bias", 0, 0.1}, {"peephole", 0, 0.5}, {"scale", 1, 0.5},
    {"offset", 0, 0.1}, {"mean", 0, 0.1},           {"variance", 1, 0.5},
};

static void draw_usual(Tensor *tensor, int64_t seed, const char *name)
{
    const Type *type = &tensor->type;
    uint64_t state = 0xcbf29ce484222325u ^ (uint64_t)seed;
    for (const char *c = name; *c; c++) state = (state ^ (unsigned char)*c) * 0x100000001b3u;
    int64_t count = type_elements(type);
    double center = 0, reach = sqrt(6.0 * (double)columns_of(type) / (double)count);
    const char *dot_in_name = strrchr(name, '.');
    bool real = dtype_is_float(type->dtype);
    if (!real) reach = 100; /* a fraction would be 0 */
    for (size_t i = 0; dot_in_name && real && i < sizeof usual_rows / sizeof *usual_rows; i++) {
        if (strcmp(usual_rows[i].operand, without_direction(dot_in_name + 1)) != 0) continue;
        center = usual_rows[i].center;
        reach = usual_rows[i].reach;
    }
    for (int64_t i = 0; i < count; i++) tensor_set_real(tensor, i, center + reach * (2 * next_uniform(&state) - 1));
}

const Tensor *init_draw(Arena *arena, const Type *type, const Init *init, int64_t seed, const char *name)
{
    Tensor *tensor = ARENA_NEW(arena, Tensor);
    *tensor = tensor_new(arena, *type);
    if (type_is_empty(type)) return tensor;
    uint64_t key = random_key((uint64_t)seed, name);
    if (init->kind == INIT_USUAL)
        draw_usual(tensor, seed, name);
    else if (init->kind == INIT_ORTHOGONAL) {
        Arena *own = arena_child(arena);
        draw_orthogonal(own, tensor, init->at[0], key);
        arena_free(own);
    } else if (init->kind != INIT_ZEROS) {
        Law law = law_of(init, type);
        for (int64_t i = 0, n = type_elements(type); i < n; i++)
            tensor_set_real(tensor, i, draw(&law, key, (uint64_t)i));
    }
    return tensor;
}
