/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>

#include "coordinator/cluster/machine-revisions.h"
#include "coordinator/cluster/machine-source.h"
#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define SPEC                                                                       \
    "{'instancetype':{'name':'medium','kind':'VirtualMachineClusterInstancetype'," \
    "'revisionName':'larry-medium-1'},'preference':{'name':'debian'}}"
#define STATUS                                                                                \
    "{'instancetypeRef':{'name':'medium','controllerRevisionRef':{'name':'larry-medium-2'}}," \
    "'preferenceRef':{'name':'debian','controllerRevisionRef':{'name':'larry-debian-1'}}}"

static char *directory;
static LullStore *store;
static LullJson *snapshot, *vm, *spec;

static void
create(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = json(text);
    g_autoptr(LullJson) created = lull_store_create(store, &lull_kind_revision, object, &error);

    ck_assert_no_error(error);
}

/* @more: of its metadata, with a comma before it. */
static void
create_revision(const char *name, const char *data, const char *more)
{
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'apps/v1','kind':'ControllerRevision','metadata':{'name':'%s',"
                        "'namespace':'shop','labels':{'of':'medium'}%s},'data':{'cpu':%s},'revision':3}",
                        name, more, data);

    create(text);
}

static void
setup(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    directory = g_dir_make_tmp("lull-revisions-XXXXXX", NULL);
    path = g_build_filename(directory, "store.db", NULL);
    store = lull_store_local_open(path, &error);
    ck_assert_no_error(error);
    snapshot = snapshot_json("nightly", ",'namespace':'shop','uid':'s-1'");
    vm = json("{'metadata':{'name':'larry','namespace':'shop'},'spec':" SPEC ",'status':" STATUS "}");
    spec = lull_json_dup(lull_json_object(vm, "spec"));
    create_revision("larry-medium-1", "1", "");
    create_revision("larry-debian-1", "7", "");
}

static void
teardown(void)
{
    g_autoptr(GDir) entries = g_dir_open(directory, 0, NULL);
    const char *name = NULL;

    lull_store_free(store);
    while ((name = g_dir_read_name(entries))) {
        g_autofree char *file = g_build_filename(directory, name, NULL);

        g_unlink(file);
    }
    g_rmdir(directory);
    g_free(directory);
    json_object_put(snapshot);
    json_object_put(vm);
    json_object_put(spec);
}

static void
keep(void)
{
    g_autoptr(GError) error = NULL;

    ck_assert_msg(lull_machine_keep_revisions(store, snapshot, vm, spec, &error), "%s",
                  error ? error->message : "");
}

static const char *
kept(const char *member)
{
    return lull_json_string(lull_json_object(spec, member), "revisionName", "");
}

static LullJson *
read_revision(const char *name)
{
    g_autoptr(GError) error = NULL;
    LullJson *revision = lull_store_get(store, &lull_kind_revision, "shop", name, &error);

    ck_assert_no_error(error);
    return revision;
}

/* Of the type that the spec names, and of the preference that only the status does: that, too, is needed
 * where the machine is gone. */
START_TEST(s52_revisions_are_copied_for_the_snapshot_and_named_in_the_spec)
{
    g_autoptr(LullJson) copy = NULL;
    g_autoptr(LullJson) original = NULL;
    LullJson *owner = NULL;

    keep();
    ck_assert_str_eq(kept("instancetype"), "nightly-medium-1");
    ck_assert_str_eq(kept("preference"), "nightly-debian-1");
    copy = read_revision("nightly-medium-1");
    original = read_revision("larry-medium-1");
    ck_assert(json_object_equal(lull_json_object(copy, "data"), lull_json_object(original, "data")));
    ck_assert_int_eq(lull_json_int(copy, "revision", 0), 3);
    ck_assert_str_eq(lull_json_string(lull_json_at(copy, "metadata", "labels", NULL), "of", ""), "medium");
    owner =
        json_object_array_get_idx(lull_json_array(lull_json_object(copy, "metadata"), "ownerReferences"), 0);
    ck_assert_str_eq(lull_json_string(owner, "uid", ""), "s-1");
    ck_assert_str_eq(lull_json_string(owner, "kind", ""), "VirtualMachineSnapshot");
}
END_TEST

START_TEST(a_copy_that_is_there_already_is_taken)
{
    keep();
    json_object_put(spec);
    spec = lull_json_dup(lull_json_object(vm, "spec"));
    keep();
    ck_assert_str_eq(kept("instancetype"), "nightly-medium-1");
}
END_TEST

/* Of an earlier snapshot of that name, say, or somebody's who wants another type to come back. */
static const struct {
    const char *data, *more;
} strangers[] = {
    {"1", ""},
    {"1",
     ",'ownerReferences':[{'apiVersion':'v1','kind':'X','name':'nightly','uid':'s-0','controller':true}]"},
    {"64",
     ",'ownerReferences':[{'apiVersion':'v1','kind':'X','name':'nightly','uid':'s-1','controller':true}]"},
};

