/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/local/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "protocol/error.h"

#define SCHEMA_VERSION  2
#define APPLICATION_ID  0x4c554c4c /* "LULL" */
#define BUSY_TIMEOUT_MS 2000
#define PRAGMA_MAX      128

struct _LullDatabase {
    char *path;
    int lock_fd;
    sqlite3 *handle;
    sqlite3_stmt *statements[LULL_SQL_N];
};

static const char schema[] =
    "CREATE TABLE objects(kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY(kind, ns, name));"
    "CREATE TABLE events(version INTEGER PRIMARY KEY, kind TEXT NOT NULL, ns TEXT NOT NULL,"
    " type INTEGER NOT NULL, size INTEGER NOT NULL, body TEXT NOT NULL, before TEXT);";

/* How a file of an older schema becomes one of the next, [0] from 1 to 2. Each runs in a transaction of its
 * own with the new number; never change one that was released.
 *
 * 2: events tell the labels that an object had before. Those of older events are not known, so the log is
 * emptied, and watches that began before it are told to list again; the new event is of no kind, it keeps the
 * version. */
static const char *const migrations[] = {
    "ALTER TABLE events ADD COLUMN before TEXT;"
    "INSERT INTO events(version, kind, ns, type, size, body) SELECT version + 1, '', '', 0, 0, '' FROM events"
    " ORDER BY version DESC LIMIT 1;"
    "DELETE FROM events WHERE kind <> '';",
};
G_STATIC_ASSERT(G_N_ELEMENTS(migrations) == SCHEMA_VERSION - 1);

static const char *const texts[LULL_SQL_N] = {
    [LULL_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [LULL_SQL_COMMIT] = "COMMIT",
    [LULL_SQL_ROLLBACK] = "ROLLBACK",
    [LULL_SQL_GET] = "SELECT body FROM objects WHERE kind = ?1 AND ns = ?2 AND name = ?3",
    [LULL_SQL_INSERT] = "INSERT INTO objects(kind, ns, name, body) VALUES(?1, ?2, ?3, ?4)",
    [LULL_SQL_UPDATE] = "UPDATE objects SET body = ?4 WHERE kind = ?1 AND ns = ?2 AND name = ?3",
    [LULL_SQL_DELETE] = "DELETE FROM objects WHERE kind = ?1 AND ns = ?2 AND name = ?3",
    [LULL_SQL_LIST] = "SELECT ns, name, body FROM objects WHERE kind = ?1 AND (ns, name) > (?2, ?3)"
                      " ORDER BY ns, name LIMIT ?4",
    [LULL_SQL_LIST_IN] = "SELECT ns, name, body FROM objects WHERE kind = ?1 AND ns = ?2 AND name > ?3"
                         " ORDER BY name LIMIT ?4",
    [LULL_SQL_COUNT] = "SELECT count(*) FROM objects WHERE kind = ?1",
    [LULL_SQL_COUNT_IN] = "SELECT count(*) FROM objects WHERE kind = ?1 AND ns = ?2",
    [LULL_SQL_LOG_ADD] =
        "INSERT INTO events(version, kind, ns, type, size, body, before) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [LULL_SQL_LOG_SINCE] = "SELECT type, body, before FROM events WHERE version > ?1 AND kind = ?2"
                           " AND (?3 IS NULL OR ns = ?3) ORDER BY version",
    [LULL_SQL_LOG_BOUNDS] = "SELECT ifnull(min(version), 0), ifnull(max(version), 0), count(*),"
                            " ifnull(sum(size), 0) FROM events",
    [LULL_SQL_LOG_PRUNE] =
        "DELETE FROM events WHERE version IN (SELECT version FROM events ORDER BY version LIMIT ?1)",
};

static void
set_corrupt(const LullDatabase *self, const char *reason, GError **error)
{
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_FAILED,
        "store %s: the file is corrupt (%s): move it away or bring back a copy; the snapshots' folders "
        "are not touched by this",
        self->path, reason);
}

static void
set_error(LullDatabase *self, int result, const char *what, GError **error)
{
    const char *reason = self->handle ? sqlite3_errmsg(self->handle) : sqlite3_errstr(result);

    switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
        g_set_error(error, LULL_ERROR, LULL_ERROR_EXISTS, "store %s: %s", self->path, reason);
        break;
    case SQLITE_FULL:
        g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE, "store %s: %s: the disk is full: make room",
                    self->path, what);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                    "store %s: %s: another program holds the file: close what has it open", self->path, what);
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        set_corrupt(self, reason, error);
        break;
    default:
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "store %s: %s: %s", self->path, what, reason);
        break;
    }
}

/* The lock file stays: removing it would let two processes lock two files of one name. */
static gboolean
lock(LullDatabase *self, GError **error)
{
    g_autofree char *path = g_strconcat(self->path, ".lock", NULL);

    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->lock_fd < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "store %s: cannot open %s: %s", self->path, path,
                    g_strerror(errno));
        return FALSE;
    }
    if (flock(self->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "store %s: another coordinator uses it (it holds %s): stop that one first", self->path,
                    path);
        return FALSE;
    }
    return TRUE;
}

/* With our mode, which SQLite then gives its other files as well. */
static gboolean
touch(LullDatabase *self, GError **error)
{
    const int fd = open(self->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "store %s: cannot open: %s", self->path,
                    g_strerror(errno));
        return FALSE;
    }
    (void)close(fd);
    return TRUE;
}

static gboolean
execute(LullDatabase *self, const char *sql, const char *what, GError **error)
{
    const int result = sqlite3_exec(self->handle, sql, NULL, NULL, NULL);

    if (result != SQLITE_OK)
        set_error(self, result, what, error);
    return result == SQLITE_OK;
}

