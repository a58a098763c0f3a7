/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/plan.h"
#include "protocol/names.h"

#include <string.h>

/* One superblock and all places where it is mounted. */
typedef struct Candidate {
    const LullMount *mount;   /* the mount to reach it by: visible if any is */
    const LullDevice *device; /* NULL: none */
    gboolean visible;
    gboolean wanted;
    const LullDisk *disk;    /* hardware that its data ends up on, NULL: not known */
    struct Candidate *lower; /* holds the loop device's file */
    gboolean emitted;
    guint level; /* one more than that of whatever stands on it */
} Candidate;

typedef struct {
    const LullSurvey *survey;
    const LullPlanRequest *request;
    GPtrArray *candidates; /* in mount order */
    GHashTable *by_device; /* dev_t as pointer -> Candidate */
    GPtrArray *entries;
} Planner;

static void
entry_free(LullPlanEntry *entry)
{
    g_free(entry->mountpoint);
    g_free(entry->type);
    g_free(entry->device);
    g_free(entry->serial);
    g_free(entry->counter);
    g_free(entry->reason);
    json_object_put(entry->disks);
    g_free(entry);
}

static Candidate *
candidate_of(const Planner *planner, const LullMount *mount)
{
    return g_hash_table_lookup(planner->by_device, GSIZE_TO_POINTER((gsize)mount->device));
}

static void
collect(Planner *planner, const LullMount *mount)
{
    Candidate *candidate = candidate_of(planner, mount);
    const gboolean visible = lull_survey_is_visible(planner->survey, mount);

    if (!candidate) {
        candidate = g_new0(Candidate, 1);
        candidate->mount = mount;
        candidate->device = lull_survey_device(planner->survey, mount);
        candidate->visible = visible;
        g_hash_table_insert(planner->by_device, GSIZE_TO_POINTER((gsize)mount->device), candidate);
        g_ptr_array_add(planner->candidates, candidate);
    } else if (visible && (!candidate->visible ||
                           (g_str_equal(mount->root, "/") && !g_str_equal(candidate->mount->root, "/")))) {
        candidate->mount = mount;
        candidate->visible = TRUE;
    }
}

/* Loop devices: which file system holds the file, and thereby which disk the data. */
static void
find_lower(Planner *planner, Candidate *candidate)
{
    const LullMount *mount;

    if (!candidate->device || !candidate->device->backing_file)
        return;
    mount = lull_mount_tree_resolve(planner->survey->tree, candidate->device->backing_file);
    candidate->lower = mount ? candidate_of(planner, mount) : NULL;
}

static void
find_disk(Planner *planner, Candidate *candidate)
{
    const Candidate *at = candidate;

    for (guint i = 0; i < planner->candidates->len && at->lower; i++)
        at = at->lower;
    if (at->device && !at->device->is_virtual && lull_disk_is_known(&at->device->disk))
        candidate->disk = &at->device->disk;
}