START_TEST(what_has_the_name_of_a_copy_and_is_none_is_not_taken_for_one)
{
    create_revision("nightly-medium-1", strangers[_i].data, strangers[_i].more);
    keep();
    ck_assert_str_eq(kept("instancetype"), "vmsnapshot-s-1-instancetype");
    ck_assert_str_eq(kept("preference"), "nightly-debian-1");
}
END_TEST

START_TEST(what_is_in_the_way_of_both_names_is_told)
{
    g_autoptr(GError) error = NULL;

    create_revision("nightly-medium-1", "1", "");
    create_revision("vmsnapshot-s-1-instancetype", "1", "");
    ck_assert(!lull_machine_keep_revisions(store, snapshot, vm, spec, &error));
    ck_assert_error(error, LULL_ERROR_EXISTS);
    ck_assert_ptr_nonnull(strstr(error->message, "vmsnapshot-s-1-instancetype"));
}
END_TEST

static const struct {
    const char *revision, *vm, *snapshot, *name;
} names[] = {
    {"larry-medium-1", "larry", "nightly", "nightly-medium-1"},
    {"shop-larry-larry", "larry", "nightly", "shop-nightly-larry"}, /* the first one */
    {"medium-1", "larry", "nightly", "nightly-medium-1"},           /* none: still one of its own */
    {"larry", "larry", "a.b", "a.b"},
};

START_TEST(a_copy_is_called_after_the_snapshot)
{
    g_autofree char *name = lull_machine_revision_name(names[_i].revision, names[_i].vm, names[_i].snapshot);

    ck_assert_str_eq(name, names[_i].name);
}
END_TEST

START_TEST(a_name_that_would_be_too_long_is_not_tried)
{
    g_autofree char *name = g_strnfill(250, 'n');
    g_autofree char *more = g_strdup(",'namespace':'shop','uid':'s-1'");

    json_object_put(snapshot);
    snapshot = snapshot_json(name, more);
    keep();
    ck_assert_str_eq(kept("instancetype"), "vmsnapshot-s-1-instancetype");
}
END_TEST

static const struct {
    const char *spec, *status, *name;
} named[] = {
    {"{}", "{}", NULL},
    {"{}", STATUS, NULL}, /* it has none any more */
    {"{'instancetype':{'name':'medium'}}", "{}", NULL},
    {"{'instancetype':{'name':'medium'}}", STATUS, "larry-medium-2"},
    {"{'instancetype':{'name':'large'}}", STATUS, NULL}, /* edited since */
    {"{'instancetype':{'name':'medium','revisionName':''}}", STATUS, "larry-medium-2"},
    {"{'instancetype':{'name':'large','revisionName':'x'}}", STATUS, "x"},
    {"{'instancetype':'medium'}", "{'instancetypeRef':[]}", NULL},
};

START_TEST(the_revision_is_what_the_spec_or_else_the_status_says)
{
    g_autofree char *text = g_strdup_printf("{'spec':%s,'status':%s}", named[_i].spec, named[_i].status);
    g_autoptr(LullJson) machine = json(text);

    ck_assert_pstr_eq(lull_machine_revision(machine, lull_json_object(machine, "spec"), "instancetype"),
                      named[_i].name);
}
END_TEST

START_TEST(one_that_is_missing_is_told_before_anything_is_locked)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *problem = NULL;

    ck_assert(lull_machine_look_for_revisions(store, vm, &problem, &error));
    ck_assert_ptr_null(problem);
    ck_assert(lull_store_remove(store, &lull_kind_revision, "shop", "larry-debian-1", NULL, &error));
    ck_assert(lull_machine_look_for_revisions(store, vm, &problem, &error));
    ck_assert_pstr_eq(problem, "source shop/larry revision of its preference doesnt exist: larry-debian-1");
    ck_assert(!lull_machine_keep_revisions(store, snapshot, vm, spec, &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("machine-revisions");
    TCase *tcase = tcase_create("machine-revisions");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, s52_revisions_are_copied_for_the_snapshot_and_named_in_the_spec);
    tcase_add_test(tcase, a_copy_that_is_there_already_is_taken);
    tcase_add_loop_test(tcase, what_has_the_name_of_a_copy_and_is_none_is_not_taken_for_one, 0,
                        G_N_ELEMENTS(strangers));
    tcase_add_test(tcase, what_is_in_the_way_of_both_names_is_told);
    tcase_add_loop_test(tcase, a_copy_is_called_after_the_snapshot, 0, G_N_ELEMENTS(names));
    tcase_add_test(tcase, a_name_that_would_be_too_long_is_not_tried);
    tcase_add_loop_test(tcase, the_revision_is_what_the_spec_or_else_the_status_says, 0, G_N_ELEMENTS(named));
    tcase_add_test(tcase, one_that_is_missing_is_told_before_anything_is_locked);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
