/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/target.h"

#include "coordinator/model/api-group.h"
#include "coordinator/places.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* Of the environment; NULL where it is empty, too. */
static const char *
environment(const char *name)
{
    const char *value = g_getenv(name);

    return value && *value ? value : NULL;
}

static char *
keep(LullCli *cli, char *take_text)
{
    g_ptr_array_add(cli->owned, take_text);
    return take_text;
}

static gboolean
is_cluster(const LullCli *cli)
{
    if (cli->context || cli->kubeconfig)
        return TRUE;
    return !cli->socket && !environment("LULL_SOCKET") && environment("KUBECONFIG");
}

static gboolean
check_options(const LullCli *cli, GError **error)
{
    if (cli->cluster && cli->socket)
        (void)lull_cli_usage(error, "--socket is for this host, and --context and --kubeconfig are for a "
                                    "cluster: one or the other");
    else if (!cli->cluster && cli->api_group)
        (void)lull_cli_usage(error, "--api-group is for a cluster; a plain host has " LULL_GROUP_SNAPSHOT);
    else if (!cli->cluster && cli->ns && !g_str_equal(cli->ns, LULL_NAMESPACE))
        (void)lull_cli_usage(error, "-n, \"%s\": a plain host has one namespace only, %s", cli->ns,
                             LULL_NAMESPACE);
    else if (cli->api_group && !lull_api_group_by_name(cli->api_group))
        (void)lull_cli_usage(
            error, "--api-group, \"%s\": must be " LULL_GROUP_SNAPSHOT_OWN " or " LULL_GROUP_SNAPSHOT,
            cli->api_group);
    else
        return TRUE;
    return FALSE;
}

static gboolean
check_command(const LullCli *cli, const LullCommand *command, GError **error)
{
    if (!cli->cluster || !command->host_only)
        return TRUE;
    (void)lull_cli_usage(error,
                         "it is for a plain host, and this is a cluster: %s; for this host name the "
                         "coordinator's socket with --socket%s",
                         command->host_only,
                         cli->context || cli->kubeconfig ? "" : ", or do not set KUBECONFIG");
    return FALSE;
}

static gboolean
open_cluster(LullCli *cli, GError **error)
{
    const char *named = cli->kubeconfig ? cli->kubeconfig : environment("KUBECONFIG");
    g_autofree char *usual = g_build_filename(g_get_home_dir(), ".kube", "config", NULL);
    LullKubeConfig *config = lull_kube_config_find(named ? named : usual, cli->context, error);

    if (!config)
        return FALSE;
    if (!cli->ns)
        cli->ns = keep(cli, g_strdup(config->ns && *config->ns ? config->ns : LULL_NAMESPACE));
    cli->client = lull_client_new_server(config, cli->api_group, error);
    return cli->client != NULL;
}

static char *
usual_socket(void)
{
    g_autofree char *directory = NULL;

    if (environment("LULL_SOCKET"))
        return g_strdup(environment("LULL_SOCKET"));
    directory = lull_place_runtime_dir();
    return g_build_filename(directory, LULL_SOCKET_NAME, NULL);
}

static gboolean
open_host(LullCli *cli, GError **error)
{
    if (!cli->ns)
        cli->ns = keep(cli, g_strdup(LULL_NAMESPACE));
    if (!cli->socket)
        cli->socket = keep(cli, usual_socket());
    cli->client = lull_client_new(cli->socket, error);
    return cli->client != NULL;
}

gboolean
lull_target_open(LullCli *cli, const LullCommand *command, GError **error)
{
    cli->cluster = is_cluster(cli);
    if (!check_options(cli, error) || !check_command(cli, command, error))
        return FALSE;
    return cli->cluster ? open_cluster(cli, error) : open_host(cli, error);
}
