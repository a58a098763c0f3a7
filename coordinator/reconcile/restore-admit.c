/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-admit.h"

#include "coordinator/model/check.h"
#include "coordinator/model/meta.h"
#include "protocol/names.h"

static const char *
target_of(LullJson *restore)
{
    return lull_json_string(lull_json_at(restore, "spec", "target", NULL), "name", "");
}

/* Of the same name: that is for the store to tell. */
static gboolean
is_another(LullJson *restore, LullJson *other)
{
    return g_strcmp0(lull_meta_name(restore), lull_meta_name(other)) != 0 &&
           g_str_equal(target_of(restore), target_of(other));
}

/* One that is deleted or has failed begins nothing any more; what it still does ends before the machine is
 * let go to another. */
static gboolean
is_under_way(LullJson *restore)
{
    return !lull_json_bool(lull_json_object(restore, "status"), "complete", FALSE) &&
           !lull_condition_is(restore, "Failure", TRUE) && !lull_meta_is_deleting(restore);
}

LullJson *
lull_restore_admit(LullJson *restores, LullJson *restore)
{
    LullCheck check = {.strict = TRUE};

    for (size_t i = 0; restores && i < json_object_array_length(restores); i++) {
        LullJson *other = json_object_array_get_idx(restores, i);

        if (!is_another(restore, other) || !is_under_way(other))
            continue;
        lull_check_add(&check, LULL_CAUSE_INVALID, "spec.target",
                       "VirtualMachineRestore \"%s\" in progress: wait for its end, or delete it",
                       lull_meta_name(other));
        break;
    }
    return check.causes;
}

static LullJson *
admit(LullJson *restore, gpointer store)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_restore, LULL_NAMESPACE, NULL, &error);

    /* the machine's lock stands behind it */
    if (!list)
        g_warning("restores: whether another one is under way cannot be told: %s", error->message);
    return list ? lull_restore_admit(lull_json_array(list, "items"), restore) : NULL;
}

void
lull_restore_admit_serve(LullServer *server, LullStore *store)
{
    lull_server_set_admission(server, &lull_kind_restore, admit, store);
}
