/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <check.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* A tree of files as some machine showed it, made again from a text with lines of these shapes:
 *
 *   # ...                      nothing
 *   file PATH CONTENT          one line of content
 *   link PATH TARGET
 *   mounts LINE, swaps LINE    a line of /proc/self/mountinfo, of /proc/swaps
 */

static inline char *
recorded_place(const char *root, const char *path)
{
    char *full = g_strconcat(root, path, NULL);
    g_autofree char *parent = g_path_get_dirname(full);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0755), 0);
    return full;
}

static inline void
recorded_write(const char *root, const char *path, const char *content)
{
    g_autofree char *full = recorded_place(root, path);

    ck_assert(g_file_set_contents(full, content, -1, NULL));
}

static inline void
recorded_line(const char *root, const char *line, GString *mounts, GString *swaps)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    const char *rest = strchr(line, ' ');

    if (!*line || *line == '#')
        return;
    ck_assert_msg(rest && words[1], "recorded line \"%s\"", line);
    if (g_str_equal(words[0], "mounts")) {
        g_string_append_printf(mounts, "%s\n", rest + 1);
    } else if (g_str_equal(words[0], "swaps")) {
        g_string_append_printf(swaps, "%s\n", rest + 1);
    } else if (g_str_equal(words[0], "file")) {
        recorded_write(root, words[1], words[2] ? words[2] : "");
    } else {
        g_autofree char *full = recorded_place(root, words[1]);

        ck_assert_str_eq(words[0], "link");
        ck_assert_int_eq(symlink(words[2], full), 0);
    }
}

/* The root of the tree that the file @path describes; to be removed and freed. */
static inline char *
recorded_make(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GString) mounts = g_string_new(NULL);
    g_autoptr(GString) swaps = g_string_new(NULL);
    char *root = g_dir_make_tmp("lull-recorded-XXXXXX", NULL);

    ck_assert_ptr_nonnull(root);
    ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        recorded_line(root, lines[i], mounts, swaps);
    recorded_write(root, "/proc/self/mountinfo", mounts->str);
    recorded_write(root, "/proc/swaps", swaps->str);
    return root;
}

static inline void
recorded_remove(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        recorded_remove(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_remove(path);
}
