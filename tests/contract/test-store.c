/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/local/local.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* The contract of store.h, run against every store: add a factory to run it against another one. */

#define KIND        (&lull_kind_snapshot)
#define NS          "default"
#define LOG_EVENTS  64 /* every factory's store forgets events beyond this */
#define MAX_PENDING 32 /* and cuts a watch off beyond this */
#define DEADLINE_S  30

typedef struct {
    const char *name;
    LullStore *(*open)(const char *dir);
} Factory;

static LullStore *
open_local(const char *dir)
{
    static const LullLocalLimits limits = {.log_events = LOG_EVENTS, .max_pending = MAX_PENDING};
    g_autofree char *path = g_build_filename(dir, "store.db", NULL);
    g_autoptr(GError) error = NULL;
    LullStore *store = lull_store_local_open_with(path, &limits, &error);

    ck_assert_no_error(error);
    return store;
}

/* A set whose machines come from elsewhere; the snapshots' kinds go to the fallback. */
static LullStore *
open_set(const char *dir)
{
    g_autofree char *other = g_build_filename(dir, "other", NULL);
    LullStore *set = lull_store_set_new(open_local(dir));

    ck_assert_int_eq(g_mkdir(other, 0700), 0);
    lull_store_set_add(set, &lull_kind_vm, open_local(other));
    return set;
}

static const Factory factories[] = {{"local", open_local}, {"set", open_set}};

static LullStore *store;
static char *dir;

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

static LullJson *
create(const char *name, const char *more)
{
    g_autoptr(LullJson) object = snapshot_json(name, more);
    g_autoptr(GError) error = NULL;
    LullJson *created = lull_store_create(store, KIND, object, &error);

    ck_assert_no_error(error);
    ck_assert_ptr_nonnull(created);
    return created;
}

static LullJson *
try_patch(const char *name, LullPatchTarget target, const char *text, GError **error)
{
    g_autoptr(LullJson) patch = json(text);

    return lull_store_patch(store, KIND, NS, name, target, patch, error);
}

static LullJson *
patch(const char *name, LullPatchTarget target, const char *text)
{
    g_autoptr(GError) error = NULL;
    LullJson *patched = try_patch(name, target, text, &error);

    ck_assert_no_error(error);
    return patched;
}

static LullJson *
get(const char *name)
{
    g_autoptr(GError) error = NULL;
    LullJson *object = lull_store_get(store, KIND, NS, name, &error);

    ck_assert_no_error(error);
    return object;
}

static gboolean
exists(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = lull_store_get(store, KIND, NS, name, &error);

    if (!object)
        ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    return object != NULL;
}

static LullJson *
list(const LullListOptions *options)
{
    g_autoptr(GError) error = NULL;
    LullJson *result = lull_store_list(store, KIND, NS, options, &error);

    ck_assert_no_error(error);
    return result;
}

static char *
names_of(LullJson *result)
{
    LullJson *items = lull_json_array(result, "items");
    GString *names = g_string_new(NULL);

    for (size_t i = 0; i < json_object_array_length(items); i++)
        g_string_append_printf(names, "%s%s", i ? " " : "",
                               lull_meta_name(json_object_array_get_idx(items, i)));
    return g_string_free(names, FALSE);
}

/* What a watch told: "+name", "~name", "-name", "!code", each with a blank before it. */
typedef struct {
    GString *events;
    guint count;
    char *version; /* of the last object */
    LullWatch *watch;
    guint stop_after; /* 0: never */
} Log;

static void
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

static void
log_start(Log *log, const char *since)
{
    g_autoptr(GError) error = NULL;

    log->events = g_string_new(NULL);
    log->watch = lull_store_watch(store, KIND, NS, since, NULL, log_event, log, &error);
    ck_assert_no_error(error);
}

static void
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

static void
log_wait(Log *log, guint count)
{
    gboolean late = FALSE;
    const guint timer = g_timeout_add_seconds(DEADLINE_S, give_up, &late);

    while (log->count < count && !late)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_msg(!late, "only %u of %u events:%s", log->count, count, log->events->str);
    g_source_remove(timer);
}

