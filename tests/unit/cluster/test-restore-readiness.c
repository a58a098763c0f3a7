/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-place.h"
#include "coordinator/model/annotation.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/restore-decide.h"
#include "coordinator/reconcile/restore-place.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* What is done before any data are made: for every target, whatever is to be waited for, early and late, with
 * a snapshot and without one. Each step is decided from what there is, done, and decided again. The numbers
 * are the reference's cases. */

#define CREATED "2026-03-01T10:00:00Z"

typedef enum { IS_OFF, RUNS_MANUALLY, RUNS_ALWAYS, IS_NEW, IS_GONE, TARGETS } Target;
typedef enum { GRACE, EVENTUALLY, STOP, FAIL, READINESS } Readiness;

#define CELLS (TARGETS * READINESS * 2 * 2)

typedef struct {
    Target target;
    Readiness readiness;
    gboolean late, cut; /* past the grace period; the snapshot is ready */
} Cell;

static Cell
cell_of(int n)
{
    return (Cell){.target = (Target)(n % TARGETS),
                  .readiness = (Readiness)(n / TARGETS % READINESS),
                  .late = n / TARGETS / READINESS % 2 == 1,
                  .cut = n / TARGETS / READINESS / 2 == 1};
}

static const char *const readiness[] = {"WaitGracePeriod", "WaitEventually", "StopTarget", "FailImmediate"};

typedef struct {
    Cell cell;
    LullJson *restore, *snapshot, *content, *vm;
    gint64 now;
    gboolean was_locked, was_noted;
} World;

static gboolean
runs(const Cell *cell)
{
    return cell->target == RUNS_MANUALLY || cell->target == RUNS_ALWAYS;
}

static LullJson *
make_vm(const Cell *cell)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'kubevirt.io/"
        "v1','kind':'VirtualMachine','metadata':{'name':'larry','namespace':'shop',"
        "'uid':'u-larry'},'spec':{'runStrategy':'%s'},'status':{'printableStatus':'%s'}}",
        cell->target == RUNS_ALWAYS ? "Always" : "Manual", runs(cell) ? "Running" : "Stopped");

    return cell->target == IS_NEW || cell->target == IS_GONE ? NULL : json(text);
}

static void
world_init(World *self, int n)
{
    const Cell cell = cell_of(n);
    gint64 created = 0;
    g_autofree char *restore = g_strdup_printf(
        "{'apiVersion':'snapshot.kubevirt.io/"
        "v1beta1','kind':'VirtualMachineRestore','metadata':{'name':'back',"
        "'namespace':'shop','uid':'u-back','creationTimestamp':'" CREATED "'},'spec':{'target':{'kind':"
        "'VirtualMachine','name':'%s'},'virtualMachineSnapshotName':'snap','targetReadinessPolicy':'%s'}}",
        cell.target == IS_NEW ? "moe" : "larry", readiness[cell.readiness]);
    g_autofree char *snapshot = g_strdup_printf(
        "{'metadata':{'name':'snap','namespace':'shop','uid':'u-snap'},'status':{'readyToUse':%s,"
        "'virtualMachineSnapshotContentName':'c'}}",
        cell.cut ? "true" : "false");

    ck_assert(lull_clock_parse(CREATED, &created));
    *self = (World){.cell = cell, .now = created + LULL_SEC(cell.late ? 301 : 1), .vm = make_vm(&cell)};
    self->restore = json(restore);
    self->snapshot = json(snapshot);
    self->content =
        json("{'metadata':{'name':'c','namespace':'shop','uid':'u-c'},'status':{'readyToUse':true},"
             "'spec':{'source':{'virtualMachine':{'metadata':{'name':'larry','uid':'u-larry'},"
             "'spec':{'template':{'spec':{'volumes':[{'name':'root','persistentVolumeClaim':{"
             "'claimName':'root'}}]}}}}},'volumeBackups':[{'volumeName':'root','volumeSnapshotName':"
             "'vs','persistentVolumeClaim':{'metadata':{'name':'root'}}}]}}");
}

static void
world_clear(World *self)
{
    json_object_put(self->restore);
    json_object_put(self->snapshot);
    json_object_put(self->content);
    json_object_put(self->vm);
}

static LullJson *
copy_of(LullJson *object)
{
    return object ? lull_json_dup(object) : NULL;
}

static LullRestoreView *
look(const World *self)
{
    return lull_restore_view_new(&lull_restore_cluster_rules, copy_of(self->restore), copy_of(self->snapshot),
                                 copy_of(self->content), copy_of(self->vm), &(LullRestoreWorks){0},
                                 self->now);
}

