/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/doctor/checks.h"
#include "coordinator/doctor/doctor.h"
#include "tests/lib/check-main.h"

#define PORT(state) \
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='" state "'/></channel>"
#define DISK_OF(type, driver, source, dev, bus, more)                                     \
    "<disk type='" type "' device='disk'><driver name='qemu' " driver "/><source " source \
    "/><target dev='" dev "' bus='" bus "'/>" more "</disk>"
#define FILE_DISK(driver, dev, more) DISK_OF("file", driver, "file='/images/" dev "'", dev, "virtio", more)
#define QCOW2                        "type='qcow2'"
#define SERIAL                       "<serial>A</serial>"
#define GOOD                         PORT("connected") FILE_DISK(QCOW2, "vda", SERIAL)

/* A machine of these devices, running, with our agent. */
static LullVmFacts *
add_vm(LullFacts *facts, const char *domain, const char *devices)
{
    g_autofree char *xml = g_strdup_printf("<domain><name>%s</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f"
                                           "</uuid><devices>%s</devices></domain>",
                                           domain, devices);
    g_autoptr(GError) error = NULL;
    LullVm *vm = lull_vm_from_xml(xml, LULL_VM_RUNNING, &error);
    LullVmFacts *added;

    ck_assert_msg(vm != NULL, "%s", error ? error->message : "");
    added = lull_facts_add_vm(facts, vm);
    added->answer = LULL_ANSWER_GIVEN;
    added->agent = (LullAgentInfo){LULL_AGENT_LULL, g_strdup("lull-agent " LULL_VERSION), TRUE};
    added->need = 1000;
    return added;
}

static LullFacts *
good_host(void)
{
    LullFacts *facts = lull_facts_new();
    LullHostFacts *host = &facts->host;

    host->root = host->local = TRUE;
    host->coordinator = host->libvirt = LULL_SERVICE_WORKS;
    host->socket = g_strdup("/run/lull/coordinator.sock");
    host->socket_group = g_strdup("lull");
    host->uri = g_strdup("qemu:///system");
    host->libvirt_version = 9000000;
    host->state_dir = g_strdup("/var/lib/lull");
    host->room = 2000;
    return facts;
}

static void
set_agent(LullVmFacts *vm, LullAgentKind kind, const char *name, gboolean enabled)
{
    g_free(vm->agent.name);
    vm->agent = (LullAgentInfo){kind, g_strdup(name), enabled};
}

/* Functions that make one thing wrong: on the host, with the one machine there, or by its devices. */
#define HOST_FAULT(name, ...)               \
    static LullFacts *name(void)            \
    {                                       \
        LullFacts *facts = good_host();     \
        LullHostFacts *host = &facts->host; \
        __VA_ARGS__;                        \
        return facts;                       \
    }
#define VM_FAULT(name, devices, ...)                     \
    static LullFacts *name(void)                         \
    {                                                    \
        LullFacts *facts = good_host();                  \
        LullVmFacts *vm = add_vm(facts, "web", devices); \
        __VA_ARGS__;                                     \
        return vm ? facts : NULL;                        \
    }
#define NOTHING_ELSE (void)0

HOST_FAULT(no_coordinator, host->coordinator = LULL_SERVICE_ABSENT)
HOST_FAULT(silent_coordinator, host->coordinator = LULL_SERVICE_SILENT)
HOST_FAULT(closed_socket, host->coordinator = LULL_SERVICE_DENIED)
HOST_FAULT(new_member, host->coordinator = LULL_SERVICE_DENIED; host->in_group = TRUE)
HOST_FAULT(root_only, host->coordinator = LULL_SERVICE_DENIED; g_free(host->socket_group);
           host->socket_group = g_strdup("root"))
HOST_FAULT(no_libvirt, host->libvirt = LULL_SERVICE_ABSENT)
HOST_FAULT(closed_libvirt, host->libvirt = LULL_SERVICE_DENIED)
HOST_FAULT(closed_libvirt_alone, host->libvirt = LULL_SERVICE_DENIED; host->coordinator = LULL_SERVICE_ABSENT)
HOST_FAULT(other_libvirt, host->coordinator_uri = g_strdup("qemu:///session"))
HOST_FAULT(unusual_libvirt, host->coordinator_uri = g_strdup("qemu:///system");
           host->usual_uri = g_strdup("qemu:///session"))
