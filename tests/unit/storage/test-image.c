/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/image.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

static char *path;

static void
set_up(void)
{
    const int fd = g_file_open_tmp("image-XXXXXX", &path, NULL);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void
tear_down(void)
{
    g_unlink(path);
    g_clear_pointer(&path, g_free);
}

/* What an open image looks like from outside, as QEMU has it: writing, or only reading and sharing all but
 * writes. */
static int
hold_bytes(off_t used, off_t unshared)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100 + used, .l_len = 1};

    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
    lock.l_start = 200 + unshared;
    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
    return fd;
}

static void
assert_busy(void)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_image_lock(path, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_BUSY));
}

START_TEST(a_free_image_is_locked_and_unlocked)
{
    LullImageLock *lock = lull_image_lock(path, NULL);

    ck_assert_ptr_nonnull(lock);
    assert_busy();
    lull_image_unlock(lock);
    lock = lull_image_lock(path, NULL);
    ck_assert_ptr_nonnull(lock);
    lull_image_unlock(lock);
}
END_TEST

START_TEST(an_image_that_is_written_or_read_is_busy)
{
    const off_t permissions[] = {0, 1, 3}; /* consistent read, write, resize */

    for (guint i = 0; i < G_N_ELEMENTS(permissions); i++) {
        const int fd = hold_bytes(permissions[i], 1);
        assert_busy();
        close(fd);
    }
}
END_TEST

START_TEST(a_refused_lock_leaves_nothing_locked)
{
    const int fd = hold_bytes(0, 1);
    LullImageLock *lock;

    assert_busy();
    close(fd);
    lock = lull_image_lock(path, NULL);
    ck_assert_ptr_nonnull(lock);
    lull_image_unlock(lock);
}
END_TEST

/* Only reading, as a tool has it that looks at an image. */
START_TEST(readers_share_an_image_and_keep_writers_out)
{
    const int reader = hold_bytes(0, 1);
    LullImageLock *lock = lull_image_lock_reading(path, NULL);
    LullImageLock *other = lull_image_lock_reading(path, NULL);

    ck_assert_ptr_nonnull(lock);
    ck_assert_ptr_nonnull(other);
    assert_busy();
    close(reader);
    assert_busy();
    lull_image_unlock(other);
    assert_busy();
    lull_image_unlock(lock);
    lock = lull_image_lock(path, NULL);
    ck_assert_ptr_nonnull(lock);
    lull_image_unlock(lock);
}
END_TEST

START_TEST(an_image_that_is_written_is_not_read)
{
    const off_t permissions[] = {1, 3}; /* write, resize */
    int fd;

    for (guint i = 0; i < G_N_ELEMENTS(permissions); i++) {
        fd = hold_bytes(permissions[i], 2);
        ck_assert_ptr_null(lull_image_lock_reading(path, NULL));
        close(fd);
    }
    fd = hold_bytes(2, 0); /* one that suffers no reader */
    ck_assert_ptr_null(lull_image_lock_reading(path, NULL));
    close(fd);
}
END_TEST

START_TEST(an_image_that_is_not_there_is_not_found)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_image_lock("/nonexistent/image", &error));
    ck_assert(lull_error_is(error, LULL_ERROR_NOT_FOUND));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/image");
    TCase *cases = tcase_create("image");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_free_image_is_locked_and_unlocked);
    tcase_add_test(cases, an_image_that_is_written_or_read_is_busy);
    tcase_add_test(cases, a_refused_lock_leaves_nothing_locked);
    tcase_add_test(cases, readers_share_an_image_and_keep_writers_out);
    tcase_add_test(cases, an_image_that_is_written_is_not_read);
    tcase_add_test(cases, an_image_that_is_not_there_is_not_found);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
