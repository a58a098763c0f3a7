/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/qcow2-layout.h"
#include "protocol/error.h"
#include "protocol/json.h"

#define MAX_COMPLAINT 2000
#define MAX_ANSWER    (1024 * 1024)
#define CHILD_FD      3
#define CHILD_PATH    "/proc/self/fd/3"

/* What qemu-img -p writes: "    (12.50/100%)\r". */
static void
read_progress(const char *text, LullImageProgress progress, gpointer user_data)
{
    const char *open = strrchr(text, '(');
    char *end = NULL;
    double percent;

    if (!open || !progress)
        return;
    percent = g_ascii_strtod(open + 1, &end);
    if (end != open + 1 && *end == '/' && percent >= 0 && percent <= 100)
        progress((guint)(percent * 10), user_data);
}

static gboolean
drain(GInputStream *stream, LullImageProgress progress, gpointer user_data, GCancellable *cancel,
      GError **error)
{
    char bytes[256];
    gssize n;

    while ((n = g_input_stream_read(stream, bytes, sizeof bytes - 1, cancel, error)) > 0) {
        bytes[n] = '\0';
        read_progress(bytes, progress, user_data);
    }
    return n == 0;
}

static char *
complaint(GInputStream *stream)
{
    g_autofree char *text = g_malloc0(MAX_COMPLAINT + 1);
    gsize got = 0;

    (void)g_input_stream_read_all(stream, text, MAX_COMPLAINT, &got, NULL, NULL);
    for (char *each = g_strstrip(text); *each; each++)
        if (g_ascii_iscntrl(*each))
            *each = ' ';
    return g_utf8_make_valid(text, -1);
}

/* In the child: whoever reads and writes images for us must not go on when we are gone. */
static void
die_with_parent(gpointer user_data)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* @fd: what CHILD_PATH is to the child; -1: nothing. */
static GSubprocess *
spawn(const char *const *argv, int fd, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);

    g_subprocess_launcher_setenv(launcher, "LC_ALL", "C", TRUE);
    g_subprocess_launcher_set_child_setup(launcher, die_with_parent, NULL, NULL);
    if (fd >= 0)
        g_subprocess_launcher_take_fd(launcher, fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD + 1), CHILD_FD);
    return g_subprocess_launcher_spawnv(launcher, argv, error);
}

static gboolean
finish(GSubprocess *process, const char *name, GError **error)
{
    g_autofree char *said = complaint(g_subprocess_get_stderr_pipe(process));

    if (!g_subprocess_wait(process, NULL, error))
        return FALSE;
    if (g_subprocess_get_successful(process))
        return TRUE;
    g_set_error(error, LULL_ERROR, strstr(said, "No space left") ? LULL_ERROR_NO_SPACE : LULL_ERROR_FAILED,
                "%s: %s", name, *said ? said : "failed without a word");
    return FALSE;
}

static void
put_down(GSubprocess *process)
{
    g_subprocess_force_exit(process);
    (void)g_subprocess_wait(process, NULL, NULL);
}

static gboolean
run_with(const char *const *argv, int fd, LullImageProgress progress, gpointer user_data,
         GCancellable *cancel, GError **error)
{
    g_autoptr(GSubprocess) process = spawn(argv, fd, error);

    if (!process)
        return FALSE;
    if (!drain(g_subprocess_get_stdout_pipe(process), progress, user_data, cancel, error)) {
        put_down(process);
        return FALSE;
    }
    return finish(process, argv[0], error);
}

static gboolean
run(const char *const *argv, LullImageProgress progress, gpointer user_data, GCancellable *cancel,
    GError **error)
{
    return run_with(argv, -1, progress, user_data, cancel, error);
}

/* The output of a command that says little. */
static char *
ask(const char *const *argv, GError **error)
{
    g_autoptr(GSubprocess) process = spawn(argv, -1, error);
    g_autofree char *text = g_malloc0(MAX_ANSWER + 1);
    gsize got = 0;

    if (!process)
        return NULL;
    if (!g_input_stream_read_all(g_subprocess_get_stdout_pipe(process), text, MAX_ANSWER, &got, NULL,
                                 error)) {
        put_down(process);
        return NULL;
    }
    return finish(process, argv[0], error) ? g_steal_pointer(&text) : NULL;
}

static gboolean
write_all(int fd, const guint8 *bytes, gsize length)
{
    for (gsize done = 0; done < length;) {
        const ssize_t n = write(fd, bytes + done, length - done);

        if (n < 0 && errno != EINTR)
            return FALSE;
        done += n > 0 ? (gsize)n : 0;
    }
    return TRUE;
}

/* Not by a process: for each disk of a machine it would be waited for before the freeze. */
gboolean
lull_image_create(const char *path, guint64 capacity, const char *backing, GError **error)
{
    g_autoptr(LullQcow2Layout) layout = lull_qcow2_layout_new(capacity, backing, error);
    g_autofree guint8 *cluster = g_malloc(LULL_QCOW2_CLUSTER);
    gboolean ok;
    int saved;
    int fd;

    if (!layout)
        return FALSE;
    lull_qcow2_layout_close(layout);
    fd = lull_folder_open_new(path);
    ok = fd >= 0;
    while (ok && lull_qcow2_layout_next_metadata(layout, cluster))
        ok = write_all(fd, cluster, LULL_QCOW2_CLUSTER);
    saved = errno;
    if (fd >= 0)
        close(fd);
    return ok || lull_folder_errno(error, saved, "image", path);
}

