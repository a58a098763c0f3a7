/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/loop.h"
#include "coordinator/reconcile/snapshot-effects.h"
#include "coordinator/store/local/local.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static char *dir;
static LullStore *store;
static GMainContext *context;

/* What a pass does is set by the test; what it did is counted. */
typedef struct {
    gint entered; /* atomic; who has the mutex lets none of them go on */
    GMutex mutex;
    guint passes;
    char *last;
    gint conflicts, errors, acts; /* to be told so many times */
    gint64 again_usec;            /* once */
    gboolean begins;              /* between two errors work is begun, which may fail again */
} Passes;

static gboolean
take(gint *n)
{
    return *n > 0 && (*n)-- > 0;
}

static gboolean
pass(gpointer user_data, const char *ns, const char *name, LullPass *ret_pass, GError **error)
{
    Passes *passes = user_data;
    gboolean fine = FALSE;

    g_atomic_int_inc(&passes->entered);
    g_mutex_lock(&passes->mutex);
    passes->passes++;
    g_free(passes->last);
    passes->last = g_strconcat(ns, "/", name, NULL);
    if (passes->begins && passes->passes % 2 == 0) {
        ret_pass->acted = TRUE;
        ret_pass->pending = TRUE;
        fine = TRUE;
    } else if (take(&passes->conflicts)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT, "changed");
    } else if (take(&passes->errors)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "away");
    } else {
        ret_pass->acted = take(&passes->acts);
        ret_pass->again_usec = passes->again_usec;
        passes->again_usec = 0;
        fine = TRUE;
    }
    g_mutex_unlock(&passes->mutex);
    return fine;
}

static guint
count(Passes *passes)
{
    guint n = 0;

    g_mutex_lock(&passes->mutex);
    n = passes->passes;
    g_mutex_unlock(&passes->mutex);
    return n;
}

/* Runs the watches until there were @n passes. */
static void
run_until(Passes *passes, guint n)
{
    const gint64 until = g_get_monotonic_time() + LULL_SEC(20);

    while (count(passes) < n) {
        ck_assert_msg(g_get_monotonic_time() < until, "%u passes of %u", count(passes), n);
        if (!g_main_context_iteration(context, FALSE))
            g_usleep(500);
    }
}

static void
run_until_last(Passes *passes, const char *last)
{
    const gint64 until = g_get_monotonic_time() + LULL_SEC(20);
    gboolean is_last = FALSE;

    while (!is_last) {
        ck_assert_msg(g_get_monotonic_time() < until, "nobody looks at %s", last);
        if (!g_main_context_iteration(context, FALSE))
            g_usleep(500);
        g_mutex_lock(&passes->mutex);
        is_last = g_strcmp0(passes->last, last) == 0;
        g_mutex_unlock(&passes->mutex);
    }
}

#define MAX_PENDING 4

static void
setup(void)
{
    const LullLocalLimits limits = {.max_pending = MAX_PENDING};
    g_autofree char *path = NULL;

    dir = g_dir_make_tmp("lull-loop-XXXXXX", NULL);
    path = g_build_filename(dir, "store.db", NULL);
    store = lull_store_local_open_with(path, &limits, NULL);
    context = g_main_context_new();
    ck_assert_ptr_nonnull(store);
}

static void
teardown(void)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name = NULL;

    g_clear_pointer(&store, lull_store_free);
    g_clear_pointer(&context, g_main_context_unref);
    while ((name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
    g_clear_pointer(&dir, g_free);
}

static void
create(const LullKind *kind, const char *text)
{
    g_autoptr(LullJson) object = json(text);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) created = lull_store_create(store, kind, object, &error);

    ck_assert_no_error(error);
}

static void
create_named(const char *name)
{
    g_autoptr(LullJson) object = snapshot_json(name, ",'namespace':'default'");
    g_autoptr(LullJson) created = lull_store_create(store, &lull_kind_snapshot, object, NULL);

    ck_assert_ptr_nonnull(created);
}

static void
create_snapshot(void)
{
    create_named("snap");
}

