/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm-copy.h"

#include <string.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define UUID          "0a9cf0a8-2cb4-4a3e-8b8f-64d2f0b6a001"
#define DOMAIN(inner) "<domain type='qemu'><name>larry</name><uuid>old-uuid</uuid>" inner "</domain>"
#define DEVICES(list) DOMAIN("<devices>" list "</devices>")
#define VDA                                                                                     \
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a/vda'/>" \
    "<target dev='vda' bus='virtio'/></disk>"

static char *
copy_with(const char *xml, const char *nvram, const char *patches, GError **error)
{
    g_autoptr(LullJson) disks = json("{'vda':'/a/lara-vda.qcow2'}");
    g_autoptr(LullJson) list = patches ? json(patches) : NULL;
    const LullVmCopy wanted = {"lara & co", UUID, disks, nvram, list};

    return lull_vm_copy(xml, &wanted, error);
}

static char *
copy_of(const char *xml)
{
    g_autoptr(GError) error = NULL;
    char *copy = copy_with(xml, NULL, NULL, &error);

    ck_assert_msg(!error, "%s", error ? error->message : "");
    return copy;
}

static void
check_has(const char *text, const char *part, gboolean has)
{
    ck_assert_msg(!!strstr(text, part) == has, "%s: %s", part, text);
}

static const struct {
    const char *device;
    const char *gone; /* of it, in the copy */
    const char *there;
} devices[] = {
    {VDA, "/a/vda", "<source file=\"/a/lara-vda.qcow2\"/>"},
    {"<disk type='volume' device='disk'><source pool='p' volume='v' index='1'/><backingStore/><target "
     "dev='vda'/></disk>",
     "pool", "<source file=\"/a/lara-vda.qcow2\"/>"},
    {"<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>"
     "<virtualport><parameters interfaceid='x' profileid='y'/></virtualport><target dev='web0'/></interface>",
     "52:54:00:00:00:01", "<source network=\"default\"/>"},
    {"<interface type='network'><virtualport><parameters interfaceid='x' profileid='y'/></virtualport>"
     "<target dev='web0'/></interface>",
     "interfaceid", "profileid=\"y\""},
    {"<interface type='network'><target dev='web0'/></interface>", "web0", "<interface"},
    {"<serial type='file'><source path='/console'/><log file='/log'/><target port='0'/></serial>", "/console",
     "<serial type=\"pty\">"},
    {"<serial type='file'><source path='/console'/><log file='/log'/><target port='0'/></serial>", "/log",
     "port"},
    {"<channel type='unix'><source mode='bind' path='/s'/><target type='virtio' name='x'/></channel>", "/s\"",
     "<channel type=\"unix\"><target"},
    {"<serial type='unix'><source mode='bind' path='/s'/></serial>", "/s\"", "pty"},
    {"<serial type='unix'><source mode='connect' path='/s'/></serial>", "pty", "/s\""},
    {"<vsock><cid auto='no' address='5'/></vsock>", "address", "<cid auto=\"yes\"/>"},
    {"<disk type='file' device='cdrom'><source file='/cd.iso'/><target dev='sda'/></disk>", "lara-vda",
     "/cd.iso"},
    {"<disk type='file' device='disk'><source file='/b'/><target dev='vdb'/><readonly/></disk>", "lara-vda",
     "/b"},
    {"<disk type='file' device='disk'><source file='/a/vda'><slices/><dataStore type='file'><source "
     "file='/a/data'/></dataStore></source><target dev='vda'/></disk>",
     "/a/data", "<source file=\"/a/lara-vda.qcow2\"/>"},
    {"<interface type='direct'><source dev='eth0' mode='bridge'/><virtualport><parameters instanceid='x' "
     "typeid='y'/></virtualport></interface>",
     "instanceid", "typeid=\"y\""},
    {"<interface type='user'><backend type='x' logFile='/log'/><portForward proto='tcp'/><portForward "
     "proto='udp'/></interface>",
     "portForward", "<backend type=\"x\"/>"},
    {"<serial type='tcp'><source mode='bind' host='::' service='7'/><protocol type='raw'/></serial>", "raw",
     "<serial type=\"pty\"/>"},
    {"<serial type='tcp'><source mode='connect' host='log' service='7'/></serial>", "pty", "host=\"log\""},
    {"<serial type='udp'><source mode='bind' service='7'/><source mode='connect' service='8'/></serial>",
     "service", "<serial type=\"pty\"/>"},
    {"<serial type='dev'><source path='/dev/ttyS0'/></serial>", "ttyS0", "<serial type=\"pty\"/>"},
    {"<graphics type='vnc' port='5901' autoport='no' websocket='5701' socket='/s'><listen type='socket' "
     "socket='/s'/></graphics>",
     "/s\"", "<graphics type=\"vnc\" autoport=\"yes\" websocket=\"-1\"><listen type=\"socket\"/>"},
    {"<graphics type='spice' port='5901' tlsPort='5902'/>", "590", "autoport=\"yes\""},
    {"<filesystem type='mount'><source dir='/x'/><target dir='t'/><readonly/></filesystem>", "pty", "/x"},
    {"<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>", "pty", "/dev/urandom"},
    {"<redirdev bus='usb' type='spicevmc'/>", "pty", "spicevmc"},
    {"<memory model='dimm'><target/></memory>", "pty", "dimm"},
};

