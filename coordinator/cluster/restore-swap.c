/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap.h"

#include <string.h>

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-own.h"
#include "coordinator/model/meta.h"

#define RETAIN "Retain"
#define POLICY LULL_SWAP_RECLAIM

char *
lull_restore_aside_name(LullJson *restore, LullJson *entry)
{
    return g_strdup_printf("restore-%s-%s", lull_meta_uid(restore),
                           lull_json_string(entry, "volumeName", ""));
}

LullJson *
lull_restore_aside(LullJson *restore, LullJson *entry)
{
    LullJson *aside = lull_json_dup(entry);
    g_autofree char *name = lull_restore_aside_name(restore, entry);

    lull_json_set_string(aside, "persistentVolumeClaim", name);
    json_object_object_del(aside, "dataVolumeName");
    return aside;
}

static const char *
owner_uid(LullJson *volume)
{
    return lull_json_string(lull_json_at(volume, "spec", "claimRef", NULL), "uid", "");
}

LullJson *
lull_restore_record(LullJson *restore, LullJson *entry, LullJson *volume, const char *part)
{
    const char *of = lull_json_string(lull_json_at(volume, "metadata", "labels", NULL), LULL_SWAP_LABEL, "");
    const char *text = lull_meta_annotation(volume, LULL_SWAP_RECORD);
    LullJson *claim = lull_json_at(volume, "spec", "claimRef", NULL);
    const char *ns = lull_meta_namespace(restore);
    g_autoptr(LullJson) record = NULL;

    if (!text || g_strcmp0(of, lull_meta_uid(restore)) != 0)
        return NULL;
    record = lull_json_parse(text, -1, NULL);
    if (!record || g_strcmp0(lull_json_string(record, "namespace", ""), ns) != 0 ||
        g_strcmp0(lull_json_string(claim, "namespace", ""), ns) != 0 ||
        !g_str_equal(lull_json_string(record, "part", ""), part) ||
        !g_str_equal(lull_json_string(record, "volume", ""), lull_json_string(entry, "volumeName", "")))
        return NULL;
    return g_steal_pointer(&record);
}

/* What describes the volume itself is that of the cut. */
static LullJson *
moved_spec(LullJson *entry, LullJson *captured, LullJson *old)
{
    static const char *const of_the_volume[] = {"accessModes", "volumeMode", "storageClassName"};
    LullJson *cut = lull_json_object(captured, "spec");
    LullJson *base = old ? lull_json_object(old, "spec") : cut;
    LullJson *spec = base ? lull_json_dup(base) : json_object_new_object();

    json_object_object_del(spec, "volumeName");
    for (gsize i = 0; i < G_N_ELEMENTS(of_the_volume); i++)
        lull_json_copy(spec, cut, of_the_volume[i]);
    if (*lull_json_string(entry, "dataVolumeName", "")) { /* by which CDI would fill it once more */
        json_object_object_del(spec, "dataSource");
        json_object_object_del(spec, "dataSourceRef");
    }
    return spec;
}

static gboolean
has_machine(LullJson *claim)
{
    LullJson *owners = lull_json_array(lull_json_object(claim, "metadata"), "ownerReferences");

    for (size_t i = 0; owners && i < json_object_array_length(owners); i++)
        if (lull_swap_is_machine(json_object_array_get_idx(owners, i)))
            return TRUE;
    return FALSE;
}

/* Whose it was it is: one that belonged to nobody outlives its machine. */
void
lull_restore_own_as(LullJson *claim, LullJson *old)
{
    LullJson *meta = lull_json_object(claim, "metadata");

    if (!old || has_machine(old))
        return;
    json_object_object_del(meta, "ownerReferences");
    json_object_object_del(lull_json_object(meta, "annotations"), LULL_RESTORE_OWNED_BY_VM);
}

LullJson *
lull_restore_moved_claim(LullJson *restore, LullJson *content, LullJson *entry, LullJson *old, LullJson *vm)
{
    LullJson *captured = lull_json_object(
        lull_restore_backup(content, lull_json_string(entry, "volumeName", "")), "persistentVolumeClaim");
    LullJson *claim = NULL, *meta = NULL;

    if (!captured)
        return NULL;
    claim = json_object_new_object();
    meta = lull_restore_claim_metadata(restore, content, entry, old ? old : captured, vm);
    json_object_object_del(lull_json_object(meta, "annotations"), LULL_SWAP_REPLACED);
    json_object_object_del(lull_json_object(meta, "annotations"), LULL_SWAP_PUT_BACK);
    lull_json_set_string(claim, "apiVersion", "v1");
    lull_json_set_string(claim, "kind", "PersistentVolumeClaim");
    lull_json_take(claim, "metadata", meta);
    lull_json_take(claim, "spec", moved_spec(entry, captured, old));
    lull_restore_own_as(claim, old);
    return claim;
}

