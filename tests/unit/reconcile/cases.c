/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/reconcile/cases.h"

#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/objects.h"

#define MAX_STEPS 20
#define SOON      5000 /* looks at a content, a millisecond apart */

LullSnapshotView *
cases_view(World *world, int later)
{
    g_autoptr(GError) error = NULL;
    LullSnapshotView *view = lull_snapshot_view_gather(&world->flaky.store, world->snapshots.source, NS, SNAP,
                                                       lull_clock_realtime() + LULL_SEC(later), &error);

    ck_assert_no_error(error);
    return view;
}

static LullSnapshotStep
decide(World *world)
{
    g_autoptr(LullSnapshotView) view = cases_view(world, 0);

    return lull_snapshot_decide(view);
}

static void
pass(World *world)
{
    g_autoptr(GError) error = NULL;
    LullPass ret = {0};

    ck_assert(lull_snapshot_pass(&world->snapshots, NS, SNAP, &ret, &error));
    ck_assert_no_error(error);
}

void
cases_step(World *world, LullSnapshotVerb verb, const char *reason)
{
    const LullSnapshotStep step = decide(world);

    ck_assert_str_eq(lull_snapshot_verb_to_string(step.verb), lull_snapshot_verb_to_string(verb));
    ck_assert_str_eq(step.reason, reason);
    pass(world);
}

void
cases_until_wait(World *world, const char *reason)
{
    LullSnapshotStep step = decide(world);

    for (guint i = 0; i < MAX_STEPS && step.verb != LULL_SNAPSHOT_WAIT; i++) {
        pass(world);
        step = decide(world);
    }
    ck_assert_str_eq(lull_snapshot_verb_to_string(step.verb), "wait");
    ck_assert_str_eq(step.reason, reason);
}

void
cases_until_content(World *world)
{
    cases_until_wait(world, "ContentAtWork");
}

static gboolean
is_settled(LullJson *content)
{
    static const char *const ends[] = {"sealed", "given-up", "refused", "broken", NULL};
    const char *text = lull_meta_annotation(content, "lull.dev/attempt");
    g_autoptr(LullJson) state = text ? lull_json_parse(text, -1, NULL) : NULL;

    return g_strv_contains(ends, lull_json_string(state, "stage", ""));
}

static gboolean
has_erred(LullJson *content)
{
    return lull_json_at(content, "status", "error", NULL) != NULL;
}

/* Until @is_over of it; @idle: and it wants to do nothing more. */
static void
content_lives(World *world, gboolean (*is_over)(LullJson *content), gboolean idle)
{
    for (guint i = 0; i < SOON; i++) {
        g_autoptr(LullJson) content = world_content(world);
        g_autoptr(GError) error = NULL;
        LullPass ret = {0};

        if (!content || (!idle && is_over(content)))
            return;
        (void)lull_content_pass(&world->contents, NS, lull_meta_name(content), &ret, &error);
        ck_assert_no_error(error);
        if (!ret.acted && is_over(content))
            return;
        if (!ret.acted)
            g_usleep(1000);
    }
    ck_abort_msg("the content goes on: %s", fake_story());
}

void
cases_content_settles(World *world)
{
    content_lives(world, is_settled, TRUE);
}

void
cases_content_errs(World *world)
{
    content_lives(world, has_erred, FALSE);
}

LullJson *
cases_taken(World *world, const char *annotations)
{
    world_take(world, SNAP, annotations, ",'failureDeadline':0");
    cases_until_content(world);
    cases_content_settles(world);
    cases_until_wait(world, "Final");
    return world_get(world, &lull_kind_snapshot, SNAP);
}

void
cases_condition(LullJson *object, const char *type, gboolean status, const char *reason)
{
    ck_assert_msg(lull_condition_is(object, type, status), "%s: %s", type, lull_json_to_line(object));
    ck_assert_str_eq(lull_condition_reason(object, type), reason);
}

const char *
cases_phase(LullJson *object)
{
    return lull_json_string(lull_json_object(object, "status"), "phase", "");
}

void
cases_list(LullJson *status, const char *member, const char *expected)
{
    g_autoptr(LullJson) wanted = json(expected);
    LullJson *list = lull_json_array(status, member);

    ck_assert_msg(list != NULL, "no %s in %s", member, lull_json_to_line(status));
    ck_assert_str_eq(lull_json_to_line(list), lull_json_to_line(wanted));
}
