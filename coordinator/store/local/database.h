/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* The local store's file: opened, locked, checked, its statements prepared once. Not thread-safe.
 *
 * Commits are on the disk when they return (WAL, synchronous=FULL). Beside the file lies FILE.lock, whose
 * lock says that somebody uses the store; it goes with the process, however that ends. */
typedef struct _LullDatabase LullDatabase;

typedef enum {
    LULL_SQL_BEGIN = 0,
    LULL_SQL_COMMIT,
    LULL_SQL_ROLLBACK,
    LULL_SQL_GET,        /* kind, ns, name -> body */
    LULL_SQL_INSERT,     /* kind, ns, name, body */
    LULL_SQL_UPDATE,     /* kind, ns, name, body */
    LULL_SQL_DELETE,     /* kind, ns, name */
    LULL_SQL_LIST,       /* kind, after ns, after name, limit -> ns, name, body */
    LULL_SQL_LIST_IN,    /* kind, ns, after name, limit -> ns, name, body */
    LULL_SQL_COUNT,      /* kind -> count */
    LULL_SQL_COUNT_IN,   /* kind, ns -> count */
    LULL_SQL_LOG_ADD,    /* version, kind, ns, type, size, body, before */
    LULL_SQL_LOG_SINCE,  /* version, kind, ns or NULL -> type, body, before */
    LULL_SQL_LOG_BOUNDS, /* -> first version, last version, count, bytes */
    LULL_SQL_LOG_PRUNE,  /* count: drops so many of the oldest */
    LULL_SQL_N
} LullSql;

/* BUSY: another process has it. UNSUPPORTED: written by a newer program, or by another one. FAILED:
 * corrupt, or the system refuses. */
LullDatabase *lull_database_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_database_close(LullDatabase *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullDatabase, lull_database_close)

/* A statement, reset. Each text in @args ('s', NULL allowed) or number ('i', gint64) is bound in order; texts
 * are borrowed until the statement is used again. */
sqlite3_stmt *lull_database_use(LullDatabase *self, LullSql which, const char *args, ...);

/* Steps a statement: TRUE and @ret_row says whether there is a row. NO_SPACE, TIMED_OUT (another program
 * holds the file's lock), EXISTS (uniqueness), FAILED. Resets it where there is no row. */
gboolean lull_database_step(LullDatabase *self, sqlite3_stmt *statement, gboolean *ret_row, GError **error);

/* For a statement without rows. */
gboolean lull_database_run(LullDatabase *self, sqlite3_stmt *statement, GError **error);

G_END_DECLS