/* What is there to deliver is delivered; nothing more comes by itself. */
static void
log_drain(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

START_TEST(a_created_object_has_identity_and_no_status)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) object = json(
        "{'apiVersion':'snapshot.kubevirt.io/v1alpha1','kind':'VirtualMachineSnapshot','metadata':"
        "{'name':'snap','uid':'mine','creationTimestamp':null,'generation':9},'spec':{'source':{'apiGroup':"
        "'kubevirt.io','kind':'VirtualMachine','name':'larry'}},'status':{'phase':'Succeeded'}}");
    g_autoptr(LullJson) created = lull_store_create(store, KIND, object, NULL);
    g_autoptr(LullJson) read = get("snap");

    ck_assert_str_ne(lull_meta_uid(created), "mine");
    ck_assert_ptr_nonnull(lull_meta_version(created));
    ck_assert_int_ne(lull_meta_created(created), 0);
    ck_assert_int_eq(lull_json_int(lull_json_object(created, "metadata"), "generation", 0), 1);
    ck_assert_str_eq(lull_meta_namespace(created), NS);
    ck_assert_str_eq(lull_json_string(created, "apiVersion", ""), "snapshot.kubevirt.io/v1beta1");
    ck_assert_ptr_null(lull_json_at(created, "status", NULL));
    ck_assert(lull_json_equal(created, read));
}
END_TEST

START_TEST(a_second_object_of_the_name_is_refused)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) first = create("snap", "");
    g_autoptr(LullJson) object = snapshot_json("snap", "");
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_store_create(store, KIND, object, &error));
    ck_assert_error(error, LULL_ERROR_EXISTS);
    g_autoptr(LullJson) read = get("snap");
    ck_assert_str_eq(lull_meta_uid(read), lull_meta_uid(first));
}
END_TEST

START_TEST(an_invalid_object_leaves_nothing_behind)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) object = snapshot_json("snap", "");
    g_autoptr(GError) error = NULL;
    lull_json_set_string(lull_json_object(object, "spec"), "failureDeadline", "5 minutes");

    ck_assert_ptr_null(lull_store_create(store, KIND, object, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert(g_str_has_prefix(error->message, "spec.failureDeadline: "));
    ck_assert(!exists("snap"));
}
END_TEST

START_TEST(generated_names_differ)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) object = snapshot_json("x", "");
    LullJson *metadata = lull_json_object(object, "metadata");
    json_object_object_del(metadata, "name");
    lull_json_set_string(metadata, "generateName", "snap-");
    g_autoptr(LullJson) a = lull_store_create(store, KIND, object, NULL);
    g_autoptr(LullJson) b = lull_store_create(store, KIND, object, NULL);

    ck_assert(g_str_has_prefix(lull_meta_name(a), "snap-"));
    ck_assert_uint_eq(strlen(lull_meta_name(a)), strlen("snap-") + 5);
    ck_assert_str_ne(lull_meta_name(a), lull_meta_name(b));
}
END_TEST

