/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/cluster/restore-swap-world.h"

/* Restores in place that are given up: all is as it was, or all is restored, and nobody has the machine
 * before. */

/* Runs until the call @at by writes. */
static gboolean
run_until(guint at, gboolean does_it)
{
    gboolean alive = FALSE;

    played.by_write = TRUE;
    played.dies_at = at;
    played.does_it = does_it;
    alive = swap_run(NULL);
    played.dies_at = 0;
    return alive;
}

/* Killed at every write, claims lingering. */
START_TEST(one_that_is_given_up_leaves_the_old_data_or_the_new_never_some_of_each)
{
    gboolean alive = FALSE, half = FALSE;

    for (guint at = 1; !alive; at += SWAP_STRIDE) {
        played.late = _i / 4;
        alive = run_until(at, _i % 2);
        half |= !swap_all_have("old-") && !swap_is_written();
        played.lingers = TRUE;
        if (_i / 2 % 2) {
            played.does_it = at % 3 == 0;
            played.dies_at = played.calls + 1 + at * 7 % 12;
            (void)swap_drop(NULL);
            swap_check_whole(at);
            played.dies_at = 0;
        }
        swap_give_up(at);
        played.lingers = FALSE;
        swap_settle();
        if (swap_is_written() && !played.late) {
            swap_check_restored(at);
        } else {
            ck_assert_msg(swap_is_written() || swap_all_have("old-"), "killed at %u", at);
            swap_check_clean(at);
        }
        played.writes = 0;
        swap_give_up(at);
        ck_assert_uint_eq(played.writes, 0);
        swap_begin_anew();
    }
    ck_assert(half);
}
END_TEST

/* A claim that is put back is as it was, to whoever compares it with what he had written. */
START_TEST(a_claim_that_is_put_back_is_as_it_was)
{
    g_autoptr(LullJson) before = NULL;
    gboolean alive = FALSE, again = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(LullJson) old = NULL;
        g_autoptr(LullJson) claim = NULL;
        g_autoptr(LullJson) vm = swap_get(&lull_kind_vm, "larry");

        if (_i)
            swap_own();
        old = swap_get(&lull_csi_kind_claim, "root-claim");
        alive = run_until(at, FALSE);
        swap_give_up(at);
        claim = swap_get(&lull_csi_kind_claim, "root-claim");
        if (!swap_is_written()) {
            again |= g_strcmp0(lull_meta_uid(old), lull_meta_uid(claim)) != 0;
            ck_assert(lull_json_equal(lull_json_object(claim, "spec"), lull_json_object(old, "spec")));
            ck_assert_str_eq(lull_meta_annotation(claim, "written"), "by hand");
            ck_assert_str_eq(lull_meta_controller(claim), _i ? lull_meta_uid(vm) : "");
            ck_assert(!lull_restore_made(restore, claim));
        }
        swap_begin_anew();
    }
    ck_assert(again);
}
END_TEST

/* Its claims outlive the machine where they belonged to nobody, or were let be; and a machine that is gone
 * takes none with it that had no owner before. */
START_TEST(one_whose_machine_is_gone_meanwhile_leaves_no_claim_out)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        if (_i % 2)
            swap_own();
        played.makes_again = _i / 2;
        alive = run_until(at, FALSE);
        if (!alive && !swap_is_written()) {
            swap_orphan();
            swap_give_up(at);
            swap_settle();
            ck_assert_msg(swap_all_have("old-") || swap_all_have("vs-"), "killed at %u", at);
            swap_check_clean(at);
            ck_assert_uint_eq(swap_count(&lull_kind_plain_machine), 0);
            played.writes = 0;
            swap_give_up(at);
            ck_assert_uint_eq(played.writes, 0);
        }
        swap_begin_anew();
    }
}
END_TEST

