/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/hold-disks.h"

#include "tests/lib/check-main.h"

#define DISK(target, serial)                                                           \
    "<disk type='file' device='disk'><source file='/" target "'/><target dev='" target \
    "' bus='virtio'/>" serial
#define SERIAL(text) "<serial>" text "</serial>"
#define END          "</disk>"
#define CDROM \
    "<disk type='file' device='cdrom'><source file='/iso'/><target dev='sda' bus='sata'/><readonly/></disk>"
#define TRAY "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/></disk>"

static LullVm *
vm_with(const char *disks)
{
    g_autofree char *xml = g_strdup_printf("<domain><name>larry</name>"
                                           "<uuid>3e1f3c5e-6ba0-4b0c-9d0e-4d2f0b9a1f00</uuid>"
                                           "<devices>%s</devices></domain>",
                                           disks);
    g_autoptr(GError) error = NULL;
    LullVm *vm = lull_vm_from_xml(xml, LULL_VM_RUNNING, &error);

    ck_assert_msg(vm != NULL, "%s", error ? error->message : "");
    return vm;
}

/* @exclude: a target left out by hand, NULL: none. */
static char *
asked(const char *disks, const char *exclude)
{
    g_autoptr(LullVm) vm = vm_with(disks);
    g_autoptr(LullJson) identities = NULL;
    g_autoptr(LullJson) ask = NULL;

    for (guint i = 0; i < vm->volumes->len; i++) {
        LullVmVolume *volume = vm->volumes->pdata[i];

        if (g_strcmp0(volume->disk, exclude) == 0)
            volume->excluded = g_strdup("by hand");
    }
    identities = lull_guest_hold_identities(vm);
    ask = lull_guest_hold_disks_to_ask(identities);
    return ask ? g_strdup(lull_json_to_line(ask)) : NULL;
}

static const struct {
    const char *disks;
    const char *exclude;
    const char *asked;
} cases_of_disks[] = {
    {DISK("vda", SERIAL("a")) END, NULL, NULL},
    {DISK("vda", SERIAL("a")) END CDROM TRAY, NULL, NULL},
    {DISK("vda", SERIAL("a")) END DISK("vdb", SERIAL("b")) "<readonly/>" END, NULL, NULL},
    {DISK("vda", SERIAL("a")) END DISK("vdb", SERIAL("b")) END, "vdb", "[{\"serial\":\"a\"}]"},
    {DISK("vda", SERIAL("a")) END DISK("vdb", SERIAL("b")) END CDROM, "vdb", "[{\"serial\":\"a\"}]"},
    {DISK("vda", SERIAL("a")) END DISK("vdb", SERIAL("b")) "<transient/>" END, NULL, "[{\"serial\":\"a\"}]"},
    {DISK("vda", "") END DISK("vdb", SERIAL("b")) END, "vdb", NULL},
};

START_TEST(the_guest_is_asked_for_all_unless_a_volume_it_can_write_to_is_left_out)
{
    g_autofree char *line = asked(cases_of_disks[_i].disks, cases_of_disks[_i].exclude);

    ck_assert_pstr_eq(line, cases_of_disks[_i].asked);
}
END_TEST

static Suite *
suite(void)
{
    Suite *self = suite_create("guest/hold-disks");
    TCase *cases = tcase_create("all");

    tcase_add_loop_test(cases, the_guest_is_asked_for_all_unless_a_volume_it_can_write_to_is_left_out, 0,
                        G_N_ELEMENTS(cases_of_disks));
    suite_add_tcase(self, cases);
    return self;
}

LULL_CHECK_MAIN(suite)
