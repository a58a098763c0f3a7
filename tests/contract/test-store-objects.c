/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "tests/contract/store-contract.h"

/* The contract of store.h: objects and lists. */

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
    ck_assert_ptr_nonnull(strstr(error->message, "spec.failureDeadline: "));
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

START_TEST(what_is_got_to_pass_on_is_what_is_stored)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", ",'annotations':{'says':'\\u00e9 \\\\'}");
    g_autoptr(LullJson) raw = lull_store_get_raw(store, KIND, NS, "snap", NULL);
    g_autoptr(LullJson) read = lull_json_parse(lull_json_to_line(raw), -1, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(lull_json_equal(read, created));
    ck_assert_ptr_null(lull_store_get_raw(store, KIND, NS, "nothing", &error));
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
    ck_assert_ptr_nonnull(strstr(error->message, "spec in immutable after creation"));
}
END_TEST

START_TEST(what_cannot_be_is_told_before_what_cannot_be_changed)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(GError) unknown = NULL;
    g_autoptr(GError) wrong = NULL;

    ck_assert_ptr_null(try_patch("snap", LULL_PATCH_OBJECT, "{'spec':{'failureDedline':'1m'}}", &unknown));
    ck_assert_error(unknown, LULL_ERROR_INVALID);
    ck_assert_msg(strstr(unknown->message, "unknown field") &&
                      strstr(unknown->message, "spec.failureDedline"),
                  "%s", unknown->message);
    ck_assert_ptr_null(try_patch("snap", LULL_PATCH_OBJECT, "{'spec':{'deletionPolicy':'Burn'}}", &wrong));
    ck_assert_msg(strstr(wrong->message, "spec.deletionPolicy: ") != NULL, "%s", wrong->message);
}
END_TEST

START_TEST(what_the_store_sets_cannot_be_patched)
{
    store = factories[_i].open(dir);
    static const char *const ignored[] = {"{'metadata':{'creationTimestamp':'2000-01-01T00:00:00Z'}}",
                                          "{'metadata':{'deletionTimestamp':'2000-01-01T00:00:00Z'}}",
                                          "{'metadata':{'generation':7}}"};
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(GError) error = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(ignored); i++) { /* or refused */
        g_autoptr(GError) refusal = NULL;
        g_autoptr(LullJson) patched = try_patch("snap", LULL_PATCH_OBJECT, ignored[i], &refusal);
        g_autoptr(LullJson) read = get("snap");
        if (!patched)
            ck_assert_error(refusal, LULL_ERROR_INVALID);
        ck_assert(lull_json_equal(created, read));
    }
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

/* One that arrives late finds another state than it was meant for. */
START_TEST(removal_can_be_bound_to_what_was_seen)
{
    store = factories[_i].open(dir);
    g_autoptr(LullJson) created = create("snap", "");
    g_autoptr(LullJson) changed =
        try_patch("snap", LULL_PATCH_OBJECT, "{'metadata':{'labels':{'a':'b'}}}", NULL);
    g_autofree char *before = lull_meta_seen(created);
    g_autofree char *seen = lull_meta_seen(changed);
    g_autoptr(GError) error = NULL;

    ck_assert(!lull_store_remove(store, KIND, NS, "snap", before, &error));
    ck_assert_error(error, LULL_ERROR_CONFLICT);
    ck_assert(exists("snap"));
    ck_assert(lull_store_remove(store, KIND, NS, "snap", seen, NULL));
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

/* Of the whole store: it moves on with what others write. */
static gint64
version_of(LullJson *object)
{
    return g_ascii_strtoll(lull_meta_version(object), NULL, 10);
}

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
    ck_assert_int_ge(version_of(mine), version_of(elsewhere));
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
    const LullListOptions wrong = {.label_selector = "vm in (larry"};
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

START_TEST(pages_go_on_from_one_namespace_to_the_next)
{
    static const char *const pages[] = {"a b", "a c", "a"};
    store = factories[_i].open(dir);
    g_autoptr(LullJson) one = create("a", ",'namespace':'one'");
    g_autoptr(LullJson) two = create("b", ",'namespace':'one'");
    g_autoptr(LullJson) three = create("a", ",'namespace':'three'");
    g_autoptr(LullJson) four = create("c", ",'namespace':'three'");
    g_autoptr(LullJson) five = create("a", ",'namespace':'two'");
    g_autofree char *token = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(pages); i++) {
        const LullListOptions options = {.limit = 2, .continue_token = token};
        g_autoptr(LullJson) page = lull_store_list(store, KIND, NULL, &options, NULL);
        LullJson *metadata = lull_json_object(page, "metadata");
        g_autofree char *names = names_of(page);
        ck_assert_str_eq(names, pages[i]);
        ck_assert_int_eq(lull_json_int(metadata, "remainingItemCount", 0), i < 2 ? 3 - 2 * (int)i : 0);
        g_free(token);
        token = g_strdup(lull_json_string(metadata, "continue", NULL));
    }
    ck_assert_ptr_null(token);
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
        what_is_got_to_pass_on_is_what_is_stored,
        object_patches_leave_the_status_alone,
        status_patches_leave_all_else_alone,
        an_invalid_status_is_refused,
        the_spec_cannot_be_changed,
        what_cannot_be_is_told_before_what_cannot_be_changed,
        what_the_store_sets_cannot_be_patched,
        a_patch_that_changes_nothing_makes_no_version,
        a_stale_version_is_a_conflict,
        removal_can_be_bound_to_one_object,
        removal_can_be_bound_to_what_was_seen,
        finalizers_hold_an_object_until_the_last_is_gone,
        lists_are_by_name_and_by_namespace,
        lists_are_chosen_by_labels_and_name,
        pages_give_every_object_once,
        pages_go_on_from_one_namespace_to_the_next,
    };

    return contract_suite("store-objects", FALSE, tests, G_N_ELEMENTS(tests));
}

LULL_CHECK_MAIN(make_suite)
