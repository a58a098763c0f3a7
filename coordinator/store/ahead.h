/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* A store that is asked ahead: where it is known what will be read, the questions need not wait for one
 * another's answers, of which one that is far away takes its time for each. For one look, on one thread. */

typedef struct {
    const LullKind *kind;
    const char *ns;   /* NULL: a kind without one; for a list: all */
    const char *name; /* NULL: a list of all */
} LullWant;

/* Its get() and list() give what was answered ahead, errors too, or ask @inner (lent), whose time it
 * has too. Nothing else. */
LullStore *lull_store_ahead_new(LullStore *inner) G_GNUC_WARN_UNUSED_RESULT;

/* Asks for what it does not know yet, all at once, and blocks until all is answered. */
void lull_store_ahead_ask(LullStore *self, const LullWant *wants, guint n);

G_END_DECLS
