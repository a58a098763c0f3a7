/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/turns.h"
#include "tests/lib/check-main.h"

#define MANY 20

typedef struct {
    LullTurns *turns;
    GCancellable *cancel;
    GThread *thread;
    gint at_work; /* atomic */
    gint over;    /* atomic: 1: had its turn, 2: cancelled */
    gint leave;   /* atomic */
} Person;

static gint order; /* atomic: how many had their turn */

static gpointer
live(gpointer data)
{
    Person *person = data;

    if (!lull_turns_wait(person->turns, person->cancel)) {
        g_atomic_int_set(&person->over, 2);
        return NULL;
    }
    g_atomic_int_set(&person->at_work, g_atomic_int_add(&order, 1) + 1);
    while (!g_atomic_int_get(&person->leave))
        g_usleep(500);
    lull_turns_give(person->turns);
    g_atomic_int_set(&person->over, 1);
    return NULL;
}

static void
come(Person *person, LullTurns *turns)
{
    person->turns = turns;
    person->cancel = g_cancellable_new();
    lull_turns_join(turns, person->cancel);
}

static void
wait_until(const gint *value)
{
    while (!g_atomic_int_get(value))
        g_usleep(500);
}

static void
part(Person *person)
{
    g_thread_join(person->thread);
    g_object_unref(person->cancel);
}

START_TEST(turns_come_in_the_order_of_the_line_however_late_one_waits)
{
    LullTurns *turns = lull_turns_new(1);
    Person people[MANY] = {{NULL}};

    for (guint i = 0; i < MANY; i++)
        come(&people[i], turns);
    for (guint i = MANY; i > 0; i--)
        people[i - 1].thread = g_thread_new("person", live, &people[i - 1]);
    for (guint i = 0; i < MANY; i++) {
        wait_until(&people[i].at_work);
        ck_assert_int_eq(people[i].at_work, (gint)i + 1);
        g_atomic_int_set(&people[i].leave, TRUE);
    }
    for (guint i = 0; i < MANY; i++)
        part(&people[i]);
    lull_turns_free(turns);
}
END_TEST

START_TEST(whoever_is_cancelled_leaves_the_line_to_those_behind)
{
    LullTurns *turns = lull_turns_new(1);
    Person people[4] = {{NULL}};

    for (guint i = 0; i < G_N_ELEMENTS(people); i++) {
        come(&people[i], turns);
        people[i].thread = g_thread_new("person", live, &people[i]);
    }
    wait_until(&people[0].at_work);
    lull_turns_cancel(turns, people[1].cancel);
    lull_turns_cancel(turns, people[2].cancel);
    wait_until(&people[1].over);
    wait_until(&people[2].over);
    ck_assert_int_eq(people[1].over, 2);
    ck_assert_int_eq(people[2].over, 2);
    ck_assert_int_eq(g_atomic_int_get(&people[3].at_work), 0);
    g_atomic_int_set(&people[0].leave, TRUE);
    wait_until(&people[3].at_work);
    g_atomic_int_set(&people[3].leave, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(people); i++)
        part(&people[i]);
    lull_turns_free(turns);
}
END_TEST

START_TEST(one_that_was_cancelled_before_it_waits_has_no_turn)
{
    LullTurns *turns = lull_turns_new(1);
    g_autoptr(GCancellable) first = g_cancellable_new();
    g_autoptr(GCancellable) second = g_cancellable_new();

    lull_turns_join(turns, first);
    lull_turns_join(turns, second);
    lull_turns_cancel(turns, first);
    ck_assert(!lull_turns_wait(turns, first));
    ck_assert(lull_turns_wait(turns, second));
    lull_turns_give(turns);
    lull_turns_free(turns);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/turns");
    TCase *cases = tcase_create("turns");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, turns_come_in_the_order_of_the_line_however_late_one_waits);
    tcase_add_test(cases, whoever_is_cancelled_leaves_the_line_to_those_behind);
    tcase_add_test(cases, one_that_was_cancelled_before_it_waits_has_no_turn);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