gboolean
lull_restore_is_volume_of(LullJson *volume, LullJson *claim)
{
    return volume && claim && g_strcmp0(owner_uid(volume), lull_meta_uid(claim)) == 0;
}

/* But for what the controller of volumes wrote there, by which it would call the claim lost. */
static LullJson *
kept_claim(LullJson *old)
{
    static const char *const kept[] = {"name", "namespace", "labels", "annotations", "ownerReferences"};
    static const char *const gone[] = {LULL_SWAP_REPLACED, LULL_SWAP_PUT_BACK,
                                       "pv.kubernetes.io/bind-completed",
                                       "pv.kubernetes.io/bound-by-controller"};
    LullJson *claim = json_object_new_object();
    LullJson *meta = lull_json_ensure(claim, "metadata");
    LullJson *spec = lull_json_object(old, "spec");

    lull_json_set_string(claim, "apiVersion", "v1");
    lull_json_set_string(claim, "kind", "PersistentVolumeClaim");
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        lull_json_copy(meta, lull_json_object(old, "metadata"), kept[i]);
    lull_json_take(meta, "annotations", lull_json_dup(lull_json_ensure(meta, "annotations")));
    for (gsize i = 0; i < G_N_ELEMENTS(gone); i++)
        json_object_object_del(lull_json_object(meta, "annotations"), gone[i]);
    lull_json_take(claim, "spec", spec ? lull_json_dup(spec) : json_object_new_object());
    return claim;
}

LullJson *
lull_restore_put_back_claim(LullJson *restore, LullJson *record, LullJson *vm, LullJson *data_volume)
{
    LullJson *noted = lull_json_object(record, "claim");
    LullJson *claim = noted ? lull_json_dup(noted) : NULL;
    LullJson *meta = lull_json_object(claim, "metadata");
    g_autofree char *marker = lull_restore_marker(restore);
    LullJson *owners = NULL;

    if (!claim)
        return NULL;
    owners = lull_swap_live_owners(lull_json_array(meta, "ownerReferences"), vm, data_volume, NULL);
    json_object_object_del(meta, "ownerReferences");
    if (owners)
        lull_json_take(meta, "ownerReferences", owners);
    for (size_t i = 0; owners && i < json_object_array_length(owners); i++)
        if (!lull_swap_is_machine(json_object_array_get_idx(owners, i))) /* for that it needs more rights */
            json_object_object_del(json_object_array_get_idx(owners, i), "blockOwnerDeletion");
    lull_json_set_string(lull_json_ensure(meta, "annotations"), LULL_SWAP_PUT_BACK, marker);
    return claim;
}

static LullJson *
patch_of(LullJson *object)
{
    LullJson *patch = json_object_new_object();

    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(object));
    return patch;
}

static void
annotate(LullJson *patch, const char *key, const char *value)
{
    json_object_object_add(lull_json_ensure(lull_json_ensure(patch, "metadata"), "annotations"), key,
                           value ? json_object_new_string(value) : NULL);
}

static void
label(LullJson *patch, const char *value)
{
    json_object_object_add(lull_json_ensure(lull_json_ensure(patch, "metadata"), "labels"), LULL_SWAP_LABEL,
                           value ? json_object_new_string(value) : NULL);
}

/* What is to become of it without a claim; one that was held before, by a restore that nobody ended, has that
 * noted. */
static const char *
policy_of(LullJson *volume)
{
    const char *noted = lull_meta_annotation(volume, LULL_SWAP_POLICY);

    return noted ? noted : lull_json_string(lull_json_object(volume, "spec"), POLICY, RETAIN);
}

static LullJson *
hold(LullJson *restore, LullJson *entry, LullJson *volume, const char *part, LullJson *take_record)
{
    g_autoptr(LullJson) record = take_record;
    LullJson *patch = patch_of(volume);

    lull_json_set_string(record, "part", part);
    lull_json_set_string(record, "namespace", lull_meta_namespace(restore));
    lull_json_set_string(record, "volume", lull_json_string(entry, "volumeName", ""));
    annotate(patch, LULL_SWAP_RECORD, lull_json_to_line(record));
    annotate(patch, LULL_SWAP_POLICY, policy_of(volume));
    label(patch, lull_meta_uid(restore));
    lull_json_set_string(lull_json_ensure(patch, "spec"), POLICY, RETAIN);
    return patch;
}

