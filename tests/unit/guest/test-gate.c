/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/gate.h"

#include <string.h>

#include "tests/lib/check-main.h"

#define REMOTE    0x20008086U
#define QEMU      0x20008087U
#define KEEPALIVE 0x6b656570U
#define SEC       ((gint64)G_USEC_PER_SEC)

enum { CALL = 0, REPLY = 1, MESSAGE = 2, STREAM = 3, CALL_WITH_FDS = 4, REPLY_WITH_FDS = 5, HOLE = 6 };

typedef struct {
    guint32 program;
    guint32 type;
    guint32 serial;
    guint32 body;
} Message;

static LullGate gate;

static void
setup(void)
{
    lull_gate_init(&gate, 0);
    lull_gate_opened(&gate);
}

static GByteArray *
bytes_of(const Message *message)
{
    const guint32 length = LULL_GATE_HEAD + message->body;
    const guint32 words[] = {length, message->program, 1, 7, message->type, message->serial, 0};
    GByteArray *bytes = g_byte_array_new();

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        const guint32 word = GUINT32_TO_BE(words[i]);
        g_byte_array_append(bytes, (const guint8 *)&word, sizeof word);
    }
    g_byte_array_set_size(bytes, length);
    return bytes;
}

static const char *
send_one(guint32 program, guint32 type, guint32 serial, guint32 body, gint64 now)
{
    g_autoptr(GByteArray) bytes = bytes_of(&(Message){program, type, serial, body});
    const char *why = lull_gate_sent(&gate, bytes->data, bytes->len, now);

    lull_gate_taken(&gate, bytes->len);
    return why;
}

static const char *
receive_one(guint32 program, guint32 type, guint32 serial, guint32 body, gint64 now)
{
    g_autoptr(GByteArray) bytes = bytes_of(&(Message){program, type, serial, body});

    return lull_gate_received(&gate, bytes->data, bytes->len, now);
}

START_TEST(nothing_is_owed_until_something_is_asked)
{
    ck_assert_int_eq(lull_gate_until(&gate), 0);
    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 10, 5 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 5 * SEC + LULL_GATE_CALL_USEC);
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 1, 100, 6 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 0);
}
END_TEST

START_TEST(an_agent_has_longer_than_a_daemon)
{
    ck_assert_ptr_null(send_one(QEMU, CALL, 1, 10, 0));
    ck_assert_int_eq(lull_gate_until(&gate), LULL_GATE_AGENT_USEC);
    ck_assert_ptr_null(send_one(REMOTE, CALL, 2, 10, SEC));
    ck_assert_int_eq(lull_gate_until(&gate), SEC + LULL_GATE_CALL_USEC);
}
END_TEST

START_TEST(slow_answers_one_after_the_other_have_as_long_as_one)
{
    const gint64 end = LULL_GATE_CALL_USEC;

    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 10, 0));
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 1, 0, 6 * SEC));
    ck_assert_ptr_null(send_one(REMOTE, CALL, 2, 10, 6 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), end);
    ck_assert_ptr_null(send_one(REMOTE, CALL, 3, 10, 7 * SEC));
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 2, 0, 8 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), end);
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 3, 0, 9 * SEC));
    ck_assert_ptr_null(send_one(REMOTE, CALL, 4, 10, 9 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), end);
}
END_TEST

START_TEST(time_comes_back_while_nothing_is_asked)
{
    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 10, 0));
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 1, 0, 9 * SEC));
    ck_assert_ptr_null(send_one(REMOTE, CALL, 2, 10, 12 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), (12 + 1 + 3) * SEC);
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 2, 0, 12 * SEC));
    ck_assert_ptr_null(send_one(REMOTE, CALL, 3, 10, 1000 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 1000 * SEC + LULL_GATE_CALL_USEC);
}
END_TEST

