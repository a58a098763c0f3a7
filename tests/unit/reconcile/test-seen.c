/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/grant-effects.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/cases.h"

/* What is kept of an object goes when the object has gone. */

static void
tell(gpointer user_data, const char *uid)
{
    g_string_append_printf(user_data, "%s ", uid);
}

START_TEST(test_each_that_is_gone_is_told_once_and_by_its_uid)
{
    g_autoptr(GString) gone = g_string_new(NULL);
    g_autoptr(LullSeen) seen = lull_seen_new(tell, gone);

    lull_seen_note(seen, "default", "one", NULL); /* never seen */
    lull_seen_note(seen, "default", "one", "u1");
    lull_seen_note(seen, "default", "one", "u1");
    lull_seen_note(seen, "other", "one", "u2");
    ck_assert_str_eq(gone->str, "");
    lull_seen_note(seen, "default", "one", NULL);
    lull_seen_note(seen, "default", "one", NULL);
    ck_assert_str_eq(gone->str, "u1 ");
    lull_seen_note(seen, "other", "one", "u3"); /* made anew before anybody looked */
    ck_assert_str_eq(gone->str, "u1 u2 ");
}
END_TEST

static gboolean
leads(gpointer leader, gint64 *ret_term)
{
    *ret_term = 1;
    return TRUE;
}

static void
turn_page(gpointer book, const char *uid)
{
    lull_grant_book_forget(book, uid);
}

/* Takes a snapshot, and lets it go again: what the node and the leader know of its content meanwhile. */
typedef struct {
    World world;
    LullGrantBook *book; /* the leader's */
    LullSeen *seen, *of_node;
    LullGrants leader;
    char *name, *uid;
} Story;

static void
look(Story *story)
{
    LullPass pass = {0};

    ck_assert(lull_content_pass(&story->world.contents, NS, story->name, &pass, NULL));
    ck_assert(lull_grant_pass(&story->leader, NS, story->name, &pass, NULL));
}

static gboolean
has_page(Story *story)
{
    return lull_grant_book_begun_at(story->book, story->uid, -1) != -1;
}

static void
story_init(Story *story)
{
    g_autoptr(LullJson) content = NULL;

    world_init(&story->world, 1);
    story->book = lull_grant_book_new();
    story->seen = lull_seen_new(turn_page, story->book);
    story->of_node = lull_seen_new(lull_content_gone, &story->world.contents);
    story->world.contents.seen = story->of_node;
    story->leader = (LullGrants){.store = story->world.flaky.inner,
                                 .book = story->book,
                                 .seen = story->seen,
                                 .node = "node-a",
                                 .leads = leads};
    world_take(&story->world, SNAP, "", ",'failureDeadline':0");
    world_live(&story->world, world_all_settled, 0);
    content = world_content(&story->world);
    story->name = g_strdup(lull_meta_name(content));
    story->uid = g_strdup(lull_meta_uid(content));
}

static void
story_clear(Story *story)
{
    story->world.contents.seen = NULL;
    world_clear(&story->world);
    lull_seen_free(story->of_node);
    lull_seen_free(story->seen);
    lull_grant_book_free(story->book);
    g_free(story->name);
    g_free(story->uid);
}

START_TEST(test_nothing_is_kept_of_a_content_that_is_gone)
{
    Story story = {0};

    story_init(&story);
    look(&story);
    ck_assert(has_page(&story));
    ck_assert_uint_eq(fake_introduced(), 1);
    world_delete(&story.world, &lull_kind_snapshot, SNAP);
    world_live(&story.world, world_all_gone, 0);
    look(&story);
    ck_assert(!has_page(&story));
    ck_assert_uint_eq(fake_introduced(), 0);
    story_clear(&story);
}
END_TEST

START_TEST(test_nothing_is_kept_of_a_content_that_another_node_sees_to)
{
    Story story = {0};
    g_autoptr(LullGrantBook) book = lull_grant_book_new();
    const LullContentDuty duty = {(char *)"node-b", book};
    LullPass pass = {0};

    story_init(&story);
    story.world.contents.duty = &duty;
    ck_assert(lull_content_pass(&story.world.contents, NS, story.name, &pass, NULL));
    ck_assert_int_eq(lull_grant_book_begun_at(book, story.uid, -1), -1);
    ck_assert_uint_eq(fake_introduced(), 0);
    story_clear(&story);
}
END_TEST

