#include "backend/lower.h"
#include "frontend/frontend.h"
#include "ir/bounded.h"
#include "ir/eval.h"
#include "ir/pool.h"
#include "ir/schedule.h"
#include "runtime/pool.h"
#include "tests/differential/program.h"
#include "tests/differential/sizes.h"
#include "tests/support/compile.h"
#include "tests/support/guard.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 120, MOST_PORTS = 200, SIZES = 5 };

const char no_code[] = "no code for a bounded dim";

/* Where the graph comes from: a program or a file. */
typedef struct Case {
    const Program *program;
    const char *path;
    uint64_t seed;
    const Trial *trial;
} Case;

typedef struct Checker {
    Case from;
    Arena *arena;
    Diag diag;
    const Tensor *inputs;
    int ninputs;
    char *folder; /* pool files of dumps */
    const char *wrong;
} Checker;

static char *diag_text(const Diag *diag, Arena *arena)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    diag_print(diag, out, false);
    fclose(out);
    char *copy = arena_copy_string(arena, text);
    free(text);
    return copy;
}

static const char *refused(Checker *c, const char *what)
{
    return arena_printf(c->arena, "%s:\n%s", what, diag_text(&c->diag, c->arena));
}

static Graph *parse_graph(Checker *c, const Source *source)
{
    const Ast *ast = source ? ast_parse(c->arena, source, &c->diag) : NULL;
    const ElaborateOptions options = {0};
    return ast ? elaborate(c->arena, ast, &options, &c->diag) : NULL;
}

static Graph *new_graph(Checker *c)
{
    if (c->from.program) return program_build(c->from.program, c->arena, NULL, &c->diag);
    return parse_graph(c, source_read(c->arena, c->from.path, 1 << 24, &c->diag));
}

static const Tensor *new_inputs(Checker *c, const Graph *graph)
{
    if (c->from.program) return program_inputs(c->from.program, graph, c->arena);
    Tensor *inputs = ARENA_ARRAY(c->arena, Tensor, MOST_PORTS);
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_input) continue;
        inputs[count] = tensor_new(c->arena, node->types[0]);
        tensor_draw(&inputs[count], c->from.seed + (uint64_t)count, c->from.seed % 4 ? RANGE_USUAL : RANGE_SPECIAL);
        count++;
    }
    return inputs;
}

static int count_inputs(const Graph *graph)
{
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next) count += node->op == OP_input;
    return count;
}

/* ---- through text ---- */

static char *graph_text(const Graph *graph, Arena *arena)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    graph_print(graph, out, (PrintOptions){.origins = true});
    fclose(out);
    char *copy = arena_copy_string(arena, text);
    free(text);
    return copy;
}

/* The graph as its dump gives it back; its own dump must be the same text. */
static Graph *through_text(Checker *c, const Graph *graph, const char *when)
{
    char *text = graph_text(graph, c->arena);
    if (!graph_write_pool(graph, c->folder, &c->diag)) return NULL;
    const char *path = arena_printf(c->arena, "%s/dump.lep", c->folder);
    Graph *again = parse_graph(c, source_from_text(c->arena, path, text));
    if (!again) {
        c->wrong = refused(c, arena_printf(c->arena, "the dump after %s is not read back:\n%s", when, text));
        return NULL;
    }
    char *back = graph_text(again, c->arena);
    if (strcmp(text, back) != 0)
        c->wrong = arena_printf(c->arena, "the dump after %s:\n%sreads back as:\n%s", when, text, back);
    return again;
}

static void visit_pass(void *context, const Pass *pass, const Graph *graph, double seconds)
{
    (void)seconds;
    Checker *c = context;
    if (!c->wrong) through_text(c, graph, pass->name);
}

static void remove_folder(const Checker *c)
{
    char *command = arena_printf(c->arena, "rm -rf '%s'", c->folder);
    if (system(command) != 0) fprintf(stderr, "cannot remove %s\n", c->folder);
}

/* ---- native code ---- */

/* The user's buffers between guard pages, aligned at random: as large as for the sizes of the graph. */
static void new_guards(Checker *c, const Graph *graph, const LepModel *model, Guard *guards, void **bases,
                       uint64_t seed)
{
    Random r = {seed};
    int nports = (int)(model->ninputs + model->noutputs);
    for (int i = 0; i < nports; i++) {
        bool input = i < model->ninputs;
        size_t bytes =
            (size_t)type_bytes(input ? &c->inputs[i].type : value_type(graph->results[i - model->ninputs].value));
        guards[i] =
            guard_new(bytes, (size_t)random_below(&r, 2) * (size_t)random_below(&r, 64), random_percent(&r, 50));
        bases[i] = guards[i].data;
        if (input && bytes) memcpy(bases[i], c->inputs[i].data, bytes);
    }
    size_t arena_bytes = ((size_t)model->arena_bytes + 63) / 64 * 64;
    guards[nports] = guard_new(arena_bytes, 0, true);
    bases[nports] = guards[nports].data;
}