/* FALSE: that is not for a test to do. */
static gboolean
act(World *self, const LullRestoreView *view, LullRestoreVerb verb)
{
    LullJson *meta = lull_json_object(self->restore, "metadata");

    if (verb == LULL_RESTORE_ADD_FINALIZER) {
        lull_json_take(meta, "finalizers", json("['snapshot.kubevirt.io/vmrestore-protection']"));
    } else if (verb == LULL_RESTORE_ADD_OWNER) {
        lull_json_take(meta, "ownerReferences", json("[{'kind':'VirtualMachine','name':'larry'}]"));
    } else if (verb == LULL_RESTORE_WRITE_STATUS) {
        lull_json_take(self->restore, "status", lull_json_dup(view->status));
    } else if (verb == LULL_RESTORE_NOTE_START) {
        lull_json_set_string(lull_json_ensure(meta, "annotations"), LULL_ANNOTATION_START_TARGET, view->note);
        self->was_noted = TRUE;
    } else if (verb == LULL_RESTORE_LOCK) {
        ck_assert(!runs(&self->cell));
        lull_json_set_string(lull_json_object(self->vm, "status"), "restoreInProgress", "back");
        self->was_locked = TRUE;
    } else {
        return FALSE;
    }
    return TRUE;
}

/* The first step that takes its time, or that there is none. */
static LullRestoreStep
live(World *self)
{
    for (guint steps = 0; steps < 12; steps++) {
        g_autoptr(LullRestoreView) view = look(self);
        const LullRestoreStep step = lull_restore_decide(view);

        if (!act(self, view, step.verb))
            return step;
    }
    ck_abort_msg("it does not end");
}

static const char *
failure_of(const World *self)
{
    return lull_condition_reason(self->restore, "Failure");
}

static void
assert_refused(const World *self, LullRestoreVerb verb)
{
    const char *text =
        self->cell.readiness == FAIL
            ? "Restore target VMI must be powered off before restore operation"
            : "Restore target failed to be ready within 5m0s. Please power off the target VM before "
              "attempting restore";

    ck_assert_int_eq(verb, LULL_RESTORE_WAIT);
    ck_assert_pstr_eq(failure_of(self), text);
    ck_assert_str_eq(lull_condition_reason(self->restore, "Ready"), text);
}

/* R4, R26, R27, R28, R30 */
static void
assert_waits(const World *self, LullRestoreStep step)
{
    const Cell *cell = &self->cell;
    const gboolean asks = cell->readiness == STOP && cell->cut;

    ck_assert_ptr_null(lull_json_array(lull_json_object(self->restore, "status"), "restores"));
    if (cell->readiness == FAIL || (cell->readiness == GRACE && cell->late)) {
        assert_refused(self, step.verb);
        return;
    }
    ck_assert_pstr_eq(failure_of(self), NULL);
    ck_assert_int_eq(step.verb, asks ? LULL_RESTORE_SHUT_DOWN : LULL_RESTORE_WAIT);
    ck_assert_int_eq(self->was_noted, asks);
    if (cell->readiness == GRACE) /* by itself */
        ck_assert_int_eq(step.again_at, self->now + LULL_SEC(299));
}

/* R5, R29, R40 */
static void
assert_goes_on(const World *self, LullRestoreVerb verb)
{
    LullJson *plan = lull_json_array(lull_json_object(self->restore, "status"), "restores");

    ck_assert_pstr_eq(failure_of(self), NULL);
    ck_assert_int_eq(verb, self->cell.cut ? LULL_RESTORE_START_DATA : LULL_RESTORE_WAIT);
    ck_assert_int_eq(plan != NULL, self->cell.cut);
    ck_assert_int_eq(self->was_locked, self->cell.cut && self->vm != NULL);
}

START_TEST(r4_r5_r26_r27_r28_r29_r30_whatever_the_target_does_it_is_written_to_when_it_is_off)
{
    World world;
    LullRestoreStep step;

    world_init(&world, _i);
    step = live(&world);
    if (runs(&world.cell))
        assert_waits(&world, step);
    else
        assert_goes_on(&world, step.verb);
    /* one that fails at once belongs to nobody: it does not go before somebody has read why */
    ck_assert_int_eq(lull_json_array(lull_json_object(world.restore, "metadata"), "ownerReferences") != NULL,
                     world.vm != NULL && !failure_of(&world));
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-readiness");
    TCase *tests = tcase_create("restore-readiness");

    tcase_add_loop_test(
        tests, r4_r5_r26_r27_r28_r29_r30_whatever_the_target_does_it_is_written_to_when_it_is_off, 0, CELLS);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
