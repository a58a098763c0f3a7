/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/plan.h"

#include <string.h>

#include "agent/filesystems/stack.h"
#include "protocol/names.h"

/* One superblock and all places where it is mounted. */
typedef struct Candidate {
    const LullMount *mount;   /* the mount to reach it by: the best there is */
    const LullDevice *device; /* NULL: none */
    guint reach;              /* how good that one is */
    gboolean wanted;
    LullStack *stack;
    GPtrArray *uppers; /* of Candidate: who stands on it, in mount order */
    gboolean emitted;
    guint level; /* one more than that of whatever stands on it */
} Candidate;

/* How a mount point may be reached, from bad to good. */
enum { REACH_COVERED = 0, REACH_MAY_HANG, REACH_PART, REACH_WHOLE };

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
candidate_free(Candidate *candidate)
{
    lull_stack_free(candidate->stack);
    g_ptr_array_unref(candidate->uppers);
    g_free(candidate);
}

static guint
reach_of(const Planner *planner, const LullMount *mount)
{
    if (!lull_survey_is_visible(planner->survey, mount))
        return REACH_COVERED;
    if (lull_survey_may_hang(planner->survey, mount))
        return REACH_MAY_HANG;
    return g_str_equal(mount->root, "/") ? REACH_WHOLE : REACH_PART;
}

static void
collect(Planner *planner, const LullMount *mount)
{
    Candidate *candidate = candidate_of(planner, mount);
    const guint reach = reach_of(planner, mount);

    if (!candidate) {
        candidate = g_new0(Candidate, 1);
        candidate->mount = mount;
        candidate->device = lull_survey_device(planner->survey, mount);
        candidate->reach = reach;
        candidate->stack = lull_stack_of_mount(planner->survey, mount);
        candidate->uppers = g_ptr_array_new();
        g_hash_table_insert(planner->by_device, GSIZE_TO_POINTER((gsize)mount->device), candidate);
        g_ptr_array_add(planner->candidates, candidate);
    } else if (reach > candidate->reach) {
        candidate->mount = mount;
        candidate->reach = reach;
    }
}

/* Has those that hold something of @candidate know it. */
static void
tell_lower(Planner *planner, Candidate *candidate)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, candidate->stack->below);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        Candidate *lower = g_hash_table_lookup(planner->by_device, key);

        if (lower && lower != candidate)
            g_ptr_array_add(lower->uppers, candidate);
    }
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
    return !candidate->device && !lull_filesystem_may_hang(candidate->mount->type) &&
           !lull_filesystem_is_pseudo(candidate->mount->type);
}

/* What is on a disk that is not known may be on one asked for: to freeze more than was asked is harmless,
 * to freeze less and call it frozen is not. So one of several disks is enough, too. */
static gboolean
may_be_on_wanted_disk(const Planner *planner, const LullStack *stack)
{
    LullJson *disks = planner->request->disks;

    for (guint i = 0; i < stack->disks->len; i++) {
        const LullDevice *device = g_ptr_array_index(stack->disks, i);

        if (!lull_disk_is_known(&device->disk))
            return TRUE;
        for (size_t k = 0; k < json_object_array_length(disks); k++)
            if (lull_disk_matches(&device->disk, json_object_array_get_idx(disks, k)))
                return TRUE;
    }
    return stack->unknown || stack->disks->len == 0;
}

static gboolean
is_wanted(const Planner *planner, const Candidate *candidate)
{
    if (planner->request->mountpoints && !is_named(planner, candidate))
        return FALSE;
    if (!planner->request->disks)
        return TRUE;
    return (candidate->device || hides_its_device(candidate)) &&
           may_be_on_wanted_disk(planner, candidate->stack);
}

