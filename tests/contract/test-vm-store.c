/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The domains as a store, over libvirt's own mock driver: a host of one domain called "test", in this
 * process. */

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>

#include "coordinator/guest/host-private.h"
#include "coordinator/guest/host.h"
#include "coordinator/guest/link.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define URI  "test:///default"
#define MARK "https://lull.dev/restored/1"

static char *directory;
static LullStore *locks;
static LullHost *host;
static LullStore *store;

/* In libvirt's place, in this program: a domain whose metadata nobody can remove while @hangs, as where
 * somebody else has a job on it. */
static GMutex gate;
static GCond moved;
static gboolean hangs;
static guint waiting;
static guint done;

int
virDomainSetMetadata(virDomainPtr domain, int type, const char *metadata, const char *key, const char *uri,
                     unsigned int flags)
{
    int (*set)(virDomainPtr, int, const char *, const char *, const char *, unsigned int) =
        (int (*)(virDomainPtr, int, const char *, const char *, const char *, unsigned int))dlsym(
            RTLD_NEXT, "virDomainSetMetadata");
    int result;

    g_mutex_lock(&gate);
    waiting++;
    g_cond_broadcast(&moved);
    while (hangs && !metadata)
        g_cond_wait(&moved, &gate);
    waiting--;
    g_mutex_unlock(&gate);
    result = set(domain, type, metadata, key, uri, flags);
    g_mutex_lock(&gate);
    done++;
    g_cond_broadcast(&moved);
    g_mutex_unlock(&gate);
    return result;
}

static void
set_hangs(gboolean value)
{
    g_mutex_lock(&gate);
    hangs = value;
    g_cond_broadcast(&moved);
    g_mutex_unlock(&gate);
}

static void
wait_for_count(const guint *count, guint wanted)
{
    const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    g_mutex_lock(&gate);
    while (*count < wanted)
        ck_assert(g_cond_wait_until(&moved, &gate, end));
    g_mutex_unlock(&gate);
}

static void
set_up(void)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;

    directory = g_dir_make_tmp("vm-store-XXXXXX", NULL);
    path = g_build_filename(directory, "locks.db", NULL);
    locks = lull_store_local_open(path, &error);
    ck_assert_msg(locks != NULL, "%s", error ? error->message : "");
    host = lull_host_open(URI, &error);
    ck_assert_msg(host != NULL, "%s", error ? error->message : "");
    store = lull_host_vm_store(host, locks);
}

static void
tear_down(void)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    lull_store_free(store);
    lull_host_free(host);
    lull_store_free(locks);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(directory);
    g_free(directory);
}

static LullJson *
get(void)
{
    g_autoptr(GError) error = NULL;
    LullJson *object = lull_store_get(store, &lull_kind_vm, "default", "test", &error);

    ck_assert_msg(object != NULL, "%s", error ? error->message : "");
    return object;
}

static LullJson *
patch(const char *text, GError **error)
{
    g_autoptr(LullJson) document = lull_json_parse(text, -1, NULL);

    return lull_store_patch(store, &lull_kind_vm, "default", "test", LULL_PATCH_STATUS, document, error);
}

static const char *
lock_of(LullJson *object)
{
    return lull_json_string(lull_json_object(object, "status"), "snapshotInProgress", NULL);
}

START_TEST(the_domain_is_there)
{
    g_autoptr(LullJson) object = get();
    g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_vm, NULL, NULL, NULL);

    ck_assert_str_eq(lull_meta_name(object), "test");
    ck_assert_str_eq(lull_meta_namespace(object), "default");
    ck_assert_ptr_nonnull(lull_meta_version(object));
    ck_assert_uint_eq(json_object_array_length(lull_json_array(list, "items")), 1);
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
    g_autoptr(GError) name = NULL;
    g_autoptr(GError) place = NULL;

    ck_assert_ptr_null(lull_store_get(store, &lull_kind_vm, "default", "nobody", &name));
    ck_assert(lull_error_is(name, LULL_ERROR_NOT_FOUND));
    ck_assert_ptr_null(lull_store_get(store, &lull_kind_vm, "elsewhere", "test", &place));
    ck_assert(lull_error_is(place, LULL_ERROR_NOT_FOUND));
}
END_TEST

