/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* The name of KubeVirt's lease, in whatever name space it runs. */
#define LULL_RIVAL_KUBEVIRT "virt-controller"

/* Whether another controller that lives has @group, by its lease: KubeVirt's has LULL_GROUP_SNAPSHOT wherever
 * it runs, and so may a coordinator of another namespace than @ns. @leases: an array. @now: wall clock; times
 * in a lease are of another one. Returns what to tell people, NULL: there is none. Pure. */
char *
lull_rival_find(LullJson *leases, const char *group, const char *ns, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* Whether somebody holds it, and renews it: who stops gives it back, or lets it run out. Clocks may differ by
 * a minute. */
gboolean lull_rival_lease_is_alive(LullJson *lease, gint64 now);

/* The name of our own lease. */
char *lull_rival_lease_name(const char *group) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
