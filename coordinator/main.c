/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/daemon-cluster.h"
#include "coordinator/daemon.h"
#include "coordinator/ending.h"
#include "coordinator/guest/host-dead-man.h"
#include "coordinator/init.h"
#include "coordinator/memory.h"
#include "coordinator/model/manifests.h"
#include "coordinator/storage/pull/guard.h"
#include "coordinator/storage/pull/watchdog.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step-init.h"

#define LEASE_LEAST_MS 1000

/* Tells the service manager, where there is one; it may have gone, which is nothing to us. */
static void
notify(const char *state)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = path && (*path == '/' || *path == '@') && strlen(path) < sizeof address.sun_path
                       ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                       : -1;

    if (fd < 0)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0';
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
        g_warning("cannot tell the service manager: %s", g_strerror(errno));
    close(fd);
}

/* What was said on the command line. */
typedef struct {
    LullDaemonOptions host;
    LullClusterOptions cluster;
    gboolean version;
    char *crds;
} Arguments;

static void
arguments_clear(Arguments *self)
{
    lull_daemon_options_clear(&self->host);
    lull_cluster_options_clear(&self->cluster);
    g_clear_pointer(&self->crds, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

static gboolean
parse(int *argc, char ***argv, Arguments *arguments, GError **error)
{
    LullDaemonOptions *host = &arguments->host;
    LullClusterOptions *cluster = &arguments->cluster;
    const GOptionEntry entries[] = {
        {"uri", 0, 0, G_OPTION_ARG_STRING, &host->uri,
         "libvirt to work with (root: qemu:///system, else qemu:///session)", "URI"},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &host->state_dir,
         "where snapshots and their records are kept (root: /var/lib/lull)", "DIR"},
        {"runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &host->runtime_dir,
         "where the socket is (root: /run/lull)", "DIR"},
        {"socket", 0, 0, G_OPTION_ARG_FILENAME, &host->socket,
         "the API's socket (coordinator.sock in the runtime directory)", "PATH"},
        {"group", 0, 0, G_OPTION_ARG_STRING, &host->group,
         "who may use the socket, which is power over all guests", "GROUP"},
        {"lease", 0, 0, G_OPTION_ARG_INT, &host->lease,
         "that a guest is left frozen for a snapshot without hearing from here (8000)", "MS"},
        {"attempt-pause", 0, 0, G_OPTION_ARG_INT, &host->attempt_pause,
         "between two attempts to bring a guest to rest (10000)", "MS"},
        {"job-lease", 0, 0, G_OPTION_ARG_INT, &host->job_lease,
         "that a backup job goes on when this program is gone (600000)", "MS"},
        {"check-interval", 0, 0, G_OPTION_ARG_INT, &host->check_interval,
         "between two looks at whether what is stored is there still (300000)", "MS"},
        {"metrics-listen", 0, 0, G_OPTION_ARG_STRING, &host->metrics_listen,
         "where /metrics, /healthz and /readyz are served (nowhere)", "ADDRESS:PORT"},
        {"node", 0, 0, G_OPTION_ARG_STRING, &cluster->node,
         "work in a cluster, on this node of it (LULL_NODE)", "NAME"},
        {"kubeconfig", 0, 0, G_OPTION_ARG_STRING, &cluster->kubeconfig,
         "how to reach the cluster (as a pod of it)", "PATH"},
        {"context", 0, 0, G_OPTION_ARG_STRING, &cluster->context, "of the kubeconfig (its current one)",
         "NAME"},
        {"api-group", 0, 0, G_OPTION_ARG_STRING, &cluster->api_group,
         "that the kinds are in there (LULL_API_GROUP, snapshot.lull.dev)", "GROUP"},
        {"pods-dir", 0, 0, G_OPTION_ARG_FILENAME, &cluster->pods_dir,
         "where the kubelet keeps pods (/var/lib/kubelet/pods)", "DIR"},
        {"stock-freeze", 0, 0, G_OPTION_ARG_STRING, &cluster->stock_freeze,
         "who freezes guests of stock agents there: libvirt, kubevirt, or auto: kubevirt where it runs "
         "(LULL_STOCK_FREEZE, auto)",
         "WHO"},
        {"print-crds", 0, 0, G_OPTION_ARG_STRING, &arguments->crds,
         "print the definitions of the kinds for a cluster, in snapshot.kubevirt.io or snapshot.lull.dev",
         "GROUP"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &arguments->version, "say which version this is", NULL},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_set_summary(
        context, "Takes and restores snapshots of the virtual machines of one libvirt, or, as one "
                 "of several, of a cluster.");
    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, argc, argv, error);
}

/* One that is shorter than a freeze takes would never hold. */
static gboolean
check_lease(const LullDaemonOptions *options, GError **error)
{
    if (!options->lease || (options->lease >= LEASE_LEAST_MS && options->lease <= LULL_LEASE_MAX_MS))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "--lease %d: it has to be between %d and %d ms",
                options->lease, LEASE_LEAST_MS, LULL_LEASE_MAX_MS);
    return FALSE;
}

/* What says how to reach libvirt, or who may reach this, means nothing in a cluster, and the other way round:
 * one that is not heeded must not look as if it were. */
