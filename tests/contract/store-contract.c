/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/contract/store-contract.h"

#include <glib/gstdio.h>

#include "coordinator/store/local/local.h"
#include "coordinator/store/recent.h"

LullStore *
open_local(const char *directory)
{
    static const LullLocalLimits limits = {.log_events = LOG_EVENTS, .max_pending = MAX_PENDING};
    g_autofree char *path = g_build_filename(directory, "store.db", NULL);
    g_autoptr(GError) error = NULL;
    LullStore *opened = lull_store_local_open_with(path, &limits, &error);

    ck_assert_no_error(error);
    return opened;
}

/* A set whose machines come from elsewhere; the snapshots' kinds go to the fallback. */
static LullStore *
open_set(const char *directory)
{
    g_autofree char *other = g_build_filename(directory, "other", NULL);
    LullStore *set = lull_store_set_new(open_local(directory));

    ck_assert_int_eq(g_mkdir(other, 0700), 0);
    lull_store_set_add(set, &lull_kind_vm, open_local(other));
    return set;
}

static LullStore *
open_recent(const char *directory)
{
    static const LullRecentKind kinds[] = {{"virtualmachinesnapshots", .absence = TRUE}, {NULL}};

    return lull_store_recent_new(open_local(directory), kinds, G_MAXINT64 / 2);
}

static const Factory own_factories[] = {
    {"local", open_local}, {"set", open_set}, {"served", open_served}, {"recent", open_recent}};
static const Factory cluster_factories[] = {{"cluster", open_cluster}};

const Factory *factories;
int n_factories;

LullStore *store;
char *dir;

static void
setup(void)
{
    dir = g_dir_make_tmp("lull-store-XXXXXX", NULL);
    ck_assert_ptr_nonnull(dir);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    const char *name;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        remove_tree(below);
    }
    (void)g_remove(path);
}

static void
teardown(void)
{
    g_clear_pointer(&store, lull_store_free);
    remove_tree(dir);
    g_clear_pointer(&dir, g_free);
}

LullJson *
create(const char *name, const char *more)
{
    g_autoptr(LullJson) object = snapshot_json(name, more);
    g_autoptr(GError) error = NULL;
    LullJson *created = lull_store_create(store, KIND, object, &error);

    ck_assert_no_error(error);
    ck_assert_ptr_nonnull(created);
    return created;
}

LullJson *
try_patch(const char *name, LullPatchTarget target, const char *text, GError **error)
{
    g_autoptr(LullJson) patch = json(text);

    return lull_store_patch(store, KIND, NS, name, target, patch, error);
}

LullJson *
patch(const char *name, LullPatchTarget target, const char *text)
{
    g_autoptr(GError) error = NULL;
    LullJson *patched = try_patch(name, target, text, &error);

    ck_assert_no_error(error);
    return patched;
}

LullJson *
get(const char *name)
{
    g_autoptr(GError) error = NULL;
    LullJson *object = lull_store_get(store, KIND, NS, name, &error);

    ck_assert_no_error(error);
    return object;
}

gboolean
exists(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = lull_store_get(store, KIND, NS, name, &error);

    if (!object)
        ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    return object != NULL;
}

LullJson *
list(const LullListOptions *options)
{
    g_autoptr(GError) error = NULL;
    LullJson *result = lull_store_list(store, KIND, NS, options, &error);

    ck_assert_no_error(error);
    return result;
}

char *
names_of(LullJson *result)
{
    LullJson *items = lull_json_array(result, "items");
    GString *names = g_string_new(NULL);

    for (size_t i = 0; i < json_object_array_length(items); i++)
        g_string_append_printf(names, "%s%s", i ? " " : "",
                               lull_meta_name(json_object_array_get_idx(items, i)));
    return g_string_free(names, FALSE);
}

void
log_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    static const char marks[] = {'+', '~', '-', '=', '!'};
    Log *log = (Log *)user_data;

    log->count++;
    if (type == LULL_WATCH_ERROR)
        g_string_append_printf(log->events, " !%d", (int)lull_json_int(object, "code", 0));
    else
        g_string_append_printf(log->events, " %c%s", marks[type], lull_meta_name(object));
    g_free(log->version);
    log->version = g_strdup(lull_meta_version(object));
    if (log->stop_after && log->count == log->stop_after)
        g_clear_pointer(&log->watch, lull_watch_stop);
}

void
log_start(Log *log, const char *since)
{
    g_autoptr(GError) error = NULL;

    log->events = g_string_new(NULL);
    log->watch = lull_store_watch(store, KIND, NS, since, NULL, log_event, log, &error);
    ck_assert_no_error(error);
}

void
log_stop(Log *log)
{
    g_clear_pointer(&log->watch, lull_watch_stop);
    g_string_free(log->events, TRUE);
    g_free(log->version);
}

static gboolean
give_up(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_REMOVE;
}

void
log_wait(Log *log, guint count)
{
    gboolean late = FALSE;
    const guint timer = g_timeout_add_seconds(DEADLINE_S, give_up, &late);

    while (log->count < count && !late)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_msg(!late, "only %u of %u events:%s", log->count, count, log->events->str);
    g_source_remove(timer);
}

void
log_drain(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void
choose_factories(gboolean own)
{
    const gboolean cluster = !own && g_getenv("LULL_CONTRACT_KUBECONFIG");

    factories = cluster ? cluster_factories : own_factories;
    n_factories = cluster ? G_N_ELEMENTS(cluster_factories) : G_N_ELEMENTS(own_factories);
}

Suite *
contract_suite(const char *name, gboolean own, const TTest *const *tests, gsize n_tests)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create("contract");

    choose_factories(own);
    tcase_set_timeout(tcase, 2 * DEADLINE_S);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (gsize i = 0; i < n_tests; i++)
        tcase_add_loop_test(tcase, tests[i], 0, n_factories);
    suite_add_tcase(suite, tcase);
    return suite;
}