void
lull_image_info_clear(LullImageInfo *self)
{
    g_clear_pointer(&self->backing, g_free);
}

gboolean
lull_image_info(const char *path, LullImageInfo *ret_info, GError **error)
{
    const char *const argv[] = {"qemu-img", "info", "-U", "--output=json", "-f", "qcow2", path, NULL};
    g_autofree char *text = ask(argv, error);
    g_autoptr(LullJson) json = text ? lull_json_parse(text, -1, error) : NULL;
    LullJson *data = lull_json_at(json, "format-specific", "data", NULL);

    if (!json)
        return FALSE;
    *ret_info = (LullImageInfo){
        .backing = g_strdup(lull_json_string(json, "backing-filename", NULL)),
        .dirty = lull_json_bool(json, "dirty-flag", FALSE) || lull_json_bool(data, "corrupt", FALSE),
    };
    return TRUE;
}

gboolean
lull_image_commit(const char *path, GCancellable *cancel, GError **error)
{
    const char *const argv[] = {"qemu-img", "commit", "-q", "-d", "-f", "qcow2", path, NULL};

    return run(argv, NULL, NULL, cancel, error);
}

gboolean
lull_image_convert(const char *from, const char *to, const char *format, gboolean existing,
                   LullImageProgress progress, gpointer user_data, GCancellable *cancel, GError **error)
{
    const char *argv[12] = {"qemu-img", "convert", "-p", "-f", "qcow2", "-O", format};
    guint n = 7;

    if (existing)
        argv[n++] = "-n";
    argv[n++] = from;
    argv[n] = to;
    return run(argv, progress, user_data, cancel, error);
}

gboolean
lull_image_convert_into(const char *from, int fd, const char *format, LullImageProgress progress,
                        gpointer user_data, GCancellable *cancel, GError **error)
{
    const char *const argv[] = {"qemu-img", "convert", "-p", "-f",       "qcow2",
                                "-O",       format,    from, CHILD_PATH, NULL};

    return run_with(argv, fd, progress, user_data, cancel, error);
}

gboolean
lull_image_fill(const char *from, const char *format, const char *to, LullImageProgress progress,
                gpointer user_data, GCancellable *cancel, GError **error)
{
    const char *const argv[] = {"qemu-img", "convert", "-p", "-n", "--target-is-zero", "-f", format, "-O",
                                "qcow2",    from,      to,   NULL};

    return run(argv, progress, user_data, cancel, error);
}

/* The places of QEMU's protocol: a byte is locked for each permission that is used, and for each that is not
 * shared with others. */
#define USED_BASE     100
#define UNSHARED_BASE 200
#define PERMISSIONS   4 /* consistent read, write, write unchanged, resize */

#define READ   (1u << 0)
#define WRITE  (1u << 1)
#define RESIZE (1u << 3)
#define ALL    ((1u << PERMISSIONS) - 1)

struct _LullImageLock {
    int fd;
};

static gboolean
lock_byte(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static gboolean
is_locked_by_other(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* Locked first and looked at then: of two who come at the same time, at least one sees the other. */
static gboolean
lock_permissions(int fd, guint used, guint unshared)
{
    gboolean ok = TRUE;

    for (off_t i = 0; i < PERMISSIONS; i++) {
        ok &= !(used & 1u << i) || lock_byte(fd, USED_BASE + i);
        ok &= !(unshared & 1u << i) || lock_byte(fd, UNSHARED_BASE + i);
    }
    for (off_t i = 0; i < PERMISSIONS; i++) {
        ok &= !(used & 1u << i) || !is_locked_by_other(fd, UNSHARED_BASE + i);
        ok &= !(unshared & 1u << i) || !is_locked_by_other(fd, USED_BASE + i);
    }
    return ok;
}

static LullImageLock *
take_lock(const char *path, int flags, guint used, guint unshared, GError **error)
{
    const int fd = open(path, flags | O_CLOEXEC);
    LullImageLock *self;

    if (fd < 0) {
        lull_folder_errno(error, errno, "image", path);
        return NULL;
    }
    if (!lock_permissions(fd, used, unshared)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "image %s: another process has it open: stop what uses it and try again", path);
        close(fd);
        return NULL;
    }
    self = g_new0(LullImageLock, 1);
    self->fd = fd;
    return self;
}

LullImageLock *
lull_image_lock(const char *path, GError **error)
{
    return take_lock(path, O_RDWR, ALL, ALL, error);
}

LullImageLock *
lull_image_lock_reading(const char *path, GError **error)
{
    return take_lock(path, O_RDONLY, READ, WRITE | RESIZE, error);
}

void
lull_image_unlock(LullImageLock *self)
{
    if (!self)
        return;
    close(self->fd);
    g_free(self);
}
