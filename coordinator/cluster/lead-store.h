/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/kube/leader.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* @inner for what only a leader may do: a write is refused (LOST) at any moment at which @leader does not
 * lead, whatever it did when the write was decided on. Both are lent. */
LullStore *lull_store_lead_new(LullStore *inner, LullLeader *leader) G_GNUC_WARN_UNUSED_RESULT;

/* Does @leader, a LullLeader, lead at this moment? LOST: another does. */
gboolean lull_store_lead_may(gpointer leader, GError **error);

G_END_DECLS
