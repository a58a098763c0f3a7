/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Restores of a stored content onto libvirt's own mock driver: what is left is the work with the files.
 *
 * usage: bench-restore DIRECTORY CONTENT MACHINE in-place|new COUNT
 * DIRECTORY has what is stored, CONTENT is the uid of what is restored, MACHINE that of whom it is. New
 * machines are called new-0, new-1, ... Prints JSON: how many microseconds each restore took. */
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/guest/host.h"
#include "coordinator/storage/libvirt-backup.h"

static void
must(gboolean good, const char *what, const GError *error)
{
    if (good)
        return;
    (void)fprintf(stderr, "bench-restore: %s: %s\n", what, error ? error->message : "failed");
    exit(EXIT_FAILURE);
}

static gboolean
restore(LullStorage *storage, char **words, guint number, GError **error)
{
    g_autofree char *uid = g_uuid_string_random();
    g_autofree char *name = g_strdup_printf("new-%u", number);
    g_autoptr(LullJson) files = json_object_new_object();
    const LullNewMachine wanted = {.name = name, .files = files};

    if (g_str_equal(words[4], "in-place"))
        return storage->ops->restore(storage, words[2], words[3], uid, NULL, NULL, NULL, error);
    lull_json_set_string(files, "vda", name);
    return storage->ops->restore_new(storage, words[2], &wanted, uid, NULL, NULL, NULL, error);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullStorage) storage = NULL;
    LullHost *host = NULL;

    must(argc == 6, "usage: bench-restore DIRECTORY CONTENT MACHINE in-place|new COUNT", NULL);
    host = lull_host_open("test:///default", &error);
    must(host != NULL, "libvirt", error);
    storage = lull_storage_libvirt_new(host, argv[1], &error);
    must(storage != NULL, "storage", error);
    (void)printf("[");
    for (guint i = 0; i < (guint)atoi(argv[5]); i++) {
        const gint64 begun = g_get_monotonic_time();

        must(restore(storage, argv, i, &error), "restore", error);
        (void)printf("%s%" G_GINT64_FORMAT, i ? "," : "", g_get_monotonic_time() - begun);
    }
    (void)printf("]\n");
    g_clear_pointer(&storage, lull_storage_free);
    lull_host_free(host);
    return EXIT_SUCCESS;
}
