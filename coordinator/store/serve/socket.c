/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/error.h"

#define SOCKET_MODE       0660
#define BACKLOG           128
#define GROUP_BUFFER_SIZE 16384

static gboolean
fail(GError **error, const char *path, const char *what)
{
    const int code = errno;

    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "socket %s: %s: %s", path, what, g_strerror(code));
    return FALSE;
}

/* Refused is the one sure sign that nobody listens; a full backlog is somebody. */
static gboolean
is_abandoned(const struct sockaddr_un *address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int result = fd < 0 ? 0 : connect(fd, (const struct sockaddr *)address, sizeof *address);
    const gboolean abandoned = result != 0 && errno == ECONNREFUSED;

    if (fd >= 0)
        (void)close(fd);
    return abandoned;
}

static gboolean
make_room(const struct sockaddr_un *address, GError **error)
{
    const char *path = address->sun_path;
    struct stat info;

    if (lstat(path, &info) != 0)
        return errno == ENOENT || fail(error, path, "cannot look at it");
    if (!S_ISSOCK(info.st_mode)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                    "socket %s: something else is there: remove it or choose another path", path);
        return FALSE;
    }
    if (!is_abandoned(address)) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_BUSY,
            "socket %s: somebody listens there already: stop the other coordinator or choose another path",
            path);
        return FALSE;
    }
    return unlink(path) == 0 || errno == ENOENT || fail(error, path, "cannot remove the old one");
}

static void
give_to_group(const char *path, const char *group)
{
    g_autofree char *buffer = (char *)g_malloc(GROUP_BUFFER_SIZE);
    struct group entry, *found = NULL;

    if (getgrnam_r(group, &entry, buffer, GROUP_BUFFER_SIZE, &found) != 0 || !found)
        return;
    if (chown(path, (uid_t)-1, found->gr_gid) != 0)
        g_warning("socket %s: cannot give it to group %s: %s", path, group, g_strerror(errno));
}

GSocket *
lull_socket_listen(const char *path, const char *group, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    GSocket *result = NULL;
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "socket %s: the path is too long: at most %zu bytes", path, sizeof address.sun_path - 1);
        return NULL;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (!make_room(&address, error))
        return NULL;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The file inherits the descriptor's mode, so that it is never open to all, whatever the umask. */
    if (fd < 0 || fchmod(fd, SOCKET_MODE) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(path, SOCKET_MODE) != 0)
        (void)fail(error, path, "cannot make it");
    else {
        if (group)
            give_to_group(path, group);
        if (listen(fd, BACKLOG) != 0)
            (void)fail(error, path, "cannot listen");
        else
            result = g_socket_new_from_fd(fd, error);
    }
    if (!result && fd >= 0)
        (void)close(fd);
    return result;
}