START_TEST(what_two_machines_cannot_have_is_its_own_in_the_copy)
{
    g_autofree char *xml = g_strdup_printf(DEVICES("%s"), devices[_i].device);
    g_autofree char *copy = copy_of(xml);

    check_has(copy, devices[_i].gone, FALSE);
    check_has(copy, devices[_i].there, TRUE);
}
END_TEST

START_TEST(it_is_called_by_its_own_name_and_uuid_everywhere)
{
    g_autofree char *copy = copy_of(
        DOMAIN("<genid>old-genid</genid><sysinfo type='smbios'><system><entry name='uuid'>old-uuid</entry>"
               "<entry name='serial'>old-serial</entry><entry name='product'>kept</entry></system>"
               "<baseBoard><entry name='serial'>old-board</entry></baseBoard></sysinfo><devices/>"));

    check_has(copy, "<name>lara &amp; co</name><uuid>" UUID "</uuid>", TRUE);
    check_has(copy, "old-", FALSE);
    check_has(copy, "kept", TRUE);
    check_has(copy, "<genid/>", TRUE);
}
END_TEST

static const struct {
    const char *xml;
    const char *nvram;
    const char *part; /* of the error */
} refusals[] = {
    {DEVICES("<tpm model='tpm-crb'><backend type='emulator'/></tpm>"), NULL, "its TPM"},
    {DEVICES(VDA "<disk type='file' device='disk'><source file='/b'/><target dev='vdb'/></disk>"), NULL,
     "disk vdb is not in the snapshot"},
    {DEVICES("<disk type='block' device='lun'><source dev='/dev/b'/><target dev='sdb'/></disk>"), NULL,
     "disk sdb"},
    {DEVICES("<disk type='file' device='disk'><source file='/b'/><target dev='vdb'/><shareable/></disk>"),
     NULL, "disk vdb"},
    {DEVICES("<disk type='file' device='floppy'><source file='/b'/><target dev='fda'/></disk>"), NULL,
     "disk fda"},
    {DEVICES("<disk type='nvme' device='disk'><source/><target dev='vdb'/><readonly/></disk>"), NULL,
     "disk vdb"},
    {DEVICES("<memory model='nvdimm'><source><path>/p</path></source></memory>"), NULL,
     "its <memory nvdimm>"},
    {DEVICES("<memory model='virtio-pmem'><source><path>/p</path></source></memory>"), NULL,
     "its <memory virtio-pmem>"},
    {DEVICES("<hostdev mode='subsystem' type='scsi'/>"), NULL, "its <hostdev scsi>"},
    {DEVICES("<lease/>"), NULL, "its <lease>"},
    {DEVICES("<shmem name='s'/>"), NULL, "its <shmem>"},
    {DEVICES("<pstore backend='acpi-erst'><path>/p</path></pstore>"), NULL, "its <pstore>"},
    {DEVICES("<filesystem type='mount'><source dir='/x'/></filesystem>"), NULL, "its <filesystem>"},
    {DEVICES("<filesystem><driver type='virtiofs'/><readonly/></filesystem>"), NULL, "its <filesystem>"},
    {DEVICES("<interface type='vhostuser'><source type='unix' mode='server'/></interface>"), NULL,
     "its <interface vhostuser>"},
    {DEVICES("<interface type='hostdev'/>"), NULL, "its <interface hostdev>"},
    {DEVICES("<interface type='direct'><source dev='eth0' mode='passthrough'/></interface>"), NULL,
     "its <interface direct>"},
    {DEVICES("<interface type='ethernet'><target dev='tap0' managed='no'/></interface>"), NULL,
     "its <interface ethernet>"},
    {DEVICES("<redirdev bus='usb' type='tcp'/>"), NULL, "its <redirdev tcp>"},
    {DEVICES("<smartcard mode='host'/>"), NULL, "its <smartcard>"},
    {DEVICES("<rng model='virtio'><backend model='egd' type='udp'/></rng>"), NULL, "its <rng virtio>"},
    {DEVICES("<input type='passthrough'/>"), NULL, "its <input passthrough>"},
    {DEVICES("<audio id='1' type='file'/>"), NULL, "its <audio file>"},
    {DEVICES("<unheard-of/>"), NULL, "its <unheard-of>"},
    {DEVICES("<x:disk xmlns:x='urn:x'/>"), NULL, "its <x:disk>"},
    {DOMAIN("<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-drive'/>"
            "</q:commandline><devices/>"),
     NULL, "its <q:commandline>"},
    {DOMAIN("<launchSecurity type='sev'/><devices/>"), NULL, "its <launchSecurity sev>"},
    {DOMAIN("<os><loader type='pflash' readonly='no'>/l</loader></os><devices/>"), NULL, "its firmware"},
    {DOMAIN("<os><loader type='pflash'>/l</loader></os><devices/>"), NULL, "its firmware"},
    {DOMAIN("<os><nvram>/v.fd</nvram></os><devices/>"), NULL, "its NVRAM is not in the snapshot"},
    {DOMAIN("<os><nvram type='file'><source file='/v.fd'/></nvram></os><devices/>"), NULL, "its NVRAM"},
    {DOMAIN("<os><varstore path='/v.json'/></os><devices/>"), "/n.fd", "its NVRAM"},
};

