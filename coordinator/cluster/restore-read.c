/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-read.h"

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/identity.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/storage/csi/names.h"
#include "coordinator/store/ahead.h"
#include "protocol/clock.h"

void
lull_restore_read_state_init(LullRestoreReadState *self, LullJson *cut)
{
    const char *snapshot = lull_csi_identity_snapshot(cut);

    *self = (LullRestoreReadState){*snapshot ? lull_csi_content_name(snapshot) : g_strdup(""), FALSE};
}

void
lull_restore_read_state_clear(LullRestoreReadState *self)
{
    g_clear_pointer(&self->behind, g_free);
}

static void
replace(LullJson **field, LullJson *take)
{
    lull_json_put(*field);
    *field = take;
}

static const char *
snapshot_name(const LullRestoreSight *sight)
{
    return lull_json_string(sight->entry, "volumeSnapshotName", "");
}

static gboolean
is_ready(LullJson *snapshot)
{
    return lull_json_bool(lull_json_object(snapshot, "status"), "readyToUse", FALSE);
}

/* Looked at before a claim is made of it, and whom its data come from when there is one. */
static gboolean
lacks_snapshot(const LullRestoreReader *self, const LullRestoreSight *sight)
{
    return !sight->snapshot || !(self->in_place ? sight->swap.aside || sight->swap.fresh_record
                                                : sight->claim || is_ready(sight->snapshot));
}

static gboolean
read_snapshot(const LullRestoreReader *self, LullRestoreSight *sight, GError **error)
{
    LullJson *found = NULL;
    const char *behind = NULL;

    if (!lacks_snapshot(self, sight))
        return TRUE;
    if (!lull_effect_get(self->store, &lull_csi_kind_snapshot, lull_meta_namespace(self->restore),
                         snapshot_name(sight), &found, error))
        return FALSE;
    replace(&sight->snapshot, found);
    replace(&sight->behind, NULL);
    behind = lull_json_string(lull_json_object(found, "status"), "boundVolumeSnapshotContentName", "");
    return !*behind ||
           lull_effect_get(self->store, &lull_csi_kind_content, NULL, behind, &sight->behind, error);
}

/* "": there is nothing to be read. */
static const char *
missing_class(const LullRestoreReader *self, const LullRestoreSight *sight)
{
    LullJson *backup = lull_restore_backup(self->content, lull_json_string(sight->entry, "volumeName", ""));
    LullJson *claim =
        sight->claim && !self->in_place ? sight->claim : lull_json_object(backup, "persistentVolumeClaim");

    return sight->class ? "" : lull_json_string(lull_json_object(claim, "spec"), "storageClassName", "");
}

static gboolean
read_class(const LullRestoreReader *self, LullRestoreSight *sight, GError **error)
{
    const char *name = missing_class(self, sight);

    return !*name || lull_effect_get(self->store, &lull_kind_storage_class, NULL, name, &sight->class, error);
}

static const char *
missing_volume(const LullRestoreReader *self, const LullRestoreSight *sight)
{
    const char *name = lull_json_string(lull_json_object(sight->claim, "spec"), "volumeName", "");

    return self->in_place || g_strcmp0(lull_meta_name(sight->volume), name) == 0 ? "" : name;
}

static gboolean
read_volume(const LullRestoreReader *self, LullRestoreSight *sight, GError **error)
{
    const char *name = missing_volume(self, sight);
    LullJson *found = NULL;

    if (!*name)
        return TRUE;
    if (!lull_effect_get(self->store, &lull_csi_kind_volume, NULL, name, &found, error))
        return FALSE;
    replace(&sight->volume, found);
    return TRUE;
}

/* Again and again: it is CDI's to say when it has its claim. */
static const char *
wanted_data_volume(const LullRestoreReader *self, const LullRestoreSight *sight)
{
    return sight->claim || self->in_place ? lull_json_string(sight->entry, "dataVolumeName", "") : "";
}

static gboolean
read_data_volume(const LullRestoreReader *self, LullRestoreSight *sight, GError **error)
{
    const char *name = wanted_data_volume(self, sight);
    LullJson *found = NULL;

    if (!*name)
        return TRUE;
    if (!lull_effect_get(self->store, &lull_kind_data_volume, lull_meta_namespace(self->restore), name,
                         &found, error))
        return FALSE;
    replace(&sight->data_volume, found);
    return TRUE;
}

/* The deletion of what a claim is to be made of waits for the claim (storage/csi/awaited.h): from then on. */
static gboolean
is_to_be_confirmed(const LullRestoreSight *sight, const LullRestoreReadState *state)
{
    return !state->confirmed && sight->claim &&
           lull_restore_claim_waits_for_consumer(sight->claim, sight->class);
}

static gboolean
confirm_snapshot(const LullRestoreReader *self, LullRestoreSight *sight, LullRestoreReadState *state,
                 GError **error)
{
    if (!is_to_be_confirmed(sight, state))
        return TRUE;
    replace(&sight->snapshot, NULL);
    state->confirmed = read_snapshot(self, sight, error);
    return state->confirmed;
}

static void
want(GArray *wants, const LullKind *kind, const char *ns, const char *name)
{
    const LullWant one = {kind, ns, name};

    if (*name)
        g_array_append_val(wants, one);
}

void
lull_restore_read_want(const LullRestoreReader *self, const LullRestoreSight *sight,
                       const LullRestoreReadState *state, GArray *wants)
{
    const char *ns = lull_meta_namespace(self->restore);

    if (lacks_snapshot(self, sight) || is_to_be_confirmed(sight, state)) {
        want(wants, &lull_csi_kind_snapshot, ns, snapshot_name(sight));
        want(wants, &lull_csi_kind_content, NULL, state->behind);
    }
    want(wants, &lull_kind_storage_class, NULL, missing_class(self, sight));
    want(wants, &lull_csi_kind_volume, NULL, missing_volume(self, sight));
    want(wants, &lull_kind_data_volume, ns, wanted_data_volume(self, sight));
}

gboolean
lull_restore_read(const LullRestoreReader *self, LullRestoreSight *sight, LullRestoreReadState *state,
                  GError **error)
{
    return read_snapshot(self, sight, error) && read_class(self, sight, error) &&
           confirm_snapshot(self, sight, state, error) && read_volume(self, sight, error) &&
           read_data_volume(self, sight, error);
}

static gint64
time_of(LullJson *event)
{
    gint64 at = 0;

    if (!lull_clock_parse(lull_json_string(event, "lastTimestamp", ""), &at))
        (void)lull_clock_parse(lull_json_string(event, "eventTime", ""), &at);
    return at;
}

const char *
lull_restore_last_warning(LullJson *events)
{
    const char *last = NULL;
    gint64 last_at = -1;

    for (size_t i = 0; events && i < json_object_array_length(events); i++) {
        LullJson *event = json_object_array_get_idx(events, i);

        if (!g_str_equal(lull_json_string(event, "type", ""), "Warning") || time_of(event) <= last_at)
            continue;
        last_at = time_of(event);
        last = lull_json_string(event, "message", NULL);
    }
    return last;
}