/* That of the snapshot, which refers to it; returns its name. */
static char *
create_content(void)
{
    g_autoptr(LullJson) snapshot = lull_store_get(store, &lull_kind_snapshot, "default", "snap", NULL);
    char *name = g_strconcat("vmsnapshot-content-", lull_meta_uid(snapshot), NULL);
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshotContent',"
        "'metadata':{'name':'%s','namespace':'default'},'spec':{'source':{},'volumeBackups':[]}}",
        name);

    create(&lull_kind_content, text);
    return name;
}

static LullLoop *
start(Passes *passes)
{
    const LullReconciler reconciler = {
        "test", &lull_kind_snapshot, {&lull_kind_content}, lull_snapshot_refs, pass, passes};
    LullLoop *loop = lull_loop_new(store, &reconciler);
    g_autoptr(GError) error = NULL;

    ck_assert(lull_loop_start(loop, context, &error));
    return loop;
}

static void
finish(LullLoop *loop, Passes *passes)
{
    lull_loop_free(loop);
    g_free(passes->last);
}

START_TEST(test_looks_at_what_is_there_and_at_what_comes)
{
    Passes passes = {0};
    LullLoop *loop = NULL;

    create_snapshot();
    loop = start(&passes);
    run_until(&passes, 1);
    ck_assert_str_eq(passes.last, "default/snap");
    lull_loop_poke(loop, "default", "other");
    run_until(&passes, 2);
    ck_assert_str_eq(passes.last, "default/other");
    finish(loop, &passes);
}
END_TEST

START_TEST(test_looks_again_when_something_it_depends_on_changes)
{
    Passes passes = {0};
    LullLoop *loop = NULL;
    g_autofree char *name = NULL;

    create_snapshot();
    loop = start(&passes);
    run_until(&passes, 1);
    create(&lull_kind_content,
           "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshotContent',"
           "'metadata':{'name':'stranger','namespace':'default'},'spec':{'source':{},'volumeBackups':[]}}");
    name = create_content();
    run_until(&passes, 2);
    ck_assert_str_eq(passes.last, "default/snap");
    finish(loop, &passes);
}
END_TEST

static GStrv
refs_to_all_contents(LullJson *object)
{
    GStrv refs = g_new0(char *, 2);

    refs[0] = lull_loop_ref(&lull_kind_content, lull_meta_namespace(object), LULL_LOOP_ANY);
    return refs;
}

START_TEST(test_looks_again_when_any_of_a_kind_that_it_depends_on_comes)
{
    Passes passes = {0};
    const LullReconciler reconciler = {
        "test", &lull_kind_snapshot, {&lull_kind_content}, refs_to_all_contents, pass, &passes};
    LullLoop *loop = lull_loop_new(store, &reconciler);
    g_autoptr(GError) error = NULL;

    create_snapshot();
    ck_assert(lull_loop_start(loop, context, &error));
    run_until(&passes, 1);
    create(&lull_kind_content,
           "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshotContent',"
           "'metadata':{'name':'stranger','namespace':'default'},'spec':{'source':{},'volumeBackups':[]}}");
    run_until(&passes, 2);
    ck_assert_str_eq(passes.last, "default/snap");
    finish(loop, &passes);
}
END_TEST

static guint sights;

static const char *
color_of(const LullKind *kind, LullJson *object)
{
    sights++;
    ck_assert_ptr_eq(kind, &lull_kind_content);
    return g_intern_string(
        lull_json_string(lull_json_at(object, "metadata", "labels", NULL), "color", "none"));
}

static void
patch_content(const char *name, const char *text)
{
    g_autoptr(LullJson) patch = json(text);
    g_autoptr(LullJson) patched =
        lull_store_patch(store, &lull_kind_content, "default", name, LULL_PATCH_OBJECT, patch, NULL);

    ck_assert_ptr_nonnull(patched);
}

