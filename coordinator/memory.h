/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How memory is had from the system: what is needed for a moment goes back to it. First of all, before there
 * is another thread. */
void lull_memory_init(void);

G_END_DECLS
