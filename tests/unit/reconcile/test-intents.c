/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>

#include "coordinator/reconcile/intents.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/fake-guest.h"

static char *dir;
static LullIntents *intents;
static LullClaims *claims;

static void
setup(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *top = g_dir_make_tmp("lull-intents-XXXXXX", NULL);

    fake_reset();
    claims = lull_claims_new();
    dir = g_build_filename(top, "intents", NULL);
    intents = lull_intents_open(dir, &error);
    ck_assert_no_error(error);
}

static void
teardown(void)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    g_autofree char *top = g_path_get_dirname(dir);
    const char *name = NULL;

    while ((name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
    g_rmdir(top);
    g_clear_pointer(&dir, g_free);
    g_clear_pointer(&intents, lull_intents_free);
    g_clear_pointer(&claims, lull_claims_free);
}

static guint
count(void)
{
    g_autoptr(GPtrArray) list = lull_intents_list(intents);

    return list->len;
}

static void
write_file(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static guint
recover(void)
{
    return lull_intents_recover(intents, NULL, claims, LULL_SEC(10));
}

static const LullVm larry = {.uid = "v1", .name = "larry"};
static const LullVm curly = {.uid = "v2", .name = "curly"};

/* What is left is of an earlier life then. */
static void
restart(void)
{
    lull_intents_free(intents);
    intents = lull_intents_open(dir, NULL);
    ck_assert_ptr_nonnull(intents);
}

START_TEST(test_what_is_written_is_found_until_it_is_removed)
{
    g_autoptr(GPtrArray) list = NULL;
    const LullIntent *intent = NULL;

    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_STOCK, LULL_INTENT_FREEZING, NULL));
    list = lull_intents_list(intents);
    ck_assert_uint_eq(list->len, 1);
    intent = list->pdata[0];
    ck_assert_str_eq(intent->op, "op-1");
    ck_assert_str_eq(intent->vm_uid, "v1");
    ck_assert_int_eq(intent->agent, LULL_AGENT_STOCK);
    ck_assert_int_eq(intent->stage, LULL_INTENT_FREEZING);
    ck_assert(lull_intents_remove(intents, "op-1", NULL));
    ck_assert_uint_eq(count(), 0);
    ck_assert(lull_intents_remove(intents, "op-1", NULL)); /* gone already */
}
END_TEST

START_TEST(test_recovery_thaws_what_this_boot_may_have_frozen_and_forgets_it)
{
    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_LULL, LULL_INTENT_ENGAGED, NULL));
    ck_assert(lull_intents_write(intents, "op-2", &curly, LULL_AGENT_STOCK, LULL_INTENT_FREEZING, NULL));
    restart();
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "tt");
    ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(test_recovery_leaves_a_stock_guest_alone_that_was_not_asked_to_freeze_yet)
{
    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_STOCK, LULL_INTENT_ENGAGED, NULL));
    restart();
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "");
    ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(test_recovery_thaws_a_stock_guest_once_the_freeze_may_have_been_sent)
{
    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_STOCK, LULL_INTENT_ENGAGED, NULL));
    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_STOCK, LULL_INTENT_FREEZING, NULL));
    ck_assert_uint_eq(count(), 1);
    restart();
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "t");
}
END_TEST

START_TEST(test_a_guest_with_a_place_is_looked_for_there_or_by_its_name_and_any_other_by_its_uid)
{
    const LullVm placed = {.uid = "v3", .ns = "shop", .name = "moe", .place = "pod/uuid"};

    ck_assert(lull_intents_write(intents, "op-1", &placed, LULL_AGENT_LULL, LULL_INTENT_ENGAGED, NULL));
    restart();
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_recovered(), "pod/uuid, shop/moe");
    ck_assert(lull_intents_write(intents, "op-2", &larry, LULL_AGENT_LULL, LULL_INTENT_ENGAGED, NULL));
    restart();
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_recovered(), "v1, /larry");
}
END_TEST

START_TEST(test_an_intent_that_does_not_say_how_far_it_got_is_thawed)
{
    g_autofree char *boot_id = lull_clock_boot_id();
    g_autofree char *text = g_strdup_printf(
        "{\"version\":1,\"op\":\"op-1\",\"vm\":\"v1\",\"bootId\":\"%s\",\"agent\":\"stock\"}", boot_id);

    write_file("op-1.json", text);
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "t");
}
END_TEST

