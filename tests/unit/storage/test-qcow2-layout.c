/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/qcow2-layout.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define CLUSTER LULL_QCOW2_CLUSTER
#define TABLE   (CLUSTER / 8 * CLUSTER) /* bytes of the disk that one table of L2 is for */
#define BLOCK   (CLUSTER / 2)           /* clusters of the file that one block of refcounts is for */
#define BACKING "behind.qcow2"
#define SEEDS   30

typedef struct {
    guint64 bytes;
    LullQcow2Kind kind;
} Part;

#define NOTHING(n)              \
    {                           \
        (n), LULL_QCOW2_NOTHING \
    }
#define ZERO(n)              \
    {                        \
        (n), LULL_QCOW2_ZERO \
    }
#define DATA(n)              \
    {                        \
        (n), LULL_QCOW2_DATA \
    }

static char *dir;
static char *made;     /* by the layout */
static char *expected; /* raw: what it has to read as */
static char *behind;

static void
set_up(void)
{
    dir = g_dir_make_tmp("lull-layout-XXXXXX", NULL);
    made = g_build_filename(dir, "made.qcow2", NULL);
    expected = g_build_filename(dir, "expected", NULL);
    behind = g_build_filename(dir, BACKING, NULL);
}

static void
tear_down(void)
{
    lull_folder_remove(dir, NULL);
    g_clear_pointer(&dir, g_free);
    g_clear_pointer(&made, g_free);
    g_clear_pointer(&expected, g_free);
    g_clear_pointer(&behind, g_free);
}

static gboolean
run(const char *const *argv)
{
    int status = -1;

    return g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                        NULL) &&
           status == 0;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static gboolean
is_sound(void)
{
    return RUN("qemu-img", "check", "-q", "-f", "qcow2", made);
}

static gboolean
is_as_expected(void)
{
    return RUN("qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", expected, made);
}

/* Never zero, and another one in every sector. */
static void
fill(guint8 *data, guint64 offset, gsize bytes)
{
    for (gsize i = 0; i < bytes; i++)
        data[i] = (guint8)(1 + (offset + i) / 512 * 31 % 255);
}

static void
write_at(int fd, guint64 offset, const void *data, gsize bytes)
{
    ck_assert_int_eq(pwrite(fd, data, bytes, (off_t)offset), (ssize_t)bytes);
}

/* As the layout wants it: one after the other. */
static void
write_made(LullQcow2Layout *layout, gboolean has_data)
{
    const int from = has_data ? open(expected, O_RDONLY | O_CLOEXEC) : -1;
    const int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_autofree guint8 *buffer = g_malloc(4 * CLUSTER);
    guint64 at = 0, offset, bytes, end;

    for (; lull_qcow2_layout_next_metadata(layout, buffer); at += CLUSTER)
        write_at(fd, at, buffer, CLUSTER);
    ck_assert_uint_eq(at, lull_qcow2_layout_metadata(layout));
    for (; lull_qcow2_layout_next_data(layout, 4 * CLUSTER, &offset, &bytes); at += bytes) {
        ck_assert_uint_gt(bytes, 0);
        ck_assert_uint_le(bytes, 4 * CLUSTER);
        if (!has_data)
            continue;
        memset(buffer, 0, bytes);
        ck_assert_int_ge(pread(from, buffer, bytes, (off_t)offset), 0);
        write_at(fd, at, buffer, bytes);
    }
    end = lull_qcow2_layout_metadata(layout) + lull_qcow2_layout_data(layout);
    ck_assert_uint_eq(at, end);
    ck_assert_int_eq(ftruncate(fd, (off_t)end), 0);
    close(fd);
    if (from >= 0)
        close(from);
}

static LullQcow2Layout *
layout_of(guint64 capacity, const char *backing, const Part *parts, guint n)
{
    LullQcow2Layout *layout = lull_qcow2_layout_new(capacity, backing, NULL);

    ck_assert_ptr_nonnull(layout);
    for (guint i = 0; i < n; i++)
        lull_qcow2_layout_add(layout, parts[i].bytes, parts[i].kind);
    lull_qcow2_layout_close(layout);
    return layout;
}

