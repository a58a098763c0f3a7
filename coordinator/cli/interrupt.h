/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* While a command waits for something that goes on without it, Ctrl-C says so, and how to get back to it,
 * before it ends the process (by the signal, so that a shell knows). One at a time, for the process. */
void lull_interrupt_say(const char *format, ...) G_GNUC_PRINTF(1, 2);
void lull_interrupt_forget(void);

G_END_DECLS
