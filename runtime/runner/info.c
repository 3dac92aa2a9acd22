#include "runtime/runner/element.h"
#include "runtime/runner/json.h"
#include "runtime/runner/measure.h"

#include <stdio.h>

static void print_ports(const char *what, const LepPort *ports, int64_t count)
{
    char text[SHAPE_TEXT];
    for (int64_t i = 0; i < count; i++) {
        printf("%-10s %s: %s", what, ports[i].name, port_text(text, &ports[i]));
        if (ports[i].nlabels) printf(", %lld labels", (long long)ports[i].nlabels);
        putchar('\n');
    }
}

static void json_ports(const char *what, const LepPort *ports, int64_t count)
{
    printf(",\"%s\":[", what);
    for (int64_t i = 0; i < count; i++) {
        fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
        json_string(ports[i].name);
        printf(",\"dtype\":\"%s\",\"shape\":[", element_name(ports[i].dtype));
        for (int k = 0; k < ports[i].rank; k++) printf(k ? ",%lld" : "%lld", (long long)ports[i].dim[k]);
        printf("],\"bytes\":%lld}", (long long)ports[i].bytes);
    }
    putchar(']');
}

static void json_text(const char *key, const char *text)
{
    printf("\"%s\":", key);
    json_string(text);
}

static void print_json(const LepModel *model)
{
    putchar('{');
    json_text("model", model->name);
    putchar(',');
    json_text("doc", model->doc);
    putchar(',');
    json_text("compiler", model->compiler);
    putchar(',');
    json_text("target", model->target);
    json_ports("inputs", model->inputs, model->ninputs);
    json_ports("outputs", model->outputs, model->noutputs);
    if (model->state_bytes) printf(",\"context_bytes\":%lld", (long long)model->state_bytes);
    printf(",\"arena_bytes\":%lld,\"arena_align\":%lld,\"constant_bytes\":%lld,\"layers\":[",
           (long long)model->arena_bytes, (long long)model->arena_align, (long long)model->constant_bytes);
    for (int64_t i = 0; i < model->nsteps; i++) {
        if (i) putchar(',');
        json_string(model->steps[i].name);
    }
    puts("]}");
}

void info_print(const LepModel *model, bool json)
{
    if (json) {
        print_json(model);
        return;
    }
    printf("model      %s%s%s\n", model->name, *model->doc ? ": " : "", model->doc);
    print_ports("input", model->inputs, model->ninputs);
    print_ports("output", model->outputs, model->noutputs);
    printf("target     %s\ncompiler   %s\nconstants  %lld bytes\narena      %lld bytes, aligned to %lld\n",
           model->target, model->compiler, (long long)model->constant_bytes, (long long)model->arena_bytes,
           (long long)model->arena_align);
    if (model->state_bytes)
        printf("context    %lld bytes, kept from one run to the next\n", (long long)model->state_bytes);
    double sum = 0;
    for (int64_t i = 0; i < model->nsteps; i++) sum += model->steps[i].multiply_adds;
    printf("layers     %lld, %.0f multiply-adds\n", (long long)model->nsteps, sum);
    for (int64_t i = 0; i < model->nsteps; i++) {
        const LepStep *step = &model->steps[i];
        printf("  %-24s %-20s %12.0f multiply-adds\n", step->name, step->source, step->multiply_adds);
    }
}
