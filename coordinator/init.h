/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/clock.h"

G_BEGIN_DECLS

/* The first process of a container. With it all others of the container end, so it must not be the
 * coordinator: the processes that thaw guests in the place of a coordinator that died would go, too, before
 * they have. */

/* The first argument of a coordinator's program that is to be this, before those of the coordinator itself.
 */
#define LULL_INIT_WORD "init"

/* How long it waits for the others: a dead man thaws as soon as its coordinator is gone, and goes on where
 * the guest does not answer. Whoever starts the container again is not to wait for that, since a coordinator
 * that starts thaws too. */
#define LULL_INIT_PATIENCE LULL_SEC(30)

/* Runs @path, hands it the signals that ask for an end, and reaps what others leave behind. When it has
 * ended, waits until nobody is left, for up to @patience_usec. Returns its status as a shell does: 128 and
 * the signal that killed it, 127 if there is no such program. One call a process, without other threads. */
int lull_init_run(const char *path, char *const *argv, gint64 patience_usec);

/* @argv: the word, then the coordinator's arguments. */
int lull_init_main(int argc, char **argv);

G_END_DECLS