START_TEST(what_is_absent_is_not_found)
{
    store = factories[_i].open(dir);
    g_autoptr(GError) error = NULL;

    ck_assert(!exists("nothing"));
    ck_assert_ptr_null(try_patch("nothing", LULL_PATCH_STATUS, "{'status':{}}", &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    g_clear_error(&error);
    ck_assert(!lull_store_remove(store, KIND, NS, "nothing", NULL, &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
}
END_TEST

START_TEST(object_patches_leave_the_status_alone)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(LullJson) with_status = patch("snap", LULL_PATCH_STATUS, "{'status':{'phase':'InProgress'}}");
    g_autoptr(LullJson) patched =
        patch("snap", LULL_PATCH_OBJECT,
              "{'metadata':{'labels':{'a':'b'}},'status':{'phase':'Failed','readyToUse':true}}");

    ck_assert_str_eq(lull_json_string(lull_json_object(patched, "status"), "phase", ""), "InProgress");
    ck_assert_ptr_null(lull_json_at(patched, "status", "readyToUse", NULL));
    ck_assert_str_eq(lull_json_string(lull_json_at(patched, "metadata", "labels", NULL), "a", ""), "b");
    ck_assert_str_ne(lull_meta_version(patched), lull_meta_version(with_status));
}
END_TEST

START_TEST(status_patches_leave_all_else_alone)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(LullJson) patched = patch(
        "snap", LULL_PATCH_STATUS,
        "{'metadata':{'labels':{'a':'b'}},'spec':{'deletionPolicy':'Retain'},'status':{'phase':'Failed'}}");

    ck_assert_ptr_null(lull_json_at(patched, "metadata", "labels", NULL));
    ck_assert_ptr_null(lull_json_at(patched, "spec", "deletionPolicy", NULL));
    ck_assert_str_eq(lull_json_string(lull_json_object(patched, "status"), "phase", ""), "Failed");
}
END_TEST

START_TEST(an_invalid_status_is_refused)
{
    static const char *const wrong[] = {"{'status':{'phase':'Bogus'}}", "{'status':{'unheardOf':1}}",
                                        "{'status':'done'}", "[]"};
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(try_patch("snap", LULL_PATCH_STATUS, wrong[i], &error));
        ck_assert_error(error, LULL_ERROR_INVALID);
    }
    g_autoptr(LullJson) read = get("snap");
    ck_assert(lull_json_equal(created, read));
}
END_TEST

START_TEST(the_spec_cannot_be_changed)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(try_patch("snap", LULL_PATCH_OBJECT, "{'spec':{'deletionPolicy':'Retain'}}", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_str_eq(error->message, "spec: spec in immutable after creation");
}
END_TEST

START_TEST(what_the_store_sets_cannot_be_patched)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(LullJson) patched = patch(
        "snap", LULL_PATCH_OBJECT,
        "{'metadata':{'creationTimestamp':'2000-01-01T00:00:00Z','deletionTimestamp':'2000-01-01T00:00:00Z',"
        "'generation':7}}");
    g_autoptr(GError) error = NULL;

    ck_assert(lull_json_equal(created, patched));
    ck_assert_ptr_null(try_patch("snap", LULL_PATCH_OBJECT, "{'metadata':{'name':'other'}}", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(a_patch_that_changes_nothing_makes_no_version)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", ",'labels':{'a':'b'}");
    Log log = {0};
    log_start(&log, lull_meta_version(created));
    g_autoptr(LullJson) patched =
        patch("snap", LULL_PATCH_OBJECT, "{'metadata':{'labels':{'a':'b'},'finalizers':[]}}");

    ck_assert_str_eq(lull_meta_version(patched), lull_meta_version(created));
    log_drain();
    ck_assert_uint_eq(log.count, 0);
    log_stop(&log);
}
END_TEST

START_TEST(a_stale_version_is_a_conflict)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autofree char *conditional = g_strdup_printf(
        "{'metadata':{'resourceVersion':'%s'},'status':{'readyToUse':true}}", lull_meta_version(created));
    g_autoptr(LullJson) first = patch("snap", LULL_PATCH_STATUS, conditional);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(try_patch("snap", LULL_PATCH_STATUS, conditional, &error));
    ck_assert_error(error, LULL_ERROR_CONFLICT);
    g_clear_error(&error);
    ck_assert_ptr_null(try_patch("snap", LULL_PATCH_OBJECT, conditional, &error));
    ck_assert_error(error, LULL_ERROR_CONFLICT);
}
END_TEST

START_TEST(removal_can_be_bound_to_one_object)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(GError) error = NULL;

    ck_assert(!lull_store_remove(store, KIND, NS, "snap", "another", &error));
    ck_assert_error(error, LULL_ERROR_CONFLICT);
    ck_assert(exists("snap"));
    ck_assert(lull_store_remove(store, KIND, NS, "snap", lull_meta_uid(created), NULL));
    ck_assert(!exists("snap"));
}
END_TEST

START_TEST(finalizers_hold_an_object_until_the_last_is_gone)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", ",'finalizers':['a.org/one','a.org/two']");
    g_autoptr(GError) error = NULL;
    Log log = {0};
    log_start(&log, lull_meta_version(created));

    ck_assert(lull_store_remove(store, KIND, NS, "snap", NULL, NULL));
    ck_assert(lull_store_remove(store, KIND, NS, "snap", NULL, NULL)); /* again: nothing new */
    g_autoptr(LullJson) held = get("snap");
    ck_assert(lull_meta_is_deleting(held));

    ck_assert_ptr_null(try_patch("snap", LULL_PATCH_OBJECT,
                                 "{'metadata':{'finalizers':['a.org/one','a.org/three']}}", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    g_autoptr(LullJson) one = lull_meta_patch_finalizer(held, "a.org/one", FALSE);
    g_autoptr(LullJson) left = lull_store_patch(store, KIND, NS, "snap", LULL_PATCH_OBJECT, one, NULL);
    ck_assert(exists("snap"));
    g_autoptr(LullJson) two = lull_meta_patch_finalizer(left, "a.org/two", FALSE);
    g_autoptr(LullJson) gone = lull_store_patch(store, KIND, NS, "snap", LULL_PATCH_OBJECT, two, NULL);
    ck_assert_ptr_nonnull(gone);
    ck_assert(!exists("snap"));

    log_wait(&log, 3);
    log_drain();
    ck_assert_str_eq(log.events->str, " ~snap ~snap -snap");
    log_stop(&log);
}
END_TEST

START_TEST(lists_are_by_name_and_by_namespace)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) b = create("b", "");
    g_autoptr(LullJson) a = create("a", "");
    g_autoptr(LullJson) elsewhere = create("a", ",'namespace':'other'");
    g_autoptr(LullJson) mine = list(NULL);
    g_autoptr(LullJson) all = lull_store_list(store, KIND, NULL, NULL, NULL);
    g_autoptr(LullJson) none = lull_store_list(store, &lull_kind_restore, NULL, NULL, NULL);
    g_autofree char *names = names_of(mine);
    g_autofree char *all_names = names_of(all);

    ck_assert_str_eq(names, "a b");
    ck_assert_str_eq(all_names, "a b a");
    ck_assert_uint_eq(json_object_array_length(lull_json_array(none, "items")), 0);
    ck_assert_str_eq(lull_meta_version(mine), lull_meta_version(elsewhere));
}
END_TEST

