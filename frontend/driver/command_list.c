/* lepc ops, passes, targets, explain: what the tables hold. */
#include "frontend/driver/command.h"

#include "ir/op.h"
#include "ir/target.h"
#include "passes/pass.h"

#include <string.h>

static const char *default_text(Arena *arena, const AttrTable *table, const AttrDef *row)
{
    if (row->flags & ATTR_REQUIRED) return "required";
    void *attrs = arena_alloc(arena, table->size);
    attr_set_defaults(table, attrs);
    return attr_text(arena, row, attrs);
}

static const char *operand_note(const Operand *operand)
{
    if (operand->flags & OPERAND_PARAM)
        return operand->flags & OPERAND_OPTIONAL ? " (parameter, optional)" : " (parameter)";
    if (operand->flags & OPERAND_VARIADIC) return " (any number)";
    return operand->flags & OPERAND_OPTIONAL ? " (optional)" : "";
}

static void print_text(Arena *arena, const OpDef *def)
{
    printf("%s\n    %s\n", def->name, def->doc);
    for (int i = 0; i < def->noperands; i++)
        printf("    %-14s %s%s\n", def->operands[i].name, def->operands[i].doc ? def->operands[i].doc : "",
               operand_note(&def->operands[i]));
    for (int i = 0; i < def->attrs.count; i++) {
        const AttrDef *row = &def->attrs.rows[i];
        printf("    %s: %s   [%s; %s]\n", row->name, row->doc ? row->doc : "", attr_kind_name(row->kind),
               default_text(arena, &def->attrs, row));
    }
    if (def->onnx || def->tflite)
        printf("    ONNX %s, TFLite %s\n", def->onnx ? def->onnx : "-", def->tflite ? def->tflite : "-");
}

static void print_markdown(Arena *arena, const OpDef *def)
{
    printf("### %s\n\n%s\n\n", def->name, def->doc);
    if (def->noperands) printf("| operand | |\n|---|---|\n");
    for (int i = 0; i < def->noperands; i++)
        printf("| %s | %s%s |\n", def->operands[i].name, def->operands[i].doc ? def->operands[i].doc : "",
               operand_note(&def->operands[i]));
    if (def->attrs.count) printf("%s| attribute | kind | default | |\n|---|---|---|---|\n", def->noperands ? "\n" : "");
    for (int i = 0; i < def->attrs.count; i++) {
        const AttrDef *row = &def->attrs.rows[i];
        printf("| %s | %s | %s | %s |\n", row->name, attr_kind_name(row->kind), default_text(arena, &def->attrs, row),
               row->doc ? row->doc : "");
    }
    if (def->onnx || def->tflite)
        printf("\nONNX %s, TFLite %s.\n", def->onnx ? def->onnx : "-", def->tflite ? def->tflite : "-");
    putchar('\n');
}

static void print_operator(Driver *driver, Op op)
{
    if (driver->options.markdown)
        print_markdown(driver->arena, op_table[op]);
    else
        print_text(driver->arena, op_table[op]);
}

int command_ops(Driver *driver)
{
    const TextList *names = &driver->options.arguments;
    for (int i = 0; i < names->count; i++) {
        Op op = op_find(names->at[i]);
        if (op != OP_COUNT) {
            print_operator(driver, op);
            continue;
        }
        diag_error(&driver->diag, E0203, (Span){.name = "lepc"}, "there is no operator '%s'", names->at[i]);
        const char *nearest = op_nearest(names->at[i]);
        diag_help(&driver->diag, nearest ? "did you mean '%s'?" : "`lepc ops` lists them", nearest);
    }
    for (int op = 0; op < OP_COUNT && !names->count; op++) print_operator(driver, (Op)op);
    return STATUS_FINE;
}

int command_passes(Driver *driver)
{
    (void)driver;
    for (int i = 0; i < pass_count; i++) {
        const Pass *pass = &pass_table[i];
        printf("%-12s %-10s -> %-10s %-9s %s\n", pass->name, stage_name(pass->needs), stage_name(pass->leaves),
               pass->required ? "required" : "optional", pass->doc);
    }
    return STATUS_FINE;
}

int command_targets(Driver *driver)
{
    (void)driver;
    printf("%-20s %6s %9s %10s\n", "name", "vector", "registers", "FMA/cycle");
    for (int i = 0; i < target_count; i++) {
        const Target *t = &target_table[i];
        if (i && t->arch != t[-1].arch) printf("\n%s\n", t->arch->name);
        printf("%-20s %6d %9d %10d  %s\n", t->name, 8 * t->vector_bytes, t->vector_registers,
               t->has & FEATURE_FMA ? t->fma_per_cycle : 0, t->doc);
    }
    printf("\n%-20s %s\n", "board", "CPU");
    for (int i = 0; i < target_preset_count; i++) {
        const TargetPreset *p = &target_presets[i];
        printf("%-20s %-20s %s\n", p->name, p->cpu, p->doc);
        for (int k = 0; k < target_region_count; k++) {
            const MemoryRegion *region = &target_regions[k];
            if (!strcmp(region->board, p->name))
                printf("    %-16s %10lld KiB%s%s\n", region->name, (long long)region->bytes / 1024,
                       *region->doc ? "  " : "", region->doc);
        }
    }
    return STATUS_FINE;
}

/* Text broken between words, each line indented. */
static void print_wrapped(const char *text)
{
    enum { WIDTH = 96 };
    size_t column = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        bool breaks = column && column + 1 + length > WIDTH;
        printf("%s%.*s", breaks ? "\n    " : column ? " " : "    ", (int)length, text);
        column = breaks || !column ? length : column + 1 + length;
        text += length + strspn(text + length, " ");
    }
    putchar('\n');
}

int command_explain(Driver *driver)
{
    const TextList *names = &driver->options.arguments;
    for (int i = 0; i < names->count; i++) {
        DiagCode code = diag_code_find(names->at[i]);
        if (code == DIAG_COUNT) {
            diag_error(&driver->diag, E0801, (Span){.name = "lepc"}, "there is no error '%s'", names->at[i]);
            diag_help(&driver->diag, "`lepc explain` lists them");
            continue;
        }
        printf("%s: %s\n", diag_code_name(code), diag_code_title(code));
        print_wrapped(diag_code_text(code));
    }
    for (int code = 0; code < DIAG_COUNT && !names->count; code++)
        printf("%s  %s\n", diag_code_name((DiagCode)code), diag_code_title((DiagCode)code));
    return STATUS_FINE;
}
