/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/options.h"

#include <getopt.h>
#include <stdio.h>

#include "protocol/command.h"
#include "protocol/names.h"

#define LEASE_MAX_SEC (24 * 3600)
#define GROUP         "general" /* of the file */
#define SHORT_OPTIONS "m:p:l:f:t:vVdrha:b:c:DF::"

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
    {"allow-rpcs", required_argument, NULL, 'a'},
    {"block-rpcs", required_argument, NULL, 'b'},
    {"config", required_argument, NULL, 'c'},
    {"dump-conf", no_argument, NULL, 'D'},
    {"fsfreeze-hook", optional_argument, NULL, 'F'}, /* only known so that it can be refused */
    {NULL},
};

static void
print_help(const char *program)
{
    printf("Usage: %s [OPTION]...\n"
           "The guest's side of Lull, in the place of qemu-ga. Of qemu-ga's options\n"
           "-F is not taken: no hooks are run yet.\n\n"
           "  -m, --method METHOD        virtio-serial (default) or unix-listen\n"
           "  -p, --path PATH            of the port or socket (default %s/%s)\n"
           "  -t, --statedir DIR         where state is kept while frozen, on tmpfs (default %s)\n"
           "  -l, --logfile PATH         default: standard error\n"
           "  -v, --verbose              log more\n"
           "  -d, --daemonize            go to the background\n"
           "  -f, --pidfile PATH         with -d (default /run/lull/agent.pid)\n"
           "  -a, --allow-rpcs LIST      the only commands that a host may use; \"help\" lists all\n"
           "  -b, --block-rpcs LIST      commands that it may not use\n"
           "  -c, --config FILE          the same options from a file like qemu-ga's\n"
           "  -D, --dump-conf            print them as such a file and exit\n"
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
refuse_hook(void)
{
    (void)fprintf(stderr,
                  "fsfreeze-hook (-F): lull-agent runs no hooks yet, and a snapshot that counts on one would "
                  "not be what it says; start it without, or stay with qemu-ga\n");
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

/* Names after commas or, as many write it, semicolons; added to those that are there. One that is not known
 * is told and no error: versions differ. An empty list is none. */
static void
add_names(char ***list, const char *text)
{
    g_auto(GStrv) words = g_strsplit_set(text, ",;", -1);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; *list && (*list)[i]; i++)
        g_ptr_array_add(names, (*list)[i]);
    for (guint i = 0; words[i]; i++) {
        const char *name = g_strstrip(words[i]);

        if (!*name)
            continue;
        if (!lull_command_find(name))
            (void)fprintf(stderr, "%s: lull-agent has no such command\n", name);
        g_ptr_array_add(names, g_strdup(name));
    }
    if (names->len == 0)
        return;
    g_free(*list);
    g_ptr_array_add(names, NULL);
    *list = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static gboolean
wants_list(const char *text)
{
    if (!g_str_equal(text, "help") && !g_str_equal(text, "?"))
        return FALSE;
    for (const LullCommandSpec *spec = lull_command_specs(); spec->name; spec++)
        printf("%s\n", spec->name);
    return TRUE;
}

/* The keys of the file that are strings, and where they go. */
typedef struct {
    const char *key;
    const char **place;
} Text;

static gboolean
read_file(LullOptions *options, const char *path)
{
    const Text texts[] = {{"method", &options->method},
                          {"path", &options->path},
                          {"logfile", &options->logfile},
                          {"pidfile", &options->pidfile},
                          {"statedir", &options->state_dir}};
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *allow = NULL;
    g_autofree char *block = NULL;

    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error)) {
        (void)fprintf(stderr, "error loading configuration from path: %s, %s\n", path, error->message);
        return FALSE;
    }
    if (g_key_file_has_key(file, GROUP, "fsfreeze-hook", NULL)) {
        refuse_hook();
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *value = g_key_file_get_string(file, GROUP, texts[i].key, NULL);

        if (value)
            *texts[i].place = g_string_chunk_insert(options->texts, value);
    }
    options->daemonize = g_key_file_get_boolean(file, GROUP, "daemon", NULL);
    options->verbose = g_key_file_get_boolean(file, GROUP, "verbose", NULL);
    allow = g_key_file_get_string(file, GROUP, "allow-rpcs", NULL);
    block = g_key_file_get_string(file, GROUP, "block-rpcs", NULL);
    add_names(&options->rules.allow, allow ? allow : "");
    add_names(&options->rules.block, block ? block : "");
    return TRUE;
}

static void
dump(const LullOptions *options)
{
    g_autofree char *block = options->rules.block ? g_strjoinv(",", options->rules.block) : g_strdup("");
    g_autofree char *allow = options->rules.allow ? g_strjoinv(",", options->rules.allow) : g_strdup("");

    printf("[" GROUP "]\ndaemon=%s\nmethod=%s\npath=%s\n", options->daemonize ? "true" : "false",
           options->method, options->path);
    if (options->logfile)
        printf("logfile=%s\n", options->logfile);
    printf("pidfile=%s\nstatedir=%s\nverbose=%s\nretry-path=true\nblock-rpcs=%s\nallow-rpcs=%s\n",
           options->pidfile, options->state_dir, options->verbose ? "true" : "false", block, allow);
}

void
lull_options_clear(LullOptions *self)
{
    g_clear_pointer(&self->texts, g_string_chunk_free);
    g_clear_pointer(&self->rules.allow, g_strfreev);
    g_clear_pointer(&self->rules.block, g_strfreev);
}

const char *
lull_options_find_state_dir(int argc, char **argv)
{
    const char *found = LULL_AGENT_STATE_DIR;
    int option;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1)
        if (option == 't')
            found = optarg;
    return found;
}

