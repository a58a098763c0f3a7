/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/doctor/checks.h"
#include "coordinator/model/volumes.h"
#include "protocol/names.h"

#define INSTALL_AGENT "# in the guest: install lull-agent, then\nsystemctl enable --now lull-agent"

static void
no_channel(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    const gboolean live = vm->vm->state != LULL_VM_STOPPED;
    LullFinding *finding;

    if (vm->vm->agent_channel)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "it has no channel for an agent");
    lull_finding_say(&finding->why, "it cannot be brought to rest: its snapshots are crash-consistent only");
    lull_finding_say(&finding->remedy,
                     "cat >channel.xml <<'END'\n"
                     "<channel type='unix'><target type='virtio' name='" LULL_PORT_NAME "'/></channel>\n"
                     "END\n"
                     "virsh attach-device %s channel.xml --config%s\n" INSTALL_AGENT,
                     vm->shell_name, live ? " --live" : "");
}

static void
agent_absent(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->vm->state != LULL_VM_RUNNING || !vm->vm->agent_channel || vm->vm->agent_connected)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "no agent runs in it: nobody has the channel open");
    lull_finding_say(&finding->why, "it cannot be brought to rest: its snapshots are crash-consistent only");
    lull_finding_say(&finding->remedy, INSTALL_AGENT);
}

static void
agent_silent(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->answer != LULL_ANSWER_NONE && vm->answer != LULL_ANSWER_NONSENSE)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "%s",
                     vm->answer == LULL_ANSWER_NONE ? "its agent has the channel open and does not answer"
                                                    : "what its agent answers is not understood");
    lull_finding_say(&finding->why, "it cannot be brought to rest: its snapshots are crash-consistent only");
    lull_finding_say(&finding->remedy, "# in the guest: see that one agent only is running, and restart it\n"
                                       "systemctl status lull-agent qemu-guest-agent\n"
                                       "systemctl restart lull-agent");
}

static void
agent_cannot_freeze(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->answer != LULL_ANSWER_GIVEN || vm->agent.kind != LULL_AGENT_NONE)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "its agent, %s, has no command to freeze", vm->agent.name);
    lull_finding_say(&finding->why, "it cannot be brought to rest: its snapshots are crash-consistent only");
    lull_finding_say(&finding->remedy, "# in the guest: stop that agent\n" INSTALL_AGENT);
}

static void
freeze_blocked(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->answer != LULL_ANSWER_GIVEN || vm->agent.kind != LULL_AGENT_STOCK || vm->agent.enabled ||
        vm->frozen)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "freezing is switched off in its agent, %s", vm->agent.name);
    lull_finding_say(&finding->why, "it cannot be brought to rest: its snapshots are crash-consistent only");
    lull_finding_say(
        &finding->remedy,
        "# in the guest: take guest-fsfreeze-freeze, -freeze-list, -thaw and -status out of what\n"
        "# /etc/sysconfig/qemu-ga or /etc/qemu/qemu-ga.conf blocks, or put them into what it allows\n"
        "systemctl restart qemu-guest-agent");
}

static void
agent_stock(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->answer != LULL_ANSWER_GIVEN || vm->agent.kind != LULL_AGENT_STOCK || !vm->agent.enabled)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "its agent is %s, not lull-agent", vm->agent.name);
    lull_finding_say(
        &finding->why,
        "it works, but a freeze has no lease in the guest, a longer window, and is proven by the "
        "host's write counters alone");
    lull_finding_say(&finding->remedy, "# in the guest: install lull-agent, then\n"
                                       "systemctl disable --now qemu-guest-agent\n"
                                       "systemctl enable --now lull-agent");
}

/* "lull-agent 1.2.3" as a number to compare; 0: it says none. */
static guint
version_of(const char *agent_name)
{
    guint major = 0, minor = 0, patch = 0;

    if (sscanf(agent_name, "lull-agent %3u.%3u.%3u", &major, &minor, &patch) != 3)
        return 0;
    return (major * 1000 + minor) * 1000 + patch;
}

static void
agent_old(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->answer != LULL_ANSWER_GIVEN || vm->agent.kind != LULL_AGENT_LULL ||
        version_of(vm->agent.name) >= version_of("lull-agent " LULL_VERSION))
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "its agent is %s, this host has " LULL_VERSION, vm->agent.name);
    lull_finding_say(&finding->why, "what newer agents can do is not there");
    lull_finding_say(&finding->remedy, "# in the guest: install the newer lull-agent, then\n"
                                       "systemctl restart lull-agent");
}