LullJson *
lull_restore_hold_fresh(LullJson *restore, LullJson *entry, LullJson *volume, LullJson *aside, LullJson *old,
                        LullJson *old_volume, LullJson *take_claim)
{
    LullJson *record = json_object_new_object();

    lull_json_set_string(record, "aside", lull_meta_uid(aside));
    lull_json_set_string(record, "replaces", old ? lull_meta_uid(old) : "");
    lull_json_set_string(record, "old",
                         lull_restore_is_volume_of(old_volume, old) ? lull_meta_name(old_volume) : "");
    lull_json_take(record, "claim", take_claim);
    return hold(restore, entry, volume, LULL_SWAP_FRESH, record);
}

LullJson *
lull_restore_hold_old(LullJson *restore, LullJson *entry, LullJson *volume, LullJson *old)
{
    LullJson *record = json_object_new_object();

    lull_json_set_string(record, "of", lull_meta_uid(old));
    lull_json_take(record, "claim", kept_claim(old));
    return hold(restore, entry, volume, LULL_SWAP_OLD, record);
}

/* For whom it waits; @uid NULL: whoever has the name. */
static void
move(LullJson *patch, const char *name, const char *uid)
{
    LullJson *claim = lull_json_ensure(lull_json_ensure(patch, "spec"), "claimRef");

    lull_json_set_string(claim, "name", name);
    json_object_object_add(claim, "uid", uid ? json_object_new_string(uid) : NULL);
    json_object_object_add(claim, "resourceVersion", NULL);
}

LullJson *
lull_restore_move(LullJson *entry, LullJson *volume)
{
    LullJson *patch = patch_of(volume);

    move(patch, lull_json_string(entry, "persistentVolumeClaim", ""), NULL);
    return patch;
}

static LullJson *
let_go(LullJson *volume)
{
    LullJson *patch = patch_of(volume);

    annotate(patch, LULL_SWAP_RECORD, NULL);
    annotate(patch, LULL_SWAP_POLICY, NULL);
    label(patch, NULL);
    lull_json_set_string(lull_json_ensure(patch, "spec"), POLICY, policy_of(volume));
    return patch;
}

LullJson *
lull_restore_let_go(LullJson *volume, LullJson *record)
{
    LullJson *patch = let_go(volume);
    const char *of = lull_json_string(record, "of", NULL);

    if (of && !g_str_equal(owner_uid(volume), of))
        json_object_object_del(patch, "spec");
    return patch;
}

LullJson *
lull_restore_leave(LullJson *volume)
{
    LullJson *patch = let_go(volume);

    json_object_object_del(patch, "spec");
    return patch;
}

LullJson *
lull_restore_give_back(LullJson *restore, LullJson *entry, LullJson *volume, LullJson *record)
{
    LullJson *patch = let_go(volume);
    g_autofree char *aside = lull_restore_aside_name(restore, entry);
    const char *of = lull_json_string(record, "of", NULL);

    if (!*owner_uid(volume))
        move(patch, of ? lull_json_string(entry, "persistentVolumeClaim", "") : aside,
             of ? of : lull_json_string(record, "aside", ""));
    return patch;
}

LullJson *
lull_restore_mark_claim(LullJson *restore, LullJson *claim)
{
    LullJson *patch = patch_of(claim);
    g_autofree char *marker = restore ? lull_restore_marker(restore) : NULL;

    annotate(patch, LULL_SWAP_REPLACED, marker);
    return patch;
}

LullJson *
lull_restore_mark_data_volume(LullJson *restore, LullJson *data_volume)
{
    LullJson *patch = patch_of(data_volume);

    annotate(patch, LULL_RESTORE_NAME, restore ? lull_meta_name(restore) : NULL);
    annotate(patch, LULL_CDI_PREPOPULATED, restore ? lull_meta_name(data_volume) : NULL);
    return patch;
}

LullJson *
lull_restore_tell_late(const char *volume, LullJson *old)
{
    LullJson *patch = json_object_new_object();
    g_autofree char *key = g_strconcat(LULL_SWAP_LATE, volume, NULL);

    annotate(patch, key, old ? lull_meta_name(old) : "");
    return patch;
}

char *
lull_restore_late(LullJson *restore)
{
    LullJson *annotations = lull_json_at(restore, "metadata", "annotations", NULL);
    GString *late = NULL;

    if (!annotations)
        return NULL;
    json_object_object_foreach(annotations, key, value)
    {
        if (!value || !g_str_has_prefix(key, LULL_SWAP_LATE))
            continue;
        late = late ? g_string_append(late, ", ") : g_string_new(NULL);
        g_string_append(late, key + strlen(LULL_SWAP_LATE));
        if (*json_object_get_string(value))
            g_string_append_printf(late, " (what it had before stays on volume %s)",
                                   json_object_get_string(value));
    }
    return late ? g_string_free(late, FALSE) : NULL;
}
