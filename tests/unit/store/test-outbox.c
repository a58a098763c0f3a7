/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/outbox.h"

#include <pthread.h>

#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define LINGER LULL_SEC(3600)

/* Sends only while its door is open; "!" cannot be sent. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    gboolean open;
    gboolean at_door; /* the thread has something in its hands */
    GString *sent;
} Post;

static guint freed; /* atomic */

static void
item_free(gpointer item)
{
    g_free(item);
    g_atomic_int_inc(&freed);
}

static gboolean
send_item(gpointer item, gpointer user_data)
{
    Post *post = user_data;

    pthread_mutex_lock(&post->lock);
    post->at_door = TRUE;
    pthread_cond_broadcast(&post->changed);
    while (!post->open)
        pthread_cond_wait(&post->changed, &post->lock);
    post->at_door = FALSE;
    g_string_append(post->sent, item);
    pthread_mutex_unlock(&post->lock);
    return *(const char *)item != '!';
}

static void
post_init(Post *post, gboolean open)
{
    *post = (Post){.open = open, .sent = g_string_new(NULL)};
    pthread_mutex_init(&post->lock, NULL);
    pthread_cond_init(&post->changed, NULL);
    g_atomic_int_set(&freed, 0);
}

static void
post_clear(Post *post)
{
    g_string_free(post->sent, TRUE);
    pthread_mutex_destroy(&post->lock);
    pthread_cond_destroy(&post->changed);
}

static void
wait_at_door(Post *post)
{
    pthread_mutex_lock(&post->lock);
    while (!post->at_door)
        pthread_cond_wait(&post->changed, &post->lock);
    pthread_mutex_unlock(&post->lock);
}

static void
open_door(Post *post)
{
    pthread_mutex_lock(&post->lock);
    post->open = TRUE;
    pthread_cond_broadcast(&post->changed);
    pthread_mutex_unlock(&post->lock);
}

START_TEST(everything_is_sent_in_its_order_before_the_end)
{
    Post post;

    post_init(&post, TRUE);
    LullOutbox *box = lull_outbox_new(100, LINGER, send_item, item_free, &post);
    for (char word[] = "a"; *word <= 'z'; (*word)++)
        ck_assert(lull_outbox_put(box, g_strdup(word)));
    lull_outbox_free(box);
    ck_assert_str_eq(post.sent->str, "abcdefghijklmnopqrstuvwxyz");
    ck_assert_uint_eq(g_atomic_int_get(&freed), 26);
    post_clear(&post);
}
END_TEST

START_TEST(nobody_waits_and_what_is_too_much_is_dropped)
{
    Post post;

    post_init(&post, FALSE);
    LullOutbox *box = lull_outbox_new(2, LINGER, send_item, item_free, &post);
    ck_assert(lull_outbox_put(box, g_strdup("a")));
    wait_at_door(&post);
    ck_assert(lull_outbox_put(box, g_strdup("b")));
    ck_assert(lull_outbox_put(box, g_strdup("c")));
    ck_assert(!lull_outbox_put(box, g_strdup("d")));
    open_door(&post);
    lull_outbox_free(box);
    ck_assert_str_eq(post.sent->str, "abc");
    ck_assert_uint_eq(g_atomic_int_get(&freed), 4);
    post_clear(&post);
}
END_TEST

START_TEST(what_fails_holds_up_the_rest_only_at_the_end)
{
    Post post;

    post_init(&post, TRUE);
    LullOutbox *box = lull_outbox_new(100, LINGER, send_item, item_free, &post);
    for (const char *word = "a!b"; *word; word++)
        ck_assert(lull_outbox_put(box, g_strndup(word, 1)));
    pthread_mutex_lock(&post.lock);
    while (post.sent->len < 3) { /* all three went out */
        pthread_mutex_unlock(&post.lock);
        g_thread_yield();
        pthread_mutex_lock(&post.lock);
    }
    post.open = FALSE;
    pthread_mutex_unlock(&post.lock);
    for (const char *word = "!cd"; *word; word++)
        ck_assert(lull_outbox_put(box, g_strndup(word, 1)));
    wait_at_door(&post);
    lull_outbox_close(box);
    ck_assert(lull_outbox_put(box, g_strdup("e"))); /* it would have had room */
    open_door(&post);
    lull_outbox_free(box);
    ck_assert_str_eq(post.sent->str, "a!b!");
    ck_assert_uint_eq(g_atomic_int_get(&freed), 7);
    post_clear(&post);
}
END_TEST

START_TEST(what_is_not_sent_soon_after_the_end_is_dropped)
{
    Post post;

    post_init(&post, FALSE);
    LullOutbox *box = lull_outbox_new(100, 0, send_item, item_free, &post);
    for (const char *word = "abc"; *word; word++)
        ck_assert(lull_outbox_put(box, g_strndup(word, 1)));
    wait_at_door(&post);
    lull_outbox_close(box);
    open_door(&post);
    lull_outbox_free(box);
    ck_assert_str_eq(post.sent->str, "a");
    ck_assert_uint_eq(g_atomic_int_get(&freed), 3);
    post_clear(&post);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("outbox");
    TCase *tcase = tcase_create("outbox");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, everything_is_sent_in_its_order_before_the_end);
    tcase_add_test(tcase, nobody_waits_and_what_is_too_much_is_dropped);
    tcase_add_test(tcase, what_fails_holds_up_the_rest_only_at_the_end);
    tcase_add_test(tcase, what_is_not_sent_soon_after_the_end_is_dropped);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
