/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"

G_BEGIN_DECLS

/* One domain, for a process of its own that looks after it whatever becomes of the coordinator and of
 * libvirtd: the host dead man, the guard of a pull job. Such a process has one thread, and one for the relay
 * to a launcher, but no event loop, and so no keep-alive: what waits for a daemon that stands still goes on
 * when that does. */
typedef struct {
    const char *uri; /* lent, as is the other */
    const char *uid;
    virConnectPtr connection; /* NULL: libvirt is not there */
    LullDomain *domain;       /* NULL: not found, or not looked for */
    gboolean gone;            /* the pod is, that had the daemon and the domain */
} LullReach;

/* Connects and looks for the domain, where there is none from before. */
gboolean lull_reach_open(LullReach *self);

/* After it, or a call on the domain, has failed: whether libvirt said that there is none, or went with it.
 * One that is merely not reached may be there. */
gboolean lull_reach_is_gone(const LullReach *self);

void lull_reach_close(LullReach *self);

/* What such a process begins with: it outlives the one that started it, whatever signal ends that one and its
 * group, and libvirt prints no errors. */
void lull_reach_stand_alone(void);

G_END_DECLS
