/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Block devices and what stands on them, from a tree under /sys as tests/lib/recorded.h describes it, which
 * is made in memory. Links lead from the top of /sys, so that none leads out of the tree. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/filesystems/stack.h"
#include "tests/fuzz/fuzz.h"

#define MAX_LINES 200

/* Where @path is below @root, its folders made; NULL for one that might lead elsewhere. */
static char *
place(const char *root, const char *path)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    g_autofree char *parent = g_path_get_dirname(full);

    if (*path != '/' || strstr(path, "..") || g_mkdir_with_parents(parent, 0755) < 0)
        return NULL;
    return g_steal_pointer(&full);
}

static void
make_file(const char *root, const char *path, const char *content)
{
    g_autofree char *full = place(root, path);

    if (full)
        (void)g_file_set_contents(full, content, -1, NULL);
}

static void
make_link(const char *root, const char *path, const char *target)
{
    g_autofree char *full = place(root, path);
    g_autofree char *inside = NULL;

    while (g_str_has_prefix(target, "../"))
        target += 3;
    inside = g_strconcat(root, "/sys/", target, NULL);
    if (full && !strstr(target, "..") && symlink(inside, full) < 0)
        return;
}

static void
make_line(const char *root, const char *line, GString *mounts, GString *swaps)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    const guint n = g_strv_length(words);

    if (n > 1 && g_str_equal(words[0], "mounts"))
        g_string_append_printf(mounts, "%s\n", line + strlen("mounts "));
    else if (n > 1 && g_str_equal(words[0], "swaps"))
        g_string_append_printf(swaps, "%s\n", line + strlen("swaps "));
    else if (n > 1 && g_str_equal(words[0], "file"))
        make_file(root, words[1], n > 2 ? words[2] : "");
    else if (n > 2 && g_str_equal(words[0], "link"))
        make_link(root, words[1], words[2]);
}

static void
make_tree(const char *root, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", MAX_LINES);
    g_autoptr(GString) mounts = g_string_new(NULL);
    g_autoptr(GString) swaps = g_string_new(NULL);

    for (guint i = 0; lines[i]; i++)
        make_line(root, lines[i], mounts, swaps);
    make_file(root, "/proc/self/mountinfo", mounts->str);
    make_file(root, "/proc/swaps", swaps->str);
}

static void
remove_tree(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_tree(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_remove(path);
}

static void
look_at_all(const LullSurvey *survey)
{
    for (guint i = 0; i < survey->mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(survey->mounts, i);
        g_autoptr(LullStack) stack = lull_stack_of_mount(survey, mount);

        FUZZ_MUST(stack->disks->len <= LULL_GRAPH_MAX_BLOCKS);
        (void)lull_stack_holder(survey, mount->mountpoint);
        (void)lull_survey_may_hang(survey, mount);
    }
    for (guint i = 0; i < survey->swaps->len; i++) {
        g_autoptr(LullStack) stack = lull_stack_of_swap(survey, g_ptr_array_index(survey->swaps, i));

        FUZZ_MUST(stack->disks->len <= LULL_GRAPH_MAX_BLOCKS);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    char root[] = "/dev/shm/lull-fuzz-XXXXXX";
    g_autoptr(LullSurvey) survey = NULL;

    FUZZ_MUST(g_mkdtemp(root));
    make_tree(root, text);
    survey = lull_survey_take(root, NULL);
    if (survey)
        look_at_all(survey);
    remove_tree(root);
    return 0;
}