START_TEST(lists_are_chosen_by_labels_and_name)
{
    static const struct {
        const char *labels, *fields, *names;
    } rows[] = {
        {"vm=larry", NULL, "a b"},
        {"vm==larry,tier!=gold", NULL, "b"},
        {"tier", NULL, "a c"},
        {"!tier", NULL, "b d"},
        {"vm!=larry", NULL, "c d"},
        {NULL, "metadata.name=c", "c"},
        {"vm=x", NULL, ""},
        {"", "", "a b c d"},
        {"vm=larry", "metadata.name=b", "b"},
    };
    store = factories[_i].open(dir);
    g_autoptr(LullJson) a = create("a", ",'labels':{'vm':'larry','tier':'gold'}");
    g_autoptr(LullJson) b = create("b", ",'labels':{'vm':'larry'}");
    g_autoptr(LullJson) c = create("c", ",'labels':{'vm':'moe','tier':'gold'}");
    g_autoptr(LullJson) d = create("d", "");

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const LullListOptions options = {.label_selector = rows[i].labels, .field_selector = rows[i].fields};
        g_autoptr(LullJson) found = list(&options);
        g_autofree char *names = names_of(found);
        ck_assert_str_eq(names, rows[i].names);
    }
    const LullListOptions wrong = {.label_selector = "vm in (larry)"};
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(lull_store_list(store, KIND, NS, &wrong, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(pages_give_every_object_once)
{
    store = factories[_i].open(dir);
    for (int i = 0; i < 7; i++) {
        g_autofree char *name = g_strdup_printf("snap-%d", i);
        json_object_put(create(name, i % 2 ? ",'labels':{'odd':'yes'}" : ""));
    }
    g_autoptr(LullJson) first = list(&(LullListOptions){.limit = 3});
    LullJson *metadata = lull_json_object(first, "metadata");
    g_autofree char *names = names_of(first);
    ck_assert_str_eq(names, "snap-0 snap-1 snap-2");
    ck_assert_int_eq(lull_json_int(metadata, "remainingItemCount", -1), 4);

    ck_assert(lull_store_remove(store, KIND, NS, "snap-2", NULL, NULL)); /* the mark itself goes */
    const char *token = lull_json_string(metadata, "continue", NULL);
    g_autoptr(LullJson) rest = list(&(LullListOptions){.limit = 4, .continue_token = token});
    g_autofree char *more = names_of(rest);
    ck_assert_str_eq(more, "snap-3 snap-4 snap-5 snap-6");
    ck_assert_ptr_null(lull_json_at(rest, "metadata", "continue", NULL));
    ck_assert_str_eq(lull_meta_version(rest), lull_meta_version(first));

    g_autoptr(LullJson) odd = list(&(LullListOptions){.limit = 2, .label_selector = "odd=yes"});
    g_autofree char *odd_names = names_of(odd);
    ck_assert_str_eq(odd_names, "snap-1 snap-3");
    token = lull_json_string(lull_json_object(odd, "metadata"), "continue", NULL);
    g_autoptr(LullJson) last =
        list(&(LullListOptions){.limit = 2, .label_selector = "odd=yes", .continue_token = token});
    g_autofree char *last_names = names_of(last);
    ck_assert_str_eq(last_names, "snap-5");
    ck_assert_ptr_null(lull_json_at(last, "metadata", "continue", NULL));
}
END_TEST

START_TEST(a_watch_begins_with_what_there_is)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) a = create("a", "");
    g_autoptr(LullJson) b = create("b", "");
    Log log = {0};
    log_start(&log, NULL);
    g_autoptr(LullJson) c = create("c", "");

    log_wait(&log, 3);
    ck_assert_str_eq(log.events->str, " +a +b +c");
    log_stop(&log);
}
END_TEST

