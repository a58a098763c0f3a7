/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/guest/freeze-api.h"
#include "coordinator/guest/vm.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* The libvirt host: connections with keep-alive and reconnection, libvirt's event loop on a thread of
 * its own, and the domains as VirtualMachine objects. Any thread may call; calls may block in libvirt
 * unless said otherwise. virConnectPtr and virDomainPtr stay inside guest/ and storage/. */
typedef struct _LullHost LullHost;

LullHost *lull_host_open(const char *uri, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_host_free(LullHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullHost, lull_host_free)
const char *lull_host_uri(const LullHost *self);

/* As far as is known: one that hangs is taken for away when its keep-alive fails. Does not block. */
gboolean lull_host_is_there(LullHost *self);

/* A node of a cluster: its machines are those of the instances that it is told of, each of which has a
 * libvirt of its own, in its launcher's pod below @pods_directory (LULL_KUBELET_PODS). That is opened when
 * the machine is looked for, held, or asked, and closed some seconds after it was last used; none is trusted,
 * or waited for by others. A machine's name is NAMESPACE/NAME, its uid that of its VirtualMachine (that of
 * the instance, where it has none). Of the functions here only free() and find...() are for a node; others
 * give UNSUPPORTED. Freed after all that was made of it, holds and witnesses. */
LullHost *
lull_host_open_node(const char *node, const char *pods_directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A LullWatchFunc, with the node as its data, for a watch of lull_kind_instance, which may be one of this
 * node's. Any thread. One that cannot be understood is warned about, and not found. */
void lull_host_hear_instance(LullWatchType type, LullJson *instance, gpointer host);

/* All that there are, an array: of those that went unheard, while nobody listened, nothing is left. */
void lull_host_hear_instances(LullHost *self, LullJson *instances);

/* Of a node: who freezes the guests of stock agents from now on, or thaws those that migrated. NULL: we
 * freeze, and nobody knows of these. Lent until the host is freed; before the first hold is made. */
void lull_host_set_freeze_api(LullHost *self, const LullFreezeApi *api);

/* By the API's name (NOT_FOUND) or by uid. Of a node also: BUSY (it starts or migrates: wait), LOST (its pod
 * does not answer), DENIED (its pod is not to be trusted). */
LullVm *lull_host_find_vm(LullHost *self, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
LullVm *lull_host_find_vm_by_uid(LullHost *self, const char *uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The domains as a read-only store of kind VirtualMachine. get and list ask a cache that libvirt's events
 * keep; watch reports changes. A STATUS patch may set status.snapshotInProgress and
 * status.restoreInProgress (the locks), which live in @locks under the domain's uuid and are merged in;
 * metadata.resourceVersion works as a precondition for that. Other writes: DENIED. @locks is borrowed. */
LullStore *lull_host_vm_store(LullHost *self, LullStore *locks) G_GNUC_WARN_UNUSED_RESULT;

/* Whether snapshots of it hold only what changed: a mark in the domain's metadata, live and in its
 * definition, as far as it has both. */
gboolean lull_host_set_incremental(LullHost *self, const char *uid, gboolean on, GError **error);

/* For restores: asks a running guest to shut down (ACPI); returns at once. */
gboolean lull_host_shutdown_vm(LullHost *self, const char *uid, GError **error);

/* Fine if it runs. */
gboolean lull_host_start_vm(LullHost *self, const char *uid, GError **error);

G_END_DECLS