START_TEST(what_cannot_be_had_twice_is_refused)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(copy_with(refusals[_i].xml, refusals[_i].nvram, NULL, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_UNSUPPORTED));
    check_has(error->message, refusals[_i].part, TRUE);
}
END_TEST

START_TEST(it_has_an_nvram_of_its_own)
{
    static const char *const forms[] = {"<nvram template='/t'>/v.fd</nvram>",
                                        "<nvram type='file'><source file='/v.fd'/></nvram>"};
    g_autofree char *xml = g_strdup_printf(DOMAIN("<os>%s</os><devices/>"), forms[_i]);
    g_autofree char *copy = copy_with(xml, "/lara_VARS.fd", NULL, NULL);

    check_has(copy, "/lara_VARS.fd", TRUE);
    check_has(copy, "/v.fd", FALSE);
}
END_TEST

#define ADDRESS(number) "/spec/template/spec/domain/devices/interfaces/" number "/macAddress"
#define SERIAL          "/spec/template/spec/domain/firmware/serial"
#define PATCH(op, path, value) \
    "['{\\\"op\\\":\\\"" op "\\\",\\\"path\\\":\\\"" path "\\\",\\\"value\\\":\\\"" value "\\\"}']"
#define TWO                                                                         \
    DEVICES("<interface type='user'><mac address='52:54:00:00:00:01'/></interface>" \
            "<interface type='user'><mac address='52:54:00:00:00:02'/></interface>")

static const struct {
    const char *patches;
    const char *part; /* of the copy, or of the error */
    gboolean ok;
} patches[] = {
    {PATCH("replace", ADDRESS("1"), "52:54:00:AB:cd:ef"), "<mac address=\"52:54:00:AB:cd:ef\"/>", TRUE},
    {PATCH("add", SERIAL, "S-1 <x>"), "<entry name=\"serial\">S-1 &lt;x&gt;</entry>", TRUE},
    {PATCH("add", SERIAL, "S-1"), "<smbios mode=\"sysinfo\"/>", TRUE},
    {PATCH("replace", ADDRESS("2"), "52:54:00:00:00:03"), "interface 2: the VM has only 2", FALSE},
    {PATCH("replace", ADDRESS("x"), "52:54:00:00:00:03"), "cannot be patched on a plain host", FALSE},
    {PATCH("replace", ADDRESS("0"), "53:54:00:00:00:03"), "no address of one machine", FALSE},
    {PATCH("replace", ADDRESS("0"), "52:54:00:00:00"), "no address of one machine", FALSE},
    {PATCH("replace", ADDRESS("0"), "52:54:00:00:00:03:04"), "no address of one machine", FALSE},
    {PATCH("remove", ADDRESS("0"), ""), "added or replaced, nothing else", FALSE},
    {PATCH("add", SERIAL, ""), "no serial number", FALSE},
    {PATCH("add", "/spec/template/spec/domain/cpu/cores", "4"),
     "spec.patches[0]: /spec/template/spec/domain/cpu", FALSE},
    {"['no']", "spec.patches[0]: it is no JSON patch", FALSE},
    {"[5]", "spec.patches[0]: it is no JSON patch", FALSE},
};

START_TEST(patches_set_addresses_and_the_serial_number_and_nothing_else)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *copy = copy_with(TWO, NULL, patches[_i].patches, &error);

    ck_assert_msg(!!copy == patches[_i].ok, "%s", error ? error->message : "");
    ck_assert(copy || lull_error_is(error, LULL_ERROR_INVALID));
    check_has(copy ? copy : error->message, patches[_i].part, TRUE);
}
END_TEST

START_TEST(what_is_no_domain_is_refused)
{
    static const char *const wrong[] = {"", "<domain/>", "<network><name/><devices/></network>",
                                        "<!DOCTYPE domain [<!ENTITY x 'y'>]>" DEVICES("")};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(copy_with(wrong[_i], NULL, NULL, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("vm-copy");
    TCase *tcase = tcase_create("vm-copy");

    tcase_add_loop_test(tcase, what_two_machines_cannot_have_is_its_own_in_the_copy, 0,
                        G_N_ELEMENTS(devices));
    tcase_add_test(tcase, it_is_called_by_its_own_name_and_uuid_everywhere);
    tcase_add_loop_test(tcase, what_cannot_be_had_twice_is_refused, 0, G_N_ELEMENTS(refusals));
    tcase_add_loop_test(tcase, it_has_an_nvram_of_its_own, 0, 2);
    tcase_add_loop_test(tcase, patches_set_addresses_and_the_serial_number_and_nothing_else, 0,
                        G_N_ELEMENTS(patches));
    tcase_add_loop_test(tcase, what_is_no_domain_is_refused, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
