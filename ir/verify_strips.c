/* Groups of groups: what strips are made of, and that their schedule says what they take. */
#include "ir/verify.h"

#include "ir/place.h"
#include "ir/strips.h"

static bool misfit(const Node *node, Diag *diag, const char *why)
{
    return diag_error(diag, E0605, node_span(node), "strips `%s`: %s", node->name, why);
}

/* A member has what every group has, and neither threads nor memory of its own. */
static bool check_member(const Node *strips, const Node *node, Diag *diag)
{
    if (node->op != OP_group || group_is_strips(node)) return misfit(strips, diag, "a member is no plain group");
    const Schedule *s = node->schedule;
    if (!s || node->nresults != 1) return misfit(strips, diag, "a member has no schedule or not one result");
    if (node->places) return misfit(strips, diag, "what a member makes lies in scratch, where nobody places it");
    if (s->threads != 1 || s->scratch) return misfit(strips, diag, "a member has threads or scratch of its own");
    if (s->variant != VARIANT_DIRECT && s->variant != VARIANT_DOT)
        return misfit(strips, diag, "a member's variant does not work by rows");
    return true;
}

/* Each member's result is the next one's first operand and nothing else's; the last one's is the group's. */
static bool check_chain(const Node *strips, const Group *members, int count, Diag *diag)
{
    const Graph *body = strips->regions[0];
    Value last = value_of((Node *)members[count - 1].node);
    for (int i = 0; i + 1 < count; i++)
        if (graph_uses(body, value_of((Node *)members[i].node)) != 1)
            return misfit(strips, diag, "what is between two members has another reader, too");
    if (body->nresults != 1 || !value_equal(body->results[0].value, last))
        return misfit(strips, diag, "the result is not the last member's");
    return true;
}

static bool check_sizes(const Node *node, const Group *members, int count, Diag *diag)
{
    const Schedule *s = node->schedule;
    Contraction c;
    node_def(members[count - 1].anchor)->contract(members[count - 1].anchor, &c);
    if (s->strip_rows < 1 || s->strip_rows > c.out_height)
        return misfit(node, diag, "a strip is empty or larger than the image");
    if (s->variant != VARIANT_DIRECT || s->strip_columns) return misfit(node, diag, "strips are direct, of whole rows");
    Strips strips = strips_of(members, count, s->strip_rows);
    if (s->scratch != strips.scratch) return misfit(node, diag, "scratch is not what its strips take");
    if (s->threads > strips.all || !strips_may_part(&strips, s->threads))
        return misfit(node, diag, "they cannot be cut into that many parts");
    return s->split == SPLIT_ROWS || s->threads == 1 || misfit(node, diag, "parts of strips are rows");
}

bool verify_strips(const Node *node, Diag *diag)
{
    Group members[STRIP_MEMBERS];
    const char *why;
    int count = 0;
    for (const Node *inner = node->regions[0]->first; inner; inner = inner->next) {
        if (!check_member(node, inner, diag)) return false;
        if (count == STRIP_MEMBERS) return misfit(node, diag, "strips have two or three members");
        members[count++] = group_of(inner);
    }
    if (!strips_fit(members, count, &why)) return misfit(node, diag, why);
    return check_chain(node, members, count, diag) && check_sizes(node, members, count, diag);
}
