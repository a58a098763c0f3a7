/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/ahead.h"

G_BEGIN_DECLS

/* What is read about claims before a cut, in two rounds: the claims and what else is known by its name, then
 * what they name. */
typedef struct {
    const char *ns;
    const GPtrArray *claims; /* names */
    const LullWant *others;
    guint n_others;
    /* Besides its volume and its storage profile: what else a claim names, of a kind in its name space. NULL:
     * nothing. */
    const LullKind *also;
    const char *(*also_of)(LullJson *claim); /* lent; NULL: none */
} LullCsiAhead;

/* @store: lull_store_ahead_new(). What goes wrong is told to who reads. */
void lull_csi_ask_ahead(LullStore *store, const LullCsiAhead *ahead);

G_END_DECLS
