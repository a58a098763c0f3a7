/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/* Every well-known string that both sides, or a side and its users, must agree on. */

#define LULL_PORT_NAME       "org.qemu.guest_agent.0"
#define LULL_PORT_DIR        "/dev/virtio-ports"
#define LULL_AGENT_STATE_DIR "/run/lull"
#define LULL_QGA_VERSION     "10.0.2" /* what guest-info says: old clients read it as proof of age */

/* Vendor commands, found by their names in guest-info (QAPI's reserved-name rule). */
#define LULL_CMD_PREPARE  "__dev.lull_quiesce-prepare"
#define LULL_CMD_FREEZE   "__dev.lull_quiesce-freeze"
#define LULL_CMD_RENEW    "__dev.lull_quiesce-renew"
#define LULL_CMD_THAW     "__dev.lull_quiesce-thaw"
#define LULL_CMD_ABORT    "__dev.lull_quiesce-abort"
#define LULL_CMD_STATUS   "__dev.lull_quiesce-status"
#define LULL_CMD_RESTORED "__dev.lull_restored"

/* Version of the vendor commands' shapes, in prepare's answer. */
#define LULL_QUIESCE_PROTOCOL 1

/* Lease and budgets, milliseconds. */
#define LULL_LEASE_MS       8000 /* our coordinator's */
#define LULL_LEASE_RENEW_MS 2500
#define LULL_LEASE_MAX_MS   30000
#define LULL_LEASE_MIN_MS   100
/* How long a guest stands still for one attempt at most, renewals and all: half a minute is what services and
 * kernels bear without giving up on a disk, and a host that takes longer for a cut is ill. */
#define LULL_FREEZE_MAX_MS       30000
#define LULL_STANDARD_LEASE_MS   300000 /* guest-fsfreeze-freeze, whose caller cannot renew */
#define LULL_STANDARD_PREPARE_MS 5000
#define LULL_STANDARD_FREEZE_MS  5000 /* its caller gives up after 10 s in all */
#define LULL_AGENT_GRACE_MS      500  /* the agent's own dead man fires this long after the lease */

/* Owner of an operation begun by a standard command. */
#define LULL_OWNER_STANDARD "standard"

/* Reasons for a broken epoch: words on the wire, in reports and in logs. */
#define LULL_BROKEN_LEASE        "lease expired"
#define LULL_BROKEN_FOREIGN_THAW "foreign thaw"
#define LULL_BROKEN_AGENT        "agent lost"
#define LULL_BROKEN_FREEZER      "freezer lost"
#define LULL_BROKEN_NOISY        "noisy"
#define LULL_BROKEN_REBOOT       "guest rebooted"
#define LULL_BROKEN_LATE_CUT     "the cut came after the thaw"
#define LULL_BROKEN_NO_WITNESS   "no witness: the host cannot see whether the guest kept still"

/* What a file system that is frozen still after its end is not: part of every reason that tells of one, so
 * that advice can be given by it. */
#define LULL_THAWED_YET "thawed yet"

/* Why a file system was left alone though it could be frozen: prepare named disks, and it is on none of them
 * as far as the guest can tell. */
#define LULL_SKIPPED_NOT_ASKED "on none of the disks asked for"

/* Why a file system, or a whole guest of a stock agent, is neither frozen nor thawed by us. */
#define LULL_FROZEN_BY_OTHERS "frozen by somebody else: left alone"

/* The coordinator's API. */
#define LULL_GROUP_SNAPSHOT     "snapshot.kubevirt.io"
#define LULL_GROUP_SNAPSHOT_OWN "snapshot.lull.dev" /* in a cluster where a controller has that one */
#define LULL_GROUP_VM           "kubevirt.io"
#define LULL_GROUP_SUBRESOURCES "subresources.kubevirt.io"
#define LULL_NAMESPACE          "default" /* the only one on a plain host */

/* In its /version: the URI of the libvirt that it works with. */
#define LULL_VERSION_LIBVIRT "libvirtURI"

/* In a domain's <metadata>: <snapshots xmlns=... incremental="yes"/>. */
#define LULL_XML_NAMESPACE "https://lull.dev/domain/1"
/* There too: <restored xmlns=.../>, from a restore to the next start. */
#define LULL_XML_RESTORED "https://lull.dev/restored/1"

#define LULL_FINALIZER_SNAPSHOT "snapshot.kubevirt.io/vmsnapshot-protection"
#define LULL_FINALIZER_CONTENT  "snapshot.kubevirt.io/vmsnapshotcontent-protection"
#define LULL_FINALIZER_RESTORE  "snapshot.kubevirt.io/vmrestore-protection"
