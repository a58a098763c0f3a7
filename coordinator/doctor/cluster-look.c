/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/cluster-look.h"

#include "protocol/error.h"

/* The first that is asked: who is not known to the server at all hears of it here, and not of rights. */
static gboolean
look_at_kinds(LullClusterFacts *facts, LullClient *client, GError **error)
{
    g_autoptr(GError) problem = NULL;
    const char *group = lull_client_find_group(client, &problem);
    g_autoptr(LullJson) served = group ? lull_client_list_kinds(client, &problem) : NULL;

    facts->group = g_strdup(group);
    if (problem && !lull_error_is(problem, LULL_ERROR_UNSUPPORTED)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    facts->kinds = served ? json_object_get(lull_json_array(served, "resources")) : NULL;
    if (!facts->kinds)
        facts->kinds = json_object_new_array();
    return TRUE;
}

static const char *
namespace_of(const LullClusterFacts *facts, LullClusterPlace place)
{
    switch (place) {
    case LULL_CLUSTER_OURS:
        return LULL_CLUSTER_NAMESPACE;
    case LULL_CLUSTER_USERS:
        return facts->ns;
    case LULL_CLUSTER_EVERYWHERE:
        break;
    }
    return NULL;
}

static gboolean
look_at_thing(LullClusterFacts *facts, LullClient *client, LullClusterThing thing, GError **error)
{
    const LullClusterRow *row = &lull_cluster_things[thing];
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) list = lull_client_list(client, row->kind, namespace_of(facts, row->place), &problem);

    if (list) {
        facts->items[thing] = json_object_get(lull_json_array(list, "items"));
        return TRUE;
    }
    facts->unserved[thing] = lull_error_is(problem, LULL_ERROR_UNSUPPORTED);
    if (facts->unserved[thing] || lull_error_is(problem, LULL_ERROR_DENIED))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
check_names(const LullClusterFacts *facts, GError **error)
{
    for (char *const *name = facts->names; facts->items[LULL_CLUSTER_MACHINES] && name && *name; name++)
        if (!lull_cluster_find(facts, LULL_CLUSTER_MACHINES, *name)) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                        "vm, \"%s\": there is none of that name in %s; see lull vms -n %s", *name, facts->ns,
                        facts->ns);
            return FALSE;
        }
    return TRUE;
}

LullClusterFacts *
lull_cluster_look(LullClient *client, const char *ns, char *const *names, GError **error)
{
    g_autoptr(LullClusterFacts) facts = lull_cluster_facts_new(ns, names);

    if (!look_at_kinds(facts, client, error))
        return NULL;
    for (guint thing = 0; thing < LULL_CLUSTER_N; thing++)
        if (!look_at_thing(facts, client, (LullClusterThing)thing, error))
            return NULL;
    return check_names(facts, error) ? g_steal_pointer(&facts) : NULL;
}