static void
guest_frozen(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!vm->frozen || vm->busy)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "its file systems are frozen, and no snapshot is under way");
    lull_finding_say(&finding->why, "nothing in it can write; it looks dead to those who use it");
    lull_finding_say(&finding->remedy,
                     "# unless somebody holds it on purpose (lull freeze, lull hold, virsh domfsfreeze):\n"
                     "virsh domfsthaw %s",
                     vm->shell_name);
}

static void
vm_paused(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->vm->state != LULL_VM_PAUSED)
        return;
    finding = lull_finding_add(findings, name, vm->io_error ? LULL_SEVERITY_ERROR : LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "it is paused%s",
                     vm->io_error ? ", since a disk of it could not be written or read" : "");
    lull_finding_say(&finding->why, "its agent cannot answer: a snapshot of it is crash-consistent");
    lull_finding_say(&finding->remedy, "%svirsh resume %s",
                     vm->io_error ? "df -h     # a full file system is the usual cause; make room first\n"
                                  : "",
                     vm->shell_name);
}

static void
foreign_job(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!vm->foreign_job)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "a backup job of somebody else is running on it");
    lull_finding_say(&finding->why,
                     "libvirt allows one a machine: snapshots cannot be taken until it has ended");
    lull_finding_say(&finding->remedy,
                     "virsh domjobinfo %s     # how far it is\n"
                     "virsh domjobabort %s    # if nobody wants it any more",
                     vm->shell_name, vm->shell_name);
}

static void
foreign_checkpoint(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!vm->foreign_checkpoint)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "it has checkpoints of somebody else, such as %s",
                     vm->foreign_checkpoint);
    lull_finding_say(&finding->why, "each costs a bitmap that grows with the disk and slows writes; they are "
                                    "left alone, and they keep the machine from being undefined");
    lull_finding_say(&finding->remedy,
                     "virsh checkpoint-list %s\n"
                     "virsh checkpoint-delete %s NAME     # if no backup product uses it",
                     vm->shell_name, vm->shell_name);
}

static void
no_room(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (vm->need < 0 || facts->host.room < 0 || vm->need <= facts->host.room)
        return;
    g_autofree char *need = g_format_size_full((guint64)vm->need, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *room = g_format_size_full((guint64)facts->host.room, G_FORMAT_SIZE_IEC_UNITS);
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "a snapshot of it may need %s, and there are %s in %s/snapshots", need,
                     room, facts->host.state_dir);
    lull_finding_say(&finding->why, "snapshots of it are refused, or fail while they are copied");
    lull_finding_say(&finding->remedy,
                     "lull snapshots --vm %s     # and lull delete those that are not needed\n"
                     "# or give lull-coordinator a larger place with --state-dir",
                     vm->vm->name);
}

static void
tpm_left_out(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!vm->vm->tpm)
        return;
    g_autofree char *volume = lull_volume_of_tpm(vm->vm->name);
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "it has a TPM, which snapshots leave out");
    lull_finding_say(&finding->why,
                     "what is sealed in it (the keys of an encrypted disk, say) cannot be opened "
                     "after a restore of a machine that was gone: %s",
                     vm->vm->tpm);
    lull_finding_say(&finding->remedy,
                     "# keep a recovery key outside the machine, and say that it is meant:\n"
                     "lull snapshot %s --exclude %s\n"
                     "# or, where nothing is sealed in it, take <tpm> away:\n"
                     "virsh edit %s",
                     vm->vm->name, volume, vm->shell_name);
}

static void
name_changed(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (g_str_equal(vm->vm->name, vm->vm->domain))
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "it is libvirt's \"%s\"", vm->vm->domain);
    lull_finding_say(&finding->why, "the API allows lower case letters, digits, '-' and '.' in names only");
    lull_finding_say(&finding->remedy, "# use %s, or while it is off:\nvirsh domrename %s NEW-NAME",
                     vm->vm->name, vm->shell_name);
}

const LullCheck lull_checks_of_guest[] = {
    {"no-channel", .of_vm = no_channel},
    {"agent-absent", .of_vm = agent_absent},
    {"agent-silent", .of_vm = agent_silent},
    {"agent-cannot-freeze", .of_vm = agent_cannot_freeze},
    {"freeze-blocked", .of_vm = freeze_blocked},
    {"agent-stock", .of_vm = agent_stock},
    {"agent-old", .of_vm = agent_old},
    {"guest-frozen", .of_vm = guest_frozen},
    {"vm-paused", .of_vm = vm_paused},
    {"foreign-job", .of_vm = foreign_job},
    {"foreign-checkpoint", .of_vm = foreign_checkpoint},
    {"no-room", .of_vm = no_room},
    {"tpm-left-out", .of_vm = tpm_left_out},
    {"name-changed", .of_vm = name_changed},
    {NULL},
};
