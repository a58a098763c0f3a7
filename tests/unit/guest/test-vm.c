/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm.h"

#include <string.h>

#include "coordinator/model/volumes.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define UUID "dbf88f9f-5838-45bb-9799-33a82fdb7ad1"
#define HEAD "<name>demo</name><uuid>" UUID "</uuid>"

static LullVm *
vm_with(const char *head, const char *devices)
{
    g_autofree char *xml =
        g_strdup_printf("<domain type='kvm' id='1'>%s<devices>%s</devices></domain>", head, devices);
    g_autoptr(GError) error = NULL;
    LullVm *vm = lull_vm_from_xml(xml, LULL_VM_RUNNING, &error);

    ck_assert_msg(vm != NULL, "%s", error ? error->message : "");
    return vm;
}

static const LullVmVolume *
only_volume(const LullVm *vm)
{
    ck_assert_uint_eq(vm->volumes->len, 1);
    return g_ptr_array_index(vm->volumes, 0);
}

static void
assert_refused(const char *xml, const char *why)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_vm_from_xml(xml, LULL_VM_RUNNING, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_msg(strstr(error->message, why) != NULL, "%s", error->message);
}

START_TEST(the_mark_of_a_restore_is_read_from_its_own_namespace)
{
    static const struct {
        const char *metadata;
        gboolean restored;
    } rows[] = {
        {"", FALSE},
        {"<metadata/>", FALSE},
        {"<metadata><l:restored xmlns:l='https://lull.dev/restored/1'/></metadata>", TRUE},
        {"<metadata><restored xmlns='https://lull.dev/restored/1'/></metadata>", TRUE},
        {"<metadata><restored/></metadata>", FALSE},
        {"<metadata><l:restored xmlns:l='https://example.org/1'/></metadata>", FALSE},
        {"<metadata><l:other xmlns:l='https://lull.dev/restored/1'/></metadata>", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *head = g_strconcat(HEAD, rows[i].metadata, NULL);
        g_autoptr(LullVm) vm = vm_with(head, "");

        ck_assert_msg(vm->restored == rows[i].restored, "%s", rows[i].metadata);
        ck_assert(!vm->incremental);
    }
}
END_TEST

START_TEST(a_virtio_disk_is_a_volume_with_the_guests_view_of_it)
{
    g_autoptr(LullVm) vm =
        vm_with(HEAD, "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/>"
                      "<source file='/images/a&amp;b.qcow2' index='2'/><backingStore/>"
                      "<target dev='vda' bus='virtio'/><serial>ROOT</serial><alias name='ua-rootdisk'/>"
                      "<address type='pci' domain='0x0000' bus='0x04' slot='0x1f' function='0x2'/></disk>");
    const LullVmVolume *volume = only_volume(vm);

    ck_assert_str_eq(volume->name, "rootdisk");
    ck_assert_str_eq(volume->disk, "vda");
    ck_assert_str_eq(volume->path, "/images/a&b.qcow2");
    ck_assert_str_eq(volume->format, "qcow2");
    ck_assert_str_eq(volume->serial, "ROOT");
    ck_assert_str_eq(volume->pci, "0000:04:1f.2");
    ck_assert_ptr_null(volume->scsi);
    ck_assert(!volume->block);
    ck_assert(volume->flushes_ignored);
    ck_assert(!volume->read_only);
    ck_assert_ptr_null(volume->excluded);
}
END_TEST

START_TEST(a_scsi_disk_is_found_behind_its_controller)
{
    g_autoptr(LullVm) vm = vm_with(
        HEAD, "<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/lv'/>"
              "<target dev='sda' bus='scsi'/><address type='drive' controller='1' bus='0' target='3' "
              "unit='7'/></disk>"
              "<controller type='scsi' index='0'><address type='pci' domain='0x0000' bus='0x00' slot='0x05' "
              "function='0x0'/></controller>"
              "<controller type='scsi' index='1'><address type='pci' domain='0x0000' bus='0x00' slot='0x06' "
              "function='0x0'/></controller>");
    const LullVmVolume *volume = only_volume(vm);

    ck_assert(volume->block);
    ck_assert_str_eq(volume->path, "/dev/vg/lv");
    ck_assert_str_eq(volume->pci, "0000:00:06.0");
    ck_assert_str_eq(volume->scsi, "0:3:7");
    ck_assert_ptr_null(volume->excluded);
}
END_TEST

START_TEST(a_sata_disk_is_found_behind_its_controller)
{
    g_autoptr(LullVm) vm = vm_with(
        HEAD, "<disk type='file' device='disk'><source file='/i.raw'/><target dev='sda' bus='sata'/>"
              "<address type='drive' controller='0' bus='0' target='0' unit='2'/></disk>"
              "<controller type='scsi' index='0'><address type='pci' domain='0x0000' bus='0x00' slot='0x05' "
              "function='0x0'/></controller>"
              "<controller type='sata' index='0'><address type='pci' domain='0x0000' bus='0x00' slot='0x1f' "
              "function='0x2'/></controller>");
    const LullVmVolume *volume = only_volume(vm);

    ck_assert_str_eq(volume->pci, "0000:00:1f.2");
    ck_assert_str_eq(volume->scsi, "0:0:2");
}
END_TEST

START_TEST(a_disk_of_a_stopped_machine_has_no_address_yet)
{
    g_autoptr(LullVm) vm = vm_with(
        HEAD,
        "<disk type='file' device='disk'><source file='/i.raw'/><target dev='vda' bus='virtio'/></disk>");
    const LullVmVolume *volume = only_volume(vm);

    ck_assert_str_eq(volume->name, "vda");
    ck_assert_str_eq(volume->format, "raw");
    ck_assert_ptr_null(volume->pci);
    ck_assert_ptr_null(volume->serial);
}
END_TEST

static const struct {
    const char *disk;
    const char *why;
} excluded[] = {
    {"<disk type='file' device='cdrom'><source file='/x.iso'/><target dev='t'/></disk>", "cdrom"},
    {"<disk type='file' device='cdrom'><target dev='t'/></disk>", "cdrom"},
    {"<disk type='block' device='lun'><source dev='/dev/x'/><target dev='t'/></disk>", "lun"},
    {"<disk type='file' device='disk'><source file='/x'/><target dev='t'/><readonly/></disk>", "read-only"},
    {"<disk type='file' device='disk'><source file='/x'/><target dev='t'/><shareable/></disk>", "shareable"},
    {"<disk type='file' device='disk'><source file='/x'/><target dev='t'/><transient/></disk>", "transient"},
    {"<disk type='network' device='disk'><source protocol='rbd' name='p/i'/><target dev='t'/></disk>",
     "network"},
    {"<disk type='volume' device='disk'><source pool='p' volume='v'/><target dev='t'/></disk>", "volume"},
    {"<disk device='disk'><source file='/x'/><target dev='t'/></disk>", "unknown"},
    {"<disk type='file' device='disk'><target dev='t'/></disk>", "no source"},
    {"<disk type='file' device='disk'><source file='x.raw'/><target dev='t'/></disk>", "absolute"},
    {"<disk type='file' device='disk'><driver type='vmdk'/><source file='/x'/><target dev='t'/></disk>",
     "vmdk"},
    {"<disk type='file' device='disk'><source file='/x'><encryption format='luks'/></source>"
     "<target dev='t'/></disk>",
     "encrypted"},
    {"<disk type='file' device='disk'><source file='/x'><slices/></source><target dev='t'/></disk>", "slice"},
    {"<disk type='file' device='disk'><source file='/x'><dataStore type='file'/></source><target dev='t'/>"
     "</disk>",
     "convert"},
    {"<disk type='file' device='disk'><source file='/x'/><target dev='t' bus='sd'/></disk>", "SD card"},
};

START_TEST(what_cannot_be_included_says_why)
{
    g_autoptr(LullVm) vm = vm_with(HEAD, excluded[_i].disk);
    const LullVmVolume *volume = only_volume(vm);

    ck_assert_msg(volume->excluded && strstr(volume->excluded, excluded[_i].why), "%s", excluded[_i].disk);
}
END_TEST

START_TEST(names_that_could_leave_the_folder_fall_back_to_the_device)
{
    g_autoptr(LullVm) vm = vm_with(HEAD, "<disk type='file'><source file='/x'/><target dev='vda'/>"
                                         "<alias name='ua-../../etc/passwd'/></disk>"
                                         "<disk type='file'><source file='/y'/><target dev='vdb'/>"
                                         "<alias name='ua-vda'/></disk>");

    ck_assert_str_eq(((LullVmVolume *)g_ptr_array_index(vm->volumes, 0))->name, "vda");
    ck_assert_str_eq(((LullVmVolume *)g_ptr_array_index(vm->volumes, 1))->name, "vdb");
}
END_TEST

START_TEST(two_disks_of_one_name_are_refused)
{
    assert_refused("<domain>" HEAD "<devices><disk><target dev='vda'/></disk><disk><target dev='vda'/></disk>"
                   "</devices></domain>",
                   "two disks");
}
END_TEST

START_TEST(a_device_name_that_is_a_path_is_refused)
{
    assert_refused("<domain>" HEAD "<devices><disk><target dev='../vda'/></disk></devices></domain>",
                   "plain name");
}
END_TEST

START_TEST(a_name_that_the_api_cannot_have_becomes_one_made_of_the_uuid)
{
    g_autoptr(LullVm) vm = vm_with("<name>Wind_ows 11</name><uuid>" UUID "</uuid>", "");

    ck_assert_str_eq(vm->name, "vm-dbf88f9f");
    ck_assert_str_eq(vm->domain, "Wind_ows 11");
}
END_TEST

START_TEST(the_agents_channel_is_found_and_its_state)
{
    g_autoptr(LullVm) off = vm_with(
        HEAD,
        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='disconnected'/>"
        "</channel>");
    g_autoptr(LullVm) on = vm_with(
        HEAD,
        "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0' state='disconnected'/>"
        "</channel><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' "
        "state='connected'/></channel>");
    g_autoptr(LullVm) none = vm_with(HEAD, "");

    ck_assert(off->agent_channel && !off->agent_connected);
    ck_assert(on->agent_channel && on->agent_connected);
    ck_assert(!none->agent_channel && !none->agent_connected);
}
END_TEST

START_TEST(the_agents_socket_is_where_the_channel_has_it)
{
    g_autoptr(LullVm) dialled = vm_with(
        HEAD, "<channel type='unix'><source mode='bind' path='/run/other'/><target name='other'/></channel>"
              "<channel type='unix'><source mode='bind' path='/run/agent'/>"
              "<target type='xen' name='org.qemu.guest_agent.0'/></channel>");
    g_autoptr(LullVm) other = vm_with(HEAD, "<channel type='pty'><source path='/dev/pts/4'/>"
                                            "<target type='xen' name='org.qemu.guest_agent.0'/></channel>");

    ck_assert_str_eq(dialled->agent_socket, "/run/agent");
    ck_assert_ptr_null(other->agent_socket);
}
END_TEST

START_TEST(the_nvram_is_part_of_the_machine)
{
    g_autoptr(LullVm) vm = vm_with(HEAD "<os><nvram template='/t.fd'>/var/nvram/demo.fd</nvram></os>", "");

    ck_assert_str_eq(vm->nvram, "/var/nvram/demo.fd");
}
END_TEST

START_TEST(bad_documents_are_refused)
{
    assert_refused("", "");
    assert_refused("<domain>", "line");
    assert_refused("<network/>", "<domain>");
    assert_refused("<domain><name>x</name></domain>", "uuid");
    assert_refused("<domain><name>x</name><uuid>../..</uuid></domain>", "uuid");
    assert_refused("<domain><uuid>" UUID "</uuid></domain>", "name");
    assert_refused("<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><domain>" HEAD "</domain>",
                   "document type");
}
END_TEST

START_TEST(a_document_that_is_too_large_is_refused)
{
    g_autofree char *xml = g_strnfill(5 * 1024 * 1024, ' ');

    assert_refused(xml, "too many");
}
END_TEST

START_TEST(the_object_has_the_references_shape)
{
    g_autoptr(LullVm) vm =
        vm_with(HEAD, "<disk type='file' device='disk'><source file='/x'/><target dev='vda'/></disk>"
                      "<disk type='file' device='cdrom'><source file='/y.iso'/><target dev='sda'/></disk>");
    g_autoptr(LullJson) json = lull_vm_to_json(vm);
    LullJson *volumes = lull_json_array(lull_json_at(json, "spec", "template", "spec", NULL), "volumes");
    LullJson *statuses = lull_json_array(lull_json_at(json, "status", NULL), "volumeSnapshotStatuses");
    const char *reason = lull_json_string(json_object_array_get_idx(statuses, 1), "reason", "");

    ck_assert_str_eq(lull_json_string(json, "apiVersion", ""), "kubevirt.io/v1");
    ck_assert_str_eq(lull_json_string(json, "kind", ""), "VirtualMachine");
    ck_assert_str_eq(lull_json_string(lull_json_at(json, "metadata", NULL), "uid", ""), UUID);
    ck_assert_str_eq(lull_json_string(lull_json_at(json, "status", NULL), "printableStatus", ""), "Running");
    ck_assert_str_eq(
        lull_json_string(lull_json_at(json_object_array_get_idx(volumes, 0), "persistentVolumeClaim", NULL),
                         "claimName", ""),
        "demo-vda");
    ck_assert(lull_json_bool(json_object_array_get_idx(statuses, 0), "enabled", FALSE));
    ck_assert(!lull_json_bool(json_object_array_get_idx(statuses, 1), "enabled", TRUE));
    ck_assert_msg(g_str_has_prefix(reason, "Snapshot is not supported for this volumeSource type [sda]"),
                  "%s", reason);
}
END_TEST

static const struct {
    const char *backend;
    const char *why;
} tpms[] = {
    {"<backend type='emulator' version='2.0'/>", "in swtpm/" UUID},
    {"<backend type='passthrough'><device path='/dev/tpm0'/></backend>", "the host's own"},
    {"<backend type='external'><source type='unix' mode='connect' path='/s'/></backend>", "did not start"},
    {"", "in swtpm/" UUID},
};

START_TEST(what_a_tpm_holds_is_told_to_be_in_no_snapshot)
{
    g_autofree char *devices = g_strdup_printf(
        "<disk type='file' device='disk'><source file='/x'/><target dev='vda'/></disk><tpm>%s</tpm>",
        tpms[_i].backend);
    g_autoptr(LullVm) vm = vm_with(HEAD, devices);
    g_autoptr(LullJson) object = lull_vm_to_json(vm);
    LullJson *status = lull_volume_status(object, "persistent-state-for-demo");

    ck_assert_uint_eq(vm->volumes->len, 1);
    ck_assert(lull_volumes_have_tpm(object));
    ck_assert(!lull_json_bool(status, "enabled", TRUE));
    ck_assert_msg(strstr(lull_json_string(status, "reason", ""), tpms[_i].why) != NULL, "%s",
                  lull_json_to_line(status));
}
END_TEST

START_TEST(a_machine_without_a_tpm_misses_none)
{
    g_autoptr(LullVm) vm = vm_with(HEAD, "");
    g_autoptr(LullJson) object = lull_vm_to_json(vm);

    ck_assert_ptr_null(vm->tpm);
    ck_assert(!lull_volumes_have_tpm(object));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/vm");
    TCase *cases = tcase_create("vm");

    tcase_add_test(cases, the_mark_of_a_restore_is_read_from_its_own_namespace);
    tcase_add_test(cases, a_virtio_disk_is_a_volume_with_the_guests_view_of_it);
    tcase_add_test(cases, a_scsi_disk_is_found_behind_its_controller);
    tcase_add_test(cases, a_sata_disk_is_found_behind_its_controller);
    tcase_add_test(cases, a_disk_of_a_stopped_machine_has_no_address_yet);
    tcase_add_loop_test(cases, what_cannot_be_included_says_why, 0, G_N_ELEMENTS(excluded));
    tcase_add_test(cases, names_that_could_leave_the_folder_fall_back_to_the_device);
    tcase_add_test(cases, two_disks_of_one_name_are_refused);
    tcase_add_test(cases, a_device_name_that_is_a_path_is_refused);
    tcase_add_test(cases, a_name_that_the_api_cannot_have_becomes_one_made_of_the_uuid);
    tcase_add_test(cases, the_agents_channel_is_found_and_its_state);
    tcase_add_test(cases, the_agents_socket_is_where_the_channel_has_it);
    tcase_add_test(cases, the_nvram_is_part_of_the_machine);
    tcase_add_test(cases, bad_documents_are_refused);
    tcase_add_test(cases, a_document_that_is_too_large_is_refused);
    tcase_add_test(cases, the_object_has_the_references_shape);
    tcase_add_loop_test(cases, what_a_tpm_holds_is_told_to_be_in_no_snapshot, 0, G_N_ELEMENTS(tpms));
    tcase_add_test(cases, a_machine_without_a_tpm_misses_none);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
