/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/guest/host-private.h"

G_BEGIN_DECLS

/* The machines of one node and the libvirts of their launchers: which there are is what it is told, and those
 * are open that somebody uses, or did some seconds ago. Any thread may call. */
LullLaunchers *lull_launchers_new(const char *node, const char *pods_directory) G_GNUC_WARN_UNUSED_RESULT;
void lull_launchers_free(LullLaunchers *self);

void lull_launchers_hear(LullLaunchers *self, LullWatchType type, LullJson *instance);

/* All that there are, an array: what was heard of others is forgotten. */
void lull_launchers_hear_all(LullLaunchers *self, LullJson *instances);

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