START_TEST(selectors_select)
{
    const LullListOptions by_name = {.field_selector = "metadata.name=test"};
    const LullListOptions by_other = {.field_selector = "metadata.name=nobody"};
    const LullListOptions by_label = {.label_selector = "a=b"};
    g_autoptr(LullJson) one = lull_store_list(store, &lull_kind_vm, "default", &by_name, NULL);
    g_autoptr(LullJson) none = lull_store_list(store, &lull_kind_vm, "default", &by_other, NULL);
    g_autoptr(LullJson) unlabelled = lull_store_list(store, &lull_kind_vm, "default", &by_label, NULL);

    ck_assert_uint_eq(json_object_array_length(lull_json_array(one, "items")), 1);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(none, "items")), 0);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(unlabelled, "items")), 0);
}
END_TEST

START_TEST(a_lock_is_set_and_let_go)
{
    g_autoptr(LullJson) before = get();
    g_autoptr(LullJson) set = patch("{\"status\":{\"snapshotInProgress\":\"first\"}}", NULL);
    g_autoptr(LullJson) again = patch("{\"status\":{\"snapshotInProgress\":\"first\"}}", NULL);
    g_autoptr(LullJson) gone = patch("{\"status\":{\"snapshotInProgress\":null}}", NULL);

    ck_assert_ptr_null(lock_of(before));
    ck_assert_str_eq(lock_of(set), "first");
    ck_assert_str_ne(lull_meta_version(set), lull_meta_version(before));
    ck_assert_str_eq(lull_meta_version(again), lull_meta_version(set));
    ck_assert_ptr_null(lock_of(gone));
}
END_TEST

START_TEST(a_lock_outlives_the_process)
{
    g_autoptr(LullJson) set = patch("{\"status\":{\"snapshotInProgress\":\"first\"}}", NULL);
    g_autoptr(LullJson) after = NULL;

    ck_assert_ptr_nonnull(set);
    lull_store_free(store);
    store = lull_host_vm_store(host, locks);
    after = get();
    ck_assert_str_eq(lock_of(after), "first");
}
END_TEST

START_TEST(a_stale_version_is_a_conflict)
{
    g_autoptr(LullJson) before = get();
    g_autoptr(LullJson) set = patch("{\"status\":{\"snapshotInProgress\":\"first\"}}", NULL);
    g_autofree char *stale = g_strdup_printf(
        "{\"metadata\":{\"resourceVersion\":\"%s\"},\"status\":{\"snapshotInProgress\":\"second\"}}",
        lull_meta_version(before));
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) after = NULL;

    ck_assert_ptr_nonnull(set);
    ck_assert_ptr_null(patch(stale, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_CONFLICT));
    after = get();
    ck_assert_str_eq(lock_of(after), "first");
}
END_TEST

static const char *const denied[] = {
    "{\"status\":{\"printableStatus\":\"Stopped\"}}",
    "{\"status\":{\"snapshotInProgress\":7}}",
    "{\"spec\":{},\"status\":{\"snapshotInProgress\":\"x\"}}",
    "{\"metadata\":{}}",
};

START_TEST(nothing_else_can_be_written)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(patch(denied[_i], &error));
    ck_assert(lull_error_is(error, LULL_ERROR_DENIED));
}
END_TEST

