/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Tells a host which instances of machines run on its node, all the time. */
typedef struct _LullNodeInstances LullNodeInstances;

/* The host knows those that there are by the time this returns; of those that come later it hears on
 * @context, by whose thread alone this is to be called. What is passed must outlive it. */
LullNodeInstances *lull_node_instances_hear(LullStore *store, const char *node, LullHost *host,
                                            GMainContext *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_node_instances_free(LullNodeInstances *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullNodeInstances, lull_node_instances_free)

G_END_DECLS