/* Why it cannot or need not be frozen, whoever asks; NULL: it can. */
static const char *
obstacle(const Planner *planner, const Candidate *candidate, LullPlanResult *ret_result)
{
    const char *type = candidate->mount->type;

    *ret_result = LULL_PLAN_SKIPPED;
    if (lull_filesystem_is_network(type))
        return "network file system";
    if (lull_filesystem_is_served(type))
        return "a process in the guest serves it";
    if (!candidate->device && lull_filesystem_is_view(type))
        return "a view of other file systems, which count themselves";
    if (candidate->mount->read_only)
        return "read-only";
    if (!candidate->device && planner->request->standard)
        return "its device is not known";
    *ret_result = LULL_PLAN_FAILED;
    if (!candidate->device)
        return "its device is not known";
    if (candidate->reach == REACH_COVERED)
        return "covered by another mount: no path leads to it";
    if (lull_survey_opened(planner->survey, candidate->mount) == 0)
        return "the only way to it leads through a file system that may not answer";
    *ret_result = LULL_PLAN_FREEZE;
    return NULL;
}

static gboolean
has_equal(LullJson *array, LullJson *object)
{
    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (json_object_equal(json_object_array_get_idx(array, i), object))
            return TRUE;
    return FALSE;
}

/* An empty object stands for what is not known beside what is. */
static LullJson *
disks_to_json(const LullStack *stack)
{
    LullJson *array = json_object_new_array();
    gboolean lost = stack->unknown;

    for (guint i = 0; i < stack->disks->len; i++) {
        const LullDevice *device = g_ptr_array_index(stack->disks, i);
        g_autoptr(LullJson) object = lull_disk_to_json(&device->disk);

        lost = lost || !object;
        if (object && !has_equal(array, object))
            json_object_array_add(array, g_steal_pointer(&object));
    }
    if (lost && json_object_array_length(array) > 0)
        json_object_array_add(array, json_object_new_object());
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
    entry->may_hang = candidate->reach == REACH_MAY_HANG;
    entry->disks = disks_to_json(candidate->stack);
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
    for (guint i = candidate->uppers->len; i-- > 0;) {
        Candidate *upper = g_ptr_array_index(candidate->uppers, i);

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

/* Swapping goes past the file system that holds the file, so that no freeze stops it. */
static void
emit_swaps(Planner *planner)
{
    for (guint i = 0; !planner->request->mountpoints && i < planner->survey->swaps->len; i++) {
        const LullSwap *swap = g_ptr_array_index(planner->survey->swaps, i);
        g_autoptr(LullStack) stack = lull_stack_of_swap(planner->survey, swap);
        LullPlanEntry *entry;

        if (stack->is_in_memory || (planner->request->disks && !may_be_on_wanted_disk(planner, stack)))
            continue;
        entry = g_new0(LullPlanEntry, 1);
        entry->mountpoint = g_strdup(swap->path);
        entry->type = g_strdup("swap");
        entry->device = g_strdup(swap->block ? swap->block->device->name : "");
        entry->disks = disks_to_json(stack);
        entry->result = LULL_PLAN_SKIPPED;
        entry->reason =
            g_strdup("the kernel writes to it whatever is frozen; it means nothing after a restore");
        g_ptr_array_add(planner->entries, entry);
    }
}

/* Something to be frozen may stand on more than is known. */
static gboolean
has_unknown_stack(const GPtrArray *candidates)
{
    for (guint i = 0; i < candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(candidates, i);

        if (candidate->wanted && candidate->device && candidate->stack->unknown)
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
    return lull_survey_device(survey, mount) || !lull_filesystem_is_pseudo(mount->type) ||
           lull_filesystem_is_view(mount->type);
}

GPtrArray *
lull_plan_make(const LullSurvey *survey, const LullPlanRequest *request)
{
    g_autoptr(GPtrArray) candidates = g_ptr_array_new_with_free_func((GDestroyNotify)candidate_free);
    g_autoptr(GHashTable) by_device = g_hash_table_new(NULL, NULL);
    Planner planner = {survey, request, candidates, by_device,
                       g_ptr_array_new_with_free_func((GDestroyNotify)entry_free)};

    for (guint i = 0; i < survey->mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(survey->mounts, i);

        if (is_told(survey, mount))
            collect(&planner, mount);
    }
    for (guint i = 0; i < candidates->len; i++) {
        Candidate *candidate = g_ptr_array_index(candidates, i);

        tell_lower(&planner, candidate);
        candidate->wanted = is_wanted(&planner, candidate);
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
    emit_swaps(&planner);
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
