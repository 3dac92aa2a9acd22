/* lepc: reads the command line, runs the command, says what is wrong, and never leaves half a file. */
#include "frontend/driver/command.h"

#include <errno.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

static void escape(void *context) { longjmp(*(jmp_buf *)context, 1); }

/* 74 for disk, memory and tools, 70 for what LLVM refuses or a graph that we broke, 2 for the command line, else 1. */
static int status_of(const Driver *driver, int status)
{
    for (const Diagnostic *one = driver->diag.first; one; one = one->next) {
        if (one->severity != SEVERITY_ERROR) continue;
        if (one->code == E0904 || (one->code == E0605 && !driver->from_dump)) return STATUS_OURS;
        if (one->code >= E0901) return STATUS_SYSTEM;
        if (one->code == E0801 || one->code == E0802) return STATUS_USAGE;
        return status ? status : STATUS_INPUT;
    }
    return status;
}

static void drop_notes(Diag *diag)
{
    Diagnostic **at = &diag->first;
    while (*at)
        if ((*at)->severity == SEVERITY_NOTE)
            *at = (*at)->next;
        else
            at = &(*at)->next;
}

static void print_version(void) { printf("lepc %s, %s\n", LEPC_VERSION, emit_version()); }

static int run(Driver *driver)
{
    const Options *options = &driver->options;
    if (options->version)
        print_version();
    else if (options->help)
        options_help(options->command, stdout);
    else
        return options->command->run(driver);
    return STATUS_FINE;
}

static int finish(Driver *driver, int status)
{
    Diag *diag = &driver->diag;
    status = status_of(driver, status);
    if (diag->warnings && driver->options.warnings_are_errors && status == STATUS_FINE) status = STATUS_INPUT;
    if (status == STATUS_FINE) status = outputs_commit(&driver->outputs, driver->arena, diag);
    outputs_discard(&driver->outputs);
    if (was_interrupted()) return STATUS_INTERRUPTED;
    if (driver->options.quiet) drop_notes(diag);
    if (driver->options.diagnostics == DIAGNOSTICS_JSON)
        diagnostics_print_json(diag, stderr);
    else
        diag_print(diag, stderr, isatty(STDERR_FILENO));
    status = status_of(driver, status);
    errno = 0;
    /* a command that found out by itself has said so */
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status == STATUS_SYSTEM) return status;
    fprintf(stderr, "error[%s]: standard output cannot be written: %s\n", diag_code_name(E0901),
            strerror(errno ? errno : EIO));
    return STATUS_SYSTEM;
}

/* Apart from main, so that nothing changes between setjmp and longjmp but what `driver` points at. */
static int compile(Driver *driver, jmp_buf *memory_is_out, int argc, char **argv)
{
    if (setjmp(*memory_is_out) == 0) {
        driver->arena = arena_new(escape, memory_is_out);
        if (driver->arena) {
            driver->diag = diag_new(driver->arena);
            int status = STATUS_USAGE;
            if (options_parse(&driver->options, argc, argv, driver->arena, &driver->diag)) status = run(driver);
            return finish(driver, status);
        }
    }
    outputs_discard(&driver->outputs);
    fprintf(stderr, "error[%s]: %s\n", diag_code_name(E0902), diag_code_title(E0902));
    return STATUS_SYSTEM;
}

int main(int argc, char **argv)
{
    Driver driver = {0};
    jmp_buf memory_is_out;
    interrupts_install();
    int status = compile(&driver, &memory_is_out, argc, argv);
    arena_free(driver.arena);
    return status;
}