START_TEST(domains_are_not_made_or_removed_here)
{
    g_autoptr(LullJson) object = get();
    g_autoptr(GError) create = NULL;
    g_autoptr(GError) removal = NULL;
    g_autoptr(GError) change = NULL;

    ck_assert_ptr_null(lull_store_create(store, &lull_kind_vm, object, &create));
    ck_assert(lull_error_is(create, LULL_ERROR_DENIED));
    ck_assert(!lull_store_remove(store, &lull_kind_vm, "default", "test", NULL, &removal));
    ck_assert(lull_error_is(removal, LULL_ERROR_DENIED));
    ck_assert_ptr_null(
        lull_store_patch(store, &lull_kind_vm, "default", "test", LULL_PATCH_OBJECT, object, &change));
    ck_assert(lull_error_is(change, LULL_ERROR_DENIED));
}
END_TEST

typedef struct {
    GString *events; /* "ADDED:<lock or state> " */
    char *version;
} Seen;

static void
on_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    Seen *seen = user_data;
    const char *lock = lock_of(object);
    const char *state = lull_json_string(lull_json_object(object, "status"), "printableStatus", "");

    g_string_append_printf(seen->events, "%s:%s ", names[type], lock ? lock : state);
    g_free(seen->version);
    seen->version = g_strdup(lull_meta_version(object));
}

static gboolean
on_late(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_CONTINUE;
}

static void
assert_seen(Seen *seen, GMainContext *context, const char *wanted)
{
    g_autoptr(GSource) timer = g_timeout_source_new_seconds(20);
    gboolean late = FALSE;

    g_source_set_callback(timer, on_late, &late, NULL);
    g_source_attach(timer, context);
    while (!g_str_equal(seen->events->str, wanted) && !late)
        g_main_context_iteration(context, TRUE);
    g_source_destroy(timer);
    ck_assert_str_eq(seen->events->str, wanted);
}

START_TEST(a_watch_tells_what_is_and_what_changes)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    Seen seen = {g_string_new(NULL)};
    LullWatch *watch = lull_store_watch(store, &lull_kind_vm, NULL, NULL, context, on_event, &seen, NULL);
    virConnectPtr other = virConnectOpen(URI);
    virDomainPtr domain = virDomainLookupByName(other, "test");

    assert_seen(&seen, context, "ADDED:Running ");
    json_object_put(patch("{\"status\":{\"snapshotInProgress\":\"first\"}}", NULL));
    json_object_put(patch("{\"status\":{\"snapshotInProgress\":null}}", NULL));
    assert_seen(&seen, context, "ADDED:Running MODIFIED:first MODIFIED:Running ");
    ck_assert_int_eq(virDomainDestroy(domain), 0);
    assert_seen(&seen, context, "ADDED:Running MODIFIED:first MODIFIED:Running MODIFIED:Stopped ");
    lull_watch_stop(watch);
    virDomainFree(domain);
    virConnectClose(other);
    g_string_free(seen.events, TRUE);
    g_free(seen.version);
}
END_TEST

static void
wait_for_state(const char *wanted)
{
    for (guint i = 0; i < 2000; i++) {
        g_autoptr(LullJson) object = get();

        if (g_str_equal(lull_json_string(lull_json_object(object, "status"), "printableStatus", ""), wanted))
            return;
        g_usleep(10 * 1000);
    }
    ck_abort_msg("the domain is not %s", wanted);
}

static gboolean
is_marked(virDomainPtr domain)
{
    char *mark = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, MARK, VIR_DOMAIN_AFFECT_CONFIG);
    const gboolean found = mark != NULL;

    free(mark);
    return found;
}

static void
wait_until_it_is_unmarked(virDomainPtr domain)
{
    for (guint i = 0; i < 2000 && is_marked(domain); i++)
        g_usleep(10 * 1000);
    ck_assert(!is_marked(domain));
}

