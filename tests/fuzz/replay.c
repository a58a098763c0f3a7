/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* A target without a fuzzer: every file of the folders named goes through it once, in TAP. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

static int
by_name(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_files(const char *folder)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
    g_ptr_array_sort(paths, by_name);
    return paths;
}

static gboolean
replay(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length;

    if (!g_file_get_contents(path, &bytes, &length, NULL))
        return FALSE;
    return LLVMFuzzerTestOneInput((const uint8_t *)bytes, length) == 0;
}

int
main(int argc, char **argv)
{
    guint count = 0;

    for (int i = 1; i < argc; i++) {
        g_autoptr(GPtrArray) paths = list_files(argv[i]);

        for (guint p = 0; p < paths->len; p++) {
            const char *path = g_ptr_array_index(paths, p);
            g_autofree char *name = g_path_get_basename(path);
            const gboolean ok = replay(path);

            printf("%s %u - %s is taken in\n", ok ? "ok" : "not ok", ++count, name);
            fflush(stdout);
        }
    }
    printf("1..%u\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
