/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"

G_BEGIN_DECLS

/* What this coordinator is about to freeze, as one synced file an operation, written before the guest is
 * asked and removed after the thaw: whoever starts after a crash finds here what he has to thaw. */
typedef struct _LullIntents LullIntents;

typedef struct {
    char *op;
    char *vm_uid;
    char *vm_name; /* for people */
    char *boot_id; /* the host's: after a reboot of it there is nothing left to thaw */
    LullAgentKind agent;
} LullIntent;
void lull_intent_free(LullIntent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullIntent, lull_intent_free)

/* @directory is made where it is missing. */
LullIntents *lull_intents_open(const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_intents_free(LullIntents *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullIntents, lull_intents_free)

/* On disk when it returns. */
gboolean lull_intents_write(LullIntents *self, const char *op, const char *vm_uid, const char *vm_name,
                            LullAgentKind agent, GError **error);
gboolean lull_intents_remove(LullIntents *self, const char *op, GError **error);

/* Those found, of LullIntent. A file that cannot be understood is warned about and left where it is. */
GPtrArray *lull_intents_list(LullIntents *self) G_GNUC_WARN_UNUSED_RESULT;

/* Thaws what the list says, several guests at once, each bounded; removes what is done. Needs nothing but
 * the host. Returns how many could not be ended: their files stay. */
guint lull_intents_recover(LullIntents *self, LullHost *host);

G_END_DECLS
