/* Any file is rows of an input, or an error; labels as well: what a binary of ours reads. */
#include "runtime/runner/element.h"
#include "runtime/runner/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What is wrong with each file is of no interest here. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stderr = fopen("/dev/null", "w");
    return stderr == NULL;
}

static void read_as(const char *path, const LepPort *port)
{
    Rows rows;
    if (rows_read(&rows, path, port)) return;
    if (rows.count < 1) abort();
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)rows.count * port_row_bytes(port); i++) sum += rows.data[i];
    rows_free(&rows);
    if (sum == UINT32_MAX) abort(); /* so that every byte is read */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"no", "yes", "perhaps"};
    static const LepPort grey = {"grey", LEP_U8, 4, {1, 2, 2, 1}, 4, NULL, 0, NULL};
    static const LepPort colour = {"colour", LEP_U8, 4, {1, 2, 2, 3}, 12, NULL, 0, NULL};
    static const LepPort numbers = {"numbers", LEP_F32, 2, {1, 3}, 12, NULL, 0, NULL};
    static const LepPort classes = {"classes", LEP_F32, 2, {1, 3}, 12, names, 3, NULL};
    char path[64];
    FILE *file = tmpfile();
    if (!file || fwrite(data, 1, size, file) != size || fflush(file)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    read_as(path, &grey);
    read_as(path, &colour);
    read_as(path, &numbers);
    int64_t *labels, count;
    if (label_file_read(path, &classes, &labels, &count) == 0) {
        for (int64_t i = 0; i < count; i++)
            if (labels[i] < 0 || labels[i] > 2) abort();
        free(labels);
    }
    fclose(file);
    return 0;
}
