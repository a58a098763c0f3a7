/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The host dead man: stock qemu-ga has no lease, so a process of its own keeps one for it. It is started
 * before the freeze, has its own connection, and thaws the guest when its standard input ends (this process
 * died) or the deadline comes. It is this very program, run as `<program> dead-man --uri URI --domain UUID`;
 * it takes lines on standard input ("arm <ms>", "release") and says "ready" when it is connected. */
typedef struct _LullDeadman LullDeadman;

/* Returns when it is connected; bounded. */
LullDeadman *
lull_deadman_start(const char *uri, const char *domain_uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* From now on it thaws at @deadline_usec from now, or when this process dies. */
gboolean lull_deadman_arm(LullDeadman *self, gint64 deadline_usec, GError **error);

/* The guest is known to be thawed: it may go. */
void lull_deadman_release(LullDeadman *self);

/* Without a release before: it thaws, if armed. Never waits for it. */
void lull_deadman_free(LullDeadman *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullDeadman, lull_deadman_free)

/* The other side: what a program does whose first argument is "dead-man". Returns the exit status. */
int lull_deadman_main(int argc, char **argv);

G_END_DECLS