/* What is behind has something at its start, at each of the parts' ends, and at its own. */
static void
make_behind(guint64 capacity, const Part *parts, guint n)
{
    g_autofree char *raw = g_build_filename(dir, "behind", NULL);
    const int fd = open(raw, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int out = open(expected, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_autofree guint8 *seen = g_malloc(3 * CLUSTER);
    guint64 end = 0;

    memset(seen, 0xee, 3 * CLUSTER);
    ck_assert(ftruncate(fd, (off_t)capacity) == 0 && ftruncate(out, (off_t)capacity) == 0);
    for (guint i = 0; i <= n && end <= capacity; i++) {
        const guint64 begin = end - MIN(end, CLUSTER);
        const gsize bytes = (gsize)MIN(3 * CLUSTER, capacity - begin);

        write_at(fd, begin, seen, bytes);
        write_at(out, begin, seen, bytes);
        end += i < n ? parts[i].bytes : 0;
    }
    close(fd);
    close(out);
    ck_assert(RUN("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, behind));
}

static void
make_expected(guint64 capacity, const Part *parts, guint n, gboolean has_behind)
{
    const int fd = open(expected, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    guint64 at = 0;

    ck_assert(has_behind || ftruncate(fd, 0) == 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)capacity), 0);
    for (guint i = 0; i < n && at < capacity; at += parts[i++].bytes) {
        const gsize bytes = (gsize)MIN(parts[i].bytes, capacity - at);
        g_autofree guint8 *data = NULL;

        if (parts[i].kind == LULL_QCOW2_ZERO)
            ck_assert_int_eq(
                fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)bytes), 0);
        if (parts[i].kind != LULL_QCOW2_DATA)
            continue;
        data = g_malloc(bytes);
        fill(data, at, bytes);
        write_at(fd, at, data, bytes);
    }
    close(fd);
}

static void
must_be_right(guint64 capacity, const Part *parts, guint n, gboolean has_behind)
{
    g_autoptr(LullQcow2Layout) layout = layout_of(capacity, has_behind ? BACKING : NULL, parts, n);

    if (has_behind)
        make_behind(capacity, parts, n);
    make_expected(capacity, parts, n, has_behind);
    write_made(layout, TRUE);
    ck_assert(is_sound());
    ck_assert(is_as_expected());
}

typedef struct {
    guint64 capacity;
    Part parts[8];
} Disk;

static const Disk disks[] = {
    {4 * CLUSTER, {}},
    {512, {}},
    {1, {DATA(1)}},
    {512, {DATA(512)}},
    {CLUSTER, {DATA(CLUSTER)}},
    {CLUSTER, {ZERO(CLUSTER)}},
    {8 * CLUSTER, {DATA(CLUSTER)}},                                                   /* the first */
    {8 * CLUSTER, {NOTHING(7 * CLUSTER), DATA(CLUSTER)}},                             /* the last */
    {8 * CLUSTER + 512, {NOTHING(8 * CLUSTER), DATA(512)}},                           /* a part of it */
    {8 * CLUSTER + 1536, {NOTHING(8 * CLUSTER), ZERO(512), DATA(512), ZERO(512)}},    /* and of that */
    {8 * CLUSTER + 512, {NOTHING(8 * CLUSTER), ZERO(512)}},                           /* zeroes there */
    {8 * CLUSTER, {NOTHING(CLUSTER + 512), DATA(512)}},                               /* within one */
    {8 * CLUSTER, {NOTHING(CLUSTER - 512), DATA(1024), NOTHING(CLUSTER), DATA(512)}}, /* across two */
    {8 * CLUSTER, {NOTHING(512), ZERO(2 * CLUSTER), NOTHING(512), DATA(3), ZERO(CLUSTER)}},
    {8 * CLUSTER, {DATA(8 * CLUSTER), DATA(CLUSTER)}}, /* past the end */
    {8 * CLUSTER, {ZERO(CLUSTER), DATA(CLUSTER), ZERO(CLUSTER), DATA(CLUSTER), NOTHING(CLUSTER), ZERO(1)}},
    {TABLE, {NOTHING(TABLE - CLUSTER), DATA(CLUSTER)}},
    {TABLE + 512, {NOTHING(TABLE - CLUSTER), DATA(CLUSTER + 512)}},
    {2 * TABLE, {NOTHING(TABLE), DATA(CLUSTER)}},
    {2 * TABLE, {NOTHING(TABLE - CLUSTER), ZERO(2 * CLUSTER)}},
    {3 * TABLE, {DATA(CLUSTER), NOTHING(2 * TABLE), DATA(CLUSTER), NOTHING(CLUSTER), DATA(CLUSTER)}},
    {9 * TABLE, {NOTHING(TABLE - CLUSTER), ZERO(7 * TABLE), DATA(3 * CLUSTER)}}, /* many tables */
};

START_TEST(a_layout_reads_as_what_it_was_made_from)
{
    must_be_right(disks[_i].capacity, disks[_i].parts, G_N_ELEMENTS(disks[_i].parts), FALSE);
}
END_TEST

START_TEST(what_is_behind_shows_where_there_is_nothing_and_only_there)
{
    must_be_right(disks[_i].capacity, disks[_i].parts, G_N_ELEMENTS(disks[_i].parts), TRUE);
}
END_TEST

START_TEST(a_disk_of_any_parts_is_right)
{
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)_i);
    const guint64 capacity = (guint64)g_rand_int_range(random, 1, 64 * 128) * 512;
    const gboolean is_aligned = g_rand_boolean(random);
    const gboolean has_behind = g_rand_boolean(random);
    Part parts[60] = {};

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        const guint64 unit = is_aligned && g_rand_boolean(random) ? CLUSTER : 512;

        parts[i] = (Part){unit * (guint64)g_rand_int_range(random, 1, unit == 512 ? 300 : 5),
                          (LullQcow2Kind)g_rand_int_range(random, 0, 3)};
    }
    must_be_right(capacity, parts, G_N_ELEMENTS(parts), has_behind);
}
END_TEST