static const char *first_difference(Arena *arena, const char *name, const Tensor *native, const Tensor *reference)
{
    int64_t count = type_elements(&reference->type), differ = 0, at = -1;
    for (int64_t i = 0; i < count; i++) {
        Scalar a = tensor_get(native, i), b = tensor_get(reference, i);
        bool same = a.integer == b.integer &&
                    (memcmp(&a.real, &b.real, sizeof a.real) == 0 || (a.real != a.real && b.real != b.real));
        if (!same && at < 0) at = i;
        differ += !same;
    }
    if (at < 0) return NULL;
    return arena_printf(arena, "result %s %s: %lld of %lld elements differ, the first at %lld: native %.9g, eval %.9g",
                        name, type_text(arena, &reference->type), (long long)differ, (long long)count, (long long)at,
                        tensor_real(native, at), tensor_real(reference, at));
}

/* The same for results of --fp=fast, each as near as the largest of them allows. */
static const char *first_far(Arena *arena, const char *name, const Tensor *native, const Tensor *reference)
{
    double largest = 1e-3;
    for (int64_t i = 0; i < type_elements(&reference->type); i++) {
        double x = tensor_real(reference, i);
        if (isfinite(x)) largest = fmax(largest, fabs(x));
    }
    for (int64_t i = 0; i < type_elements(&reference->type); i++) {
        double a = tensor_real(native, i), b = tensor_real(reference, i);
        if (fabs(a - b) <= 1e-4 * largest) continue;
        return arena_printf(arena, "result %s %s at %lld: native %.9g, eval %.9g, the largest %.9g", name,
                            type_text(arena, &reference->type), (long long)i, a, b, largest);
    }
    return NULL;
}

static const char *compare(Checker *c, const Graph *graph, const LepModel *model, void **bases, const Tensor *expected)
{
    for (int i = 0; i < graph->nresults; i++) {
        const char *sizes = sizes_compare(c->arena, &graph->results[i], model, &expected[i].type,
                                          bases[c->ninputs + graph->nresults + 3]);
        if (sizes) return sizes;
        Tensor native = tensor_new(c->arena, expected[i].type);
        memcpy(native.data, bases[c->ninputs + i], (size_t)type_bytes(&expected[i].type));
        const char *name = graph->results[i].name;
        const char *wrong = c->from.trial->fast ? first_far(c->arena, name, &native, &expected[i])
                                                : first_difference(c->arena, name, &native, &expected[i]);
        if (wrong) return wrong;
    }
    for (int i = 0; i < c->ninputs; i++)
        if (memcmp(bases[i], c->inputs[i].data, (size_t)type_bytes(&c->inputs[i].type)) != 0)
            return "an input was written to";
    return NULL;
}

/* `expected` NULL: only what a run does to memory is looked at.  `table`: the sizes that the model has dims for. */
static const char *run_and_compare(Checker *c, const Graph *graph, const LepModel *model, const Tensor *expected,
                                   int64_t *table)
{
    Guard guards[MOST_PORTS];
    void *bases[MOST_PORTS + 4];
    int nports = (int)(model->ninputs + model->noutputs);
    if (nports >= MOST_PORTS) return "too many ports for this test";
    if (model->ninputs != c->ninputs || model->noutputs != graph->nresults) return "the model lost an input or output";
    bases[nports + 3] = table;
    const char *wrong = NULL;
    for (uint64_t seed = 0; seed < 2 && !wrong; seed++) {
        new_guards(c, graph, model, guards, bases, c->from.seed + seed);
        struct lep_pool *pool = seed ? lep_pool_new(c->from.trial->threads) : NULL;
        int status = model->run(bases, pool);
        lep_pool_free(pool);
        if (status != LEP_OK)
            wrong = arena_printf(c->arena, "the model's run gave status %d", status);
        else if (expected)
            wrong = compare(c, graph, model, bases, expected);
        for (int i = 0; i <= nports; i++) {
            if (!wrong && !guard_intact(&guards[i])) wrong = "bytes around a buffer were written";
            guard_free(&guards[i]);
        }
    }
    return wrong;
}

/* ---- what is made of the graph first ---- */

/* Of every layer whose outputs a block of 1 x 16 divides, the row that drops four of five. */
static int prune_rows(const Graph *graph, PruneRow *rows, int most)
{
    int count = 0;
    for (const Node *node = graph->first; node && count < most; node = node->next) {
        Contraction c = {0};
        if (node_def(node)->kind != KIND_CONTRACT) continue;
        node_def(node)->contract(node, &c);
        const Type *weight = value_type(node->inputs[1]);
        bool known = node->inputs[1].node->op == OP_param || node->inputs[1].node->op == OP_constant;
        if (!known || c.window.groups != 1 || c.batched_weight || weight->dim[weight->rank - 1].high % 16) continue;
        rows[count++] =
            (PruneRow){.layer = node->inputs[1].node->name, .sparsity = 0.8, .block_rows = 1, .block_columns = 16};
    }
    return count;
}