START_TEST(a_watch_goes_on_from_a_version)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) a = create("a", "");
    g_autoptr(LullJson) listed = list(NULL);
    g_autoptr(LullJson) b = create("b", "");
    g_autoptr(LullJson) changed = patch("a", LULL_PATCH_STATUS, "{'status':{'phase':'Failed'}}");
    Log log = {0};
    log_start(&log, lull_meta_version(listed));
    ck_assert(lull_store_remove(store, KIND, NS, "b", NULL, NULL));
    g_autoptr(LullJson) elsewhere = create("x", ",'namespace':'other'");
    g_autoptr(LullJson) c = create("c", "");

    log_wait(&log, 4);
    log_drain();
    ck_assert_str_eq(log.events->str, " +b ~a -b +c");
    ck_assert_str_eq(log.version, lull_meta_version(c));
    log_stop(&log);
}
END_TEST

START_TEST(a_watch_stops_at_once)
{
    store = factories[_i].open(dir);
    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("snap-%d", i);
        json_object_put(create(name, ""));
    }
    Log stopped = {0}, inside = {.stop_after = 2};
    log_start(&stopped, NULL);
    log_start(&inside, NULL);
    g_clear_pointer(&stopped.watch, lull_watch_stop);

    log_wait(&inside, 2);
    json_object_put(create("late", ""));
    log_drain();
    ck_assert_uint_eq(stopped.count, 0);
    ck_assert_str_eq(inside.events->str, " +snap-0 +snap-1");
    log_stop(&stopped);
    log_stop(&inside);
}
END_TEST

