/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/guest/vm.h"
#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* A virtual machine that runs in a cluster, as its VirtualMachineInstance tells: on which node, in which
 * launcher (a pod with a libvirt daemon of its own, which has this domain and no other), and what its disks
 * are. Pure data, sealed once made. */

typedef enum {
    LULL_INSTANCE_STARTING = 0, /* not there yet */
    LULL_INSTANCE_RUNNING,
    LULL_INSTANCE_PAUSED,
    LULL_INSTANCE_ENDED,
    LULL_INSTANCE_UNKNOWN, /* its node does not tell */
    LULL_INSTANCE_N
} LullInstanceState;

typedef struct {
    char *name;           /* of the volume, and of its disk in the domain: alias ua-NAME */
    char *claim;          /* of the PersistentVolumeClaim; NULL: its data are not in a claim */
    gboolean data_volume; /* the claim is a DataVolume's, of the same name */
    gboolean has_disk;    /* the guest sees it as a disk */
    gboolean is_dump; /* of its memory, which the guest does not see at all; else it shares a file system */
    gboolean hotplugged; /* while it ran */
    gboolean persistent; /* the VM has it too: it is there after the next start */
} LullInstanceVolume;

typedef struct {
    char *ns;
    char *name; /* of the instance, which its VM has too */
    char *uid;  /* of the VM; where it has none, its own */
    char *instance_uid;
    char *node; /* NULL: none yet */
    char *pod;  /* uid of the launcher on that node; NULL: none, or more than one claims to be */
    gboolean migrating;
    char *domain;      /* libvirt's name for it in that launcher */
    char *domain_uuid; /* and its uuid; NULL: not told */
    LullInstanceState state;
    gboolean tpm;       /* whose state lasts, in a claim of its own */
    GPtrArray *volumes; /* of LullInstanceVolume, in the instance's order */
} LullInstance;

extern const LullKind lull_kind_instance;               /* VirtualMachineInstance, for stores of a cluster */
#define LULL_LABEL_INSTANCE_NODE "kubevirt.io/nodeName" /* on an instance: the name of its node */

void lull_instance_free(LullInstance *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullInstance, lull_instance_free)

/* @vm: the VirtualMachine that it is an instance of; NULL: not at hand, and what was hotplugged is taken for
 * not persistent. INVALID: not a VirtualMachineInstance, or not one that can be understood. */
LullInstance *
lull_instance_from_json(LullJson *instance, LullJson *vm, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether its guest can be reached from @node, and why not: NOT_FOUND (it is elsewhere, or has ended), BUSY
 * (it starts, or migrates), LOST (nobody knows). */
gboolean lull_instance_check_here(const LullInstance *self, const char *node, GError **error);

/* Why a guest that was found in @pod of @node is about to leave it, or has: a constant. NULL: it stays, as
 * far as is told. @self: what is told now; NULL: nothing is there any more. Pure. */
const char *lull_instance_leaves(const LullInstance *self, const char *node, const char *pod) G_GNUC_PURE;

/* Gives @vm, as the launcher's libvirt knows it, what the API knows of it: name, uid, place; and that what is
 * in snapshots are claims, whatever libvirt could do with its disks. */
void lull_instance_dress(const LullInstance *self, LullVm *vm);

const LullInstanceVolume *lull_instance_volume(const LullInstance *self, const char *name); /* lent */

G_END_DECLS
