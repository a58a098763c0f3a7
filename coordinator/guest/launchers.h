/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/guest/host-private.h"
#include "coordinator/guest/instances.h"

G_BEGIN_DECLS

/* The libvirts of one node's launchers, those of its @instances (lent): open are those that somebody uses, or
 * did some seconds ago. Any thread may call. */
LullLaunchers *
lull_launchers_new(LullInstances *instances, const char *pods_directory) G_GNUC_WARN_UNUSED_RESULT;
void lull_launchers_free(LullLaunchers *self);

char *lull_launchers_pod_directory(const LullLaunchers *self, const char *pod) G_GNUC_WARN_UNUSED_RESULT;

/* The host of one machine, by its uid, or by a place (LullVm.place), for which nobody needs to have told of
 * it. NOT_FOUND: the pod of the place is gone; one that nobody told of is LOST. Each reach and keep has its
 * let-go, which never waits. */
LullHost *
lull_launchers_reach(LullLaunchers *self, const char *where, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_launchers_keep(LullLaunchers *self, LullHost *host);
void lull_launchers_let_go(LullLaunchers *self, LullHost *host);

/* By uid, or NAMESPACE/NAME. */
LullVm *lull_launchers_find(LullLaunchers *self, const char *which, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