/* The graph pruned and in 8 bits as the trial says, which is what code is compared with, too; false when its data has
 * no range. */
static bool compressed(Checker *c, Graph *graph, const Target *target)
{
    const Trial *trial = c->from.trial;
    const QuantRow row = {.layer = "all", .to = I8, .per_channel = c->from.seed % 2 == 0};
    PruneRow zeros[MOST_STEPS];
    int nzeros = trial->prune ? prune_rows(graph, zeros, MOST_STEPS) : 0;
    const Policy policy = {
        .nquant = trial->quantise, .quant = &row, .nprune = nzeros, .prune = zeros, .percentile = 99.99};
    const Samples samples = {.count = 1, .ninputs = c->ninputs, .tensors = c->inputs};
    PassContext context = {.target = target, .level = 1, .policy = &policy, .samples = &samples};
    if (!trial->quantise && !trial->prune) return true;
    return pass_pipeline(graph, &context, "quantise", NULL, NULL, &c->diag);
}

static PassContext context_of(Checker *c, Target *target)
{
    const Trial *trial = c->from.trial;
    const char **disabled = ARENA_ARRAY(c->arena, const char *, pass_count + 1);
    int count = 0;
    for (int i = 0; i < pass_count; i++)
        if (trial->disabled >> i & 1 && !pass_table[i].required) disabled[count++] = pass_table[i].name;
    return (PassContext){
        .target = target, .level = trial->level, .disabled = disabled, .small = trial->small, .fast = trial->fast};
}

/* Cuts every group as the schedule of a larger one might be: groups of random graphs are too small for it. */
static void cut_groups(const Checker *c, Graph *graph)
{
    Random r = {c->from.seed};
    for (Node *node = graph->first; node; node = node->next) {
        if (!node->schedule || node->schedule->scratch || !c->from.trial->threads) continue;
        node->schedule->threads = 1 + random_below(&r, c->from.trial->threads);
        node->schedule->split = (int)random_below(&r, SPLIT_COLUMNS + 1);
    }
}

static Graph *prepare(Checker *c, const PassContext *context)
{
    Graph *graph = new_graph(c);
    if (graph && !compressed(c, graph, context->target)) return NULL;
    if (!graph || (!c->from.trial->text && !c->from.trial->threads)) return graph;
    if (!c->from.trial->text) {
        if (!pass_pipeline(graph, context, NULL, NULL, NULL, &c->diag)) return NULL;
        cut_groups(c, graph);
        return graph;
    }
    graph = through_text(c, graph, "elaborate");
    if (!graph || c->wrong) return NULL;
    if (!pass_pipeline(graph, context, NULL, visit_pass, c, &c->diag) || c->wrong) return NULL;
    cut_groups(c, graph);
    return through_text(c, graph, "plan");
}

static bool has_operator(const Graph *graph, const char *name)
{
    for (const Node *node = graph->first; name && node; node = node->next)
        if (!strcmp(node_def(node)->name, name)) return true;
    return false;
}

/* The model beside the graph, at some sizes of the dims that callers give. */
static const char *check_runs(Checker *c, const Graph *reference, const LepModel *model, bool same_bits)
{
    Random r = {c->from.seed};
    int given = sizes_given(reference);
    const char *wrong = NULL;
    for (int i = 0; i < (given ? SIZES : 1) && !wrong; i++) {
        int64_t sizes[MAX_DIMS] = {0}, table[MAX_DIMS] = {0};
        sizes_draw(reference, &r, i, sizes);
        sizes_table(reference, model, sizes, table);
        const Graph *graph = given ? graph_bind(c->arena, reference, sizes, &c->diag) : reference;
        if (!graph) return refused(c, "a size is refused");
        if (given) c->inputs = new_inputs(c, graph);
        Tensor *expected = ARENA_ARRAY(c->arena, Tensor, graph->nresults + 1);
        graph_eval(graph, c->inputs, expected, c->arena);
        wrong = run_and_compare(c, graph, model, same_bits ? expected : NULL, table);
        if (wrong) wrong = arena_printf(c->arena, "%s%s", sizes_text(c->arena, reference, sizes), wrong);
    }
    return wrong;
}

static const char *check_code(Checker *c, const Target *target, const PassContext *context, const Graph *reference)
{
    Compiled compiled;
    Graph *graph = prepare(c, context);
    if (c->wrong) return c->wrong;
    if (!graph) return refused(c, "a pass failed");
    if (!compiled_new(graph, context, c->arena, &compiled, &c->diag))
        return c->diag.first->code == E0308 ? no_code : refused(c, "refused by the compiler");
    bool same_bits = target->has & FEATURE_FMA || !compiled.fuses;
    return check_runs(c, reference, compiled.model, same_bits);
}