START_TEST(a_forgotten_version_is_expired)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(LullJson) second = create("snap-2", "");
    g_autoptr(LullJson) page = list(&(LullListOptions){.limit = 1});
    const char *token = lull_json_string(lull_json_object(page, "metadata"), "continue", NULL);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 2 * LOG_EVENTS; i++) {
        g_autofree char *text = g_strdup_printf("{'status':{'sourceUID':'%d'}}", i);
        json_object_put(patch("snap", LULL_PATCH_STATUS, text));
    }
    ck_assert_ptr_null(
        lull_store_watch(store, KIND, NS, lull_meta_version(created), NULL, log_event, NULL, &error));
    ck_assert_error(error, LULL_ERROR_EXPIRED);
    g_clear_error(&error);
    ck_assert_ptr_null(lull_store_list(store, KIND, NS, &(LullListOptions){.continue_token = token}, &error));
    ck_assert_error(error, LULL_ERROR_EXPIRED);
    g_clear_error(&error);
    ck_assert_ptr_null(lull_store_watch(store, KIND, NS, "nonsense", NULL, log_event, NULL, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(a_lagging_watch_is_told_and_gets_no_more)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    Log log = {0};
    log_start(&log, lull_meta_version(created));

    for (int i = 0; i < 2 * MAX_PENDING; i++) {
        g_autofree char *text = g_strdup_printf("{'status':{'sourceUID':'%d'}}", i);
        json_object_put(patch("snap", LULL_PATCH_STATUS, text));
    }
    log_wait(&log, 1);
    json_object_put(create("later", ""));
    log_drain();
    ck_assert_str_eq(log.events->str, " !410");
    log_stop(&log);
}
END_TEST

/* Writers in threads, one watch on this one. */

#define WRITERS 4
#define ROUNDS  12

static gpointer
write_rounds(gpointer user_data)
{
    const int me = GPOINTER_TO_INT(user_data);
    g_autofree char *name = g_strdup_printf("own-%d", me);
    g_autoptr(LullJson) own = snapshot_json(name, "");

    for (int i = 0; i < ROUNDS; i++) {
        g_autoptr(LullJson) created = lull_store_create(store, KIND, own, NULL);
        gboolean done = FALSE;
        if (!created || !lull_store_remove(store, KIND, NS, name, NULL, NULL))
            return NULL;
        while (!done) { /* read, add one, write unless somebody else did */
            g_autoptr(GError) error = NULL;
            g_autoptr(LullJson) shared = lull_store_get(store, KIND, NS, "shared", NULL);
            const char *count = lull_json_string(lull_json_object(shared, "status"), "sourceUID", "0");
            g_autofree char *text =
                g_strdup_printf("{'metadata':{'resourceVersion':'%s'},'status':{'sourceUID':'%d'}}",
                                lull_meta_version(shared), atoi(count) + 1);
            g_autoptr(LullJson) change = json(text);
            g_autoptr(LullJson) patched =
                lull_store_patch(store, KIND, NS, "shared", LULL_PATCH_STATUS, change, &error);
            done = patched != NULL;
            if (!done && !lull_error_is(error, LULL_ERROR_CONFLICT))
                return NULL;
        }
    }
    return GINT_TO_POINTER(TRUE);
}

START_TEST(threads_lose_no_write_and_no_event)
{
    GThread *threads[WRITERS];
    store = factories[_i].open(dir);
    g_autoptr(LullJson) shared = create("shared", "");
    Log log = {0};
    log_start(&log, lull_meta_version(shared));

    for (int i = 0; i < WRITERS; i++)
        threads[i] = g_thread_new("writer", write_rounds, GINT_TO_POINTER(i));
    log_wait(&log, WRITERS * ROUNDS * 3);
    for (int i = 0; i < WRITERS; i++)
        ck_assert(GPOINTER_TO_INT(g_thread_join(threads[i])));
    log_drain();
    ck_assert_uint_eq(log.count, WRITERS * ROUNDS * 3);

    g_autoptr(LullJson) last = get("shared");
    g_autofree char *expected = g_strdup_printf("%d", WRITERS * ROUNDS);
    ck_assert_str_eq(lull_json_string(lull_json_object(last, "status"), "sourceUID", ""), expected);
    for (int i = 0; i < WRITERS; i++) {
        g_autofree char *added = g_strdup_printf("+own-%d", i);
        g_auto(GStrv) pieces = g_strsplit(log.events->str, added, -1);
        ck_assert_uint_eq(g_strv_length(pieces) - 1, ROUNDS);
    }
    log_stop(&log);
}
END_TEST

START_TEST(objects_outlive_the_store_that_wrote_them)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) a = create("a", "");
    g_autoptr(LullJson) b = create("b", "");
    lull_store_free(store);
    store = open_local(dir);
    g_autoptr(LullJson) read = get("a");
    Log log = {0};

    ck_assert(lull_json_equal(a, read));
    log_start(&log, lull_meta_version(a));
    g_autoptr(LullJson) c = create("c", "");
    ck_assert_str_ne(lull_meta_version(c), lull_meta_version(b));
    log_wait(&log, 2);
    ck_assert_str_eq(log.events->str, " +b +c");
    log_stop(&log);
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        a_created_object_has_identity_and_no_status,
        a_second_object_of_the_name_is_refused,
        an_invalid_object_leaves_nothing_behind,
        generated_names_differ,
        what_is_absent_is_not_found,
        object_patches_leave_the_status_alone,
        status_patches_leave_all_else_alone,
        an_invalid_status_is_refused,
        the_spec_cannot_be_changed,
        what_the_store_sets_cannot_be_patched,
        a_patch_that_changes_nothing_makes_no_version,
        a_stale_version_is_a_conflict,
        removal_can_be_bound_to_one_object,
        finalizers_hold_an_object_until_the_last_is_gone,
        lists_are_by_name_and_by_namespace,
        lists_are_chosen_by_labels_and_name,
        pages_give_every_object_once,
        a_watch_begins_with_what_there_is,
        a_watch_goes_on_from_a_version,
        a_watch_stops_at_once,
        a_forgotten_version_is_expired,
        a_lagging_watch_is_told_and_gets_no_more,
        threads_lose_no_write_and_no_event,
        objects_outlive_the_store_that_wrote_them,
    };
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("contract");

    tcase_set_timeout(tcase, 2 * DEADLINE_S);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_loop_test(tcase, tests[i], 0, (int)G_N_ELEMENTS(factories));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
