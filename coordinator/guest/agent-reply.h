/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"
#include "protocol/phase.h"

G_BEGIN_DECLS

/* What agents answer, made sense of. Pure, and suspicious: a guest may answer anything. Texts taken over are
 * cut to LULL_REPLY_MAX_TEXT bytes, lists to LULL_REPLY_MAX_ROWS (a failed
 * file system beyond it, or one not understood, leaves one failed row); a wrong type reads as absent, and an
 * answer without what it must have is LULL_ERROR_INVALID. */
#define LULL_REPLY_MAX_TEXT 512
#define LULL_REPLY_MAX_ROWS 256

/* The guest's words, wherever they come from (libvirt's errors quote them): at most LULL_REPLY_MAX_TEXT bytes
 * of them, on one line, sound UTF-8. */
char *lull_reply_words(const char *words) G_GNUC_WARN_UNUSED_RESULT;

/* guest-info: which agent it is by the commands that it has. */
typedef struct {
    LullAgentKind kind; /* NONE: it has no command to freeze */
    char *name;
    gboolean enabled; /* stock: the freeze is not switched off (blocked, or the guest is frozen already) */
} LullAgentInfo;
gboolean lull_reply_info(LullJson *reply, LullAgentInfo *ret_info, GError **error);

/* Our agent's prepare. Not accepted: @ret_owner is the one in the way. */
gboolean lull_reply_prepare(LullJson *reply, gboolean *ret_accepted, char **ret_owner, GError **error);

typedef struct {
    LullPhase phase;
    char *op;
    char *boot_id;           /* NULL: not told */
    gint64 hold_budget_usec; /* 0: no limit */
    char *last_problem;      /* of the operation before, if it says why it ended; NULL */
    gboolean last_timed_out;
    LullJson *filesystems; /* rows {mountpoint, type, disks, result, reason} */
} LullAgentStatus;
gboolean lull_reply_status(LullJson *reply, LullAgentStatus *ret_status, GError **error);
void lull_agent_status_clear(LullAgentStatus *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullAgentStatus, lull_agent_status_clear)

typedef struct {
    char *epoch; /* NULL: it froze nothing */
    char *boot_id;
    gint64 freeze_usec;
} LullFreezeReply;
gboolean lull_reply_freeze(LullJson *reply, LullFreezeReply *ret_freeze, GError **error);
void lull_freeze_reply_clear(LullFreezeReply *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullFreezeReply, lull_freeze_reply_clear)

/* The rows of a freeze's answer. Apart from the rest, since while the guest is frozen nobody has time for
 * them. */
LullJson *lull_reply_freeze_rows(LullJson *reply) G_GNUC_WARN_UNUSED_RESULT;

/* NULL where the epoch lasts, else why it does not. */
char *lull_reply_renew(LullJson *reply) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    gboolean held;
    gboolean unknown; /* the agent froze nothing under this op, or knows of none */
    char *broken;     /* not held, but frozen once: why */
    char *epoch;      /* which one it tells of; NULL: not told */
    gint64 window_usec;
    gint64 freeze_usec;
    gint64 thaw_usec;
    LullJson *filesystems;
    LullJson *writers;
} LullThawReply;
gboolean lull_reply_thaw(LullJson *reply, LullThawReply *ret_thaw, GError **error);
void lull_thaw_reply_clear(LullThawReply *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullThawReply, lull_thaw_reply_clear)

/* An agent that says no to a thaw or an abort has no such operation, and nothing of it is left; but not where
 * it says that the time was over: then the thaw goes on in the guest. */
gboolean lull_agent_denies(const GError *error);

/* Stock: a bare count; FALSE where it is none. "thawed" or "frozen". */
gboolean lull_reply_count(LullJson *reply, gint64 *ret_count);
gboolean lull_reply_is_frozen(LullJson *reply, gboolean *ret_frozen);

/* Stock: guest-get-fsinfo as rows of the same shape as a status. */
LullJson *lull_reply_fsinfo(LullJson *reply) G_GNUC_WARN_UNUSED_RESULT;

/* The report's rows: @rows with their `disks` (looked up by mount point in @known where a row has none, may
 * be NULL) replaced by `volumes`, the names in @volumes ([{name, serial?, pci?, scsi?}]) that they are on:
 * none where not all of them are known. */
LullJson *lull_rows_for_report(LullJson *rows, LullJson *known, LullJson *volumes) G_GNUC_WARN_UNUSED_RESULT;

/* Stock says how many file systems it froze, not which: @rows with results as far as they follow from @count.
 */
void lull_rows_judge_by_count(LullJson *rows, gint64 count);

G_END_DECLS