static gint stands; /* atomic: whoever froze the guest waits; 2: and has begun to */

static void
stand_still(void)
{
    g_atomic_int_compare_and_exchange(&stands, 1, 2);
    while (g_atomic_int_get(&stands))
        g_usleep(100);
}

static gboolean
is_standing(World *world)
{
    return g_atomic_int_get(&stands) == 2;
}

static LullJobState
job_state(World *world, const char *what, const char *uid)
{
    g_autofree char *id = lull_content_job(what, uid);

    return lull_jobs_state(world->jobs, id, NULL, NULL);
}

static gboolean
is_followed(World *world)
{
    g_autoptr(LullJson) content = world_content(world);

    return content && job_state(world, LULL_JOB_FOLLOW, lull_meta_uid(content)) == LULL_JOB_RUNNING;
}

static void
wait_for_no_job(World *world, const char *what, const char *uid)
{
    const gint64 until = g_get_monotonic_time() + LULL_SEC(20);

    while (job_state(world, what, uid) != LULL_JOB_NONE) {
        ck_assert_msg(g_get_monotonic_time() < until, "%s is still there", what);
        g_usleep(1000);
    }
}

/* As somebody who is tired of waiting does. Returns its uid. */
static char *
strip(World *world)
{
    g_autoptr(LullJson) content = world_content(world);
    g_autoptr(LullJson) patch = json("{'metadata':{'finalizers':null}}");
    const char *name = lull_meta_name(content);
    g_autoptr(LullJson) patched =
        lull_store_patch(world->flaky.inner, &lull_kind_content, NS, name, LULL_PATCH_OBJECT, patch, NULL);
    LullPass pass = {0};

    ck_assert_ptr_nonnull(patched);
    ck_assert(lull_store_remove(world->flaky.inner, &lull_kind_content, NS, name, NULL, NULL));
    ck_assert(lull_content_pass(&world->contents, NS, name, &pass, NULL));
    return g_strdup(lull_meta_uid(content));
}

START_TEST(test_what_runs_for_a_content_that_was_taken_away_ends_and_is_forgotten)
{
    World world = {0};
    g_autoptr(LullSeen) seen = NULL;
    g_autofree char *uid = NULL;

    world_init(&world, 1);
    seen = lull_seen_new(lull_content_gone, &world.contents);
    world.contents.seen = seen;
    g_atomic_int_set(&fake.copying, TRUE);
    world_take(&world, SNAP, "", ",'failureDeadline':0");
    world_live(&world, is_followed, 0);
    uid = strip(&world);
    wait_for_no_job(&world, LULL_JOB_FOLLOW, uid);
    ck_assert_uint_eq(fake_introduced(), 0);
    world.contents.seen = NULL;
    world_clear(&world);
}
END_TEST

START_TEST(test_a_guest_that_is_frozen_for_a_content_that_was_taken_away_is_let_go)
{
    World world = {0};
    g_autoptr(LullSeen) seen = NULL;
    g_autofree char *uid = NULL;

    world_init(&world, 1);
    seen = lull_seen_new(lull_content_gone, &world.contents);
    world.contents.seen = seen;
    g_atomic_int_set(&stands, 1);
    fake.on_frozen = stand_still;
    world_take(&world, SNAP, "", ",'failureDeadline':0");
    world_live(&world, is_standing, 0);
    uid = strip(&world);
    g_atomic_int_set(&stands, 0);
    wait_for_no_job(&world, LULL_JOB_ATTEMPT, uid);
    ck_assert(!fake_is_frozen());
    world.contents.seen = NULL;
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("seen");
    TCase *tcase = tcase_create("seen");

    world_use_memory();
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_each_that_is_gone_is_told_once_and_by_its_uid);
    tcase_add_test(tcase, test_nothing_is_kept_of_a_content_that_is_gone);
    tcase_add_test(tcase, test_nothing_is_kept_of_a_content_that_another_node_sees_to);
    tcase_add_test(tcase, test_what_runs_for_a_content_that_was_taken_away_ends_and_is_forgotten);
    tcase_add_test(tcase, test_a_guest_that_is_frozen_for_a_content_that_was_taken_away_is_let_go);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