/* What stands on the command line wins, so the file is read before everything else. */
static gboolean
find_file(int argc, char **argv, LullOptions *options)
{
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1)
        if (option == 'c' && !read_file(options, optarg))
            return FALSE;
    opterr = 1;
    optind = 1;
    return TRUE;
}

static gboolean
read_arguments(int argc, char **argv, LullOptions *options, gboolean *ret_dump, int *ret_exit)
{
    int option;

    while ((option = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1) {
        switch (option) {
        case 'm':
            options->method = optarg;
            break;
        case 'p':
            options->path = optarg;
            break;
        case 'l':
            options->logfile = optarg;
            break;
        case 'f':
            options->pidfile = optarg;
            break;
        case 't':
            options->state_dir = optarg;
            break;
        case 'v':
            options->verbose = TRUE;
            break;
        case 'd':
            options->daemonize = TRUE;
            break;
        case 'a':
        case 'b':
            if (wants_list(optarg)) {
                *ret_exit = 0;
                return FALSE;
            }
            add_names(option == 'a' ? &options->rules.allow : &options->rules.block, optarg);
            break;
        case 'D':
            *ret_dump = TRUE;
            break;
        case 'c': /* read already */
        case 'r':
            break;
        case 'F':
            refuse_hook();
            return FALSE;
        case OPTION_FREEZER:
            options->freezer = optarg;
            break;
        case OPTION_STANDARD_LEASE:
            if (read_lease(optarg, &options->standard_lease_msec))
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
            printf("Unknown option, try '%s --help' for more information.\n", argv[0]);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
lull_options_parse(int argc, char **argv, LullOptions *ret_options, int *ret_exit)
{
    g_auto(LullOptions) options = {
        .texts = g_string_chunk_new(64),
        .method = "virtio-serial",
        .state_dir = LULL_AGENT_STATE_DIR,
        .pidfile = LULL_AGENT_STATE_DIR "/agent.pid",
        .standard_lease_msec = LULL_STANDARD_LEASE_MS,
    };
    gboolean wants_dump = FALSE;

    *ret_exit = 1;
    if (!find_file(argc, argv, &options) || !read_arguments(argc, argv, &options, &wants_dump, ret_exit) ||
        !complete(&options))
        return FALSE;
    if (wants_dump) {
        dump(&options);
        *ret_exit = 0;
        return FALSE;
    }
    *ret_options = options;
    options = (LullOptions){NULL};
    return TRUE;
}
