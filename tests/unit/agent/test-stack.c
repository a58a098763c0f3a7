/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <sys/sysmacros.h>

#include "agent/filesystems/stack.h"
#include "agent/quiesce/plan.h"
#include "tests/lib/check-main.h"
#include "tests/lib/recorded.h"

/* What the trees in recorded/ come to: of each mount and swap space the disks at the bottom, "?" where there
 * may be more, "memory"; "<" the file systems that hold something of it. */
static const struct {
    const char *tree;
    const char *expected;
} stacks[] = {
    {"lvm-md-crypt", "/mnt/linear: PV1 0000:00:03.0\n"
                     "/mnt/thin: PV2 0000:00:04.0\n"
                     "/mnt/crypt: PV1 0000:00:03.0\n"
                     "/mnt/md: MD1 0000:00:05.0, MD2 0000:00:06.0\n"
                     "/mnt/span: PV1 0000:00:03.0, PV2 0000:00:04.0\n"
                     "/mnt/loop: PV1 0000:00:03.0, PV2 0000:00:04.0 < 253:7\n"
                     "/mnt/btrfs: PV1 0000:00:03.0, PV2 0000:00:04.0\n"
                     "/mnt/volume: PV1 0000:00:03.0, PV2 0000:00:04.0\n"
                     "/mnt/journal: PV1 0000:00:03.0, PV2 0000:00:04.0\n"
                     "/mnt/bind: MD1 0000:00:05.0, MD2 0000:00:06.0\n"
                     "/mnt/hang/sub: PV1 0000:00:03.0\n"
                     "/mnt/part: PART 0000:00:07.0\n"
                     "swap /mnt/linear/swap: PV1 0000:00:03.0 < 253:0\n"},
    {"multipath",
     "/: 60060e8007dea7000030dea700000044 0000:03:00.0 0:0:1, 60060e8007dea7000030dea700000044 0000:03:00.1 "
     "0:0:1\n"
     "/boot: 60060e8007dea7000030dea700000044 0000:03:00.0 0:0:1, 60060e8007dea7000030dea700000044 "
     "0000:03:00.1 "
     "0:0:1\n"
     "swap /dev/dm-4: 60060e8007dea7000030dea700000044 0000:03:00.0 0:0:1, 60060e8007dea7000030dea700000044 "
     "0000:03:00.1 0:0:1\n"},
    {"nvme-multipath", "/: NVME-0815 0000:00:05.0\n"},
    {"mainframe", "/: -\n/srv: channel\n"},
    {"members", "/: FIRST 0000:00:03.0\n/b: SECOND 0000:00:04.0?\n/f: FIRST 0000:00:03.0?\n/j: FIRST "
                "0000:00:03.0?\n"},
    {"odd", "/: ?\n/b: ?\n/c: ?\n/l: ? < 7:0\n/m: ?\n/ram: memory\n/z: ?\nswap /dev/zram0: memory\nswap /a "
            "b/swap: ? < "
            "253:0\n"},
};

static char *
tree_of(const char *name)
{
    g_autofree char *path = g_strconcat(LULL_RECORDED "/", name, ".txt", NULL);

    return recorded_make(path);
}

static int
by_number(gconstpointer a, gconstpointer b)
{
    return GPOINTER_TO_SIZE(a) < GPOINTER_TO_SIZE(b) ? -1 : 1;
}

static void
describe(GString *text, const char *name, const LullStack *stack)
{
    GList *below = g_list_sort(g_hash_table_get_keys(stack->below), by_number);

    g_string_append_printf(text, "%s: ", name);
    for (guint i = 0; i < stack->disks->len; i++) {
        const LullDevice *device = g_ptr_array_index(stack->disks, i);

        g_string_append_printf(text, "%s%s%s%s%s%s", i ? ", " : "",
                               device->disk.serial ? device->disk.serial : "-", device->disk.pci ? " " : "",
                               device->disk.pci ? device->disk.pci : "", device->disk.scsi ? " " : "",
                               device->disk.scsi ? device->disk.scsi : "");
    }
    g_string_append(text, stack->unknown ? "?" : stack->is_in_memory ? "memory" : "");
    for (const GList *at = below; at; at = at->next) {
        const dev_t number = (dev_t)GPOINTER_TO_SIZE(at->data);

        g_string_append_printf(text, " < %u:%u", major(number), minor(number));
    }
    g_string_append(text, "\n");
    g_list_free(below);
}

