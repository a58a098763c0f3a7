/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"
#include "coordinator/reconcile/claims.h"

G_BEGIN_DECLS

/* What this coordinator is about to freeze, as one synced file an operation, written before the guest is
 * asked and removed after the thaw: whoever starts after a crash finds here what he has to thaw. */
typedef struct _LullIntents LullIntents;

/* How far an operation may have got. A thaw of our agent names its operation; one of a stock agent ends
 * whatever stands, so it is left alone until a freeze may have been sent. */
typedef enum { LULL_INTENT_ENGAGED = 0, LULL_INTENT_FREEZING } LullIntentStage;

typedef struct {
    char *op;
    char *vm_uid;
    char *vm_ns;   /* of its API; NULL: it has none */
    char *vm_name; /* there */
    char *place;   /* LullVm.place, by which it is found before the store is; NULL: by its uid */
    char *boot_id; /* the host's: after a reboot of it there is nothing left to thaw */
    LullAgentKind agent;
    LullIntentStage stage;
} LullIntent;
void lull_intent_free(LullIntent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullIntent, lull_intent_free)

/* @directory is made where it is missing. */
LullIntents *lull_intents_open(const char *directory, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_intents_free(LullIntents *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullIntents, lull_intents_free)

/* On disk when it returns; replaces what the operation had. */
gboolean lull_intents_write(LullIntents *self, const char *op, const LullVm *vm, LullAgentKind agent,
                            LullIntentStage stage, GError **error);
gboolean lull_intents_remove(LullIntents *self, const char *op, GError **error);

/* Instead of a removal, where the guest did not confirm the end: the file stays, and is tried again. */
void lull_intents_leave(LullIntents *self, const char *op);

/* Those found, of LullIntent. A file that cannot be understood is warned about and left where it is. */
GPtrArray *lull_intents_list(LullIntents *self) G_GNUC_WARN_UNUSED_RESULT;

/* Thaws what the list says, each guest on a thread of its own and in bounded time, and removes what is done;
 * never a guest that @claims gives to somebody else. Needs nothing but the host. Operations that this life
 * works on are passed over. Returns when all is done, but after @patience_usec at the latest; what is not
 * goes on beside. Returns how many there are still to be ended: their files stay. @host and @claims are lent
 * until the stop. */
guint lull_intents_recover(LullIntents *self, LullHost *host, LullClaims *claims, gint64 patience_usec);

/* As long as a recovery takes where the guest answers at all. */
#define LULL_INTENTS_PATIENCE LULL_SEC(15)

/* After a recovery. From now on a thread tries again, every few seconds while anything is left. */
void lull_intents_start_retrying(LullIntents *self);

/* Nothing is tried any more when it returns, which takes no longer than to end one operation. Idempotent. */
void lull_intents_stop(LullIntents *self);

G_END_DECLS
