/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* One virtual machine as the host knows it at one instant: pure data, made from the domain's XML and
 * its state, sealed once made. */

typedef enum { LULL_VM_STOPPED = 0, LULL_VM_RUNNING, LULL_VM_PAUSED } LullVmState;

/* How a machine that is off came to be so: what its disks are like depends on nothing else. */
typedef enum {
    LULL_VM_END_UNKNOWN = 0, /* nobody knows: it never ran, or libvirt was started since, which forgets */
    LULL_VM_END_SHUTDOWN,    /* the guest switched itself off */
    LULL_VM_END_TERMINATED,  /* its process was told to end, by the host */
    LULL_VM_END_DESTROYED,
    LULL_VM_END_CRASHED,
    LULL_VM_END_SAVED, /* with its memory, which has what its disks lack */
    LULL_VM_END_MIGRATED,
    LULL_VM_END_FAILED,   /* to start */
    LULL_VM_END_REVERTED, /* to one of libvirt's own snapshots */
    LULL_VM_END_RESTORED, /* its disks are others since: those of a snapshot that was not at rest */
    LULL_VM_END_UNSEEN,   /* a cluster's: nobody saw it, and nobody may say that it was asked to */
    LULL_VM_END_N
} LullVmEnd;

typedef struct {
    char *name;   /* of the volume: the user alias ua-NAME without its prefix, else the target device */
    char *disk;   /* target device: "vda"; NULL: none, but a claim that is saved too */
    char *path;   /* file or block device; NULL: none (network, empty tray) */
    char *format; /* "qcow2", "raw" */
    char *serial; /* NULL: none */
    char *pci;  /* "0000:00:05.0", of the disk or its SCSI controller; NULL: not on PCI, or not started yet */
    char *scsi; /* BUS:TARGET:UNIT behind that controller; NULL: not SCSI */
    gboolean block;           /* a block device, not a file */
    gboolean read_only;       /* the guest cannot write to it */
    gboolean keeps_data;      /* the guest may have data on it that outlives it, saved or not */
    gboolean flushes_ignored; /* cache=unsafe: no witness */
    char
        *excluded; /* why it cannot be included (read-only, cdrom, no source, transient, ...); NULL: it can */
    char *source;  /* the type of its source: "file", "block", "network", ... */
    char *bus;     /* "virtio", "scsi", "sata", ...; NULL: not told */
    gboolean mirrored; /* a block job copies or moves it */
} LullVmVolume;

typedef struct {
    char *domain; /* libvirt's name */
    char *ns;     /* in a cluster the name space of its objects; else NULL */
    char *name;   /* the API's: the domain's if DNS-1123, else vm-<first 8 of the uuid> */
    char *uid;    /* the domain's uuid; in a cluster its object's */
    char *place;  /* where its host finds it without asking anybody, also in another life; NULL: by its uid */
    LullVmState state;
    LullVmEnd end;            /* STOPPED only */
    gboolean agent_channel;   /* the XML has org.qemu.guest_agent.0 */
    gboolean agent_connected; /* and a process in the guest has it open */
    gboolean restored;        /* its metadata say so, see LULL_VM_END_RESTORED */
    gboolean incremental;     /* its metadata ask for snapshots of what changed only */
    char *agent_socket;       /* where the hypervisor has it on this host; NULL: not on a socket */
    char *nvram;              /* path of the UEFI variables, NULL: none */
    char *tpm;                /* why what its TPM holds is in no snapshot; NULL: it has none */
    GPtrArray *volumes;       /* of LullVmVolume, in the XML's order */
    char *xml; /* what a restore defines: the inactive definition, security info included, with the disks of
                  @volumes; NULL: of a launcher, a cluster has that */
    GPtrArray *differences; /* (char *) for people: disks of it that differ from the definition; NULL: none */
} LullVm;

void lull_vm_free(LullVm *self);

/* What its host finds it by, in any life: its place, or its uid where it has none. */
const char *lull_vm_where(const LullVm *self);

/* An empty list for `volumes`. */
GPtrArray *lull_vm_volumes_new(void) G_GNUC_WARN_UNUSED_RESULT;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullVm, lull_vm_free)

/* Parses a domain's XML (live where it runs, else the inactive one). Pure; hostile input gives an error. */
LullVm *lull_vm_from_xml(const char *xml, LullVmState state, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The API's name of a domain: its own where DNS-1123 allows it, else vm-<first 8 of the uuid>. */
char *lull_vm_api_name(const char *domain, const char *uid) G_GNUC_WARN_UNUSED_RESULT;

/* As a kubevirt.io/v1 VirtualMachine object in namespace `default`: spec.template.spec.volumes, status
 * (printableStatus, conditions AgentConnected and Paused, volumeSnapshotStatuses). */
LullJson *lull_vm_to_json(const LullVm *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