/* The first column of the first row as text. */
static char *
query(LullDatabase *self, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(self->handle, sql, -1, &statement, NULL);
    char *text = NULL;

    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        text = g_strdup((const char *)sqlite3_column_text(statement, 0));
    else
        set_error(self, result, "cannot read", error);
    (void)sqlite3_finalize(statement);
    return text;
}

/* @ret_version: of its schema, 0 for a new file. */
static gboolean
check_ours(LullDatabase *self, int *ret_version, GError **error)
{
    g_autofree char *version = query(self, "PRAGMA user_version", error);
    g_autofree char *id = version ? query(self, "PRAGMA application_id", error) : NULL;
    g_autofree char *tables = id ? query(self, "SELECT count(*) FROM sqlite_master", error) : NULL;
    g_autofree char *health = tables ? query(self, "PRAGMA quick_check(1)", error) : NULL;

    if (!health)
        return FALSE;
    if (!g_str_equal(health, "ok")) {
        const char *last = strrchr(health, '\n'); /* a heading may stand above what is wrong */

        set_corrupt(self, last ? last + 1 : health, error);
        return FALSE;
    }
    const gboolean fresh = g_str_equal(tables, "0") && g_str_equal(version, "0");
    if (!fresh && g_ascii_strtoll(id, NULL, 10) != APPLICATION_ID) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                    "store %s: the file is a database of another program: choose another path", self->path);
        return FALSE;
    }
    const gint64 found = g_ascii_strtoll(version, NULL, 10);
    if (found > SCHEMA_VERSION) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
            "store %s: the file has schema %s, this program knows up to %d: use the newer lull-coordinator "
            "that wrote it",
            self->path, version, SCHEMA_VERSION);
        return FALSE;
    }
    if (!fresh && found < 1) {
        set_corrupt(self, "it has no schema", error);
        return FALSE;
    }
    *ret_version = (int)found;
    return TRUE;
}

static gboolean
lay_out(LullDatabase *self, GError **error)
{
    char stamp[PRAGMA_MAX];

    (void)snprintf(stamp, sizeof stamp, "PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION_ID,
                   SCHEMA_VERSION);
    g_autofree char *sql = g_strconcat("BEGIN IMMEDIATE;", schema, stamp, "COMMIT;", NULL);
    return execute(self, sql, "cannot lay out", error);
}

/* A step that fails leaves the file as it was before that step. */
static gboolean
migrate(LullDatabase *self, int version, GError **error)
{
    for (; version < SCHEMA_VERSION; version++) {
        g_autofree char *sql = g_strdup_printf("BEGIN IMMEDIATE;%sPRAGMA user_version=%d;COMMIT;",
                                               migrations[version - 1], version + 1);
        g_autofree char *what = g_strdup_printf("cannot bring it from schema %d to %d", version, version + 1);
        if (!execute(self, sql, what, error))
            return FALSE;
        g_message("store %s: brought from schema %d to %d", self->path, version, version + 1);
    }
    return TRUE;
}

static gboolean
prepare(LullDatabase *self, GError **error)
{
    for (int i = 0; i < LULL_SQL_N; i++) {
        const int result = sqlite3_prepare_v3(self->handle, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                              &self->statements[i], NULL);
        if (result != SQLITE_OK) {
            set_error(self, result, "cannot prepare a statement", error);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
open_file(LullDatabase *self, GError **error)
{
    int version = 0;
    const int result = sqlite3_open_v2(
        self->path, &self->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (result != SQLITE_OK) {
        set_error(self, result, "cannot open", error);
        return FALSE;
    }
    (void)sqlite3_busy_timeout(self->handle, BUSY_TIMEOUT_MS);
    return check_ours(self, &version, error) &&
           execute(self, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;",
                   "cannot set up", error) &&
           (version ? migrate(self, version, error) : lay_out(self, error)) && prepare(self, error);
}

LullDatabase *
lull_database_open(const char *path, GError **error)
{
    g_autoptr(LullDatabase) self = g_new0(LullDatabase, 1);

    self->path = g_strdup(path);
    self->lock_fd = -1;
    if (!lock(self, error) || !touch(self, error) || !open_file(self, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
lull_database_close(LullDatabase *self)
{
    if (!self)
        return;
    for (int i = 0; i < LULL_SQL_N; i++)
        (void)sqlite3_finalize(self->statements[i]);
    (void)sqlite3_close_v2(self->handle);
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd);
    g_free(self->path);
    g_free(self);
}

sqlite3_stmt *
lull_database_use(LullDatabase *self, LullSql which, const char *args, ...)
{
    sqlite3_stmt *statement = self->statements[which];
    va_list values;

    (void)sqlite3_reset(statement);
    va_start(values, args);
    for (int i = 0; args[i]; i++) {
        if (args[i] == 'i')
            (void)sqlite3_bind_int64(statement, i + 1, va_arg(values, gint64));
        else
            (void)sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1, SQLITE_STATIC);
    }
    va_end(values);
    return statement;
}

gboolean
lull_database_step(LullDatabase *self, sqlite3_stmt *statement, gboolean *ret_row, GError **error)
{
    const int result = sqlite3_step(statement);

    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        set_error(self, result, "cannot read or write", error);
        (void)sqlite3_reset(statement);
        return FALSE;
    }
    if (result == SQLITE_DONE)
        (void)sqlite3_reset(statement);
    *ret_row = result == SQLITE_ROW;
    return TRUE;
}

gboolean
lull_database_run(LullDatabase *self, sqlite3_stmt *statement, GError **error)
{
    gboolean row;

    return lull_database_step(self, statement, &row, error);
}
