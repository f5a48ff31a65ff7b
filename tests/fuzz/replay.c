/* SPDX-License-Identifier: MIT
 *
 * replay - main() of a fuzz target without libFuzzer: runs it on every file of the folders
 * named, so that an input that once was trouble stays tested with any compiler.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>

#include "base/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define REPLAY_FILE_BYTES (1u << 20) /* a seed is small */

static void replay_close(FILE **file)
{
    if (*file)
        fclose(*file);
}

static void replay_free(uint8_t **data)
{
    free(*data);
}

/* The copy has exactly the file's size, so that AddressSanitizer sees a byte read past
 * it. */
static int replay_file(const char *path)
{
    CDC_CLEANUP(replay_close) FILE *file = fopen(path, "rb");
    CDC_CLEANUP(replay_free) uint8_t *room = malloc(REPLAY_FILE_BYTES);
    if (!file || !room) {
        perror(path);
        return 1;
    }
    size_t len = fread(room, 1, REPLAY_FILE_BYTES, file);
    CDC_CLEANUP(replay_free) uint8_t *data = malloc(len ? len : 1);
    if (!data || ferror(file)) {
        perror(path);
        return 1;
    }
    memcpy(data, room, len);
    LLVMFuzzerTestOneInput(data, len);
    return 0;
}

static int replay_folder(const char *folder, int *count)
{
    DIR *entries = opendir(folder);
    if (!entries) {
        perror(folder);
        return 1;
    }
    int failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        failed |= replay_file(path);
        ++*count;
    }
    closedir(entries);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0, count = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay_folder(argv[i], &count);
    printf("%d inputs replayed\n", count);
    return failed || count == 0;
}
