/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* How far a content is: the annotation lull.dev/attempt, written before acting, so that whoever comes after a
 * crash knows what may be lying about. In a cluster the last step of one that goes well, from CUT to SEALED,
 * is what its status says, readyToUse: nothing is acted upon after it. One that came back from a backup,
 * under another uid and without its status, is past that step: it has all that will ever be of it. */
typedef enum {
    LULL_CONTENT_NEW = 0,
    LULL_CONTENT_BEGUN,    /* attempt `number` may have made targets and cuts */
    LULL_CONTENT_FAILED,   /* it came to nothing (`error`) and its data is gone; the next one may begin */
    LULL_CONTENT_GIVEN_UP, /* for good: cuts failed too often (`error`), and nothing is left of them */
    LULL_CONTENT_REFUSED,  /* for good: the level required was not reached (`error`) */
    LULL_CONTENT_CUT,      /* point in time taken at `time`, data being copied */
    LULL_CONTENT_SEALED,   /* data whole and durable */
    LULL_CONTENT_BROKEN,   /* for good: cut, but its data was lost (`error`) */
    LULL_CONTENT_N
} LullContentStage;

typedef struct {
    LullContentStage stage;
    guint number;        /* of the last attempt begun; 0: none */
    guint quiesced;      /* attempts begun that ask the guest to be quiet, and may have frozen it */
    gboolean unquiesced; /* the last one begun does not ask the guest */
    gboolean refused;    /* FAILED: others came first, and it was as good as not begun */
    gint64 queue;        /* `refused`: usec that a cut takes behind those others; 0: it is not known */
    guint failed_cuts;   /* attempts that came as far as a cut, which failed */
    char *life;          /* of the coordinator that began it; "" */
    gint64 time;         /* wall clock: of the cut, or of the failure; 0 */
    char *error;         /* NULL */
    char *content;       /* uid of the content that it was begun for; "": it is not told */
    gboolean unwritten;  /* SEALED, but what is written down says CUT */
    /* Of attempt `number`: volumes' names to what the storage knows them by; NULL: none known. */
    LullJson *cuts;
} LullContentState;
void lull_content_state_free(LullContentState *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullContentState, lull_content_state_free)

/* No attempt will ever follow. */
static inline gboolean
lull_content_stage_is_final(LullContentStage stage)
{
    return stage >= LULL_CONTENT_GIVEN_UP;
}

/* Absent, or nonsense: NEW. */
LullContentState *lull_content_state_of(LullJson *content) G_GNUC_WARN_UNUSED_RESULT;
/* Takes off what who hears of a content does not look at before it reads it: the machine that it holds but
 * for which one that is, its volumes, its report. LullTrimFunc. */
void lull_content_trim(LullJson *content);

/* Of the error no more than an annotation may have. */
char *lull_content_state_to_annotation(const LullContentState *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