/* With --cascade=orphan the restore lives on: what it makes of a machine anew has its data. */
START_TEST(one_that_goes_on_for_a_machine_that_is_gone_is_complete_with_its_data)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;

        swap_own();
        alive = run_until(at, _i);
        if (!alive && !swap_is_written()) {
            g_autoptr(LullJson) vm = NULL;
            g_autoptr(LullJson) claim = NULL;

            swap_orphan();
            ck_assert_msg(swap_run(&error), "killed at %u: %s", at, error ? error->message : "");
            swap_settle();
            ck_assert_msg(swap_all_have("vs-"), "killed at %u", at);
            vm = swap_get(&lull_kind_vm, "larry");
            claim = swap_get(&lull_csi_kind_claim, "root-claim");
            ck_assert(*lull_meta_controller(claim) == 0 ||
                      g_str_equal(lull_meta_controller(claim), lull_meta_uid(vm)));
        }
        swap_begin_anew();
    }
}
END_TEST

/* Nobody knows what the machine was like, nor has the new data: the way back asks for neither. */
START_TEST(one_whose_snapshot_is_gone_meanwhile_has_what_it_had)
{
    gboolean alive = FALSE, half = FALSE;

    for (guint at = 1; !alive; at++) {
        played.late = _i % 2;
        alive = run_until(at, FALSE);
        half |= !swap_all_have("old-") && !swap_is_written();
        if (!swap_is_written()) {
            swap_lose_snapshots();
            if (_i / 2)
                lull_json_put(g_steal_pointer(&content));
            swap_give_up(at);
            ck_assert_msg(swap_all_have("old-"), "killed at %u", at);
            swap_check_clean(at);
        }
        swap_begin_anew();
    }
    ck_assert(half);
}
END_TEST

/* Nothing can be made there any more, and nothing is to be left behind. */
START_TEST(one_whose_name_space_goes_lets_go_of_all_volumes)
{
    gboolean alive = FALSE, hopeless = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(LullJson) claim = NULL;

        played.late = _i;
        alive = run_until(at, FALSE);
        claim = swap_get(&lull_csi_kind_claim, "root-claim");
        played.terminating = played.free = TRUE;
        if (!alive && !claim) {
            hopeless = TRUE;
            swap_lose_snapshots();
            swap_give_up(at);
            swap_settle();
            ck_assert(!swap_has_volume("old-root"));
            ck_assert(!swap_has_volume("vs-root"));
        }
        played.free = FALSE;
        swap_begin_anew();
    }
    ck_assert(hopeless);
}
END_TEST

/* Before the first claim goes it is asked whether all would be taken. */
START_TEST(claims_that_could_not_be_made_again_are_not_replaced)
{
    g_autoptr(GError) error = NULL;

    played.late = _i;
    played.refused = "data-claim";
    ck_assert(!swap_run(&error));
    ck_assert_msg(strstr(error->message, "nobody may have claim data-claim") != NULL, "%s", error->message);
    ck_assert_uint_eq(played.removed, 0);
    ck_assert_uint_gt(played.tried, 0);
    swap_give_up(0);
    ck_assert(swap_all_have("old-"));
    swap_check_clean(0);
}
END_TEST

/* And where that changes under way, all claims have again what they had. */
START_TEST(claims_that_nobody_takes_any_more_leave_the_old_data)
{
    g_autoptr(GError) error = NULL;

    played.late = _i;
    played.refused = "data-claim";
    played.refused_late = TRUE;
    ck_assert(!swap_run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_uint_eq(played.removed, 2);
    played.refused = NULL;
    swap_give_up(0);
    ck_assert(swap_all_have("old-"));
    ck_assert(!swap_is_written());
    swap_check_clean(0);
}
END_TEST

/* One that its server was about to do when another coordinator gave the restore up. */
START_TEST(a_removal_that_comes_late_removes_nothing)
{
    g_autoptr(GError) error = NULL;

    played.puts_off = TRUE;
    ck_assert(!swap_run(&error));
    ck_assert_error(error, LULL_ERROR_TIMED_OUT);
    ck_assert(swap_all_have("old-"));
    swap_give_up(0);
    swap_check_clean(0);
    ck_assert(!swap_do_late());
    ck_assert(swap_all_have("old-"));
    swap_check_clean(0);
}
END_TEST

/* As those do who keep a cluster as it is written down. */
START_TEST(claims_that_somebody_makes_again_are_not_made_again_and_again)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        played.makes_again = TRUE;
        alive = run_until(at, _i);
        swap_give_up(at);
        if (swap_is_written()) {
            swap_check_restored(at);
        } else {
            ck_assert_msg(swap_all_have("old-"), "killed at %u", at);
            swap_check_clean(at);
        }
        swap_begin_anew();
    }
}
END_TEST

