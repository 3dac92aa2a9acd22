/* What a scan's body needs where slices do not lie side by side: copies, through which its groups read and write dense
 * runs.  A slice along the outermost axis, or of one image, is dense in place. */
#include "ir/scan.h"
#include "passes/group.h"
#include "passes/schedule.h"

static bool has_dense_slices(const Type *whole, int64_t axis)
{
    for (int64_t i = 0; i < axis; i++)
        if (whole->dim[i].high != 1) return false;
    return true;
}

static bool copy_input(Graph *region, Node *input, Diag *diag)
{
    Node *before = region->first;
    while (before && before->op == OP_input) before = before->next;
    Value slice = value_of(input);
    if (!graph_uses(region, slice)) return true;
    Node *copy = group_copy(region, slice, before, diag);
    if (!copy) return false;
    graph_replace(region, slice, value_of(copy));
    copy->regions[0]->first->inputs[0] = slice;
    return true;
}

static bool copy_slices(Node *scan, Diag *diag)
{
    Graph *region = scan->regions[0];
    const ScanAttrs *attrs = scan->attrs;
    for (int i = 0; i < scan_scanned(scan); i++)
        if (!has_dense_slices(value_type(scan->inputs[i]), attrs->axes.at[i]) &&
            !copy_input(region, scan_input(scan, i), diag))
            return false;
    for (int i = 0; i < scan_gathered(scan); i++) {
        if (has_dense_slices(&scan->types[i], region->results[i].axis)) continue;
        Node *copy = group_copy(region, region->results[i].value, NULL, diag);
        if (!copy) return false;
        region->results[i].value = value_of(copy);
    }
    return true;
}

bool schedule_control(Node *node, Diag *diag)
{
    node->schedule = ARENA_NEW(node->graph->arena, Schedule);
    attr_set_defaults(&schedule_attrs, node->schedule);
    return node_def(node)->kind != KIND_LOOP || copy_slices(node, diag);
}