static gboolean
check_mode(const Arguments *arguments, gboolean cluster, GError **error)
{
    const LullDaemonOptions *host = &arguments->host;
    const LullClusterOptions *node = &arguments->cluster;
    const struct {
        const char *name;
        gboolean given, of_cluster;
    } options[] = {
        {"uri", host->uri != NULL, FALSE},          {"runtime-dir", host->runtime_dir != NULL, FALSE},
        {"socket", host->socket != NULL, FALSE},    {"group", host->group != NULL, FALSE},
        {"job-lease", host->job_lease != 0, FALSE}, {"kubeconfig", node->kubeconfig != NULL, TRUE},
        {"context", node->context != NULL, TRUE},   {"api-group", node->api_group != NULL, TRUE},
        {"pods-dir", node->pods_dir != NULL, TRUE}, {"stock-freeze", node->stock_freeze != NULL, TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
        if (!options[i].given || options[i].of_cluster == cluster)
            continue;
        if (cluster)
            g_set_error(
                error, LULL_ERROR, LULL_ERROR_INVALID,
                "--%s is for a plain host, and --node, or LULL_NODE, is for a cluster: one or the other",
                options[i].name);
        else
            g_set_error(
                error, LULL_ERROR, LULL_ERROR_INVALID,
                "--%s is for a cluster: say which node of it this is with --node, or leave it out on a "
                "plain host",
                options[i].name);
        return FALSE;
    }
    return TRUE;
}

static int
fail(const GError *error, int status)
{
    (void)fprintf(stderr, "lull-coordinator: %s\n", error->message);
    return status;
}

static int
print_crds(const char *name)
{
    const LullApiGroup *group = lull_api_group_by_name(name);
    g_autoptr(LullJson) list = group ? lull_manifests(group) : NULL;

    if (!list) {
        (void)fprintf(stderr,
                      "lull-coordinator: --print-crds %s: expected snapshot.kubevirt.io or "
                      "snapshot.lull.dev\n",
                      name);
        return 2;
    }
    return puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY)) < 0 || fflush(stdout) != 0;
}

/* All that is said goes to standard error, warnings and information alike. */
static void
set_up_log(void)
{
    g_log_writer_default_set_use_stderr(TRUE);
}

static void
run_until_told(GMainLoop *loop, const char *ready, void (*let_go)(gpointer daemon), gpointer daemon)
{
    LullEnding *ending = lull_ending_await(loop, let_go, daemon, LULL_ENDING_ALL);

    (void)fprintf(stderr, "lull-coordinator: ready %s\n", ready);
    notify("READY=1");
    g_main_loop_run(loop);
    lull_ending_forget(ending);
    notify("STOPPING=1");
}

/* Of figures; NULL: nobody asked for them. */
static void
tell_address(const char *address)
{
    if (address)
        (void)fprintf(stderr, "lull-coordinator: metrics on http://%s/metrics\n", address);
}

static int
run_host(LullDaemonOptions *options, GMainLoop *loop)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullDaemon) daemon = NULL;
    g_autofree char *ready = NULL;

    lull_daemon_options_complete(options);
    daemon = lull_daemon_start(options, &error);
    if (!daemon)
        return fail(error, 1);
    tell_address(lull_daemon_metrics_address(daemon));
    ready = g_strconcat("on ", options->socket, NULL);
    run_until_told(loop, ready, lull_daemon_let_go, daemon);
    if (!lull_daemon_stop(daemon))
        _exit(EXIT_SUCCESS); /* leases and dead men do the rest */
    return EXIT_SUCCESS;
}

static int
run_cluster(LullClusterOptions *options, const LullDaemonOptions *host, GMainLoop *loop)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullClusterDaemon) daemon = NULL;
    g_autofree char *ready = NULL;

    options->state_dir = g_strdup(host->state_dir);
    options->metrics_listen = g_strdup(host->metrics_listen);
    options->lease = host->lease;
    options->attempt_pause = host->attempt_pause;
    options->check_interval = host->check_interval;
    if (!lull_cluster_options_complete(options, &error))
        return fail(error, 2);
    daemon = lull_cluster_daemon_start(options, &error);
    if (!daemon)
        return fail(error, 1);
    tell_address(lull_cluster_daemon_metrics_address(daemon));
    ready = g_strdup_printf("on node %s, for %s", options->node, options->api_group);
    run_until_told(loop, ready, lull_cluster_daemon_let_go, daemon);
    if (!lull_cluster_daemon_stop(daemon))
        _exit(EXIT_SUCCESS);
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    g_auto(Arguments) arguments = {{NULL}};
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);
    g_autoptr(GError) error = NULL;
    gboolean cluster;

    if (argc > 1 && g_str_equal(argv[1], LULL_INIT_WORD))
        return lull_init_main(argc - 1, argv + 1);
    if (argc > 1 && g_str_equal(argv[1], "dead-man"))
        return lull_host_dead_man_main(argc, argv);
    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_GUARD_WORD))
        return lull_pull_guard_main(argc - 1, argv + 1);
    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_WATCHDOG_WORD))
        return lull_pull_watchdog_main(argc - 1, argv + 1);
    lull_memory_init();
    set_up_log();
    if (!parse(&argc, &argv, &arguments, &error) || !check_lease(&arguments.host, &error) ||
        !lull_steps_init(&error))
        return fail(error, 2);
    if (arguments.version) {
        (void)printf("lull-coordinator %s\n", LULL_VERSION);
        return EXIT_SUCCESS;
    }
    if (arguments.crds)
        return print_crds(arguments.crds);
    cluster = arguments.cluster.node || g_getenv("LULL_NODE");
    if (!check_mode(&arguments, cluster, &error))
        return fail(error, 2);
    (void)signal(SIGPIPE, SIG_IGN);
    /* Never the default one: libvirt's event loop, which is a thread of its own, takes that. */
    g_main_context_push_thread_default(context);
    if (cluster)
        return run_cluster(&arguments.cluster, &arguments.host, loop);
    return run_host(&arguments.host, loop);
}
