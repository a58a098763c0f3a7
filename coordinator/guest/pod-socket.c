/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/pod-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/error.h"

#define MAX_UID 64

/* Older KubeVirts run the daemon that is all of libvirt. */
static const char *const names[] = {"virtqemud-sock", "libvirt-sock"};

gboolean
lull_pod_uid_is_valid(const char *text)
{
    const gsize length = strlen(text);

    return length > 0 && length <= MAX_UID &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] == '\0';
}

static gboolean
is_trusted(uid_t uid)
{
    return uid == 0 || uid == LULL_LAUNCHER_UID || uid == geteuid();
}

static void
fail(GError **error, const char *pod_uid, const char *what, int code)
{
    g_set_error(error, LULL_ERROR, code == ENOENT ? LULL_ERROR_LOST : LULL_ERROR_INVALID,
                "libvirt of pod %s: %s: %s", pod_uid, what,
                code == ENOENT    ? "it is not there"
                : code == ENOTDIR ? "it is no directory: the pod cannot be trusted"
                                  : g_strerror(code));
}

/* One directory further down; a link is none. Takes @at. */
static int
enter(int at, const char *name, int *ret_code)
{
    const int next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    *ret_code = errno;
    close(at);
    return next;
}

static int
open_runtime(const char *pods_directory, const char *pod_uid, GError **error)
{
    const char *const way[] = {pod_uid, "volumes", "kubernetes.io~empty-dir", "libvirt-runtime"};
    int at = open(pods_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int code = errno;

    if (at < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                    "the kubelet's directory of pods, %s: %s: mount it, or say where it is", pods_directory,
                    g_strerror(code));
        return -1;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(way) && at >= 0; i++) {
        at = enter(at, way[i], &code);
        if (at < 0 && i == 0 && code == ENOENT)
            g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                        "libvirt of pod %s: this node has no such pod", pod_uid);
        else if (at < 0)
            fail(error, pod_uid, way[i], code);
    }
    return at;
}

static gboolean
check(int fd, const char *pod_uid, const char *name, GError **error)
{
    struct stat facts;

    if (fstat(fd, &facts) < 0) {
        fail(error, pod_uid, name, errno);
        return FALSE;
    }
    if (!S_ISSOCK(facts.st_mode)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "libvirt of pod %s: %s is no socket, but %s: the pod cannot be trusted", pod_uid, name,
                    S_ISLNK(facts.st_mode) ? "a symbolic link" : "something else");
        return FALSE;
    }
    if (is_trusted(facts.st_uid))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                "libvirt of pod %s: %s belongs to user %u, and neither to root nor to KubeVirt's qemu (%d)",
                pod_uid, name, (guint)facts.st_uid, LULL_LAUNCHER_UID);
    return FALSE;
}

int
lull_pod_socket_open(const char *pods_directory, const char *pod_uid, GError **error)
{
    int runtime = -1;
    int fd = -1;
    int code = ENOENT;
    const char *name = NULL;

    if (!lull_pod_uid_is_valid(pod_uid)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "libvirt of pod \"%.*s\": that is no uid", MAX_UID,
                    pod_uid);
        return -1;
    }
    runtime = open_runtime(pods_directory, pod_uid, error);
    if (runtime < 0)
        return -1;
    for (gsize i = 0; i < G_N_ELEMENTS(names) && fd < 0 && code == ENOENT; i++) {
        name = names[i];
        fd = openat(runtime, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        code = errno;
    }
    close(runtime);
    if (fd < 0) {
        fail(error, pod_uid, code == ENOENT ? names[0] : name, code);
        return -1;
    }
    if (check(fd, pod_uid, name, error))
        return fd;
    close(fd);
    return -1;
}

static gboolean
check_listener(int fd, GError **error)
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && is_trusted(peer.uid))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                "libvirt of a pod: who listens is neither root nor KubeVirt's qemu (%d)", LULL_LAUNCHER_UID);
    return FALSE;
}

int
lull_pod_socket_connect(int socket_fd, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code;

    /* by the descriptor: short, and nothing but what was looked at */
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", socket_fd);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        if (check_listener(fd, error))
            return fd;
        close(fd);
        return -1;
    }
    code = errno;
    if (fd >= 0)
        close(fd);
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "libvirt of a pod: %s",
                code == EAGAIN ? "it does not take connections" : g_strerror(code));
    return -1;
}