/* As many clusters of data as make the file fill a block of refcounts, and some fewer or more. */
START_TEST(refcounts_describe_themselves)
{
    const guint64 clusters = (guint64)(_i / 8 + 1) * BLOCK - 10 + (guint64)(_i % 8);
    const Part parts[] = {DATA(clusters * CLUSTER)};
    g_autoptr(LullQcow2Layout) layout = layout_of(clusters * CLUSTER, NULL, parts, 1);

    write_made(layout, FALSE);
    ck_assert(is_sound());
}
END_TEST

static guint64
big_endian(const guint8 *at, guint bytes)
{
    guint64 value = 0;

    for (guint i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

START_TEST(the_largest_disk_has_room_for_its_tables)
{
    const Part parts[] = {DATA(LULL_QCOW2_MAX_CAPACITY)};
    g_autoptr(LullQcow2Layout) layout = layout_of(LULL_QCOW2_MAX_CAPACITY, NULL, parts, 1);
    g_autofree guint8 *cluster = g_malloc(CLUSTER);
    guint64 total, blocks;

    ck_assert_uint_eq(lull_qcow2_layout_data(layout), LULL_QCOW2_MAX_CAPACITY);
    ck_assert(lull_qcow2_layout_next_metadata(layout, cluster));
    total = (lull_qcow2_layout_metadata(layout) + lull_qcow2_layout_data(layout)) / CLUSTER;
    blocks = big_endian(cluster + 40, 8) / CLUSTER - 1 - big_endian(cluster + 56, 4); /* before L1 */
    ck_assert_uint_eq(blocks, total / BLOCK + (total % BLOCK != 0));
    ck_assert_uint_ge(big_endian(cluster + 56, 4) * (CLUSTER / 8), blocks);
    ck_assert_uint_le(big_endian(cluster + 56, 4) * CLUSTER, 8 * 1024 * 1024); /* as QEMU opens it */
    ck_assert_uint_le(big_endian(cluster + 36, 4) * 8, 32 * 1024 * 1024);      /* the same */
}
END_TEST

START_TEST(a_disk_in_pieces_is_stored_with_more_rather_than_in_more_memory)
{
    const guint64 more = 1000;
    const guint64 capacity = 2 * (LULL_QCOW2_MAX_RUNS + more) * CLUSTER;
    g_autoptr(LullQcow2Layout) layout = lull_qcow2_layout_new(capacity, NULL, NULL);

    for (guint64 i = 0; i < LULL_QCOW2_MAX_RUNS + more; i++) {
        lull_qcow2_layout_add(layout, CLUSTER, LULL_QCOW2_DATA);
        lull_qcow2_layout_add(layout, CLUSTER, LULL_QCOW2_NOTHING);
    }
    lull_qcow2_layout_close(layout);
    ck_assert_uint_eq(lull_qcow2_layout_data(layout), (LULL_QCOW2_MAX_RUNS + 2 * more) * CLUSTER);
}
END_TEST

START_TEST(the_name_behind_and_its_format_are_told)
{
    g_autofree char *name = g_strnfill(LULL_QCOW2_MAX_BACKING, 'x');
    g_autoptr(LullQcow2Layout) layout = layout_of(CLUSTER, name, NULL, 0);
    g_autofree char *out = NULL;
    const char *argv[] = {"qemu-img", "info", "--output=json", "-f", "qcow2", made, NULL};

    write_made(layout, FALSE);
    ck_assert(
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, NULL, NULL));
    ck_assert_ptr_nonnull(strstr(out, name));
    ck_assert_ptr_nonnull(strstr(out, "\"backing-filename-format\": \"qcow2\""));
    ck_assert_ptr_nonnull(strstr(out, "\"virtual-size\": 65536"));
}
END_TEST

START_TEST(what_is_past_a_limit_is_refused)
{
    g_autofree char *name = g_strnfill(LULL_QCOW2_MAX_BACKING + 1, 'x');
    const struct {
        guint64 capacity;
        const char *backing;
    } bad[] = {
        {0, NULL}, {LULL_QCOW2_MAX_CAPACITY + 1, NULL}, {G_MAXUINT64, NULL}, {CLUSTER, ""}, {CLUSTER, name}};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(lull_qcow2_layout_new(bad[i].capacity, bad[i].backing, &error));
        ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/qcow2-layout");
    TCase *cases = tcase_create("qcow2-layout");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, a_layout_reads_as_what_it_was_made_from, 0, G_N_ELEMENTS(disks));
    tcase_add_loop_test(cases, what_is_behind_shows_where_there_is_nothing_and_only_there, 0,
                        G_N_ELEMENTS(disks));
    tcase_add_loop_test(cases, a_disk_of_any_parts_is_right, 0, SEEDS);
    tcase_add_loop_test(cases, refcounts_describe_themselves, 0, 16);
    tcase_add_test(cases, the_largest_disk_has_room_for_its_tables);
    tcase_add_test(cases, a_disk_in_pieces_is_stored_with_more_rather_than_in_more_memory);
    tcase_add_test(cases, the_name_behind_and_its_format_are_told);
    tcase_add_test(cases, what_is_past_a_limit_is_refused);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