static gboolean
is_named(const Planner *planner, const Candidate *candidate)
{
    LullJson *names = planner->request->mountpoints;

    for (guint i = 0; i < planner->survey->mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(planner->survey->mounts, i);

        if (mount->device != candidate->mount->device)
            continue;
        for (size_t k = 0; k < json_object_array_length(names); k++) {
            const char *name = json_object_get_string(json_object_array_get_idx(names, k));
            g_autofree char *normal = name ? lull_path_normalize(name) : NULL;

            if (g_strcmp0(normal, mount->mountpoint) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

/* No device, and of a type that may well be on one: zfs, or btrfs under a name that leads nowhere. */
static gboolean
hides_its_device(const Candidate *candidate)
{
    return !candidate->device && !lull_filesystem_is_network(candidate->mount->type) &&
           !lull_filesystem_is_pseudo(candidate->mount->type);
}

/* What is on a disk that is not known may be on one asked for: to freeze more than was asked is harmless,
 * to freeze less and call it frozen is not. */
static gboolean
may_be_on_wanted_disk(const Planner *planner, const Candidate *candidate)
{
    LullJson *disks = planner->request->disks;

    if (!candidate->disk)
        return candidate->device || hides_its_device(candidate);
    for (size_t i = 0; i < json_object_array_length(disks); i++)
        if (lull_disk_matches(candidate->disk, json_object_array_get_idx(disks, i)))
            return TRUE;
    return FALSE;
}

/* Why it cannot or need not be frozen, whoever asks; NULL: it can. */
static const char *
obstacle(const Planner *planner, const Candidate *candidate, LullPlanResult *ret_result)
{
    *ret_result = LULL_PLAN_SKIPPED;
    if (lull_filesystem_is_network(candidate->mount->type))
        return "network file system";
    if (candidate->mount->read_only)
        return "read-only";
    if (!candidate->device && planner->request->standard)
        return "its device is not known";
    *ret_result = LULL_PLAN_FAILED;
    if (!candidate->device)
        return "its device is not known";
    if (!candidate->visible)
        return "covered by another mount: no path leads to it";
    *ret_result = LULL_PLAN_FREEZE;
    return NULL;
}

static LullJson *
disks_to_json(const LullDisk *disk)
{
    LullJson *array = json_object_new_array();
    LullJson *object = disk ? lull_disk_to_json(disk) : NULL;

    if (object)
        json_object_array_add(array, object);
    return array;
}

static void
emit(Planner *planner, const LullMount *mount, const Candidate *candidate, LullPlanResult result,
     const char *reason)
{
    LullPlanEntry *entry = g_new0(LullPlanEntry, 1);
    const LullDevice *device = candidate->device;

    entry->mountpoint = g_strdup(mount->mountpoint);
    entry->type = g_strdup(mount->type);
    entry->device = g_strdup(device ? device->name : mount->source);
    entry->serial = g_strdup(device && !device->is_virtual ? device->disk.serial : NULL);
    entry->counter = g_strdup(device ? device->counter : NULL);
    entry->level = candidate->level;
    entry->opened_as = lull_survey_opened(planner->survey, mount);
    entry->disks = disks_to_json(candidate->disk);
    entry->result = result;
    entry->reason = g_strdup(reason);
    g_ptr_array_add(planner->entries, entry);
}

/* First whatever has its data on this one, latest mounted first, then itself. A ring cannot come from a
 * kernel; @emitted ends one all the same. */
static void
emit_in_order(Planner *planner, Candidate *candidate)
{
    LullPlanResult result;

    if (candidate->emitted)
        return;
    candidate->emitted = TRUE;
    for (guint i = planner->candidates->len; i-- > 0;) {
        Candidate *upper = g_ptr_array_index(planner->candidates, i);

        if (upper->lower != candidate)
            continue;
        emit_in_order(planner, upper);
        candidate->level = MAX(candidate->level, upper->level + 1);
    }
    if (candidate->wanted && !obstacle(planner, candidate, &result))
        emit(planner, candidate->mount, candidate, LULL_PLAN_FREEZE, NULL);
}

static void
emit_rest(Planner *planner, const LullMount *mount)
{
    const Candidate *candidate = candidate_of(planner, mount);
    g_autofree char *reason = NULL;
    LullPlanResult result;
    const char *why = obstacle(planner, candidate, &result);

    if (!candidate->wanted) {
        if (planner->request->disks && candidate->device && mount == candidate->mount)
            emit(planner, mount, candidate, LULL_PLAN_SKIPPED, LULL_SKIPPED_NOT_ASKED);
        return;
    }
    if (mount != candidate->mount)
        why = reason = g_strconcat("same file system as ", candidate->mount->mountpoint, NULL);
    if (why)
        emit(planner, mount, candidate, reason ? LULL_PLAN_SKIPPED : result, why);
}

/* A name to which nothing belongs must not pass for "frozen as asked". */
static void
emit_unknown_names(Planner *planner)
{
    LullJson *names = planner->request->mountpoints;

    for (size_t k = 0; names && !planner->request->standard && k < json_object_array_length(names); k++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, k));
        g_autofree char *normal = name ? lull_path_normalize(name) : g_strdup("");
        gboolean known = FALSE;

        for (guint i = 0; i < planner->survey->mounts->len && !known; i++) {
            const LullMount *mount = g_ptr_array_index(planner->survey->mounts, i);

            known = g_str_equal(mount->mountpoint, normal);
        }
        if (!known) {
            LullPlanEntry *entry = g_new0(LullPlanEntry, 1);

            entry->mountpoint = g_steal_pointer(&normal);
            entry->type = g_strdup("");
            entry->device = g_strdup("");
            entry->disks = json_object_new_array();
            entry->result = LULL_PLAN_FAILED;
            entry->reason = g_strdup("nothing is mounted there");
            g_ptr_array_add(planner->entries, entry);
        }
    }
}

/* A device of the kernel's own making of which it is not known what it stands on (device mapper, md). */
static gboolean
has_unknown_stack(const GPtrArray *candidates)
{
    for (guint i = 0; i < candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(candidates, i);

        if (candidate->wanted && candidate->device && candidate->device->is_virtual &&
            !candidate->device->backing_file)
            return TRUE;
    }
    return FALSE;
}

/* Then the only safe order is one after the other, latest mounted first. */
static void
make_sequential(GPtrArray *entries)
{
    for (guint i = 0; i < lull_plan_n_freeze(entries); i++)
        ((LullPlanEntry *)g_ptr_array_index(entries, i))->level = i;
}

static gboolean
is_told(const LullSurvey *survey, const LullMount *mount)
{
    return lull_survey_device(survey, mount) || !lull_filesystem_is_pseudo(mount->type);
}

GPtrArray *
lull_plan_make(const LullSurvey *survey, const LullPlanRequest *request)
{
    g_autoptr(GPtrArray) candidates = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) by_device = g_hash_table_new(NULL, NULL);
    Planner planner = {survey, request, candidates, by_device,
                       g_ptr_array_new_with_free_func((GDestroyNotify)entry_free)};

    for (guint i = 0; i < survey->mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(survey->mounts, i);

        if (is_told(survey, mount))
            collect(&planner, mount);
    }
    for (guint i = 0; i < candidates->len; i++)
        find_lower(&planner, g_ptr_array_index(candidates, i));
    for (guint i = 0; i < candidates->len; i++) {
        Candidate *candidate = g_ptr_array_index(candidates, i);

        find_disk(&planner, candidate);
        candidate->wanted = (!request->mountpoints || is_named(&planner, candidate)) &&
                            (!request->disks || may_be_on_wanted_disk(&planner, candidate));
    }
    for (guint i = candidates->len; i-- > 0;)
        emit_in_order(&planner, g_ptr_array_index(candidates, i));
    if (has_unknown_stack(candidates))
        make_sequential(planner.entries);
    for (guint i = 0; i < survey->mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(survey->mounts, i);

        if (is_told(survey, mount))
            emit_rest(&planner, mount);
    }
    emit_unknown_names(&planner);
    return planner.entries;
}

guint
lull_plan_n_freeze(const GPtrArray *plan)
{
    guint n = 0;

    while (n < plan->len && ((LullPlanEntry *)g_ptr_array_index(plan, n))->result == LULL_PLAN_FREEZE)
        n++;
    return n;
}