START_TEST(test_what_changes_without_meaning_anything_is_no_reason_to_look)
{
    Passes passes = {0};
    const LullReconciler reconciler = {
        "test",  &lull_kind_snapshot, {&lull_kind_content}, lull_snapshot_refs, pass,
        &passes, .sight = color_of};
    LullLoop *loop = NULL;
    g_autofree char *name = NULL;

    create_snapshot();
    loop = lull_loop_new(store, &reconciler);
    ck_assert(lull_loop_start(loop, context, NULL));
    run_until(&passes, 1);
    name = create_content();
    run_until(&passes, 2);
    patch_content(name, "{'metadata':{'labels':{'size':'big'}}}");
    while (sights < 2)
        g_main_context_iteration(context, TRUE);
    lull_loop_poke(loop, "default", "other");
    run_until(&passes, 3);
    ck_assert_str_eq(passes.last, "default/other");
    patch_content(name, "{'metadata':{'labels':{'color':'red'}}}");
    run_until(&passes, 4);
    ck_assert_str_eq(passes.last, "default/snap");
    ck_assert(lull_store_remove(store, &lull_kind_content, "default", name, NULL, NULL));
    run_until(&passes, 5);
    ck_assert_uint_eq(count(&passes), 5);
    finish(loop, &passes);
}
END_TEST

/* Of the snapshot "default/snap", with that label. */
static void
create_owned(const char *name, const char *color, const char *owner)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshotContent',"
        "'metadata':{'name':'%s','namespace':'default','labels':{'color':'%s'},'finalizers':['test.dev/"
        "hold'],"
        "'ownerReferences':[{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshot',"
        "'name':'%s','uid':'1','controller':true}]},'spec':{'source':{},'volumeBackups':[]}}",
        name, color, owner);

    create(&lull_kind_content, text);
}

START_TEST(test_what_it_owns_and_is_deleted_is_a_reason_to_look)
{
    Passes passes = {0};
    const LullReconciler reconciler = {.name = "test",
                                       .kind = &lull_kind_snapshot,
                                       .owned = &lull_kind_content,
                                       .refs = lull_snapshot_refs,
                                       .pass = pass,
                                       .user_data = &passes,
                                       .selector = "color=red"};
    LullLoop *loop = lull_loop_new(store, &reconciler);

    create_owned("mine", "red", "snap");
    create_owned("others", "blue", "snap");
    create_owned("nobodys", "red", "../snap");
    ck_assert(lull_loop_start(loop, context, NULL));
    patch_content("mine", "{'metadata':{'annotations':{'of':'no matter'}}}");
    ck_assert(lull_store_remove(store, &lull_kind_content, "default", "others", NULL, NULL));
    ck_assert(lull_store_remove(store, &lull_kind_content, "default", "nobodys", NULL, NULL));
    ck_assert(lull_store_remove(store, &lull_kind_content, "default", "mine", NULL, NULL));
    run_until(&passes, 1);
    ck_assert_str_eq(passes.last, "default/snap");
    patch_content("mine", "{'metadata':{'finalizers':null}}");
    run_until(&passes, 2);
    lull_loop_poke(loop, "default", "other");
    run_until(&passes, 3);
    ck_assert_str_eq(passes.last, "default/other");
    finish(loop, &passes);
}
END_TEST

START_TEST(test_looks_again_after_an_act_a_conflict_an_error_and_a_while)
{
    Passes passes = {.conflicts = 2, .errors = 2, .acts = 2, .again_usec = LULL_MSEC(30)};
    LullLoop *loop = NULL;

    create_snapshot();
    loop = start(&passes);
    run_until(&passes, 7); /* two conflicts, two errors, two acts, the last one's end */
    finish(loop, &passes);

    Passes later = {.again_usec = LULL_MSEC(30)};
    const gint64 begun = g_get_monotonic_time();

    loop = start(&later);
    run_until(&later, 2);
    ck_assert_int_ge(g_get_monotonic_time() - begun, LULL_MSEC(30));
    finish(loop, &later);
}
END_TEST

START_TEST(test_failures_are_counted_on_while_what_was_begun_may_fail_again)
{
    Passes passes = {.begins = TRUE, .errors = 6};
    const gint64 begun = g_get_monotonic_time();
    LullLoop *loop = NULL;

    create_snapshot();
    loop = start(&passes);
    run_until(&passes, 13); /* six errors, each followed by a begin, and one that is fine */
    ck_assert_int_ge(g_get_monotonic_time() - begun,
                     LULL_MSEC(6 * 20 * 3)); /* not the first pause each time */
    finish(loop, &passes);
}
END_TEST