START_TEST(the_mark_of_a_restore_goes_when_it_runs_and_nobody_waits_for_that)
{
    virConnectPtr other = virConnectOpen(URI);
    virDomainPtr domain = virDomainLookupByName(other, "test");

    set_hangs(TRUE);
    ck_assert_int_eq(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "<restored/>", "lull", MARK,
                                          VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG),
                     0);
    wait_for_count(&waiting, 1);
    ck_assert_int_eq(virDomainDestroy(domain), 0);
    wait_for_state("Stopped");
    /* its disks may be those of another restore by now */
    set_hangs(FALSE);
    wait_for_count(&done, 2);
    ck_assert(is_marked(domain));
    ck_assert_int_eq(virDomainCreate(domain), 0);
    wait_until_it_is_unmarked(domain);
    virDomainFree(domain);
    virConnectClose(other);
}
END_TEST

START_TEST(a_watch_goes_on_where_another_ended)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(LullJson) before = get();
    Seen seen = {g_string_new(NULL)};
    LullWatch *watch;

    json_object_put(patch("{\"status\":{\"snapshotInProgress\":\"first\"}}", NULL));
    watch = lull_store_watch(store, &lull_kind_vm, NULL, lull_meta_version(before), context, on_event, &seen,
                             NULL);
    assert_seen(&seen, context, "MODIFIED:first ");
    lull_watch_stop(watch);
    g_string_free(seen.events, TRUE);
    g_free(seen.version);
}
END_TEST

START_TEST(a_watch_from_before_is_expired)
{
    static const char *const versions[] = {"1", "99999999999999999", "x", "-1"};

    for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(
            lull_store_watch(store, &lull_kind_vm, NULL, versions[i], NULL, on_event, NULL, &error));
        ck_assert(lull_error_is(error, LULL_ERROR_EXPIRED));
    }
}
END_TEST

START_TEST(a_machine_is_found_by_name_and_by_uid)
{
    g_autoptr(LullVm) by_name = lull_host_find_vm(host, "test", NULL);
    g_autoptr(LullVm) by_uid = by_name ? lull_host_find_vm_by_uid(host, by_name->uid, NULL) : NULL;
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_nonnull(by_uid);
    ck_assert_str_eq(by_uid->name, "test");
    ck_assert_ptr_null(lull_host_find_vm(host, "nobody", &error));
    ck_assert(lull_error_is(error, LULL_ERROR_NOT_FOUND));
}
END_TEST

START_TEST(connections_that_wait_for_use_can_be_closed)
{
    virConnectPtr idle;

    lull_link_return(lull_link_borrow(host, NULL));
    idle = lull_host_take_idle(host);
    ck_assert_ptr_nonnull(idle);
    ck_assert(lull_host_give_idle(host, idle, 1));

    lull_host_close_idle(host);

    ck_assert_ptr_null(lull_host_take_idle(host));
    g_autoptr(LullVm) found = lull_host_find_vm(host, "test", NULL);
    ck_assert_ptr_nonnull(found);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("contract/vm-store");
    TCase *cases = tcase_create("vm-store");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, the_domain_is_there);
    tcase_add_test(cases, what_is_not_there_is_not_found);
    tcase_add_test(cases, selectors_select);
    tcase_add_test(cases, a_lock_is_set_and_let_go);
    tcase_add_test(cases, a_lock_outlives_the_process);
    tcase_add_test(cases, a_stale_version_is_a_conflict);
    tcase_add_loop_test(cases, nothing_else_can_be_written, 0, G_N_ELEMENTS(denied));
    tcase_add_test(cases, domains_are_not_made_or_removed_here);
    tcase_add_test(cases, a_watch_tells_what_is_and_what_changes);
    tcase_add_test(cases, the_mark_of_a_restore_goes_when_it_runs_and_nobody_waits_for_that);
    tcase_add_test(cases, a_watch_goes_on_where_another_ended);
    tcase_add_test(cases, a_watch_from_before_is_expired);
    tcase_add_test(cases, a_machine_is_found_by_name_and_by_uid);
    tcase_add_test(cases, connections_that_wait_for_use_can_be_closed);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
