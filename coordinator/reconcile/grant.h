/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* In a cluster the leader says which node may begin which attempt: the annotation lull.dev/grant of a
 * content, {"term", "attempt", "node", "validForMs"}, and "again" where the node had the one before it too. A
 * node claims it by writing, with the resourceVersion that it saw, that this attempt has begun; the leader
 * takes a grant back, or gives another, in the same way. So one of them is always first. No number is granted
 * twice: of a grant that is taken back the number stays, as
 * {"attempt"} alone, which nobody may claim. */
typedef struct {
    gint64 term;      /* of the leader that gave it */
    guint attempt;    /* > 0 */
    char *node;       /* not empty */
    gint64 valid_for; /* from when the node first saw it, until it is claimed */
    gboolean again;   /* the node did not claim the one before it in time */
} LullGrant;
void lull_grant_free(LullGrant *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullGrant, lull_grant_free)

/* Whoever claimed one works no longer than this, by his own clock and from before the claim; so long the
 * leader waits, from after it saw the claim, before it takes the node for lost. */
#define LULL_GRANT_WORK (120 * G_USEC_PER_SEC)
/* One that holds no guest may take as long as its snapshot is waited for, and no longer than this. */
#define LULL_GRANT_PATIENCE ((gint64)3600 * G_USEC_PER_SEC)
#define LULL_GRANT_VALID    (30 * G_USEC_PER_SEC)

/* A node that is not ready may be again: so long it keeps what only has to be kept. */
#define LULL_GRANT_RETURN (600 * G_USEC_PER_SEC)

/* That clocks may differ by over such times, and a freeze begun in the last moment may take. */
#define LULL_GRANT_SLACK (45 * G_USEC_PER_SEC)

/* NULL: there is none. One that makes no sense is none. */
LullGrant *lull_grant_of(LullJson *content) G_GNUC_WARN_UNUSED_RESULT;
char *lull_grant_to_annotation(const LullGrant *self) G_GNUC_WARN_UNUSED_RESULT;

/* The number of the last one, also of one taken back; 0: there was none. */
guint lull_grant_last(LullJson *content);

/* In the place of one that is taken back. @last > 0. */
char *lull_grant_void_annotation(guint last) G_GNUC_WARN_UNUSED_RESULT;

/* The node that a content's label names, lent; NULL: none. */
const char *lull_grant_label(LullJson *content);

G_END_DECLS