START_TEST(test_recovery_passes_over_what_this_life_works_on_until_it_is_left)
{
    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_LULL, LULL_INTENT_FREEZING, NULL));
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "");
    ck_assert_uint_eq(count(), 1);
    lull_intents_leave(intents, "op-1");
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "t");
    ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(test_recovery_leaves_guests_of_another_boot_alone_and_forgets_them)
{
    write_file("op-1.json",
               "{\"version\":1,\"op\":\"op-1\",\"vm\":\"v1\",\"bootId\":\"another\",\"agent\":\"lull\"}");
    restart();
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "");
    ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(test_a_guest_that_does_not_answer_delays_no_others_nor_a_second_look)
{
    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_LULL, LULL_INTENT_ENGAGED, NULL));
    restart();
    g_atomic_int_set(&fake.stuck, 1);
    ck_assert_uint_eq(lull_intents_recover(intents, NULL, claims, 0), 1);
    while (g_atomic_int_get(&fake.stuck) != 2)
        g_usleep(1000);
    ck_assert(lull_intents_write(intents, "op-2", &curly, LULL_AGENT_LULL, LULL_INTENT_ENGAGED, NULL));
    lull_intents_leave(intents, "op-2");
    ck_assert_uint_ge(lull_intents_recover(intents, NULL, claims, 0), 1);
    while (count() > 1)
        g_usleep(1000);
    g_atomic_int_set(&fake.stuck, 0);
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "tt"); /* each once */
}
END_TEST

START_TEST(test_recovery_leaves_a_guest_to_whoever_works_on_it_and_comes_back)
{
    ck_assert(lull_intents_write(intents, "op-1", &larry, LULL_AGENT_LULL, LULL_INTENT_ENGAGED, NULL));
    restart();
    ck_assert(lull_claims_take(claims, larry.uid, "a restore", NULL));
    ck_assert_uint_eq(recover(), 1);
    ck_assert_str_eq(fake_story(), "");
    lull_claims_release(claims, larry.uid);
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "t");
}
END_TEST

static const char *const bad[] = {
    "",
    "null",
    "{",
    "[]",
    "{}",
    "{\"op\":\"other\",\"vm\":\"v1\",\"agent\":\"lull\"}",
    "{\"op\":\"op-1\",\"agent\":\"lull\"}",
    "{\"op\":\"op-1\",\"vm\":\"v1\",\"agent\":\"x\"}",
};

START_TEST(test_a_file_that_makes_no_sense_is_kept_and_stops_nothing)
{
    g_autofree char *path = g_build_filename(dir, "op-1.json", NULL);

    write_file("op-1.json", bad[_i]);
    ck_assert(lull_intents_write(intents, "op-2", &larry, LULL_AGENT_LULL, LULL_INTENT_ENGAGED, NULL));
    restart();
    ck_assert_uint_eq(recover(), 0);
    ck_assert_str_eq(fake_story(), "t");
    ck_assert(g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("intents");
    TCase *tcase = tcase_create("intents");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_what_is_written_is_found_until_it_is_removed);
    tcase_add_test(tcase, test_recovery_thaws_what_this_boot_may_have_frozen_and_forgets_it);
    tcase_add_test(tcase, test_recovery_leaves_a_stock_guest_alone_that_was_not_asked_to_freeze_yet);
    tcase_add_test(tcase, test_recovery_thaws_a_stock_guest_once_the_freeze_may_have_been_sent);
    tcase_add_test(tcase,
                   test_a_guest_with_a_place_is_looked_for_there_or_by_its_name_and_any_other_by_its_uid);
    tcase_add_test(tcase, test_an_intent_that_does_not_say_how_far_it_got_is_thawed);
    tcase_add_test(tcase, test_recovery_passes_over_what_this_life_works_on_until_it_is_left);
    tcase_add_test(tcase, test_recovery_leaves_guests_of_another_boot_alone_and_forgets_them);
    tcase_add_test(tcase, test_a_guest_that_does_not_answer_delays_no_others_nor_a_second_look);
    tcase_add_test(tcase, test_recovery_leaves_a_guest_to_whoever_works_on_it_and_comes_back);
    tcase_add_loop_test(tcase, test_a_file_that_makes_no_sense_is_kept_and_stops_nothing, 0,
                        G_N_ELEMENTS(bad));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
