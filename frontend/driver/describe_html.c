/* The page is tables and one drawing, without scripts: what a browser shows when there is no network. */
#include "frontend/driver/describe.h"

#include <stdarg.h>
#include <string.h>

enum { DRAWING_WIDTH = 1000, DRAWING_HEIGHT = 420 };

/* Names come from files of others. */
static void print_escaped(const char *text, FILE *out)
{
    for (; text && *text; text++) switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
}

static void cell(const char *text, FILE *out)
{
    fputs("<td>", out);
    print_escaped(text, out);
    fputs("</td>", out);
}

static void number_cell(double value, FILE *out) { fprintf(out, "<td class=n>%.0f</td>", value); }

/* A number with a bar behind it, as long as its share of `most`. */
static void bar_cell(double value, double most, FILE *out)
{
    fprintf(out, "<td class=n style=\"background:linear-gradient(90deg,#cde %.1f%%,transparent 0)\">%.0f</td>",
            most > 0 ? 100 * value / most : 0, value);
}

static void print_head(const char *title, const char *const *columns, FILE *out)
{
    fprintf(out, "<h2>%s</h2>\n<table><tr>", title);
    for (; *columns; columns++) fprintf(out, "<th>%s</th>", *columns);
    fputs("</tr>\n", out);
}

static const char *const style = "body{font:14px sans-serif;margin:2em;color:#222}table{border-collapse:collapse}"
                                 "th,td{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:left}"
                                 ".n{text-align:right;font-variant-numeric:tabular-nums}svg{background:#f6f6f6}"
                                 "rect{stroke:#fff;fill:#69c}rect:hover{fill:#c63}";

static void print_summary(const Described *d, FILE *out)
{
    const struct {
        const char *what;
        double value;
    } rows[] = {{"multiply-adds", d->multiply_adds},
                {"flash, bytes", (double)d->sizes.flash},
                {"of it constants", (double)d->sizes.constants},
                {"of it code", (double)d->sizes.emitted.code},
                {"RAM, bytes", (double)d->sizes.ram},
                {"of it arena", (double)d->sizes.arena},
                {"of it stack", (double)d->sizes.emitted.stack},
                {"live peak", (double)d->live_peak}};
    fputs("<table>\n", out);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out, "<tr><td>%s</td><td class=n>%.0f</td></tr>\n", rows[i].what, rows[i].value);
    fputs("</table>\n", out);
}

static void print_layers(const Described *d, FILE *out)
{
    static const char *const columns[] = {"",           "layer",         "operators", "result", "multiply-adds",
                                          "bytes read", "bytes written", "code",      NULL};
    double most = 0, traffic = 0;
    for (int i = 0; i < d->nlayers; i++) {
        const DescribedLayer *layer = &d->layers[i];
        if (layer->multiply_adds > most) most = layer->multiply_adds;
        if (layer->bytes_read > traffic) traffic = layer->bytes_read;
        if (layer->bytes_written > traffic) traffic = layer->bytes_written;
    }
    print_head("Layers", columns, out);
    for (int i = 0; i < d->nlayers; i++) {
        const DescribedLayer *layer = &d->layers[i];
        fputs("<tr>", out);
        number_cell(i + 1, out);
        cell(layer->name, out);
        cell(layer->operators, out);
        cell(layer->node->nresults ? type_text(d->compilation->arena, &layer->node->types[0]) : "", out);
        bar_cell(layer->multiply_adds, most, out);
        bar_cell(layer->bytes_read, traffic, out);
        bar_cell(layer->bytes_written, traffic, out);
        number_cell((double)layer->code, out);
        fputs("</tr>\n", out);
    }
    fputs("</table>\n", out);
}

/* Layers from left to right, the arena from bottom to top: a box for each buffer as long as it is needed. */
static void print_timeline(const Described *d, FILE *out)
{
    double wide = (double)DRAWING_WIDTH / (d->nlayers ? d->nlayers : 1);
    double high = (double)DRAWING_HEIGHT / (double)(d->sizes.arena ? d->sizes.arena : 1);
    fprintf(out, "<h2>Arena over time</h2>\n<svg width=%d height=%d role=img>\n", DRAWING_WIDTH, DRAWING_HEIGHT);
    for (int i = 0; i < d->nvalues; i++) {
        const DescribedValue *value = &d->values[i];
        if (value->space != SPACE_ARENA) continue;
        fprintf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>", wide * value->first,
                (double)DRAWING_HEIGHT - high * (double)(value->offset + value->bytes),
                wide * (value->last - value->first + 1), high * (double)value->bytes);
        print_escaped(value->name, out);
        fprintf(out, ": %lld bytes at %lld</title></rect>\n", (long long)value->bytes, (long long)value->offset);
    }
    fputs("</svg>\n<p>Layers from left to right, offsets from bottom to top.</p>\n", out);
}

static void print_weights(const Described *d, FILE *out)
{
    static const char *const columns[] = {"constant", "type", "bytes", "zeros, %", NULL};
    print_head("Constants", columns, out);
    for (int i = 0; i < d->nvalues; i++) {
        const DescribedValue *value = &d->values[i];
        if (!value->data) continue;
        fputs("<tr>", out);
        cell(value->name, out);
        cell(type_text(d->compilation->arena, value->type), out);
        number_cell((double)value->bytes, out);
        fprintf(out, "<td class=n>%.1f</td></tr>\n",
                100 * (double)value->zeros / (double)type_elements(&value->data->type));
    }
    fputs("</table>\n", out);
}

void described_html(const Described *d, FILE *out)
{
    const Compilation *c = d->compilation;
    fputs("<!doctype html>\n<html lang=en><meta charset=utf-8><title>", out);
    print_escaped(c->graph->name, out);
    fprintf(out, "</title><style>%s</style>\n<h1>", style);
    print_escaped(c->graph->name, out);
    fputs("</h1>\n<p>", out);
    print_escaped(c->graph->doc ? c->graph->doc : "", out);
    fputs(" For ", out);
    print_escaped(c->target.name, out);
    fputs(".</p>\n", out);
    print_summary(d, out);
    print_timeline(d, out);
    print_layers(d, out);
    print_weights(d, out);
    fputs("</html>\n", out);
}
