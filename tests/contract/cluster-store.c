/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/kube.h"
#include "tests/contract/store-contract.h"

/* Whatever keeps it. */
static void
remove_object(LullStore *cluster, LullJson *object)
{
    g_autoptr(LullJson) release = json("{'metadata':{'finalizers':null}}");
    const char *ns = lull_meta_namespace(object);
    const char *name = lull_meta_name(object);
    g_autoptr(GError) error = NULL;

    json_object_put(lull_store_patch(cluster, KIND, ns, name, LULL_PATCH_OBJECT, release, NULL));
    if (!lull_store_remove(cluster, KIND, ns, name, NULL, &error))
        ck_assert_error(error, LULL_ERROR_NOT_FOUND);
}

LullStore *
open_cluster(const char *directory)
{
    static const LullKubeLimits limits = {.max_pending = MAX_PENDING};
    g_autoptr(GError) error = NULL;
    LullKubeConfig *config = lull_kube_config_find(g_getenv("LULL_CONTRACT_KUBECONFIG"), NULL, &error);
    LullStore *cluster = config ? lull_store_kube_new_with(config, &limits, &error) : NULL;
    g_autoptr(LullJson) left = cluster ? lull_store_list(cluster, KIND, NULL, NULL, &error) : NULL;
    LullJson *items = lull_json_array(left, "items");

    ck_assert_no_error(error);
    for (gsize i = 0; i < json_object_array_length(items); i++)
        remove_object(cluster, json_object_array_get_idx(items, i));
    return cluster;
}