HOST_FAULT(same_libvirt, host->coordinator_uri = g_strdup("qemu:///system");
           host->usual_uri = g_strdup("qemu:///system"))
HOST_FAULT(old_libvirt, host->libvirt_version = 6000000)
HOST_FAULT(no_backups, host->no_backups = TRUE)
HOST_FAULT(closed_folder, host->closed = g_strdup("/root"))
HOST_FAULT(left_intent, g_ptr_array_add(host->intents, g_strdup("web")))
HOST_FAULT(left_intent_alone, g_ptr_array_add(host->intents, g_strdup("web"));
           host->coordinator = LULL_SERVICE_ABSENT)
HOST_FAULT(odd_name, (void)host; (void)add_vm(facts, "Web_1'; reboot", GOOD))
HOST_FAULT(disk_of_two, (void)host; (void)add_vm(facts, "web", GOOD); (void)add_vm(facts, "web2", GOOD))

VM_FAULT(good_vm, GOOD, NOTHING_ELSE)
VM_FAULT(no_channel, FILE_DISK(QCOW2, "vda", SERIAL), NOTHING_ELSE)
VM_FAULT(no_agent, PORT("disconnected"), NOTHING_ELSE)
VM_FAULT(silent_agent, GOOD, vm->answer = LULL_ANSWER_NONE)
VM_FAULT(mad_agent, GOOD, vm->answer = LULL_ANSWER_NONSENSE)
VM_FAULT(other_agent, GOOD, set_agent(vm, LULL_AGENT_NONE, "qemu-ga 0.15.0", FALSE))
VM_FAULT(blocked_agent, GOOD, set_agent(vm, LULL_AGENT_STOCK, "qemu-ga 8.2.0", FALSE))
VM_FAULT(stock_agent, GOOD, set_agent(vm, LULL_AGENT_STOCK, "qemu-ga 8.2.0", TRUE))
VM_FAULT(old_agent, GOOD, set_agent(vm, LULL_AGENT_LULL, "lull-agent 0.0.9", TRUE))
VM_FAULT(frozen_guest, GOOD, vm->frozen = TRUE)
VM_FAULT(paused_vm, GOOD, vm->vm->state = LULL_VM_PAUSED)
VM_FAULT(broken_disk, GOOD, vm->vm->state = LULL_VM_PAUSED; vm->io_error = TRUE)
VM_FAULT(other_job, GOOD, vm->foreign_job = TRUE)
VM_FAULT(other_checkpoint, GOOD, vm->foreign_checkpoint = g_strdup("nightly"))
VM_FAULT(tpm, GOOD "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>", NOTHING_ELSE)
VM_FAULT(no_room, GOOD, vm->need = 2001)
VM_FAULT(missing_disk, GOOD, vm->missing = g_strdup("vda"))
VM_FAULT(raw_incremental, PORT("connected") FILE_DISK("type='raw'", "vda", SERIAL),
         vm->vm->incremental = TRUE)
VM_FAULT(unsafe_cache, PORT("connected") FILE_DISK(QCOW2 " cache='unsafe'", "vda", SERIAL), NOTHING_ELSE)
VM_FAULT(no_serial, PORT("connected") FILE_DISK(QCOW2, "vda", ""), NOTHING_ELSE)
VM_FAULT(no_name_at_all, PORT("connected") DISK_OF("file", QCOW2, "file='/a'", "sda", "sata", ""),
         NOTHING_ELSE)
VM_FAULT(same_serial, GOOD FILE_DISK(QCOW2, "vdb", SERIAL), NOTHING_ELSE)
VM_FAULT(long_serials,
         PORT("connected") FILE_DISK(QCOW2, "vda", "<serial>0123456789-0123456789a</serial>")
             FILE_DISK(QCOW2, "vdb", "<serial>0123456789-0123456789b</serial>"),
         NOTHING_ELSE)
VM_FAULT(network_disk,
         PORT("connected") DISK_OF("network", QCOW2, "protocol='rbd' name='p/i'", "vda", "virtio", SERIAL),
         NOTHING_ELSE)
VM_FAULT(vhost_disk,
         PORT("connected") DISK_OF("vhostuser", QCOW2, "type='unix' path='/s'", "vda", "virtio", SERIAL),
         NOTHING_ELSE)
