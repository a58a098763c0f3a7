/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-revisions.h"

#include <string.h>

#include "coordinator/cluster/machine-source.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "protocol/error.h"

#define NAME_FIELD "revisionName"

static const struct {
    const char *member, *status;
} parts[] = {{"instancetype", "instancetypeRef"}, {"preference", "preferenceRef"}};

/* Newer KubeVirts name it in the status alone; what that says of another type is not this one's. */
static const char *
told_by_status(LullJson *vm, LullJson *matcher, const char *field)
{
    LullJson *reference = lull_json_at(vm, "status", field, NULL);

    if (!g_str_equal(lull_json_string(reference, "name", ""), lull_json_string(matcher, "name", "")))
        return "";
    return lull_json_string(lull_json_object(reference, "controllerRevisionRef"), "name", "");
}

const char *
lull_machine_revision(LullJson *vm, LullJson *spec, const char *member)
{
    LullJson *matcher = lull_json_object(spec, member);
    const char *name = lull_json_string(matcher, NAME_FIELD, "");

    for (gsize i = 0; matcher && !*name && i < G_N_ELEMENTS(parts); i++)
        if (g_str_equal(parts[i].member, member))
            name = told_by_status(vm, matcher, parts[i].status);
    return *name ? name : NULL;
}

char *
lull_machine_revision_name(const char *revision, const char *vm, const char *snapshot)
{
    const char *at = strstr(revision, vm);

    if (!at)
        return g_strconcat(snapshot, "-", revision, NULL);
    return g_strdup_printf("%.*s%s%s", (int)(at - revision), revision, snapshot, at + strlen(vm));
}

char *
lull_machine_revision_other_name(LullJson *snapshot, const char *member)
{
    return g_strdup_printf("vmsnapshot-%s-%s", lull_meta_uid(snapshot), member);
}

static LullJson *
copy_of(LullJson *revision, LullJson *snapshot)
{
    LullJson *copy = json_object_new_object();
    LullJson *metadata = lull_json_ensure(copy, "metadata");

    lull_json_set_string(copy, "apiVersion", "apps/v1");
    lull_json_set_string(copy, "kind", lull_kind_revision.kind);
    lull_json_set_string(metadata, "namespace", lull_meta_namespace(snapshot));
    lull_json_take(metadata, "ownerReferences",
                   lull_meta_owners(lull_json_string(snapshot, "apiVersion", ""), lull_kind_snapshot.kind,
                                    lull_meta_name(snapshot), lull_meta_uid(snapshot)));
    lull_json_copy(metadata, lull_json_object(revision, "metadata"), "labels");
    lull_json_copy(copy, revision, "data");
    lull_json_copy(copy, revision, "revision");
    return copy;
}

static LullJson *
data_of(LullJson *revision)
{
    LullJson *data = NULL;

    json_object_object_get_ex(revision, "data", &data);
    return data;
}

gboolean
lull_machine_revision_is(LullJson *there, LullJson *copy)
{
    return !lull_meta_is_deleting(there) &&
           g_str_equal(lull_meta_controller(there), lull_meta_controller(copy)) &&
           json_object_equal(data_of(there), data_of(copy));
}

/* *@ret_done: @name is @copy's now. Not so where another has it. */
static gboolean
put(LullStore *store, LullJson *copy, const char *name, gboolean *ret_done, GError **error)
{
    g_autoptr(LullJson) made = NULL;
    g_autoptr(LullJson) there = NULL;
    g_autoptr(GError) problem = NULL;

    lull_json_set_string(lull_json_ensure(copy, "metadata"), "name", name);
    made = lull_store_create(store, &lull_kind_revision, copy, &problem);
    *ret_done = made != NULL;
    if (made)
        return TRUE;
    if (!lull_error_is(problem, LULL_ERROR_EXISTS)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!lull_effect_get(store, &lull_kind_revision, lull_meta_namespace(copy), name, &there, error))
        return FALSE;
    *ret_done = there && lull_machine_revision_is(there, copy);
    return TRUE;
}

static gboolean
keep(LullStore *store, LullJson *snapshot, LullJson *vm, LullJson *spec, const char *member, GError **error)
{
    const char *original = lull_machine_revision(vm, spec, member);
    g_autofree char *usual = NULL, *other = NULL;
    g_autoptr(LullJson) revision = NULL;
    g_autoptr(LullJson) copy = NULL;
    gboolean done = FALSE;

    if (!original)
        return TRUE;
    revision = lull_store_get(store, &lull_kind_revision, lull_meta_namespace(vm), original, error);
    if (!revision) {
        g_prefix_error(error, "%s of virtual machine %s: ", member, lull_meta_name(vm));
        return FALSE;
    }
    copy = copy_of(revision, snapshot);
    usual = lull_machine_revision_name(original, lull_meta_name(vm), lull_meta_name(snapshot));
    other = lull_machine_revision_other_name(snapshot, member);
    if ((lull_name_is_valid(usual) && !put(store, copy, usual, &done, error)) ||
        (!done && !put(store, copy, other, &done, error)))
        return FALSE;
    if (!done) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_EXISTS,
                    "controllerrevision %s is in the way of what snapshot %s keeps of %s: delete it", other,
                    lull_meta_name(snapshot), original);
        return FALSE;
    }
    lull_json_set_string(lull_json_ensure(spec, member), NAME_FIELD, lull_meta_name(copy));
    return TRUE;
}

gboolean
lull_machine_keep_revisions(gpointer user_data, LullJson *snapshot, LullJson *vm, LullJson *spec,
                            GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        if (!keep(user_data, snapshot, vm, spec, parts[i].member, error))
            return FALSE;
    return TRUE;
}

gboolean
lull_machine_look_for_revisions(LullStore *store, LullJson *vm, char **ret_problem, GError **error)
{
    LullJson *spec = lull_json_object(vm, "spec");

    *ret_problem = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(parts) && !*ret_problem; i++) {
        const char *name = lull_machine_revision(vm, spec, parts[i].member);
        g_autoptr(LullJson) revision = NULL;

        if (name &&
            !lull_effect_get(store, &lull_kind_revision, lull_meta_namespace(vm), name, &revision, error))
            return FALSE;
        if (name && !revision)
            *ret_problem =
                g_strdup_printf("source %s/%s revision of its %s doesnt exist: %s", lull_meta_namespace(vm),
                                lull_meta_name(vm), parts[i].member, name);
    }
    return TRUE;
}
