/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A disk as its definition has it; what is not said is NULL. Lent. */
typedef struct {
    const char *device; /* "disk", "cdrom", "floppy", "lun" */
    const char *bus;
    const char *source; /* type of the source: "file", "block", "network", ... */
    const char *path;
    const char *format;
    gboolean read_only;
    gboolean transient;
    gboolean shareable;
    gboolean encrypted;  /* by QEMU */
    gboolean sliced;     /* a part of its file */
    gboolean data_apart; /* its data are in another file than its metadata */
} LullDisk;

/* Why a disk is not in snapshots, and what to do about it: "why: remedy". NULL: it is. Pure. What libvirt
 * refuses to copy is told before it is asked; the rest is what a restore could not bring back. */
char *lull_disk_refusal(const LullDisk *disk) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
