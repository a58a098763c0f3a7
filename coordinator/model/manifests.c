/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/manifests.h"

#include "coordinator/model/schema.h"

LullJson *
lull_manifests(const LullApiGroup *group)
{
    LullJson *list = json_object_new_object();
    LullJson *items = json_object_new_array();

    lull_json_set_string(list, "apiVersion", "v1");
    lull_json_set_string(list, "kind", "List");
    lull_json_take(list, "items", items);
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (!(*kind)->read_only)
            json_object_array_add(items, lull_schema_crd(*kind, group));
    json_object_array_add(items, lull_annotation_policy(group));
    json_object_array_add(items, lull_annotation_policy_binding(group));
    return list;
}
