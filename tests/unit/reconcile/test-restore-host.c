/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What a restore to a new machine of a plain host is refused for. */

#include <string.h>

#include "coordinator/reconcile/restore-host-new.h"
#include "coordinator/reconcile/restore-host.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullJson *
restore_to(const char *name, const char *more)
{
    g_autofree char *spec = g_strdup_printf(
        "{'metadata':{'name':'back','uid':'r1'},'spec':{'target':{'kind':'VirtualMachine'}%s}}", more);
    LullJson *object = json(spec);

    lull_json_set_string(lull_json_object(lull_json_object(object, "spec"), "target"), "name", name);
    return object;
}

static char *
refusal(const char *name, const char *more)
{
    g_autoptr(LullJson) restore = restore_to(name, more);
    g_autoptr(LullJson) content = json("{'spec':{'volumeBackups':[{'volumeName':'vda'}]}}");

    return lull_restore_host_refuse_new(restore, content);
}

static const char *const names[] = {"../x", "..", "a/b", "A", "New VM", "a\nb", "", "-a"};

START_TEST(a_name_that_the_api_has_not_makes_no_machine)
{
    g_autofree char *reason = refusal(names[_i], ",'volumeRestorePolicy':'RandomizeNames'");

    ck_assert_msg(reason && g_str_has_prefix(reason, "spec.target.name: "), "%s", reason);
}
END_TEST

START_TEST(a_name_that_no_file_can_have_makes_no_machine)
{
    g_autofree char *name = g_strnfill(250, 'a');
    g_autofree char *override =
        g_strdup_printf(",'volumeRestoreOverrides':[{'volumeName':'vda','restoreName':'%s'}]", name);
    g_autofree char *target = refusal(name, "");
    g_autofree char *file = refusal("lara", override);

    ck_assert_ptr_nonnull(strstr(target, "choose a shorter one"));
    ck_assert_ptr_nonnull(strstr(file, "spec.volumeRestoreOverrides: vda"));
}
END_TEST

START_TEST(a_good_name_is_taken)
{
    g_autofree char *reason = refusal("lara-2.example", "");

    ck_assert_msg(!reason, "%s", reason);
}
END_TEST

/* A storage that, while it makes one machine of a content, is asked for the next. */
static LullRestoreHost host;
static LullClaims *claims;
static guint under_way;

static gboolean
make_another(guint number, GError **error)
{
    g_autoptr(LullJson) restore = json("{'metadata':{'name':'r'},'spec':{}}");
    g_autofree char *name = g_strdup_printf("r%u", number);
    g_autofree char *uid = g_strdup_printf("u%u", number);
    const LullRestoreOrder order = {
        .name = name, .uid = uid, .vm_uid = uid, .target = name, .content_uid = "c1", .restore = restore};

    return host.place.ops->run(&host.place, &order, NULL, NULL, NULL, error);
}

static gboolean
restore_new(LullStorage *storage, const char *content_uid, const LullNewMachine *wanted,
            const char *restore_uid, void (*progress)(guint permille, gpointer user_data), gpointer user_data,
            GCancellable *cancel, GError **error)
{
    g_autoptr(GError) problem = NULL;

    ck_assert(!lull_claims_take(claims, "c1", "its removal", &problem));
    ck_assert_error(problem, LULL_ERROR_BUSY);
    return ++under_way == 3 || make_another(under_way + 1, error);
}

static void
set_up(void)
{
    static const LullStorageOps ops = {.restore_new = restore_new};
    static LullStorage storage = {&ops};

    under_way = 0;
    claims = lull_claims_new();
    lull_restore_host_init(&host, NULL, &storage, claims);
}

static void
tear_down(void)
{
    lull_claims_free(claims);
}

START_TEST(many_are_made_of_one_snapshot_at_once)
{
    g_autoptr(GError) error = NULL;

    ck_assert_msg(make_another(1, &error), "%s", error ? error->message : "");
    ck_assert_uint_eq(under_way, 3);
    ck_assert(lull_claims_take(claims, "c1", "its removal", NULL));
}
END_TEST

START_TEST(nothing_is_made_of_what_is_just_removed)
{
    g_autoptr(GError) error = NULL;

    ck_assert(lull_claims_take(claims, "c1", "the removal of its data", NULL));
    ck_assert(!make_another(1, &error));
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_str_eq(error->message,
                     "the snapshot's data: it is held by the removal of its data: wait until that has ended");
    ck_assert_uint_eq(under_way, 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-host");
    TCase *cases = tcase_create("restore-host");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, a_name_that_the_api_has_not_makes_no_machine, 0, G_N_ELEMENTS(names));
    tcase_add_test(cases, a_name_that_no_file_can_have_makes_no_machine);
    tcase_add_test(cases, a_good_name_is_taken);
    tcase_add_test(cases, many_are_made_of_one_snapshot_at_once);
    tcase_add_test(cases, nothing_is_made_of_what_is_just_removed);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