VM_FAULT(mirrored_disk, PORT("connected") FILE_DISK(QCOW2, "vda", SERIAL "<mirror type='file' job='copy'/>"),
         NOTHING_ELSE)
VM_FAULT(nothing_kept,
         GOOD "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"
              "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>" FILE_DISK(
                  QCOW2 " cache='unsafe'", "vdb", "<transient/>") FILE_DISK(QCOW2, "vdc", "<readonly/>"),
         NOTHING_ELSE)
VM_FAULT(under_way, GOOD, vm->busy = TRUE; vm->frozen = TRUE)
VM_FAULT(unseen, GOOD, vm->answer = LULL_ANSWER_UNKNOWN; set_agent(vm, LULL_AGENT_NONE, NULL, FALSE);
         vm->need = -1; facts->host.coordinator = LULL_SERVICE_UNKNOWN;
         facts->host.libvirt = LULL_SERVICE_UNKNOWN; facts->host.libvirt_version = 0; facts->host.room = -1)

#define NOTE    LULL_SEVERITY_NOTE
#define WARNING LULL_SEVERITY_WARNING
#define ERROR   LULL_SEVERITY_ERROR

static const struct {
    LullFacts *(*make)(void);
    const char *check;
    LullSeverity severity;
    const char *subject;
    const char *remedy; /* is in it */
} rows[] = {
    {no_coordinator, "coordinator-absent", ERROR, "host", "systemctl enable --now lull-coordinator"},
    {silent_coordinator, "coordinator-silent", ERROR, "host", "systemctl restart lull-coordinator"},
    {closed_socket, "socket-denied", ERROR, "host", "usermod -aG lull $USER"},
    {new_member, "socket-denied", ERROR, "host", "newgrp lull"},
    {root_only, "socket-denied", ERROR, "host", "--group lull"},
    {no_libvirt, "libvirt-absent", ERROR, "host", "systemctl enable --now libvirtd"},
    {closed_libvirt, "libvirt-denied", NOTE, "host", "usermod -aG libvirt"},
    {closed_libvirt_alone, "libvirt-denied", ERROR, "host", "usermod -aG libvirt"},
    {other_libvirt, "libvirt-other", WARNING, "host", "lull doctor --uri 'qemu:///session'"},
    {unusual_libvirt, "libvirt-other", NOTE, "host", "virsh -c 'qemu:///system' list --all"},
    {old_libvirt, "libvirt-old", ERROR, "host", "8.0"},
    {no_backups, "backups-unsupported", ERROR, "host", "domcapabilities"},
    {closed_folder, "state-closed", ERROR, "host", "chmod o+x /root"},
    {left_intent, "intents-left", WARNING, "host", "journalctl"},
    {left_intent_alone, "intents-left", ERROR, "host", "systemctl start lull-coordinator"},
    {no_channel, "no-channel", WARNING, "vm web", "virsh attach-device 'web' channel.xml --config --live"},
    {no_agent, "agent-absent", WARNING, "vm web", "systemctl enable --now lull-agent"},
    {silent_agent, "agent-silent", WARNING, "vm web", "systemctl restart lull-agent"},
    {mad_agent, "agent-silent", WARNING, "vm web", "systemctl restart lull-agent"},
    {other_agent, "agent-cannot-freeze", WARNING, "vm web", "install lull-agent"},
    {blocked_agent, "freeze-blocked", WARNING, "vm web", "/etc/sysconfig/qemu-ga"},
    {stock_agent, "agent-stock", NOTE, "vm web", "install lull-agent"},
    {old_agent, "agent-old", NOTE, "vm web", "newer lull-agent"},
    {frozen_guest, "guest-frozen", ERROR, "vm web", "virsh domfsthaw 'web'"},
    {paused_vm, "vm-paused", NOTE, "vm web", "virsh resume 'web'"},
    {broken_disk, "vm-paused", ERROR, "vm web", "df -h"},
    {other_job, "foreign-job", WARNING, "vm web", "virsh domjobinfo 'web'"},
    {other_checkpoint, "foreign-checkpoint", NOTE, "vm web", "virsh checkpoint-delete 'web'"},
    {no_room, "no-room", ERROR, "vm web", "lull snapshots --vm web"},
    {tpm, "tpm-left-out", WARNING, "vm web", "lull snapshot web --exclude persistent-state-for-web"},
    {odd_name, "name-changed", NOTE, "vm vm-6695eb01", "virsh domrename 'Web_1'\\''; reboot' NEW-NAME"},
    {unsafe_cache, "unsafe-cache", WARNING, "vm web, disk vda", "cache='none'"},
    {no_serial, "serial-missing", NOTE, "vm web, disk vda", "<serial>web-vda</serial>"},
    {no_name_at_all, "serial-missing", WARNING, "vm web, disk sda", "<serial>web-sda</serial>"},
    {same_serial, "serial-twice", WARNING, "vm web, disk vdb", "<serial>web-vdb</serial>"},
    {long_serials, "serial-twice", WARNING, "vm web, disk vdb", "<serial>web-vdb</serial>"},
    {network_disk, "left-out", WARNING, "vm web, disk vda", "rbd map"},
    {vhost_disk, "left-out", WARNING, "vm web, disk vda", "lull snapshot web --exclude vda"},
    {raw_incremental, "raw-incremental", WARNING, "vm web, disk vda",
     "qemu-img convert -O qcow2 '/images/vda'"},
    {disk_of_two, "disk-of-two", ERROR, "vm web2, disk vda", "virsh detach-disk 'web2' vda --config"},
    {missing_disk, "disk-missing", ERROR, "vm web, disk vda", "lull restore"},
    {mirrored_disk, "block-job", WARNING, "vm web, disk vda", "virsh blockjob 'web' vda --info"},
};

