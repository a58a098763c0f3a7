/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/image-mark.h"

#include <sys/stat.h>

#include "coordinator/storage/header.h"

static gboolean
append(GString *mark, const char *path)
{
    struct stat info;

    if (stat(path, &info) < 0 || !S_ISREG(info.st_mode))
        return FALSE;
    g_string_append_printf(mark, "%s%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT ".%09ld",
                           mark->len ? " " : "", (guint64)info.st_ino, (gint64)info.st_size,
                           (gint64)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    return TRUE;
}

char *
lull_image_mark(const char *path, const char *format)
{
    g_autoptr(GString) mark = g_string_new(NULL);
    g_autofree char *behind = NULL;

    if (!append(mark, path))
        return NULL;
    if (!g_str_equal(format, "qcow2"))
        return g_strdup(mark->str);
    for (guint depth = 0; depth < LULL_IMAGE_MAX_DEPTH; depth++) {
        g_autofree char *from = behind ? g_steal_pointer(&behind) : g_strdup(path);

        if (!lull_image_behind(from, &behind))
            return NULL;
        if (!behind)
            return g_strdup(mark->str);
        if (!append(mark, behind))
            return NULL;
    }
    return NULL;
}