/* Which it was told to leave alone while another one was to come. */
START_TEST(a_data_volume_fills_its_claim_again_where_all_is_as_it_was)
{
    gboolean alive = FALSE, told = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(LullJson) before = NULL;
        g_autoptr(LullJson) after = NULL;

        swap_use_data_volume(_i % 2);
        alive = run_until(at, FALSE);
        before = swap_get(&lull_kind_data_volume, "data-claim");
        swap_give_up(at);
        swap_settle();
        after = swap_get(&lull_kind_data_volume, "data-claim");
        ck_assert_str_eq(lull_meta_uid(after), lull_meta_uid(before));
        if (!swap_is_written()) {
            told |= lull_meta_annotation(before, LULL_CDI_PREPOPULATED) != NULL;
            ck_assert_ptr_null(lull_meta_annotation(after, LULL_CDI_PREPOPULATED));
            ck_assert_ptr_null(lull_meta_annotation(after, LULL_RESTORE_NAME));
            ck_assert_msg(swap_all_have("old-"), "killed at %u", at);
        }
        swap_begin_anew();
    }
    ck_assert(told);
}
END_TEST

/* One that was gone, as by its time to live, and that the restore makes anew. */
START_TEST(a_data_volume_that_is_made_goes_without_the_data_that_were_there_before)
{
    gboolean alive = FALSE, made = FALSE;

    for (guint at = 1; !alive; at++) {
        swap_use_data_volume(TRUE);
        swap_patch(&lull_csi_kind_claim, "data-claim", LULL_PATCH_OBJECT,
                   "{'metadata':{'ownerReferences':null}}");
        ck_assert(lull_store_remove(played.inner, &lull_kind_data_volume, NS, "data-claim", NULL, NULL));
        alive = run_until(at, TRUE);
        made |= swap_count(&lull_kind_data_volume) > 0;
        swap_give_up(at);
        swap_give_up(at);
        if (!swap_is_written()) {
            ck_assert_uint_eq(swap_count(&lull_kind_data_volume), 0);
            ck_assert_msg(swap_all_have("old-"), "killed at %u", at);
            swap_check_clean(at);
        }
        swap_begin_anew();
    }
    ck_assert(made);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-put-back");
    TCase *tcase = tcase_create("restore-put-back");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, swap_set_up, swap_tear_down);
    tcase_add_loop_test(tcase, one_that_is_given_up_leaves_the_old_data_or_the_new_never_some_of_each, 0, 8);
    tcase_add_loop_test(tcase, a_claim_that_is_put_back_is_as_it_was, 0, 2);
    tcase_add_loop_test(tcase, one_whose_machine_is_gone_meanwhile_leaves_no_claim_out, 0, 4);
    tcase_add_loop_test(tcase, one_that_goes_on_for_a_machine_that_is_gone_is_complete_with_its_data, 0, 2);
    tcase_add_loop_test(tcase, one_whose_snapshot_is_gone_meanwhile_has_what_it_had, 0, 4);
    tcase_add_loop_test(tcase, one_whose_name_space_goes_lets_go_of_all_volumes, 0, 2);
    tcase_add_loop_test(tcase, claims_that_could_not_be_made_again_are_not_replaced, 0, 2);
    tcase_add_loop_test(tcase, claims_that_nobody_takes_any_more_leave_the_old_data, 0, 2);
    tcase_add_test(tcase, a_removal_that_comes_late_removes_nothing);
    tcase_add_loop_test(tcase, claims_that_somebody_makes_again_are_not_made_again_and_again, 0, 2);
    tcase_add_loop_test(tcase, a_data_volume_fills_its_claim_again_where_all_is_as_it_was, 0, 2);
    tcase_add_test(tcase, a_data_volume_that_is_made_goes_without_the_data_that_were_there_before);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