START_TEST(each_fault_is_found_with_its_remedy)
{
    g_autoptr(LullFacts) facts = rows[_i].make();
    g_autoptr(GPtrArray) findings = lull_doctor_examine(facts);
    gboolean is_found = FALSE;

    for (guint i = 0; i < findings->len; i++) {
        const LullFinding *each = findings->pdata[i];

        ck_assert(each->subject && each->what && each->why && each->remedy);
        if (!g_str_equal(each->check, rows[_i].check))
            continue;
        is_found = TRUE;
        ck_assert_int_eq(each->severity, rows[_i].severity);
        ck_assert_str_eq(each->subject, rows[_i].subject);
        ck_assert_msg(strstr(each->remedy, rows[_i].remedy) != NULL, "%s", each->remedy);
    }
    ck_assert_msg(is_found, "%s was not found", rows[_i].check);
    /* one fault is one finding, but where the coordinator is part of the story */
    ck_assert_uint_le(findings->len, facts->host.coordinator == LULL_SERVICE_ABSENT ? 2 : 1);
}
END_TEST

static LullFacts *(*const harmless[])(void) = {good_host,    same_libvirt, good_vm,
                                               nothing_kept, under_way,    unseen};

START_TEST(nothing_is_found_where_nothing_is_wrong_or_known)
{
    g_autoptr(LullFacts) facts = harmless[_i]();
    g_autoptr(GPtrArray) findings = lull_doctor_examine(facts);

    ck_assert_msg(findings->len == 0, "%s", ((const LullFinding *)findings->pdata[0])->check);
    ck_assert(!lull_doctor_matters(findings));
}
END_TEST

START_TEST(notes_do_not_matter)
{
    g_autoptr(LullFacts) notes = stock_agent();
    g_autoptr(LullFacts) warnings = silent_agent();
    g_autoptr(GPtrArray) noted = lull_doctor_examine(notes);
    g_autoptr(GPtrArray) warned = lull_doctor_examine(warnings);

    ck_assert(!lull_doctor_matters(noted));
    ck_assert(lull_doctor_matters(warned));
}
END_TEST

static gboolean
is_tried(const char *check)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_str_equal(rows[i].check, check))
            return TRUE;
    return FALSE;
}

START_TEST(every_check_is_tried)
{
    const LullCheck *const tables[] = {lull_checks_of_host, lull_checks_of_guest, lull_checks_of_disk};

    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
        for (const LullCheck *check = tables[i]; check->name; check++)
            ck_assert_msg(is_tried(check->name), "%s", check->name);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("doctor");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, each_fault_is_found_with_its_remedy, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, nothing_is_found_where_nothing_is_wrong_or_known, 0, G_N_ELEMENTS(harmless));
    tcase_add_test(tests, notes_do_not_matter);
    tcase_add_test(tests, every_check_is_tried);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
