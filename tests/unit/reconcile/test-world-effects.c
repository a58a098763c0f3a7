/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-decide.h"
#include "coordinator/reconcile/restore-decide.h"
#include "coordinator/reconcile/snapshot-decide.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/world.h"

/* The effect of every verb fails, once, when it is tried first; what was begun comes to its end all the same,
 * and leaves nothing. A verb without a row is a failure of its own. */

typedef enum {
    UNSAID = 0,
    STORE,  /* the store loses its write, on the way there, or on the way back */
    JOB,    /* what it starts fails */
    ITSELF, /* it does nothing but tell of a failure */
    NEVER,  /* nothing in it can fail: it waits, tells a job to end, or forgets one */
} How;

typedef struct {
    How how;
    void (*begin)(World *world); /* a life in which it comes about */
    const char *job;             /* JOB: that fails */
    void (*strike)(void);
} Row;

static void
take(World *world)
{
    world_take(world, "snap", "", ",'failureDeadline':0");
}

static void
take_in_vain(World *world)
{
    fake.refuse_freeze = TRUE;
    take(world);
}

static void
take_and_lose(World *world)
{
    fake.lose_copy = LULL_COPY_FAILED;
    take(world);
}

static void
take_and_look_away(World *world)
{
    fake.fail_poll = 2;
    take(world);
}

static void
take_slowly(World *world)
{
    g_atomic_int_set(&fake.copying, TRUE);
    take(world);
}

/* Only the configuration, where the object alone keeps that. */
static void
take_bare(World *world)
{
    world->contents.bare = TRUE;
    world_take(world, "snap", "'lull.dev/exclude-volumes':'vda,vdb'", ",'failureDeadline':0");
}

static LullContentStage
stage_of(World *world, guint *ret_number)
{
    g_autoptr(LullJson) content = world_content(world);
    g_autoptr(LullContentState) state = lull_content_state_of(content);

    *ret_number = state->number;
    return content ? state->stage : LULL_CONTENT_NEW;
}

static void
interrupt(World *world, guint times)
{
    guint number = 0;

    for (guint i = 1; i <= times; i++) {
        while (stage_of(world, &number) != LULL_CONTENT_BEGUN || number != i)
            (void)world_pass(world);
        world_restart(world);
    }
}

static void
take_and_die(World *world)
{
    take(world);
    interrupt(world, 1);
}

static void
take_and_die_twice(World *world)
{
    world_take(world, "snap", "'lull.dev/require':'fs'", ",'failureDeadline':0");
    interrupt(world, 2);
}

static void
go_back(World *world, gboolean runs)
{
    take(world);
    world_live(world, world_all_settled, 0);
    world_set_power(world, runs);
    world_restore(world, "rest", "snap", ",'targetReadinessPolicy':'StopTarget'");
}

static void
restore(World *world)
{
    go_back(world, FALSE);
}

static void
stop_and_restore(World *world)
{
    go_back(world, TRUE);
}

static void
restore_slowly(World *world)
{
    g_atomic_int_set(&fake.putting, TRUE);
    go_back(world, FALSE);
}

static void
restore_twice(World *world)
{
    fake.fail_restore = 1;
    fake.restore_error = LULL_ERROR_NO_SPACE;
    go_back(world, FALSE);
}

static void
refuse_storage(void)
{
    fake.refuse_storage = TRUE;
}

static void
fail_poll(void)
{
    fake.fail_poll = 1;
}

static void
fail_seal(void)
{
    fake.fail_seal = 1;
}

static void
fail_remove(void)
{
    fake.fail_remove = 1;
}

static void
fail_shut_down(void)
{
    fake.fail_shut_down = 1;
}

static void
refuse_start(void)
{
    fake.refuse_start = TRUE;
}

static void
fail_restore(void)
{
    fake.fail_restore = 1;
    fake.restore_error = LULL_ERROR_LOST;
}

static const Row of_snapshot[LULL_SNAPSHOT_N] = {
    [LULL_SNAPSHOT_WAIT] = {NEVER},
    [LULL_SNAPSHOT_ADD_FINALIZER] = {STORE, take},
    [LULL_SNAPSHOT_WRITE_REPORT] = {STORE, take},
    [LULL_SNAPSHOT_WRITE_STATUS] = {STORE, take},
    [LULL_SNAPSHOT_WRITE_PROGRESS] = {STORE, take_slowly},
    [LULL_SNAPSHOT_LOCK] = {STORE, take},
    [LULL_SNAPSHOT_CREATE_CONTENT] = {STORE, take},
    [LULL_SNAPSHOT_DELETE_CONTENT] = {STORE, take},
    [LULL_SNAPSHOT_UNLOCK] = {STORE, take},
    [LULL_SNAPSHOT_REMOVE_FINALIZER] = {STORE, take},
};

