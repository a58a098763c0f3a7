/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/api-group.h"

#include <string.h>

#include "protocol/names.h"

#define PREFIX "vm" /* what the kinds' own short names begin with */

static const LullApiGroup groups[] = {
    {LULL_GROUP_SNAPSHOT, PREFIX, TRUE},
    {LULL_GROUP_SNAPSHOT_OWN, "lull", FALSE},
    {0},
};

const LullApiGroup *
lull_api_groups(void)
{
    return groups;
}

const LullApiGroup *
lull_api_group_by_name(const char *name)
{
    for (const LullApiGroup *group = groups; group->name; group++)
        if (g_str_equal(group->name, name))
            return group;
    return NULL;
}

GStrv
lull_api_group_short_names(const LullApiGroup *self, const LullKind *kind)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (gsize i = 0; i < G_N_ELEMENTS(kind->short_names) && kind->short_names[i]; i++)
        g_ptr_array_add(names, g_strconcat(self->short_prefix, kind->short_names[i] + strlen(PREFIX), NULL));
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}
