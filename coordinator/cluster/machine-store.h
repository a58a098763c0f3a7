/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* The VirtualMachines of a cluster, as machine-view.h says: get, list (without their instances), watch, where
 * a change of the instance is one of the machine, and a STATUS patch of its locks. Anything else: DENIED.
 * @inner is lent. */
LullStore *lull_store_machines_new(LullStore *inner, const char *group) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
