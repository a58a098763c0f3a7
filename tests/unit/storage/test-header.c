/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/header.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/check-main.h"

#define NAME_AT 512

static char *dir;

static void
set_up(void)
{
    dir = g_dir_make_tmp("header-XXXXXX", NULL);
    ck_assert_ptr_nonnull(dir);
}

static void
tear_down(void)
{
    GDir *entries = g_dir_open(dir, 0, NULL);
    const char *name = NULL;

    while ((name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_unlink(path);
    }
    g_dir_close(entries);
    g_rmdir(dir);
    g_clear_pointer(&dir, g_free);
}

/* A qcow2 as far as anybody looks here, and @data_bytes more of it. */
static char *
image(const char *name, guint32 version, guint64 incompatible, const char *backing, gsize data_bytes)
{
    char *path = g_build_filename(dir, name, NULL);
    g_autofree guint8 *bytes = g_malloc0(4096 + data_bytes);
    const guint32 magic = GUINT32_TO_BE(0x514649fb);
    const guint32 be_version = GUINT32_TO_BE(version);
    const guint64 offset = GUINT64_TO_BE(backing ? NAME_AT : 0);
    const guint32 length = GUINT32_TO_BE(backing ? (guint32)strlen(backing) : 0);
    const guint64 features = GUINT64_TO_BE(incompatible);

    memset(bytes + 4096, 1, data_bytes);
    memcpy(bytes, &magic, 4);
    memcpy(bytes + 4, &be_version, 4);
    memcpy(bytes + 8, &offset, 8);
    memcpy(bytes + 16, &length, 4);
    memcpy(bytes + 72, &features, 8);
    if (backing)
        memcpy(bytes + NAME_AT, backing, MIN(strlen(backing), 3000));
    ck_assert(g_file_set_contents(path, (const char *)bytes, (gssize)(4096 + data_bytes), NULL));
    return path;
}

static const struct {
    guint32 version;
    guint64 incompatible;
    const char *backing;
    gboolean plain;
} heads[] = {
    {2, 0, NULL, TRUE},  {2, 7, "base", TRUE},      /* no such features by then */
    {3, 0, NULL, TRUE},  {3, 8 | 16, "base", TRUE}, /* another compression, larger tables */
    {3, 1, NULL, FALSE},                            /* not closed */
    {3, 2, NULL, FALSE},                            /* damaged */
    {3, 4, NULL, FALSE},                            /* its data are elsewhere */
};

START_TEST(what_belongs_to_an_image_is_read_from_it)
{
    g_autofree char *path = image("top", heads[_i].version, heads[_i].incompatible, heads[_i].backing, 0);
    LullImageHeader header = {0};

    ck_assert(lull_image_header_read(path, &header));
    ck_assert(header.is_qcow2);
    ck_assert_int_eq(header.is_plain, heads[_i].plain);
    ck_assert_int_eq(header.is_old, heads[_i].version < 3);
    ck_assert_str_eq(header.backing, heads[_i].backing ? heads[_i].backing : "");
}
END_TEST

START_TEST(what_is_no_qcow2_is_told_as_that)
{
    g_autofree char *path = g_build_filename(dir, "raw", NULL);
    LullImageHeader header = {0};

    ck_assert(g_file_set_contents(path, "short", -1, NULL));
    ck_assert(lull_image_header_read(path, &header));
    ck_assert(!header.is_qcow2);
    ck_assert(!lull_image_header_read("/nonexistent", &header));
}
END_TEST

START_TEST(a_name_that_cannot_be_is_refused)
{
    g_autofree char *endless = g_strnfill(2000, 'x');
    g_autofree char *path = image("top", 3, 0, endless, 0);
    LullImageHeader header = {0};

    ck_assert(!lull_image_header_read(path, &header));
    ck_assert_uint_eq(lull_image_allocated_behind(path), G_MAXUINT64);
}
END_TEST

static guint64
allocated(const char *path)
{
    struct stat info;

    ck_assert_int_eq(stat(path, &info), 0);
    return (guint64)info.st_blocks * 512;
}

START_TEST(all_that_shines_through_is_counted)
{
    g_autofree char *base = image("base", 3, 0, NULL, 1 << 20);
    g_autofree char *middle = image("middle", 3, 0, "base", 1 << 18);
    g_autofree char *top = image("top", 3, 0, middle, 0);

    ck_assert_uint_eq(lull_image_allocated_behind(base), 0);
    ck_assert_uint_eq(lull_image_allocated_behind(middle), allocated(base));
    ck_assert_uint_eq(lull_image_allocated_behind(top), allocated(base) + allocated(middle));
    ck_assert_uint_ge(lull_image_allocated_behind(top), (1 << 20) + (1 << 18));
}
END_TEST

START_TEST(what_cannot_be_seen_is_not_called_small)
{
    static const char *const elsewhere[] = {"gone", "nbd://host/disk", "json:{}", "top"};

    for (gsize i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
        g_autofree char *path = image("top", 3, 0, elsewhere[i], 0);

        ck_assert_uint_eq(lull_image_allocated_behind(path), G_MAXUINT64);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/header");
    TCase *cases = tcase_create("header");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, what_belongs_to_an_image_is_read_from_it, 0, G_N_ELEMENTS(heads));
    tcase_add_test(cases, what_is_no_qcow2_is_told_as_that);
    tcase_add_test(cases, a_name_that_cannot_be_is_refused);
    tcase_add_test(cases, all_that_shines_through_is_counted);
    tcase_add_test(cases, what_cannot_be_seen_is_not_called_small);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
