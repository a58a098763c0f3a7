/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/storage/storage.h"

G_BEGIN_DECLS

/* Libvirt's backup jobs in pull mode, full or of what changed: the cut is the start of the job, and what it
 * shows is copied by us afterwards. Machines that are off are copied from their images. Contents are folders
 * below @directory (made where missing): <content uid>/manifest.json, domain.xml, nvram.fd, <volume>.qcow2;
 * an attempt's is <content uid>.attempt-<n> until it is sealed, with <volume>.scratch while its job runs.
 * @host is borrowed. */
LullStorage *
lull_storage_libvirt_new(LullHost *host, const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* How long a backup job goes on when this process is gone: microseconds. Before any is begun. */
void lull_storage_libvirt_set_lease(LullStorage *storage, gint64 lease);

#define LULL_STORAGE_LIBVIRT_LEASE (600 * G_USEC_PER_SEC)

G_END_DECLS