static const Row of_content[LULL_CONTENT_N_VERBS] = {
    [LULL_CONTENT_WAIT] = {NEVER},
    [LULL_CONTENT_WRITE_STATUS] = {STORE, take},
    [LULL_CONTENT_WRITE_PROGRESS] = {STORE, take_slowly},
    [LULL_CONTENT_BEGIN_ATTEMPT] = {STORE, take},
    [LULL_CONTENT_BEGIN_UNQUIESCED] = {STORE, take_in_vain},
    [LULL_CONTENT_RECORD_REFUSAL] = {STORE, take_and_die_twice},
    [LULL_CONTENT_START_ATTEMPT] = {JOB, take, LULL_JOB_ATTEMPT, refuse_storage},
    [LULL_CONTENT_CANCEL_ATTEMPT] = {NEVER},
    [LULL_CONTENT_RECORD_BARE] = {STORE, take_bare},
    [LULL_CONTENT_ABANDON] = {NEVER},
    [LULL_CONTENT_RECORD_ATTEMPT] = {STORE, take},
    [LULL_CONTENT_START_DISCARD] = {JOB, take_and_die, LULL_JOB_DISCARD, fail_remove},
    [LULL_CONTENT_RECORD_DISCARD] = {STORE, take_and_die},
    [LULL_CONTENT_START_FOLLOW] = {JOB, take, LULL_JOB_FOLLOW, fail_poll},
    [LULL_CONTENT_CANCEL_FOLLOW] = {NEVER},
    [LULL_CONTENT_START_SEAL] = {JOB, take, LULL_JOB_SEAL, fail_seal},
    [LULL_CONTENT_CANCEL_SEAL] = {NEVER},
    [LULL_CONTENT_RECORD_SEAL] = {STORE, take},
    [LULL_CONTENT_RECORD_LOSS] = {STORE, take_and_lose},
    [LULL_CONTENT_START_REMOVAL] = {JOB, take, LULL_JOB_REMOVE, fail_remove},
    [LULL_CONTENT_REMOVE_FINALIZER] = {STORE, take},
    [LULL_CONTENT_FORGET_FAILURE] = {ITSELF, take_and_look_away},
};

static const Row of_restore[LULL_RESTORE_N] = {
    [LULL_RESTORE_WAIT] = {NEVER},
    [LULL_RESTORE_ADD_FINALIZER] = {STORE, restore},
    [LULL_RESTORE_ADD_OWNER] = {NEVER}, /* in a cluster only */
    [LULL_RESTORE_WRITE_STATUS] = {STORE, restore},
    [LULL_RESTORE_WRITE_PROGRESS] = {STORE, restore_slowly},
    [LULL_RESTORE_NOTE_START] = {STORE, stop_and_restore},
    [LULL_RESTORE_SHUT_DOWN] = {JOB, stop_and_restore, LULL_JOB_SHUT_DOWN, fail_shut_down},
    [LULL_RESTORE_START_TARGET] = {JOB, stop_and_restore, LULL_JOB_START, refuse_start},
    [LULL_RESTORE_RECORD_START] = {STORE, stop_and_restore},
    [LULL_RESTORE_LOCK] = {STORE, restore},
    [LULL_RESTORE_START_DATA] = {JOB, restore, LULL_JOB_RESTORE, fail_restore},
    [LULL_RESTORE_FORGET_FAILURE] = {ITSELF, restore_twice},
    [LULL_RESTORE_CANCEL_DATA] = {NEVER},
    [LULL_RESTORE_UNLOCK] = {STORE, restore},
    [LULL_RESTORE_FORGET_DATA] = {NEVER},
    [LULL_RESTORE_REMOVE_FINALIZER] = {STORE, restore},
};

static const struct {
    const LullKind *kind;
    const Row *rows;
    int n;
} reconcilers[] = {
    {&lull_kind_snapshot, of_snapshot, LULL_SNAPSHOT_N},
    {&lull_kind_content, of_content, LULL_CONTENT_N_VERBS},
    {&lull_kind_restore, of_restore, LULL_RESTORE_N},
};

/* The verb that is struck, and how far that is. */
typedef struct {
    const LullKind *kind;
    const Row *row;
    int verb;
    gint lost; /* STORE: which of the write's two ways, 1 or 2 */
    enum { AWAITED = 0, STRUCK, OVER } state;
} Blow;

static Blow blow;

static char *
job_of(const LullKind *kind, const char *what, const char *uid)
{
    return kind == &lull_kind_restore ? lull_restore_job(what, uid) : lull_content_job(what, uid);
}

static void
wait_for_job(World *world, const LullKind *kind, const char *what, const char *uid)
{
    g_autofree char *id = job_of(kind, what, uid);

    while (lull_jobs_state(world->jobs, id, NULL, NULL) == LULL_JOB_RUNNING &&
           !g_atomic_int_get(&fake.copying) && !g_atomic_int_get(&fake.putting))
        g_usleep(50);
}

/* So that what the pass decides is what was decided before it. */
static void
wait_for_jobs(World *world, const LullKind *kind, LullJson *object)
{
    static const char *const jobs[] = {LULL_JOB_ATTEMPT,   LULL_JOB_DISCARD, LULL_JOB_FOLLOW,
                                       LULL_JOB_SEAL,      LULL_JOB_REMOVE,  LULL_JOB_RESTORE,
                                       LULL_JOB_SHUT_DOWN, LULL_JOB_START};

    for (gsize i = 0; i < G_N_ELEMENTS(jobs); i++)
        wait_for_job(world, kind, jobs[i], lull_meta_uid(object));
}