START_TEST(test_a_stack_ends_at_its_disks)
{
    g_autofree char *root = tree_of(stacks[_i].tree);
    g_autoptr(LullSurvey) survey = lull_survey_take(root, NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    ck_assert_ptr_nonnull(survey);
    for (guint i = 0; i < survey->mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(survey->mounts, i);
        g_autoptr(LullStack) stack = lull_stack_of_mount(survey, mount);

        if (lull_survey_device(survey, mount))
            describe(text, mount->mountpoint, stack);
    }
    for (guint i = 0; i < survey->swaps->len; i++) {
        const LullSwap *swap = g_ptr_array_index(survey->swaps, i);
        g_autoptr(LullStack) stack = lull_stack_of_swap(survey, swap);
        g_autofree char *name = g_strconcat("swap ", swap->path, NULL);

        describe(text, name, stack);
    }
    recorded_remove(root);
    ck_assert_str_eq(text->str, stacks[_i].expected);
}
END_TEST

/* "+" to be frozen, in order, with the level; "-" skipped; "!" failed. */
static char *
plan_of(const char *tree, const char *disks)
{
    g_autofree char *root = tree_of(tree);
    g_autoptr(LullSurvey) survey = lull_survey_take(root, NULL);
    g_autoptr(LullJson) wanted = disks ? lull_json_parse(disks, -1, NULL) : NULL;
    const LullPlanRequest request = {.disks = wanted};
    g_autoptr(GPtrArray) plan = lull_plan_make(survey, &request);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < plan->len; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(plan, i);
        const char *mark = entry->result == LULL_PLAN_FREEZE   ? "+"
                           : entry->result == LULL_PLAN_FAILED ? "!"
                                                               : "-";

        g_string_append_printf(text, "%s%s", mark, entry->mountpoint);
        if (entry->result == LULL_PLAN_FREEZE)
            g_string_append_printf(text, ":%u%s", entry->level, entry->may_hang ? "?" : "");
        g_string_append_c(text, ' ');
    }
    recorded_remove(root);
    return g_strchomp(g_string_free(text, FALSE));
}

START_TEST(test_only_what_stands_on_another_waits_for_it)
{
    g_autofree char *plan = plan_of("lvm-md-crypt", NULL);

    /* A recorded btrfs cannot be looked at, and is taken for one that hides behind a path that may hang. */
    ck_assert_str_eq(plan,
                     "+/mnt/part:0 +/mnt/hang/sub:0? +/mnt/journal:0 +/mnt/loop:0 +/mnt/span:1 +/mnt/md:0 "
                     "+/mnt/crypt:0 +/mnt/thin:0 +/mnt/linear:0 !/mnt/btrfs -/mnt/volume -/mnt/overlay "
                     "-/mnt/bind -/mnt/hang -/mnt/linear/swap");
}
END_TEST

START_TEST(test_one_disk_of_several_is_enough)
{
    g_autofree char *first = plan_of("lvm-md-crypt", "[{'serial':'MD2'}]");
    g_autofree char *path = plan_of("multipath", "[{'serial':'60060e8007dea7000030dea700000044'}]");

    ck_assert_msg(g_str_has_prefix(first, "+/mnt/md:0 -"), "%s", first);
    ck_assert_str_eq(path, "+/boot:0 +/:0 -/dev/dm-4");
}
END_TEST

START_TEST(test_what_may_have_more_devices_than_are_told_is_frozen_whoever_asks)
{
    g_autofree char *plan = plan_of("members", "[{'serial':'THIRD'}]");

    /* A recorded btrfs cannot be looked at. */
    ck_assert_str_eq(plan, "+/j:0 +/f:1 -/ !/b");
}
END_TEST

