/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* A store whose kinds of snapshots are in @group (LullApiGroup.name) and have finalizers of that name, for
 * those who know them in LULL_GROUP_SNAPSHOT only: kinds, finalizers, what is created and what events are
 * about are translated. What is read keeps the apiVersion that it has. Owns @take_inner. */
LullStore *lull_store_group_new(LullStore *take_inner, const char *group) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
