/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/pod-volumes.h"

#include <unistd.h>

#include <glib/gstdio.h>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static char *pod;

static void
set_up(void)
{
    pod = g_dir_make_tmp("lull-pod-XXXXXX", NULL);
}

static void
tear_down(void)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", pod);

    ck_assert(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_clear_pointer(&pod, g_free);
}

static char *
at(const char *path)
{
    return g_build_filename(pod, path, NULL);
}

static void
make(const char *path)
{
    g_autofree char *whole = at(path);

    ck_assert_int_eq(g_mkdir_with_parents(whole, 0700), 0);
}

/* What there is, and whether that outlives the pod. */
static const struct {
    const char *path; /* NULL: nothing */
    gboolean lasts;
} volumes[] = {
    {"volumes/kubernetes.io~csi/pvc-1/mount", TRUE},
    {"volumes/kubernetes.io~nfs/pv-1", TRUE},
    {"volumes/kubernetes.io~local-volume/pv-1", TRUE},
    {"volumes/kubernetes.io~csi/pvc-1", FALSE}, /* is not mounted */
    {"volumes/kubernetes.io~empty-dir/libvirt-runtime", FALSE},
    {"volumes/kubernetes.io~configmap/a", FALSE},
    {"volumes/kubernetes.io~secret/a", FALSE},
    {"volumes/kubernetes.io~projected/a", FALSE},
    {"volumes/kubernetes.io~downward-api/a", FALSE},
    {"volumes/kubernetes.io~csi", FALSE},
    {"volumes", FALSE},
    {NULL, FALSE},
};

START_TEST(what_outlives_the_pod_is_stored_and_that_there_is_none_is_told)
{
    g_autoptr(GError) error = NULL;

    if (volumes[_i].path)
        make(volumes[_i].path);
    ck_assert_int_eq(lull_pod_volumes_sync(pod, LULL_SEC(60), &error), volumes[_i].lasts);
    if (!volumes[_i].lasts)
        ck_assert_msg(lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
}
END_TEST

/* Whatever stands where a volume should be. */
START_TEST(nothing_but_a_directory_is_followed)
{
    static const char *const places[] = {"volumes/kubernetes.io~csi/pvc-1/mount",
                                         "volumes/kubernetes.io~nfs/a", "volumes"};
    g_autofree char *place = at(places[_i / 2]);
    g_autofree char *parent = g_path_get_dirname(place);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0700), 0);
    if (_i % 2)
        ck_assert_int_eq(symlink("/", place), 0);
    else
        ck_assert(g_file_set_contents(place, "", 0, NULL));
    ck_assert(!lull_pod_volumes_sync(pod, LULL_SEC(60), NULL));
}
END_TEST

START_TEST(storage_that_takes_its_time_is_not_waited_for)
{
    g_autoptr(GError) error = NULL;

    make(volumes[0].path);
    if (!lull_pod_volumes_sync(pod, 0, &error)) /* most often; else it was over before it was looked at */
        ck_assert(lull_error_is(error, LULL_ERROR_TIMED_OUT));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/pod-volumes");
    TCase *tests = tcase_create("pod-volumes");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, what_outlives_the_pod_is_stored_and_that_there_is_none_is_told, 0,
                        G_N_ELEMENTS(volumes));
    tcase_add_loop_test(tests, nothing_but_a_directory_is_followed, 0, 6);
    tcase_add_test(tests, storage_that_takes_its_time_is_not_waited_for);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
