/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/socket.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/owner.h"
#include "protocol/error.h"

#define SYSTEM_HOME "/var/lib/libvirt/qemu"
#define SHORT_NAME  20 /* characters of a domain's name that libvirt puts into its folder's */
#define UID_AT      24 /* the last part of a UUID */
#define SUFFIX      ".nbd"

char *
lull_pull_socket_home(const char *uri, const char *config_home, int id, const char *name)
{
    g_autofree char *path = g_strndup(uri, strcspn(uri, "?"));
    g_autofree char *home = NULL;
    g_autofree char *start = NULL;

    if (g_str_has_suffix(path, "/system"))
        home = g_strdup(SYSTEM_HOME);
    else if (g_str_has_suffix(path, "/session"))
        home = g_build_filename(config_home, "libvirt/qemu/lib", NULL);
    if (!home || id < 0 || !g_utf8_validate(name, -1, NULL))
        return NULL;
    start = g_utf8_substring(name, 0, MIN(SHORT_NAME, g_utf8_strlen(name, -1)));
    return g_strdup_printf("%s/domain-%d-%s", home, id, start);
}

static gboolean
is_short(const char *path)
{
    return strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

/* Where the monitor is, a machine runs. That it is this one is not sure: one of another libvirt may have the
 * same number and name. Then QEMU is refused there, or it listens there all the same. */
static gboolean
is_home(const char *home)
{
    g_autofree char *monitor = g_build_filename(home, "monitor.sock", NULL);
    struct stat info;

    return lstat(monitor, &info) == 0 && S_ISSOCK(info.st_mode);
}

static char *
name_of(const char *content_uid, guint attempt)
{
    return g_strdup_printf("%s-%u" SUFFIX, content_uid + UID_AT, attempt);
}

static char *
make_folder(const LullVm *vm, const char *directory, const char *name, GError **error)
{
    g_autofree char *folder = g_build_filename(directory, name, NULL);
    char *socket = NULL;

    if (!lull_folder_remove(folder, error))
        return NULL;
    if (g_mkdir(folder, 0700) < 0) {
        lull_folder_errno(error, errno, "folder", folder);
        return NULL;
    }
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];

        if (!volume->excluded && !lull_owner_lend_folder(folder, volume->path, error))
            return NULL;
    }
    socket = g_build_filename(folder, "s", NULL);
    if (is_short(socket))
        return socket;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "socket %s: its path is too long for QEMU to listen there: let the store's be shorter",
                socket);
    g_free(socket);
    return NULL;
}

char *
lull_pull_socket_new(LullDomain *domain, const char *uri, const LullVm *vm, const char *directory,
                     const char *content_uid, guint attempt, GError **error)
{
    g_autofree char *name = name_of(content_uid, attempt);
    g_autofree char *home =
        lull_pull_socket_home(uri, g_get_user_config_dir(), (int)virDomainGetID(domain), vm->domain);
    g_autofree char *there = home ? g_build_filename(home, name, NULL) : NULL;

    if (there && is_home(home) && is_short(there))
        return g_steal_pointer(&there);
    return make_folder(vm, directory, name, error);
}

void
lull_pull_socket_remove(const char *directory, const char *socket)
{
    g_autofree char *folder = socket ? g_path_get_dirname(socket) : NULL;
    g_autofree char *above = folder ? g_path_get_dirname(folder) : NULL;

    if (!above)
        return;
    (void)g_unlink(socket);
    if (g_str_equal(above, directory) && g_str_has_suffix(folder, SUFFIX))
        (void)lull_folder_remove(folder, NULL);
}

void
lull_pull_socket_clear(const char *directory, const char *content_uid, guint attempt)
{
    g_autofree char *one = name_of(content_uid, attempt);
    g_autofree char *prefix = g_strconcat(content_uid + UID_AT, "-", NULL);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *folder = g_build_filename(directory, name, NULL);

        if (attempt ? g_str_equal(name, one)
                    : g_str_has_prefix(name, prefix) && g_str_has_suffix(name, SUFFIX))
            (void)lull_folder_remove(folder, NULL);
    }
}
