/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-status.h"

#include "coordinator/reconcile/status-patch.h"
#include "protocol/clock.h"

/* As if each volume had a VolumeSnapshot object of its own. */
static LullJson *
volume_statuses(const LullContentView *view, const char *when, gboolean ready)
{
    LullJson *backups = lull_json_array(lull_json_object(view->content, "spec"), "volumeBackups");
    LullJson *list = json_object_new_array();

    for (size_t i = 0; backups && i < json_object_array_length(backups); i++) {
        LullJson *entry = json_object_new_object();
        g_autofree char *name = lull_content_snapshot_name(view, json_object_array_get_idx(backups, i));

        lull_json_set_string(entry, "volumeSnapshotName", name);
        lull_json_set_string(entry, "creationTime", when);
        lull_json_set_bool(entry, "readyToUse", ready);
        json_object_array_add(list, entry);
    }
    return list;
}

LullJson *
lull_content_status(const LullContentView *view)
{
    LullJson *old = lull_json_object(view->content, "status");
    LullJson *status = old ? lull_json_dup(old) : json_object_new_object();
    const gboolean cut = view->stage >= LULL_CONTENT_CUT;
    const gboolean ready = view->stage == LULL_CONTENT_SEALED && !view->problem;

    lull_json_set_bool(status, "readyToUse", ready);
    if (cut) {
        g_autofree char *when = lull_clock_format(view->state->time);

        lull_json_set_string(status, "creationTime", when);
        lull_json_take(status, "volumeSnapshotStatus", volume_statuses(view, when, ready));
    }
    lull_status_set_error(status, view->problem ? view->problem : view->state->error, view->now);
    return status;
}