START_TEST(test_what_stands_on_the_unknown_is_frozen_one_by_one_whoever_asks)
{
    g_autofree char *plan = plan_of("odd", "[{'serial':'else'}]");

    ck_assert_str_eq(plan, "+/z:0 +/ram:1 +/m:2 +/l:3 +/c:4 +/b:5 +/:6 -/a b/swap");
}
END_TEST

START_TEST(test_disks_on_the_wire_say_once_what_is_known)
{
    g_autofree char *root = tree_of("multipath");
    g_autoptr(LullSurvey) survey = lull_survey_take(root, NULL);
    const LullPlanRequest request = {NULL};
    g_autoptr(GPtrArray) plan = lull_plan_make(survey, &request);
    const LullPlanEntry *entry = g_ptr_array_index(plan, 0);

    recorded_remove(root);
    ck_assert_uint_eq(json_object_array_length(entry->disks), 2);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(entry->disks, 1), "serial", ""),
                     "60060e8007dea7000030dea700000044");
}
END_TEST

START_TEST(test_a_channel_is_the_address_on_a_mainframe)
{
    g_autofree char *root = tree_of("mainframe");
    g_autoptr(LullDevice) dasd = lull_device_read(root, makedev(94, 1));
    g_autoptr(LullDevice) virtio = lull_device_read(root, makedev(252, 0));
    const guint expected[4] = {0, 0, 1, 0x1000};

    recorded_remove(root);
    ck_assert(dasd->has_ccw && virtio->has_ccw);
    ck_assert_mem_eq(dasd->ccw_address, expected, sizeof expected);
    ck_assert_str_eq(dasd->node, "/dev/dasda1");
    ck_assert_ptr_null(dasd->bus_type);
    ck_assert_str_eq(virtio->bus_type, "virtio");
}
END_TEST

/* A device on more than may be: it is told that not all of it is known. */
START_TEST(test_a_device_on_too_many_is_incomplete)
{
    g_autofree char *root = g_dir_make_tmp("lull-recorded-XXXXXX", NULL);
    g_autoptr(LullGraph) graph = lull_graph_new();
    g_autofree char *link = recorded_place(root, "/sys/dev/block/253:0");
    const LullBlock *block;

    recorded_write(root, "/sys/devices/virtual/block/d/dev", "8:1");
    for (guint i = 0; i <= LULL_GRAPH_MAX_LOWER; i++) {
        g_autofree char *name = g_strdup_printf("/sys/devices/virtual/block/dm-0/slaves/d%u", i);
        g_autofree char *path = recorded_place(root, name);

        ck_assert_int_eq(symlink("../../d", path), 0);
    }
    ck_assert_int_eq(symlink("../../devices/virtual/block/dm-0", link), 0);
    block = lull_graph_read(graph, root, makedev(253, 0));
    recorded_remove(root);
    ck_assert(block->incomplete);
    ck_assert_uint_eq(block->lower->len, LULL_GRAPH_MAX_LOWER);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("stack");
    TCase *tcase = tcase_create("stack");

    tcase_add_loop_test(tcase, test_a_stack_ends_at_its_disks, 0, G_N_ELEMENTS(stacks));
    tcase_add_test(tcase, test_only_what_stands_on_another_waits_for_it);
    tcase_add_test(tcase, test_one_disk_of_several_is_enough);
    tcase_add_test(tcase, test_what_may_have_more_devices_than_are_told_is_frozen_whoever_asks);
    tcase_add_test(tcase, test_what_stands_on_the_unknown_is_frozen_one_by_one_whoever_asks);
    tcase_add_test(tcase, test_disks_on_the_wire_say_once_what_is_known);
    tcase_add_test(tcase, test_a_channel_is_the_address_on_a_mainframe);
    tcase_add_test(tcase, test_a_device_on_too_many_is_incomplete);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
