/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cluster/restore-machine.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/model/meta.h"
#include "coordinator/model/short-name.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/cluster/restore-cells.h"

/* What every kind of restore comes to. The numbers are the reference's cases. */

static const char *
text_of(LullJson *object, const char *key)
{
    return lull_json_string(object, key, "");
}

static LullJson *
volume_named(LullJson *machine, const char *name)
{
    LullJson *volumes = lull_json_array(lull_json_at(machine, "spec", "template", "spec", NULL), "volumes");

    for (size_t i = 0; i < json_object_array_length(volumes); i++)
        if (g_str_equal(text_of(json_object_array_get_idx(volumes, i), "name"), name))
            return json_object_array_get_idx(volumes, i);
    return NULL;
}

static char *
name_of(const World *self, const char *volume)
{
    return self->cell.policy == PREFIX ? lull_short_name(world_target(self), volume)
                                       : g_strconcat("restore-u-back-", volume, NULL);
}

static void
assert_machine(const World *self)
{
    LullJson *spec = lull_json_object(self->vm, "spec");
    LullJson *root = volume_named(self->vm, "root");
    g_autofree char *root_name = name_of(self, "root");
    g_autofree char *data_name = name_of(self, "data");
    const char *text = lull_json_to_line(spec);
    g_autoptr(LullJson) shared = lull_restore_shared(self->content, world_plan(self), self->vm);
    g_autoptr(LullJson) left = lull_restore_left_alone(self->content, self->vm);

    ck_assert_str_eq(
        text_of(lull_json_object(root, self->cell.kind == TEMPLATE ? "dataVolume" : "persistentVolumeClaim"),
                self->cell.kind == TEMPLATE ? "name" : "claimName"),
        root_name);
    ck_assert_str_eq(
        text_of(lull_json_object(volume_named(self->vm, "data"), "persistentVolumeClaim"), "claimName"),
        data_name);
    ck_assert_ptr_null(volume_named(self->vm, "dump")); /* R35 */
    ck_assert_ptr_null(volume_named(self->vm, "since"));
    ck_assert_ptr_nonnull(volume_named(self->vm, "init"));
    ck_assert_str_eq(text_of(spec, "runStrategy"), self->cell.target == SAME ? "Manual" : "Halted"); /* R11 */
    if (self->cell.target == NEW) {
        ck_assert_msg(!strstr(text, "old-"), "a copy has what its source has: %s", text);
        ck_assert_uint_eq(json_object_array_length(shared) + json_object_array_length(left), 0);
    } else {
        ck_assert_str_eq(json_object_get_string(json_object_array_get_idx(left, 0)), "more");
    }
}

static void
assert_owner(const World *self, LullJson *claim, gboolean adopted, gboolean owned_before)
{
    LullJson *owners = lull_json_array(lull_json_object(claim, "metadata"), "ownerReferences");
    const gboolean owned =
        !adopted && self->cell.ownership == OWNED_BY_VM && (self->cell.target == SAME || owned_before);

    ck_assert_ptr_null(lull_meta_annotation(claim, LULL_RESTORE_OWNED_BY_VM));
    ck_assert_msg((owners != NULL) == owned, "%s", lull_json_to_line(claim));
    if (owned)
        ck_assert_str_eq(text_of(json_object_array_get_idx(owners, 0), "uid"), lull_meta_uid(self->vm));
}

/* R12, R38: of whom they are; R16: or for which DataVolume; R7: of what they are made. */
static void
assert_claims(const World *self)
{
    const char *const volumes[] = {"root", "data"};
    guint made = 0;

    for (guint i = 0; i < 2; i++) {
        g_autofree char *name = name_of(self, volumes[i]);
        g_autofree char *snapshot = g_strconcat("vs-", volumes[i], NULL);
        LullJson *claim = lull_json_object(self->claims, name);
        const gboolean adopted = i == 0 && self->cell.kind == TEMPLATE;

        ck_assert_msg(claim && lull_restore_made(self->restore, claim), "%s", name);
        ck_assert_str_eq(text_of(lull_json_at(claim, "spec", "dataSource", NULL), "name"), snapshot);
        ck_assert_str_eq(text_of(lull_json_at(claim, "spec", "dataSourceRef", NULL), "name"), snapshot);
        ck_assert((lull_meta_annotation(claim, LULL_CDI_POPULATED_FOR) != NULL) == adopted);
        assert_owner(self, claim, adopted,
                     i == 0 ? self->cell.kind == CLAIM : self->cell.formerly == SOURCE_OWNS);
    }
    json_object_object_foreach(self->claims, name, claim)
    {
        (void)name;
        made += lull_restore_made(self->restore, claim) ? 1 : 0;
    }
    ck_assert_uint_eq(made, 2);
}

static void
assert_data_volumes(const World *self)
{
    const gboolean goes = self->cell.target == SAME && self->cell.binding == AT_ONCE;
    guint made = 0;

    json_object_object_foreach(self->data_volumes, name, one)
    {
        if (g_str_has_prefix(name, "old-"))
            continue;
        made++;
        ck_assert_str_eq(lull_meta_annotation(one, LULL_CDI_PREPOPULATED), "true"); /* nothing fills it */
    }
    ck_assert_uint_eq(made, self->cell.kind == TEMPLATE ? 1 : 0);
    /* R21: what the machine has no template of any more is gone, or left where its data are yet to come */
    ck_assert((lull_json_object(self->data_volumes, "old-since") == NULL) == goes);
    ck_assert((lull_json_object(self->claims, "old-root") == NULL) == (goes && self->cell.kind == TEMPLATE));
    ck_assert_ptr_nonnull(lull_json_object(self->claims, "old-data"));
}

START_TEST(r10_r12_r14_r16_r35_whatever_is_restored_is_what_was_cut_and_nobody_elses)
{
    World world;

    world_init(&world, _i);
    world_live(&world);
    assert_machine(&world);
    assert_claims(&world);
    assert_data_volumes(&world);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-matrix");
    TCase *tests = tcase_create("restore-matrix");

    tcase_add_loop_test(tests, r10_r12_r14_r16_r35_whatever_is_restored_is_what_was_cut_and_nobody_elses, 0,
                        CELLS);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