START_TEST(a_slow_agent_is_not_the_daemons_fault)
{
    for (guint32 i = 0; i < 5; i++) {
        ck_assert_ptr_null(send_one(QEMU, CALL, i, 10, i * 12 * SEC));
        ck_assert_int_eq(lull_gate_until(&gate), i * 12 * SEC + LULL_GATE_AGENT_USEC);
        ck_assert_ptr_null(receive_one(QEMU, REPLY, i, 0, (i + 1) * 12 * SEC));
    }
    ck_assert_ptr_null(send_one(REMOTE, CALL, 9, 10, 60 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 60 * SEC + LULL_GATE_CALL_USEC);
}
END_TEST

START_TEST(what_is_sent_is_to_be_taken_in_time_whether_it_is_to_be_answered_or_not)
{
    g_autoptr(GByteArray) pong = bytes_of(&(Message){KEEPALIVE, MESSAGE, 0, 0});

    ck_assert_ptr_null(lull_gate_sent(&gate, pong->data, pong->len, 5 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 5 * SEC + LULL_GATE_CALL_USEC);
    lull_gate_taken(&gate, pong->len - 1); /* some of it is not all */
    ck_assert_ptr_null(lull_gate_sent(&gate, pong->data, pong->len, 6 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 5 * SEC + LULL_GATE_CALL_USEC);
    lull_gate_taken(&gate, pong->len + 1);
    ck_assert_int_eq(lull_gate_until(&gate), 0);
    ck_assert_ptr_null(lull_gate_sent(&gate, pong->data, pong->len, 9 * SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 9 * SEC + LULL_GATE_CALL_USEC);
}
END_TEST

START_TEST(an_answer_counts_when_it_is_whole_however_it_comes)
{
    g_autoptr(GByteArray) bytes = bytes_of(&(Message){REMOTE, REPLY, 3, 50});

    ck_assert_ptr_null(send_one(REMOTE, CALL, 3, 0, 0));
    for (guint i = 0; i < bytes->len; i++) {
        ck_assert_int_eq(lull_gate_until(&gate), LULL_GATE_CALL_USEC);
        ck_assert_ptr_null(lull_gate_received(&gate, bytes->data + i, 1, SEC));
    }
    ck_assert_int_eq(lull_gate_until(&gate), 0);
}
END_TEST

START_TEST(one_without_a_body_is_whole_with_its_head)
{
    ck_assert_ptr_null(send_one(REMOTE, CALL, 3, 0, 0));
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 3, 0, SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 0);
}
END_TEST

START_TEST(several_calls_are_answered_in_any_order_in_one_piece)
{
    g_autoptr(GByteArray) all = bytes_of(&(Message){REMOTE, REPLY, 2, 9});
    g_autoptr(GByteArray) event = bytes_of(&(Message){REMOTE, MESSAGE, 0, 77});
    g_autoptr(GByteArray) last = bytes_of(&(Message){REMOTE, REPLY, 1, 0});

    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 0, 0));
    ck_assert_ptr_null(send_one(REMOTE, CALL, 2, 0, 0));
    g_byte_array_append(all, event->data, event->len);
    g_byte_array_append(all, last->data, last->len);
    ck_assert_ptr_null(lull_gate_received(&gate, all->data, all->len, SEC));
    ck_assert_int_eq(lull_gate_until(&gate), 0);
}
END_TEST

START_TEST(an_answer_is_given_once)
{
    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 0, 0));
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 1, 0, 0));
    ck_assert_ptr_nonnull(receive_one(REMOTE, REPLY, 1, 0, 0));
}
END_TEST

START_TEST(the_whole_opening_has_one_deadline)
{
    lull_gate_init(&gate, SEC);
    for (guint32 i = 0; i < 5; i++) {
        ck_assert_ptr_null(send_one(REMOTE, CALL, i, 0, (2 + i) * SEC));
        ck_assert_ptr_null(receive_one(REMOTE, REPLY, i, 0, (2 + i) * SEC));
        ck_assert_int_eq(lull_gate_until(&gate), SEC + LULL_GATE_OPEN_USEC);
    }
    lull_gate_opened(&gate);
    ck_assert_int_eq(lull_gate_until(&gate), 0);
}
END_TEST

/* After a call with serial 1 of the remote program. */
static const Message unheard_of[] = {
    {REMOTE, REPLY, 2, 0},       {QEMU, REPLY, 1, 0},           {0, REPLY, 1, 0},
    {REMOTE, CALL, 1, 0},        {REMOTE, STREAM, 1, 0},        {REMOTE, HOLE, 1, 0},
    {REMOTE, 7, 1, 0},           {REMOTE, CALL_WITH_FDS, 1, 0}, {REMOTE, REPLY_WITH_FDS, 1, 0},
    {REMOTE, 0xffffffffU, 1, 0},
};

START_TEST(what_is_no_answer_and_no_event_ends_it)
{
    const Message *message = &unheard_of[_i];

    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 0, 0));
    ck_assert_ptr_nonnull(receive_one(message->program, message->type, message->serial, message->body, 0));
}
END_TEST

static const guint32 lengths[] = {0,           1,          LULL_GATE_HEAD - 1, LULL_GATE_MESSAGE_MAX + 1,
                                  0x7fffffffU, 0xffffffffU};

START_TEST(a_length_that_cannot_be_ends_it_before_anything_is_read)
{
    g_autoptr(GByteArray) bytes = bytes_of(&(Message){REMOTE, REPLY, 1, 0});
    const guint32 length = GUINT32_TO_BE(lengths[_i]);

    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 0, 0));
    memcpy(bytes->data, &length, sizeof length);
    ck_assert_ptr_nonnull(lull_gate_received(&gate, bytes->data, bytes->len, 0));
}
END_TEST

