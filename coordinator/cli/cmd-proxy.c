/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib-unix.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/proxy.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_proxy;

#define MAX_OPEN      16
#define SIGNAL_STATUS 128 /* as shells say that a signal ended a program */

typedef struct {
    GMainLoop *loop;
    char *directory;
    char *kubeconfig;
    GSubprocess *command; /* NULL: none */
} Run;

static int
remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)remove(path);
    return 0;
}

static void
run_clear(Run *run)
{
    if (run->directory)
        (void)nftw(run->directory, remove_one, MAX_OPEN, FTW_DEPTH | FTW_PHYS);
    g_clear_object(&run->command);
    g_clear_pointer(&run->loop, g_main_loop_unref);
    g_free(run->directory);
    g_free(run->kubeconfig);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static gboolean
write_file(const char *path, const char *text, GError **error)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    const gboolean written = file && fputs(text, file) >= 0;

    if (file && fclose(file) == 0 && written)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s, writing: %s", path, g_strerror(errno));
    return FALSE;
}

/* Where only the user can look, and where it does not survive him. */
static gboolean
make_kubeconfig(Run *run, const char *url, GError **error)
{
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    g_autofree char *text = lull_proxy_kubeconfig(url);
    g_autofree char *path =
        g_build_filename(runtime && *runtime ? runtime : g_get_tmp_dir(), "lull-proxy-XXXXXX", NULL);

    if (!g_mkdtemp_full(path, 0700)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s, making a directory there: %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    run->directory = g_steal_pointer(&path);
    run->kubeconfig = g_build_filename(run->directory, "kubeconfig", NULL);
    return write_file(run->kubeconfig, text, error);
}

/* What kubectl remembers of a server is of no use beyond this one. */
static gboolean
start_command(Run *run, char **argv, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_INHERIT);
    g_autofree char *cache = g_build_filename(run->directory, "cache", NULL);

    g_subprocess_launcher_setenv(launcher, "KUBECONFIG", run->kubeconfig, TRUE);
    g_subprocess_launcher_setenv(launcher, "KUBECACHEDIR", cache, FALSE);
    run->command = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv, error);
    return run->command != NULL;
}

static void
on_command_ended(GObject *source, GAsyncResult *result, gpointer user_data)
{
    (void)g_subprocess_wait_finish(G_SUBPROCESS(source), result, NULL);
    g_main_loop_quit(((Run *)user_data)->loop);
}

/* The terminal's interrupt reaches the command by itself. */
static gboolean
on_interrupt(gpointer user_data)
{
    const Run *run = user_data;

    if (!run->command)
        g_main_loop_quit(run->loop);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_end(gpointer user_data)
{
    const Run *run = user_data;

    if (run->command)
        g_subprocess_send_signal(run->command, SIGTERM);
    else
        g_main_loop_quit(run->loop);
    return G_SOURCE_CONTINUE;
}

static LullExit
status_of(GSubprocess *command)
{
    if (!command)
        return LULL_EXIT_DONE;
    if (g_subprocess_get_if_signaled(command))
        return (LullExit)(SIGNAL_STATUS + g_subprocess_get_term_sig(command));
    return (LullExit)g_subprocess_get_exit_status(command);
}

/* @argv: the command, or nothing. */
static LullExit
serve(Run *run, char **argv, GError **error)
{
    if (*argv && !start_command(run, argv, error))
        return LULL_EXIT_FAILED;
    if (run->command)
        g_subprocess_wait_async(run->command, NULL, on_command_ended, run);
    else
        (void)printf("export KUBECONFIG=%s\n", run->kubeconfig);
    (void)fflush(stdout);
    g_main_loop_run(run->loop);
    return status_of(run->command);
}

/* From before there is anything to clean up, or a command that would be left alone. */
static LullExit
serve_until_told(Run *run, const char *url, char **argv, GError **error)
{
    const guint sources[] = {g_unix_signal_add(SIGINT, on_interrupt, run),
                             g_unix_signal_add(SIGTERM, on_end, run), g_unix_signal_add(SIGHUP, on_end, run)};
    const LullExit result = make_kubeconfig(run, url, error) ? serve(run, argv, error) : LULL_EXIT_FAILED;

    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
        g_source_remove(sources[i]);
    return result;
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_auto(Run) run = {.loop = g_main_loop_new(NULL, FALSE)};
    g_autoptr(LullProxy) proxy = NULL;
    g_autoptr(LullJson) answer = NULL;

    if (!lull_cli_parse(cli, &lull_command_proxy, NULL, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    /* Better said now than by every request. */
    answer = lull_client_list(cli->client, &lull_kind_restore, cli->ns, error);
    proxy = answer ? lull_proxy_new(cli->socket, error) : NULL;
    return proxy ? serve_until_told(&run, lull_proxy_url(proxy), argv + 1, error) : LULL_EXIT_FAILED;
}

const LullCommand lull_command_proxy = {
    .name = "proxy",
    .arguments = "[-- COMMAND [ARGUMENT...]]",
    .summary = "let kubectl and its like talk to the coordinator",
    .details =
        "Listens on a port of this machine that only who knows its secret path can use, and writes a\n"
        "configuration for it, which goes when this ends. With a COMMAND that is run with KUBECONFIG set,\n"
        "and its exit status is the proxy's: lull proxy -- kubectl get vmsnapshots",
    .min = 0,
    .max = -1,
    .host_only = "kubectl reaches its API server without it",
    .run = run,
};
