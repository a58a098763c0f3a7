/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/class-decide.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* What a class may be: not there, of another driver, of the driver; the latter with each value of the
 * annotation. */
typedef enum { ABSENT = 0, FOREIGN, PLAIN, NO_DEFAULT, DEFAULT, N_SORTS } Sort;

static const char *const names[] = {"alpha", "beta", "gamma"};

static void
add_class(LullJson *classes, const char *name, Sort sort)
{
    static const char *const notes[N_SORTS] = {
        [FOREIGN] = "true", [PLAIN] = NULL, [NO_DEFAULT] = "false", [DEFAULT] = "true"};
    LullJson *class;

    if (sort == ABSENT)
        return;
    class = json_object_new_object();
    lull_json_set_string(class, "driver", sort == FOREIGN ? "other.csi" : "dir.csi");
    lull_json_set_string(lull_json_ensure(class, "metadata"), "name", name);
    lull_json_set_string(lull_json_ensure(lull_json_ensure(class, "metadata"), "annotations"),
                         "snapshot.storage.kubernetes.io/is-default-class", notes[sort]);
    json_object_array_add(classes, class);
}

static LullJson *
choose(LullJson *classes, LullJson *profile, GError **error)
{
    const LullCsiClassQuestion question = {.storage_class = "fast",
                                           .driver = "dir.csi",
                                           .volume = "root",
                                           .profile = profile,
                                           .classes = classes};

    return lull_csi_class_choose(&question, error);
}

static gboolean
is_of_driver(Sort sort)
{
    return sort >= PLAIN;
}

static void
check(const Sort *sorts)
{
    g_autoptr(LullJson) classes = json_object_new_array();
    g_autoptr(GError) error = NULL;
    const char *only = NULL;
    const char *preferred = NULL;
    guint n = 0;
    guint n_defaults = 0;
    LullJson *chosen;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        add_class(classes, names[i], sorts[i]);
        n += is_of_driver(sorts[i]) ? 1 : 0;
        n_defaults += sorts[i] == DEFAULT ? 1 : 0;
        only = is_of_driver(sorts[i]) ? names[i] : only;
        preferred = sorts[i] == DEFAULT ? names[i] : preferred;
    }
    chosen = choose(classes, NULL, &error);
    if (n == 0)
        ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    else if (n == 1)
        ck_assert_str_eq(lull_meta_name(chosen), only);
    else if (n_defaults == 1)
        ck_assert_str_eq(lull_meta_name(chosen), preferred);
    else
        ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert((chosen == NULL) == (error != NULL));
}

START_TEST(of_all_that_there_may_be_the_only_one_or_the_only_default_is_taken)
{
    Sort sorts[3];

    for (guint i = 0; i < N_SORTS * N_SORTS * N_SORTS; i++) {
        sorts[0] = i % N_SORTS;
        sorts[1] = i / N_SORTS % N_SORTS;
        sorts[2] = i / N_SORTS / N_SORTS;
        check(sorts);
    }
}
END_TEST

START_TEST(a_profile_goes_first_and_what_it_names_wrongly_is_told)
{
    static const struct {
        const char *profile, *chosen;
        int code;
    } cases[] = {
        {"{'status':{'snapshotClass':'beta'}}", "beta", 0},
        {"{'status':{'snapshotClass':'gamma'}}", NULL, LULL_ERROR_INVALID},
        {"{'status':{'snapshotClass':'gone'}}", NULL, LULL_ERROR_NOT_FOUND},
        {"{'status':{'snapshotClass':''}}", "alpha", 0},
        {"{'status':{}}", "alpha", 0},
        {"{}", "alpha", 0},
    };
    g_autoptr(LullJson) classes = json_object_new_array();

    add_class(classes, "alpha", DEFAULT);
    add_class(classes, "beta", PLAIN);
    add_class(classes, "gamma", FOREIGN);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) profile = json(cases[i].profile);
        g_autoptr(GError) error = NULL;
        LullJson *chosen = choose(classes, profile, &error);

        if (cases[i].chosen)
            ck_assert_str_eq(lull_meta_name(chosen), cases[i].chosen);
        else
            ck_assert_error(error, cases[i].code);
    }
}
END_TEST

START_TEST(texts_begin_with_those_that_clients_know)
{
    g_autoptr(LullJson) none = json_object_new_array();
    g_autoptr(LullJson) two = json_object_new_array();
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) ambiguous = NULL;

    add_class(two, "alpha", DEFAULT);
    add_class(two, "beta", DEFAULT);
    ck_assert_ptr_null(choose(none, NULL, &missing));
    ck_assert_str_eq(
        missing->message,
        "No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass [fast] [root]");
    ck_assert_ptr_null(choose(two, NULL, &ambiguous));
    ck_assert(g_str_has_prefix(ambiguous->message, "2 matching VolumeSnapshotClasses for fast: alpha, beta"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("class-decide");
    TCase *tcase = tcase_create("class-decide");

    tcase_add_test(tcase, of_all_that_there_may_be_the_only_one_or_the_only_default_is_taken);
    tcase_add_test(tcase, a_profile_goes_first_and_what_it_names_wrongly_is_told);
    tcase_add_test(tcase, texts_begin_with_those_that_clients_know);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