static const char *check_lowers(Checker *c, const PassContext *context)
{
    LoopProgram program = {.arena = c->arena};
    Graph *graph = new_graph(c);
    bool lowered = pass_pipeline(graph, context, NULL, NULL, NULL, &c->diag) &&
                   lower_graph(graph, context->target, &program, &c->diag);
    return lowered || c->diag.first->code != E0308 ? NULL : no_code;
}

static const char *check(Checker *c)
{
    Target target;
    Graph *reference = new_graph(c);
    if (!reference) return refused(c, "the graph is refused");
    if (!graph_verify(reference, &c->diag)) return refused(c, "the graph is not sound");
    if (has_operator(reference, c->from.trial->spoilt)) return "spoilt";
    c->ninputs = count_inputs(reference);
    if (!sizes_given(reference)) c->inputs = new_inputs(c, reference);
    if (!target_select("", c->from.trial->cpu, "", c->arena, &target, &c->diag)) return refused(c, "target");
    if (!compressed(c, reference, &target))
        return c->diag.first->code == E0510 ? NULL : refused(c, "neither pruned nor quantised");
    PassContext context = context_of(c, &target);
    return c->from.trial->lowers ? check_lowers(c, &context) : check_code(c, &target, &context, reference);
}

static void run_child(const Case *from, int out)
{
    alarm(SECONDS);
    dup2(out, STDERR_FILENO);                                       /* what an assert says belongs to the answer */
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL}; /* cmocka catches them */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_DFL);
    const char *temporary = getenv("TMPDIR");
    Checker c = {.from = *from, .arena = arena_new(NULL, NULL)};
    c.diag = diag_new(c.arena);
    c.folder = arena_printf(c.arena, "%s/lepc-differential-XXXXXX", temporary ? temporary : "/tmp");
    if (from->trial->text && !mkdtemp(c.folder)) c.wrong = "no temporary folder";
    const char *wrong = c.wrong ? c.wrong : check(&c);
    if (from->trial->text) remove_folder(&c);
    size_t length = wrong ? strlen(wrong) : 0;
    while (length > 0) {
        ssize_t written = write(out, wrong, length);
        if (written <= 0) break;
        wrong += written;
        length -= (size_t)written;
    }
    _exit(0);
}

static char *read_all(int in, Arena *arena)
{
    size_t count = 0, capacity = 0;
    char *text = NULL;
    for (;;) {
        if (count + 1 >= capacity) text = arena_grow(arena, text, capacity, &capacity, 1);
        ssize_t got = read(in, text + count, capacity - count - 1);
        if (got <= 0) break;
        count += (size_t)got;
    }
    text[count] = '\0';
    return text;
}

static const char *check_case(const Case *from, Arena *arena)
{
    int ends[2], status = 0;
    if (pipe(ends) != 0) return "no pipe";
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) return "no process";
    if (child == 0) {
        close(ends[0]);
        run_child(from, ends[1]);
    }
    close(ends[1]);
    char *said = read_all(ends[0], arena);
    close(ends[0]);
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return arena_printf(arena, "ended by signal %d: %s", WTERMSIG(status), said);
    if (WEXITSTATUS(status)) return arena_printf(arena, "ended with status %d: %s", WEXITSTATUS(status), said);
    if (!strcmp(said, no_code)) return no_code;
    return *said ? said : NULL;
}

const char *program_check(const Program *program, const Trial *trial, Arena *arena)
{
    return check_case(&(Case){.program = program, .seed = program->steps[0].seed, .trial = trial}, arena);
}

const char *file_check(const char *path, uint64_t seed, const Trial *trial, Arena *arena)
{
    return check_case(&(Case){.path = path, .seed = seed, .trial = trial}, arena);
}

void program_variants(const Program *program, const Trial *trial, bool *seen)
{
    Arena *arena = arena_new(NULL, NULL);
    const Case from = {.program = program, .seed = program->steps[0].seed, .trial = trial};
    Checker c = {.from = from, .arena = arena, .diag = diag_new(arena)};
    Target target;
    Graph *graph = new_graph(&c);
    c.inputs = new_inputs(&c, graph);
    c.ninputs = count_inputs(graph);
    bool ready = target_select("", trial->cpu, "", arena, &target, &c.diag) && compressed(&c, graph, &target);
    PassContext context = context_of(&c, &target);
    ready = ready && pass_pipeline(graph, &context, NULL, NULL, NULL, &c.diag);
    for (const Node *node = ready ? graph->first : NULL; node; node = node->next)
        if (node->schedule) seen[node->schedule->variant] = true;
    arena_free(arena);
}
