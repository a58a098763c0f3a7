/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <libvirt/libvirt.h>

#include "coordinator/guest/host.h"

G_BEGIN_DECLS

/* For guest/, storage/ and doctor/ only: libvirt's own types.
 *
 * A link is one connection lent to one user at a time, out of a pool that grows on demand: a call that
 * blocks for one guest can then never stand in another's way. Borrow before the hot path, return after. */
typedef struct _LullLink LullLink;

LullLink *lull_link_borrow(LullHost *host, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_link_return(LullLink *self); /* NULL is fine; a dead connection is closed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullLink, lull_link_return)
virConnectPtr lull_link_connection(LullLink *self);

typedef virDomain LullDomain;
static inline void
lull_domain_put(LullDomain *domain)
{
    virDomainFree(domain);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullDomain, lull_domain_put)

/* By the domain's UUID; of a launcher it is the one that it has, whatever its uid is to the API. */
LullDomain *lull_link_domain(LullLink *self, const char *uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* libvirt's last error of this thread as one of ours, prefixed with "<what>: ". Returns FALSE always. */
gboolean lull_link_error(GError **error, const char *what);

/* What befell one domain: counted by the host's event thread. Unequal counts around a freeze mean that
 * something happened in between. Waiting for nothing, asking nobody. */
typedef struct {
    guint64 lifecycle; /* started, stopped, paused, resumed, crashed, ... and every gap in the event stream */
    guint64 agent;     /* the guest's agent came or went */
} LullEventCounts;
LullEventCounts lull_host_event_counts(LullHost *self, const char *uid);

/* Called on the host's worker thread, with the VM as it is now or NULL when it is gone. One listener. */
typedef void (*LullVmFunc)(const char *uid, const LullVm *vm, gpointer user_data);
/* Tells the listener about every domain before it returns. @func NULL: no more calls when it returns. */
void lull_host_listen(LullHost *self, LullVmFunc func, gpointer user_data);

/* How a machine that is off ended. @reason: libvirt's, of VIR_DOMAIN_SHUTOFF. @saved: its memory is kept.
 * @terminated: the host was seen to end its process, which @reason does not tell from the guest's own doing.
 * Pure. */
LullVmEnd lull_vm_end_of(int reason, gboolean saved, gboolean terminated) G_GNUC_CONST;

/* What an active domain is doing, @state and @reason being libvirt's. While it starts, and while it ends, its
 * processors stand still too, which is no pause: nobody made one, and nobody has to end it. Pure. */
LullVmState lull_vm_state_of(int state, int reason) G_GNUC_CONST;

/* The disks of a machine that is off become those of a snapshot that was not at rest: a mark in its metadata,
 * which goes when it is seen to run. */
gboolean lull_domain_mark_restored(LullDomain *domain, GError **error);

/* The VM of an opened domain, fresh from libvirt, which does not tell TERMINATED. */
LullVm *lull_vm_from_domain(LullDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
