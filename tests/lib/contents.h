/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

#include "coordinator/storage/folder.h"
#include "tests/lib/check-main.h"

/* Stored contents, made by hand, of one volume vda of eight clusters. */

#define CONTENT_CLUSTER (64u * 1024)
#define CONTENT_BYTES   (8 * CONTENT_CLUSTER)

/* Never by GSubprocess: a test may fork afterwards. */
static inline void
content_tool(const char *const *argv)
{
    int status = -1;

    ck_assert(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                           NULL, NULL, NULL, &status, NULL));
    ck_assert_int_eq(status, 0);
}

static inline void
content_write(const char *path, char byte, guint first, guint count)
{
    g_autofree char *command =
        g_strdup_printf("write -P %d %u %u", byte, first * CONTENT_CLUSTER, count * CONTENT_CLUSTER);
    const char *const argv[] = {"qemu-io", "-f", "qcow2", "-c", command, path, NULL};

    content_tool(argv);
}

/* Fails the test where cluster @at of what @path shows is not full of @byte. */
static inline void
content_expect(const char *path, char byte, guint at)
{
    g_autofree char *command =
        g_strdup_printf("read -P %d %u %u", byte, at * CONTENT_CLUSTER, CONTENT_CLUSTER);
    const char *const argv[] = {"qemu-io", "-r", "-f", "qcow2", "-c", command, path, NULL};
    g_autofree char *said = NULL;
    int status = -1;

    ck_assert(
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &said, NULL, &status, NULL));
    ck_assert_msg(status == 0 && !strstr(said, "failed"), "%s", said);
}

/* <directory>/<uid>/vda.qcow2: clusters @first to @first + @count - 1 are full of @byte; the others are
 * @parent's (NULL: zero). The manifest says so and has the sums; @vm, @image: whose it is, and where it goes.
 */
static inline void
content_store(const char *directory, const char *uid, const char *parent, const char *vm, const char *domain,
              const char *image, char byte, guint first, guint count)
{
    g_autofree char *folder = g_build_filename(directory, uid, NULL);
    g_autofree char *path = g_build_filename(folder, "vda.qcow2", NULL);
    g_autofree char *backing = parent ? g_strdup_printf("../%s/vda.qcow2", parent) : NULL;
    g_autofree char *based = parent ? g_strdup_printf("\"parent\":\"%s\",", parent) : g_strdup("");
    g_autofree char *size = g_strdup_printf("%u", CONTENT_BYTES);
    const char *const whole[] = {"qemu-img", "create", "-q", "-f", "qcow2", path, size, NULL};
    const char *const part[] = {"qemu-img", "create", "-q",    "-u", "-f", "qcow2", "-F",
                                "qcow2",    "-b",     backing, path, size, NULL};
    g_autofree char *sum = NULL;
    g_autofree char *text = NULL;
    struct stat info;

    ck_assert(lull_folder_make(folder, NULL));
    content_tool(parent ? part : whole);
    content_write(path, byte, first, count);
    ck_assert_int_eq(stat(path, &info), 0);
    sum = lull_folder_sha256(path, NULL, NULL);
    text = g_strdup_printf("{\"version\":1,\"vm\":\"%s\",\"domain\":\"%s\",%s\"checkpoint\":\"lull-%s-1\","
                           "\"volumes\":[{\"name\":\"vda\",\"file\":\"vda.qcow2\",\"copy\":\"%s\","
                           "\"sourcePath\":\"%s\",\"sourceFormat\":\"raw\",\"capacity\":%u,\"size\":%ld,"
                           "\"sha256\":\"%s\"}]}",
                           vm, domain, based, uid, parent ? "incremental" : "full", image, CONTENT_BYTES,
                           (long)info.st_size, sum);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, text, NULL));
}
