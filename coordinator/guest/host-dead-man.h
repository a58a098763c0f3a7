/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"

G_BEGIN_DECLS

/* The host dead man: stock qemu-ga has no lease, so a process of its own keeps one for it. It is started
 * before the freeze, has its own connection, and thaws the guest when its standard input ends (this process
 * died) or the deadline comes. It is this very program, run as `<program> dead-man --uri URI --domain UUID`;
 * it says "ready" when it is connected, takes lines on standard input ("arm <ms>", "release") and answers an
 * order to arm by "armed", any other it does not understand by "refused". */
#define LULL_HOST_DEAD_MAN_MAX (LULL_GUEST_HOLD_MAX + LULL_GUEST_HOLD_GRACE)
typedef struct _LullHostDeadMan LullHostDeadMan;

/* One that thaws goes when the guest has said for so long that it is thawed: a freeze that waited in libvirt
 * when its sender died lands within it, and so would a new one, to be thawed as well. An agent that is in the
 * midst of a freeze says nothing, however long that takes. */
#define LULL_HOST_DEAD_MAN_SETTLE_USEC G_USEC_PER_SEC

/* Returns when it is connected; bounded. */
LullHostDeadMan *
lull_host_dead_man_start(const char *uri, const char *domain_uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* From now on it thaws at @deadline_usec from now, or when this process dies; it has said so when this
 * returns. FALSE: nothing may be frozen; LULL_ERROR_INVALID for a deadline beyond LULL_HOST_DEAD_MAN_MAX. */
gboolean lull_host_dead_man_arm(LullHostDeadMan *self, gint64 deadline_usec, GError **error);

/* The guest is known to be thawed: it may go. After its deadline it is thawing, and would thaw the next
 * freeze too: returns when it is gone, but waits for that no longer than it should take. */
void lull_host_dead_man_release(LullHostDeadMan *self);

/* Without a release before: it thaws, if armed. Never waits for it. */
void lull_host_dead_man_free(LullHostDeadMan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullHostDeadMan, lull_host_dead_man_free)

/* The other side: what a program does whose first argument is "dead-man". Returns the exit status. */
int lull_host_dead_man_main(int argc, char **argv);

G_END_DECLS
