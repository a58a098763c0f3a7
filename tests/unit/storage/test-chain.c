/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/chain.h"

#include "tests/lib/check-main.h"

/* Everything in order: a volume of a machine that has a parent, a checkpoint and a bitmap. */
static const LullChainFacts good_facts = {
    .wanted = TRUE, .has_parent = TRUE, .had_parent = TRUE, .has_checkpoint = TRUE, .length = 3};
static const LullChainVolume good_volume = {
    .qcow2 = TRUE, .in_parent = TRUE, .same_size = TRUE, .has_bitmap = TRUE};

START_TEST(with_everything_in_order_what_changed_is_enough)
{
    ck_assert_int_eq(lull_chain_decide(&good_facts, &good_volume), LULL_CHAIN_INCREMENTAL);
}
END_TEST

/* In the order of the structs. */
static const struct {
    LullChainKind kind;
    LullChainFacts facts;
    LullChainVolume volume;
} rows[] = {
    {LULL_CHAIN_OFF, {FALSE, FALSE, FALSE, TRUE, TRUE, TRUE, 3, FALSE}, {TRUE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_RAW, {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 3, FALSE}, {FALSE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_OLD_FORMAT, {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 3, FALSE}, {TRUE, TRUE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_STOPPED, {TRUE, TRUE, FALSE, TRUE, TRUE, TRUE, 3, FALSE}, {TRUE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_DISTRUSTED, {TRUE, FALSE, TRUE, TRUE, TRUE, TRUE, 3, FALSE}, {TRUE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_FIRST,
     {TRUE, FALSE, FALSE, FALSE, FALSE, FALSE, 0, FALSE},
     {TRUE, FALSE, FALSE, FALSE, FALSE}},
    {LULL_CHAIN_NO_CHECKPOINT,
     {TRUE, FALSE, FALSE, FALSE, TRUE, FALSE, 0, FALSE},
     {TRUE, FALSE, FALSE, FALSE, FALSE}},
    {LULL_CHAIN_NO_CHECKPOINT,
     {TRUE, FALSE, FALSE, FALSE, TRUE, TRUE, 0, FALSE},
     {TRUE, FALSE, FALSE, FALSE, FALSE}},
    {LULL_CHAIN_NO_PARENT,
     {TRUE, FALSE, FALSE, FALSE, FALSE, TRUE, 0, FALSE},
     {TRUE, FALSE, FALSE, FALSE, FALSE}},
    {LULL_CHAIN_UNSEALED,
     {TRUE, FALSE, FALSE, FALSE, TRUE, TRUE, 0, TRUE},
     {TRUE, FALSE, FALSE, FALSE, FALSE}},
    {LULL_CHAIN_NO_PARENT, {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 0, FALSE}, {TRUE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_INCREMENTAL,
     {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 6, FALSE},
     {TRUE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_LENGTH, {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 7, FALSE}, {TRUE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_LENGTH, {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 9, FALSE}, {TRUE, FALSE, TRUE, TRUE, TRUE}},
    {LULL_CHAIN_NEW_VOLUME,
     {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 3, FALSE},
     {TRUE, FALSE, FALSE, FALSE, TRUE}},
    {LULL_CHAIN_RESIZED, {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 3, FALSE}, {TRUE, FALSE, TRUE, FALSE, TRUE}},
    {LULL_CHAIN_NO_BITMAP,
     {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, 3, FALSE},
     {TRUE, FALSE, TRUE, TRUE, FALSE}},
};

START_TEST(whatever_is_missing_makes_it_whole)
{
    ck_assert_int_eq(lull_chain_decide(&rows[_i].facts, &rows[_i].volume), rows[_i].kind);
}
END_TEST

static gboolean
bit(guint bits, guint n)
{
    return (bits >> n) & 1;
}

START_TEST(changes_alone_are_never_copied_without_all_that_they_need)
{
    for (guint bits = 0; bits < 4096; bits++)
        for (guint length = 0; length < 9; length++) {
            const LullChainFacts facts = {bit(bits, 0), bit(bits, 10), bit(bits, 1), bit(bits, 2),
                                          bit(bits, 3), bit(bits, 4),  length,       bit(bits, 11)};
            const LullChainVolume volume = {bit(bits, 5), bit(bits, 6), bit(bits, 7), bit(bits, 8),
                                            bit(bits, 9)};
            const LullChainKind kind = lull_chain_decide(&facts, &volume);
            const gboolean all = facts.wanted && !facts.stopped && !facts.distrusted && facts.has_parent &&
                                 length >= 1 && length < LULL_CHAIN_MAX && volume.qcow2 &&
                                 !volume.old_format && volume.in_parent && volume.same_size &&
                                 volume.has_bitmap;

            ck_assert_int_eq(kind == LULL_CHAIN_INCREMENTAL, all);
            ck_assert(!lull_chain_records(kind) || (facts.wanted && volume.qcow2 && !volume.old_format &&
                                                    !facts.stopped && !facts.distrusted));
        }
}
END_TEST

START_TEST(a_whole_copy_against_the_wish_has_a_reason)
{
    for (int kind = 0; kind < LULL_CHAIN_N; kind++)
        ck_assert_int_eq(lull_chain_why((LullChainKind)kind) != NULL,
                         kind != LULL_CHAIN_OFF && kind != LULL_CHAIN_INCREMENTAL);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/chain");
    TCase *cases = tcase_create("chain");

    tcase_add_test(cases, with_everything_in_order_what_changed_is_enough);
    tcase_add_loop_test(cases, whatever_is_missing_makes_it_whole, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, changes_alone_are_never_copied_without_all_that_they_need);
    tcase_add_test(cases, a_whole_copy_against_the_wish_has_a_reason);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
