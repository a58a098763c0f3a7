/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/clock.h"

#define FREEZER_WAIT  LULL_MSEC(80) /* a living freezer sees our predecessor's death at once */
#define FREEZER_PAUSE LULL_MSEC(2)

static LullJson *
read_record(const char *folder, const char *boot_id)
{
    g_autofree char *path = g_build_filename(folder, "operation.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(LullJson) record = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    record = lull_json_parse(text, -1, NULL);
    /* after a reboot nothing is frozen any more, and device numbers mean other devices */
    if (!record || g_strcmp0(lull_json_string(record, "boot-id", NULL), boot_id) != 0)
        return NULL;
    return g_steal_pointer(&record);
}

/* Waits until the freezer is gone, which thaws before it goes. Whether something is frozen still. */
static gboolean
needs_thaw(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "frozen", NULL);
    const gint64 until = lull_clock_boottime() + FREEZER_WAIT;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char byte = '1';

    if (fd < 0)
        return TRUE; /* there is a record: better once too often */
    while (flock(fd, LOCK_EX | LOCK_NB) < 0 && lull_clock_boottime() < until)
        g_usleep(FREEZER_PAUSE);
    if (pread(fd, &byte, 1, 0) != 1)
        byte = '1';
    (void)close(fd);
    return byte != '0';
}

static int
open_device(const char *path, dev_t device)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_dev != device)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* By its old name, or, where something has been mounted over that, by any other. */
static int
find_device(const char *path, dev_t device)
{
    g_autoptr(GPtrArray) mounts = NULL;
    int fd = open_device(path, device);

    if (fd >= 0)
        return fd;
    mounts = lull_mountinfo_read("/proc/self/mountinfo", NULL);
    for (guint i = 0; mounts && i < mounts->len && fd < 0; i++) {
        const LullMount *mount = g_ptr_array_index(mounts, i);

        if (mount->device == device)
            fd = open_device(mount->mountpoint, device);
    }
    return fd;
}

static gboolean
thaw_one(LullJson *mount)
{
    g_autofree char *path = g_strcompress(lull_json_string(mount, "mountpoint", ""));
    const int fd = find_device(path, (dev_t)lull_json_int(mount, "device", 0));
    gboolean thawed;

    if (fd < 0) {
        g_warning("%s: no way to it any more, so it could not be thawed", path);
        return FALSE;
    }
    thawed = ioctl(fd, FITHAW, 0) == 0;
    if (!thawed && errno != EINVAL)
        g_warning("%s: thaw: %s", path, g_strerror(errno));
    (void)close(fd);
    return thawed;
}

void
lull_recover(const char *folder, const char *boot_id, LullRecovery *ret_recovery)
{
    g_autoptr(LullJson) record = read_record(folder, boot_id);
    LullJson *mounts = lull_json_array(record, "mounts");

    *ret_recovery = (LullRecovery){NULL};
    if (record) {
        ret_recovery->op = g_strdup(lull_json_string(record, "op", ""));
        ret_recovery->standard = lull_json_bool(record, "standard", FALSE);
        if (mounts && needs_thaw(folder))
            for (size_t i = json_object_array_length(mounts); i-- > 0;)
                ret_recovery->n_thawed += thaw_one(json_object_array_get_idx(mounts, i)) ? 1 : 0;
    }
    lull_record_remove(folder);
}