static int
verb_of_snapshot(World *world, const char *name)
{
    g_autoptr(LullSnapshotView) view =
        lull_snapshot_view_gather(&world->flaky.store, NULL, "default", name, lull_clock_realtime(), NULL);

    return (int)lull_snapshot_decide(view).verb;
}

static int
verb_of_content(World *world, const char *name)
{
    const LullContentEyes eyes = {.store = &world->flaky.store,
                                  .storage = world->contents.tools.storage,
                                  .jobs = world->jobs,
                                  .life = world->contents.life,
                                  .times = world->contents.times,
                                  .bare = world->contents.bare};
    g_autoptr(LullContentView) view =
        lull_content_view_gather(&eyes, "default", name, lull_clock_realtime(), NULL);

    return (int)lull_content_decide(view).verb;
}

static int
verb_of_restore(World *world, const char *name)
{
    g_autoptr(LullRestoreView) view =
        lull_restore_view_gather(&lull_restore_host_rules, &world->flaky.store, world->jobs, "default", name,
                                 lull_clock_realtime(), NULL);

    return (int)lull_restore_decide(view).verb;
}

static int
next_verb(World *world, const LullKind *kind, const char *name)
{
    if (kind == &lull_kind_snapshot)
        return verb_of_snapshot(world, name);
    return kind == &lull_kind_content ? verb_of_content(world, name) : verb_of_restore(world, name);
}

static void
before(World *world, const LullKind *kind, const char *name)
{
    g_autoptr(LullJson) object = world_get(world, kind, name);

    if (blow.state != AWAITED || kind != blow.kind || !object)
        return;
    wait_for_jobs(world, kind, object);
    if (next_verb(world, kind, name) != blow.verb)
        return;
    blow.state = STRUCK;
    if (blow.row->how == STORE)
        world->flaky.countdown = blow.lost;
    else if (blow.row->how == JOB)
        blow.row->strike();
}

static void
check_job(World *world, const LullKind *kind, const char *name)
{
    g_autoptr(LullJson) object = world_get(world, kind, name);
    g_autofree char *id = job_of(kind, blow.row->job, lull_meta_uid(object));
    const GError *error = NULL;

    wait_for_job(world, kind, blow.row->job, lull_meta_uid(object));
    ck_assert_int_eq(lull_jobs_state(world->jobs, id, NULL, &error), LULL_JOB_DONE);
    ck_assert_ptr_nonnull(error);
    fake.refuse_storage = fake.refuse_start = FALSE;
}

static void
after(World *world, const LullKind *kind, const char *name, const GError *error)
{
    if (blow.state != STRUCK)
        return;
    blow.state = OVER;
    if (blow.row->how == JOB) {
        ck_assert_no_error(error);
        check_job(world, kind, name);
    } else {
        ck_assert_ptr_nonnull(error);
    }
    if (blow.row->how == STORE) {
        ck_assert_error(error, LULL_ERROR_LOST);
        ck_assert_int_eq(world->flaky.countdown, 0);
    }
    g_atomic_int_set(&fake.copying, FALSE);
    g_atomic_int_set(&fake.putting, FALSE);
}

static gboolean
is_lost(World *world)
{
    g_autoptr(LullJson) content = world_content(world);
    g_autoptr(LullContentState) state = lull_content_state_of(content);

    return state->stage == LULL_CONTENT_BROKEN && !world_is_locked(world);
}

static gboolean
is_over(World *world)
{
    return world_all_settled(world) || is_lost(world);
}

static void
live(const LullKind *kind, const Row *row, int verb, gint lost)
{
    World world = {0};

    blow = (Blow){kind, row, verb, lost, AWAITED};
    world_init(&world, (guint32)(verb * 2 + lost));
    world.before = before;
    world.after = after;
    row->begin(&world);
    world_live(&world, is_over, 0);
    if (world.restore_names[0])
        world_delete(&world, &lull_kind_restore, "rest");
    world_delete(&world, &lull_kind_snapshot, "snap");
    world_live(&world, world_all_gone, 0);
    ck_assert_msg(blow.state == OVER, "%s %d never came about", kind->kind, verb);
    world_check_nothing_left(&world);
    world_clear(&world);
}

START_TEST(test_what_fails_is_done_all_the_same_and_leaves_nothing)
{
    for (int verb = 0; verb < reconcilers[_i].n; verb++) {
        const Row *row = &reconcilers[_i].rows[verb];

        ck_assert_msg(row->how != UNSAID, "%s: how does verb %d fail?", reconcilers[_i].kind->kind, verb);
        for (gint lost = 1; row->how != NEVER && lost <= (row->how == STORE ? 2 : 1); lost++)
            live(reconcilers[_i].kind, row, verb, lost);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world-effects");
    TCase *tcase = tcase_create("world-effects");

    world_use_memory();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_what_fails_is_done_all_the_same_and_leaves_nothing, 0,
                        G_N_ELEMENTS(reconcilers));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
