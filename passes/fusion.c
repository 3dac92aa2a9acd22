#include "passes/fusion.h"

#include <stdlib.h>

bool fusion_is_computed(const Node *node)
{
    OpKind kind = node_def(node)->kind;
    return kind != KIND_SOURCE && !node_is_control(node) && !node_is_alias(node);
}

int fusion_operand(const Fusion *f, int number, int i)
{
    const Node *from = f->index->node[number]->inputs[i].node;
    return from ? node_number(f->index, from) : -1;
}

/* ---- members ---- */

/* Does a user read it at computed places?  Then it is in memory, even when the user takes it elsewhere, too. */
static bool reads_at_places(const Fusion *f, int user, int number)
{
    const Node *node = f->index->node[user];
    return fusion_kind(f, user) == KIND_INDEX && node->inputs[0].node == f->index->node[number];
}

bool fusion_is_private(const Fusion *f, int number, int g)
{
    const NodeIndex *index = f->index;
    if (f->group[number] != FUSION_FREE || index->result[number] || !fusion_is_computed(index->node[number]))
        return false;
    for (int u = index->first[number]; u < index->first[number + 1]; u++)
        if (f->group[index->user[u]] != g || reads_at_places(f, index->user[u], number)) return false;
    return true;
}

void fusion_join(Fusion *f, int number, int g)
{
    f->group[number] = g;
    f->members[f->count++] = number;
}

void fusion_release(Fusion *f, int from)
{
    for (int m = from; m < f->count; m++) f->group[f->members[m]] = FUSION_FREE;
    f->count = from;
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

void fusion_sort(Fusion *f, int from)
{
    qsort(f->members + from, (size_t)(f->count - from), sizeof *f->members, by_number);
}

/* ---- what several groups use: kept in memory, or computed in each ---- */

/* Can the user have its operand computed in its own group? */
static bool takes_inside(const Fusion *f, int user, int number)
{
    const Node *node = f->index->node[user];
    OpKind kind = fusion_kind(f, user);
    if (f->group[user] < 0) return false;
    if (kind == KIND_MAP) return type_same_shape(fusion_type(f, user), fusion_type(f, number));
    if (kind == KIND_PIECES) return true; /* each box computes what it holds */
    return (kind == KIND_REDUCE || kind == KIND_ROW) && node->inputs[0].node == f->index->node[number];
}

/* How many groups use it; 0 when one of its users needs it in memory. */
static int groups_of_users(const Fusion *f, int number)
{
    const NodeIndex *index = f->index;
    int groups = 0;
    for (int u = index->first[number]; u < index->first[number + 1]; u++) {
        if (!takes_inside(f, index->user[u], number)) return 0;
        bool known = false;
        for (int v = index->first[number]; v < u; v++) known |= f->group[index->user[v]] == f->group[index->user[u]];
        groups += !known;
    }
    return groups;
}

/* Bits of what is read to compute one element, and those that must be written for it: of an operand that is not in
 * memory but for this node.  False when that is more than one, or no narrower than the node. */
static bool count_bits(const Fusion *f, int number, int *read, int *written)
{
    const Node *node = f->index->node[number];
    *read = *written = 0;
    for (int i = 0; i < node->ninputs; i++) {
        int p = fusion_operand(f, number, i);
        const Type *type = value_type(node->inputs[i]);
        bool same = type_same_shape(type, fusion_type(f, number));
        int bits = dtype_bits(type->dtype);
        if (same) *read += bits;
        if (p < 0 || !fusion_is_computed(f->index->node[p]) || f->index->first[p + 1] - f->index->first[p] > 1)
            continue;
        if (!same || *written || bits >= dtype_bits(fusion_type(f, number)->dtype)) return false;
        *written = bits;
    }
    return true;
}

/* Written once and read by each group, or made by each of what lies in memory anyway or is narrower there: an operation
 * on vectors takes as long as moving eight bits an element. */
bool fusion_is_cheaper_again(const Fusion *f, int number)
{
    enum { BITS_PER_OPERATION = 8 };
    if (fusion_kind(f, number) != KIND_MAP || f->index->result[number]) return false;
    int groups = groups_of_users(f, number), read, written, cost = node_map_cost(f->index->node[number]);
    if (groups < 2 || cost > FUSION_MOST_BESIDE || !count_bits(f, number, &read, &written)) return false;
    int own = dtype_bits(fusion_type(f, number)->dtype);
    return written + groups * (read + cost * BITS_PER_OPERATION) < (groups + 1) * own;
}

/* What the users in group `g` have in place of the node, theirs alone; *own stays NULL when they have it already. */
static bool repeat_for(Graph *graph, const Fusion *f, int number, int g, Node **own, Diag *diag)
{
    const Node *node = f->index->node[number];
    NodeSpec spec = {.op = node->op,
                     .name = node->name,
                     .ninputs = node->ninputs,
                     .inputs = node->inputs,
                     .attrs = node->attrs,
                     .origin = node->origin,
                     .before = node->next};
    for (int u = f->index->first[number]; u < f->index->first[number + 1]; u++) {
        Node *user = f->index->node[f->index->user[u]];
        if (f->group[f->index->user[u]] != g) continue;
        for (int i = 0; i < user->ninputs; i++) {
            if (!value_equal(user->inputs[i], value_of((Node *)node))) continue;
            if (!*own && !(*own = graph_add(graph, &spec, diag))) return false;
            user->inputs[i] = value_of(*own);
        }
    }
    return true;
}

bool fusion_repeat(Graph *graph, const Fusion *f, int number, Diag *diag)
{
    Node *node = f->index->node[number], *last = NULL;
    for (int u = f->index->first[number]; u < f->index->first[number + 1]; u++) {
        Node *own = NULL;
        if (!repeat_for(graph, f, number, f->group[f->index->user[u]], &own, diag)) return false;
        if (own) last = own;
    }
    const char *name = node->name;
    graph_remove(graph, node);
    if (last) graph_rename(last, name);
    return true;
}
