/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/record.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/error.h"

#define MARKER "frozen"

gboolean
lull_record_write(const char *folder, const LullOperation *operation, const char *boot_id, GError **error)
{
    g_autofree char *path = g_build_filename(folder, LULL_RECORD_NAME, NULL);
    g_autoptr(LullJson) record = json_object_new_object();
    LullJson *mounts = json_object_new_array();

    lull_json_set_string(record, "op", operation->op);
    lull_json_set_bool(record, "standard", operation->standard);
    lull_json_set_string(record, "boot-id", boot_id);
    lull_json_take(record, "mounts", mounts);
    for (guint i = 0; i < operation->n_freeze; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(operation->plan, i);
        g_autofree char *escaped = g_strescape(entry->mountpoint, NULL); /* JSON holds no odd bytes */
        LullJson *mount = json_object_new_object();

        lull_json_set_string(mount, "mountpoint", escaped);
        lull_json_set_int(mount, "device", (gint64)entry->opened_as);
        json_object_array_add(mounts, mount);
    }
    if (!g_file_set_contents(path, lull_json_to_line(record), -1, error)) {
        g_prefix_error(error, "record of the freeze: ");
        return FALSE;
    }
    return TRUE;
}

void
lull_record_remove(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, LULL_RECORD_NAME, NULL);

    if (g_unlink(path) < 0 && errno != ENOENT)
        g_warning("%s: %s", path, g_strerror(errno));
}

int
lull_record_open_marker(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, MARKER, NULL);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
    return fd;
}
