/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host-private.h"

G_BEGIN_DECLS

/* What a host is, for the files that are it: host.c (its making), host-notes.c, host-worker.c, host-vms.c. */

/* The worker's messages: a domain's uid to look at again, or one of these. */
#define MESSAGE_CLOSED "-closed"
#define MESSAGE_STOP   "-stop"

typedef struct {
    LullEventCounts counts;
    gboolean terminated; /* the host ended its process, and it was not started since */
    gboolean unmarking;  /* its mark is being taken off */
    gboolean unmark_again;
} LullDomainNotes;

struct _LullHost {
    gatomicrefcount refs;
    const LullFreezeApi *freeze_api; /* atomic: a thaw may be tried meanwhile */
    LullInstances *instances;        /* of a node, which has nothing but these two; NULL: a libvirt */
    LullLaunchers *launchers;
    LullLaunchers *keeper; /* of a launcher; NULL: a libvirt that has what it has */
    char *only;            /* and its domain's uuid */
    char *uri;
    GAsyncQueue *messages;
    GThread *worker;
    virConnectPtr connection; /* the worker's, with the events on it */
    GArray *event_ids;

    GMutex lock; /* for the rest */
    GPtrArray *idle;
    GHashTable *notes; /* uid -> LullDomainNotes */
    guint64 gaps;      /* times that events may have been missed */
    guint64 found;     /* times that libvirt was */
    gboolean hearing;  /* events come in */

    GMutex listening; /* held while the listener runs */
    LullVmFunc func;
    gpointer user_data;
    GHashTable *told; /* uids that the listener knows */
};

/* Whether the host has ended its process, and it was not started since. */
gboolean lull_host_was_terminated(LullHost *self, const char *uid);

void lull_domains_free(virDomainPtr *domains);

/* Of the worker, whose func lull_host_work() is, the host its data: until MESSAGE_STOP. */
gboolean lull_host_worker_connect(LullHost *self, GError **error);
void lull_host_worker_disconnect(LullHost *self);
gpointer lull_host_work(gpointer host);

G_END_DECLS