static guint n_gone;

static void
see(LullMetrics *metrics, LullJson *object, gboolean deleted)
{
    n_gone += deleted && g_strcmp0(lull_meta_name(object), "snap") == 0;
}

START_TEST(test_what_went_while_the_watch_lagged_is_seen_to_be_gone)
{
    g_autoptr(LullMetrics) metrics = lull_metrics_new();
    Passes passes = {0};
    const LullReconciler mine = {"test", &lull_kind_snapshot, {NULL}, lull_snapshot_refs, pass, &passes};
    LullLoop *loop = NULL;

    create_snapshot();
    loop = lull_loop_new(store, &mine);
    lull_loop_set_metrics(loop, metrics, see);
    ck_assert(lull_loop_start(loop, context, NULL));
    run_until(&passes, 1);
    n_gone = 0;
    for (guint i = 0; i <= MAX_PENDING; i++) {
        g_autofree char *name = g_strdup_printf("other-%u", i);

        create_named(name);
    }
    ck_assert(lull_store_remove(store, &lull_kind_snapshot, "default", "snap", NULL, NULL));
    run_until(&passes, 1 + MAX_PENDING + 1 + 1); /* the others, and the one that is gone */
    ck_assert_uint_eq(n_gone, 1);
    finish(loop, &passes);
}
END_TEST

START_TEST(test_what_it_depends_on_and_went_while_its_watch_lagged_is_a_reason_to_look)
{
    Passes passes = {0};
    const LullReconciler reconciler = {
        "test",  &lull_kind_snapshot, {&lull_kind_content}, lull_snapshot_refs, pass,
        &passes, .sight = color_of};
    LullLoop *loop = NULL;
    g_autofree char *name = NULL;

    create_snapshot();
    name = create_content();
    loop = lull_loop_new(store, &reconciler);
    ck_assert(lull_loop_start(loop, context, NULL));
    run_until(&passes, 1);
    while (sights < 1)
        g_main_context_iteration(context, TRUE);
    lull_loop_poke(loop, "default", "other");
    run_until_last(&passes, "default/other");
    for (guint i = 0; i <= MAX_PENDING; i++) {
        g_autofree char *patch = g_strdup_printf("{'metadata':{'labels':{'size':'%u'}}}", i);

        patch_content(name, patch);
    }
    ck_assert(lull_store_remove(store, &lull_kind_content, "default", name, NULL, NULL));
    run_until_last(&passes, "default/snap");
    finish(loop, &passes);
}
END_TEST

START_TEST(test_a_stop_waits_for_no_pass_and_no_other_begins)
{
    Passes passes = {0};
    LullLoop *loop = NULL;

    create_snapshot();
    g_mutex_lock(&passes.mutex);
    loop = start(&passes);
    while (g_atomic_int_get(&passes.entered) == 0)
        if (!g_main_context_iteration(context, FALSE))
            g_usleep(500);
    lull_loop_poke(loop, "default", "other");
    lull_loop_stop(loop); /* while that one is under way */
    lull_loop_stop(loop);
    g_mutex_unlock(&passes.mutex);
    finish(loop, &passes);
    ck_assert_uint_eq(passes.passes, 1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_looks_at_what_is_there_and_at_what_comes);
    tcase_add_test(tcase, test_looks_again_when_something_it_depends_on_changes);
    tcase_add_test(tcase, test_looks_again_when_any_of_a_kind_that_it_depends_on_comes);
    tcase_add_test(tcase, test_what_changes_without_meaning_anything_is_no_reason_to_look);
    tcase_add_test(tcase, test_what_it_owns_and_is_deleted_is_a_reason_to_look);
    tcase_add_test(tcase, test_looks_again_after_an_act_a_conflict_an_error_and_a_while);
    tcase_add_test(tcase, test_what_went_while_the_watch_lagged_is_seen_to_be_gone);
    tcase_add_test(tcase, test_what_it_depends_on_and_went_while_its_watch_lagged_is_a_reason_to_look);
    tcase_add_test(tcase, test_failures_are_counted_on_while_what_was_begun_may_fail_again);
    tcase_add_test(tcase, test_a_stop_waits_for_no_pass_and_no_other_begins);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