START_TEST(the_longest_answer_may_pass)
{
    ck_assert_ptr_null(send_one(REMOTE, CALL, 1, 0, 0));
    ck_assert_ptr_null(receive_one(REMOTE, REPLY, 1, LULL_GATE_MESSAGE_MAX - LULL_GATE_HEAD, 0));
    ck_assert_int_eq(lull_gate_until(&gate), 0);
}
END_TEST

/* How long it takes until it is too much, of events that come one after the other every @pause. */
static guint
events_until_cut(guint32 body, gint64 pause, guint max)
{
    for (guint i = 0; i < max; i++)
        if (receive_one(REMOTE, MESSAGE, 0, body, i * pause))
            return i;
    return max;
}

START_TEST(events_may_come_but_not_without_an_end)
{
    ck_assert_uint_eq(events_until_cut(1000 - LULL_GATE_HEAD, 0, 5000), LULL_GATE_UNASKED_MAX / 1000);
}
END_TEST

START_TEST(short_ones_are_not_for_nothing)
{
    ck_assert_uint_eq(events_until_cut(0, 0, 5000), LULL_GATE_UNASKED_MAX / LULL_GATE_UNASKED_LEAST);
}
END_TEST

START_TEST(those_that_come_now_and_then_may_come_for_ever)
{
    ck_assert_uint_eq(events_until_cut(1000 - LULL_GATE_HEAD, SEC, 5000), 5000);
    setup();
    ck_assert_uint_eq(events_until_cut(0, SEC / 4, 5000), 5000);
}
END_TEST

START_TEST(keep_alive_goes_both_ways)
{
    for (guint i = 0; i < 1000; i++) {
        ck_assert_ptr_null(send_one(KEEPALIVE, MESSAGE, 0, 0, i * 5 * SEC));
        ck_assert_ptr_null(receive_one(KEEPALIVE, MESSAGE, 0, 0, i * 5 * SEC));
    }
    ck_assert_int_eq(lull_gate_until(&gate), 0);
}
END_TEST

START_TEST(a_clock_that_goes_back_gives_no_credit)
{
    ck_assert_uint_eq(events_until_cut(1000 - LULL_GATE_HEAD, -SEC, 5000), LULL_GATE_UNASKED_MAX / 1000);
}
END_TEST

START_TEST(more_calls_than_anybody_makes_end_it)
{
    for (guint32 i = 0; i < LULL_GATE_CALLS; i++)
        ck_assert_ptr_null(send_one(REMOTE, CALL, i, 0, 0));
    ck_assert_ptr_nonnull(send_one(REMOTE, CALL, 99, 0, 0));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("gate");
    TCase *tcase = tcase_create("gate");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, nothing_is_owed_until_something_is_asked);
    tcase_add_test(tcase, an_agent_has_longer_than_a_daemon);
    tcase_add_test(tcase, slow_answers_one_after_the_other_have_as_long_as_one);
    tcase_add_test(tcase, time_comes_back_while_nothing_is_asked);
    tcase_add_test(tcase, a_slow_agent_is_not_the_daemons_fault);
    tcase_add_test(tcase, what_is_sent_is_to_be_taken_in_time_whether_it_is_to_be_answered_or_not);
    tcase_add_test(tcase, an_answer_counts_when_it_is_whole_however_it_comes);
    tcase_add_test(tcase, one_without_a_body_is_whole_with_its_head);
    tcase_add_test(tcase, several_calls_are_answered_in_any_order_in_one_piece);
    tcase_add_test(tcase, an_answer_is_given_once);
    tcase_add_test(tcase, the_whole_opening_has_one_deadline);
    tcase_add_loop_test(tcase, what_is_no_answer_and_no_event_ends_it, 0, G_N_ELEMENTS(unheard_of));
    tcase_add_loop_test(tcase, a_length_that_cannot_be_ends_it_before_anything_is_read, 0,
                        G_N_ELEMENTS(lengths));
    tcase_add_test(tcase, the_longest_answer_may_pass);
    tcase_add_test(tcase, events_may_come_but_not_without_an_end);
    tcase_add_test(tcase, short_ones_are_not_for_nothing);
    tcase_add_test(tcase, those_that_come_now_and_then_may_come_for_ever);
    tcase_add_test(tcase, keep_alive_goes_both_ways);
    tcase_add_test(tcase, a_clock_that_goes_back_gives_no_credit);
    tcase_add_test(tcase, more_calls_than_anybody_makes_end_it);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
