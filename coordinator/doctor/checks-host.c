/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/checks.h"

#define OLDEST_LIBVIRT 8000000

static void
coordinator_absent(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (facts->host.coordinator != LULL_SERVICE_ABSENT)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "no coordinator answers on %s", facts->host.socket);
    lull_finding_say(&finding->why,
                     "there are no snapshots without it; what is told here comes from libvirt");
    lull_finding_say(&finding->remedy, "%s",
                     facts->host.root ? "systemctl enable --now lull-coordinator" : "lull-coordinator &");
}

static void
coordinator_silent(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (facts->host.coordinator != LULL_SERVICE_SILENT)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "the coordinator on %s does not answer", facts->host.socket);
    lull_finding_say(&finding->why, "no snapshot is begun; guests that it holds thaw when their leases end");
    lull_finding_say(&finding->remedy, "journalctl -u lull-coordinator\nsystemctl restart lull-coordinator");
}

static void
socket_denied(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    const char *group = facts->host.socket_group;
    LullFinding *finding;

    if (facts->host.coordinator != LULL_SERVICE_DENIED)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "you may not use the coordinator's socket, %s", facts->host.socket);
    lull_finding_say(&finding->why, "who may has power over all guests, so it is for root and for one group");
    if (facts->host.in_group)
        lull_finding_say(&finding->remedy,
                         "# you are in its group, %s, but were not when you logged in:\n"
                         "newgrp %s",
                         group, group);
    else if (group && !g_str_equal(group, "root"))
        lull_finding_say(&finding->remedy, "sudo usermod -aG %s $USER     # then log in again", group);
    else
        lull_finding_say(&finding->remedy, "sudo groupadd -f lull && sudo usermod -aG lull $USER\n"
                                           "sudo systemctl edit lull-coordinator     # and add:\n"
                                           "[Service]\nExecStart=\nExecStart=lull-coordinator --group lull");
}

static void
libvirt_absent(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (facts->host.libvirt != LULL_SERVICE_ABSENT)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "libvirt cannot be reached: %s",
                     facts->host.libvirt_problem ? facts->host.libvirt_problem : facts->host.uri);
    lull_finding_say(&finding->why, "the coordinator works with its machines; they could not be looked at");
    lull_finding_say(&finding->remedy,
                     "systemctl enable --now libvirtd     # or virtqemud.socket\n"
                     "virsh -c %s list --all",
                     facts->host.uri);
}

static void
libvirt_denied(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    const gboolean needed = facts->host.coordinator != LULL_SERVICE_WORKS;
    LullFinding *finding;

    if (facts->host.libvirt != LULL_SERVICE_DENIED)
        return;
    finding = lull_finding_add(findings, name, needed ? LULL_SEVERITY_ERROR : LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "you may not use libvirt at %s", facts->host.uri);
    lull_finding_say(&finding->why, "its machines could not be looked at closely");
    lull_finding_say(&finding->remedy,
                     "sudo lull doctor\nsudo usermod -aG libvirt $USER     # then log in again");
}

/* Nothing is wrong with either; but who reads this has to know of which libvirt it tells. */
static void
libvirt_other(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    const LullHostFacts *host = &facts->host;
    g_autofree char *quoted = host->coordinator_uri ? g_shell_quote(host->coordinator_uri) : NULL;
    LullFinding *finding;

    if (!quoted)
        return;
    if (g_strcmp0(host->uri, host->coordinator_uri) != 0) {
        finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
        lull_finding_say(&finding->what, "the coordinator works with %s, and %s was looked at",
                         host->coordinator_uri, host->uri);
        lull_finding_say(&finding->why, "what is said here of libvirt and its machines is not about those "
                                        "that can be saved");
        lull_finding_say(&finding->remedy, "lull doctor --uri %s", quoted);
    } else if (host->usual_uri && g_strcmp0(host->usual_uri, host->coordinator_uri) != 0) {
        finding = lull_finding_add(findings, name, LULL_SEVERITY_NOTE);
        lull_finding_say(&finding->what, "the coordinator works with %s, not with %s", host->coordinator_uri,
                         host->usual_uri);
        lull_finding_say(&finding->why,
                         "that is what was looked at; machines of other libvirts are not known");
        lull_finding_say(&finding->remedy, "virsh -c %s list --all     # those that can be saved", quoted);
    }
}

static void
libvirt_old(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    const gulong version = facts->host.libvirt_version;
    LullFinding *finding;

    if (version == 0 || version >= OLDEST_LIBVIRT)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "libvirt is of version %lu.%lu", version / 1000000,
                     version / 1000 % 1000);
    lull_finding_say(&finding->why, "backup jobs are relied on as version 8.0 and newer have them");
    lull_finding_say(&finding->remedy, "# bring the host to a release with libvirt 8.0 or newer.");
}

static void
backups_unsupported(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!facts->host.no_backups)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "this libvirt and its QEMU cannot do backup jobs");
    lull_finding_say(&finding->why, "running machines are copied by them, so there are no snapshots of any");
    lull_finding_say(&finding->remedy,
                     "virsh -c %s domcapabilities | grep backup\n# install QEMU 4.2 or newer.",
                     facts->host.uri);
}

static void
state_closed(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!facts->host.closed)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "QEMU's user cannot get through %s to %s", facts->host.closed,
                     facts->host.state_dir);
    lull_finding_say(&finding->why,
                     "QEMU writes the copies itself: every snapshot of a running machine fails");
    lull_finding_say(&finding->remedy, "chmod o+x %s     # or another --state-dir for lull-coordinator",
                     facts->host.closed);
}

/* While a coordinator works it ends them itself, and tries again as often as it takes. */
static void
intents_left(const LullFacts *facts, const char *name, GPtrArray *findings)
{
    const gboolean works = facts->host.coordinator == LULL_SERVICE_WORKS;
    g_autoptr(GString) names = g_string_new(NULL);
    LullFinding *finding;

    if (!facts->host.intents->len)
        return;
    for (guint i = 0; i < facts->host.intents->len; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", (const char *)facts->host.intents->pdata[i]);
    finding = lull_finding_add(findings, name, works ? LULL_SEVERITY_WARNING : LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "these machines may be frozen still: %s", names->str);
    lull_finding_say(&finding->why, "a freeze of theirs was begun, and its end was not confirmed");
    lull_finding_say(&finding->remedy, "%s",
                     works ? "# the coordinator tries again by itself; its log says what the guest answers:\n"
                             "journalctl -u lull-coordinator"
                           : "systemctl start lull-coordinator     # it thaws before it does anything else");
}

const LullCheck lull_checks_of_host[] = {
    {"coordinator-absent", .of_host = coordinator_absent},
    {"coordinator-silent", .of_host = coordinator_silent},
    {"socket-denied", .of_host = socket_denied},
    {"libvirt-absent", .of_host = libvirt_absent},
    {"libvirt-denied", .of_host = libvirt_denied},
    {"libvirt-other", .of_host = libvirt_other},
    {"libvirt-old", .of_host = libvirt_old},
    {"backups-unsupported", .of_host = backups_unsupported},
    {"state-closed", .of_host = state_closed},
    {"intents-left", .of_host = intents_left},
    {NULL},
};
