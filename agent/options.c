/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/options.h"

#include <getopt.h>
#include <stdio.h>

#include "protocol/names.h"

#define LEASE_MAX_SEC (24 * 3600)

enum { OPTION_STANDARD_LEASE = 256, OPTION_FREEZER };

static const struct option long_options[] = {
    {"method", required_argument, NULL, 'm'},
    {"path", required_argument, NULL, 'p'},
    {"logfile", required_argument, NULL, 'l'},
    {"pidfile", required_argument, NULL, 'f'},
    {"statedir", required_argument, NULL, 't'},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"daemonize", no_argument, NULL, 'd'},
    {"retry-path", no_argument, NULL, 'r'},
    {"help", no_argument, NULL, 'h'},
    {"standard-lease", required_argument, NULL, OPTION_STANDARD_LEASE},
    {"freezer", required_argument, NULL, OPTION_FREEZER},
    /* the peer's, which are only known so that it can be said that they are not taken */
    {"allow-rpcs", optional_argument, NULL, 'a'},
    {"block-rpcs", optional_argument, NULL, 'b'},
    {"config", optional_argument, NULL, 'c'},
    {"dump-conf", no_argument, NULL, 'D'},
    {"fsfreeze-hook", optional_argument, NULL, 'F'},
    {NULL},
};

static void
print_help(const char *program)
{
    printf("Usage: %s [OPTION]...\n"
           "The guest's side of Lull, in the place of qemu-ga. Of qemu-ga's options\n"
           "-a, -b, -c, -D and -F are not taken.\n\n"
           "  -m, --method METHOD        virtio-serial (default) or unix-listen\n"
           "  -p, --path PATH            of the port or socket (default %s/%s)\n"
           "  -t, --statedir DIR         where state is kept while frozen, on tmpfs (default %s)\n"
           "  -l, --logfile PATH         default: standard error\n"
           "  -v, --verbose              log more\n"
           "  -d, --daemonize            go to the background\n"
           "  -f, --pidfile PATH         with -d (default /run/lull/agent.pid)\n"
           "  -r, --retry-path           accepted for qemu-ga's sake: a missing port is always waited for\n"
           "      --standard-lease SECS  how long guest-fsfreeze-freeze may hold the guest (default %d)\n"
           "      --freezer PATH         the lull-freezer to run (default: the one beside this program)\n"
           "  -V, --version              print the version and exit\n"
           "  -h, --help                 print this and exit\n",
           program, LULL_PORT_DIR, LULL_PORT_NAME, LULL_AGENT_STATE_DIR, LULL_STANDARD_LEASE_MS / 1000);
}

static gboolean
read_lease(const char *text, gint64 *ret_msec)
{
    guint64 seconds;

    if (!g_ascii_string_to_unsigned(text, 10, 1, LEASE_MAX_SEC, &seconds, NULL))
        return FALSE;
    *ret_msec = (gint64)seconds * 1000;
    return TRUE;
}

static void
explain_refusal(int option, const char *program)
{
    for (const struct option *known = long_options; known->name; known++)
        if (known->val == option) {
            fprintf(stderr, "-%c, --%s: an option of qemu-ga that lull-agent does not take\n", option,
                    known->name);
            return;
        }
    printf("Unknown option, try '%s --help' for more information.\n", program);
}

static gboolean
complete(LullOptions *options)
{
    const gboolean is_virtio = g_str_equal(options->method, "virtio-serial");

    if (!is_virtio && !g_str_equal(options->method, "unix-listen")) {
        fprintf(stderr, "unsupported channel method/type: %s\n", options->method);
        return FALSE;
    }
    if (!options->path && !is_virtio) {
        fprintf(stderr, "must specify a path for this channel\n");
        return FALSE;
    }
    if (!options->path)
        options->path = LULL_PORT_DIR "/" LULL_PORT_NAME;
    return TRUE;
}

gboolean
lull_options_parse(int argc, char **argv, LullOptions *ret_options, int *ret_exit)
{
    LullOptions options = {
        .method = "virtio-serial",
        .state_dir = LULL_AGENT_STATE_DIR,
        .pidfile = LULL_AGENT_STATE_DIR "/agent.pid",
        .standard_lease_msec = LULL_STANDARD_LEASE_MS,
    };
    int option;

    *ret_exit = 1;
    while ((option = getopt_long(argc, argv, "m:p:l:f:t:vVdrha::b::c::DF::", long_options, NULL)) != -1) {
        switch (option) {
        case 'm':
            options.method = optarg;
            break;
        case 'p':
            options.path = optarg;
            break;
        case 'l':
            options.logfile = optarg;
            break;
        case 'f':
            options.pidfile = optarg;
            break;
        case 't':
            options.state_dir = optarg;
            break;
        case 'v':
            options.verbose = TRUE;
            break;
        case 'd':
            options.daemonize = TRUE;
            break;
        case 'r':
            break;
        case OPTION_FREEZER:
            options.freezer = optarg;
            break;
        case OPTION_STANDARD_LEASE:
            if (read_lease(optarg, &options.standard_lease_msec))
                break;
            fprintf(stderr, "--standard-lease: \"%s\" is not a number of seconds from 1 to %d\n", optarg,
                    LEASE_MAX_SEC);
            return FALSE;
        case 'V':
            printf("lull-agent " LULL_VERSION "\n");
            *ret_exit = 0;
            return FALSE;
        case 'h':
            print_help(argv[0]);
            *ret_exit = 0;
            return FALSE;
        default:
            explain_refusal(option, argv[0]);
            return FALSE;
        }
    }
    if (!complete(&options))
        return FALSE;
    *ret_options = options;
    return TRUE;
}
