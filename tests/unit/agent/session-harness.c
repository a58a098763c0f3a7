/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/agent/session-harness.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "protocol/error.h"

/* ------- the channel */

struct _LullChannel channel;

void
lull_channel_send(LullChannel *self, const void *bytes, gsize length)
{
    g_string_append_len(self->heard, bytes, (gssize)length);
}

gboolean
lull_channel_is_congested(const LullChannel *self)
{
    return self->congested;
}

void
lull_channel_set_reading(LullChannel *self, gboolean reading)
{
    self->reading = reading;
}

/* ------- the freezer */

PlayedFreezer freezer;

char *folder;

char *
record_path(void)
{
    return g_build_filename(folder, "state", "operation.json", NULL);
}

LullFreezer *
lull_freezer_start(const char *program, const LullFreezerMount *mounts, guint n_mounts, int marker_fd,
                   LullFreezerCallback callback, gpointer user_data, GError **error)
{
    LullFreezer *self = g_new0(LullFreezer, 1);

    (void)program;
    ck_assert_int_ge(marker_fd, 0);
    g_string_append(freezer.calls, "start");
    for (guint i = 0; i < n_mounts; i++)
        g_string_append_printf(freezer.calls, ":%s", mounts[i].mountpoint);
    g_string_append_c(freezer.calls, ' ');
    if (freezer.refusal) {
        g_set_error_literal(error, LULL_ERROR, LULL_ERROR_FAILED, freezer.refusal);
        g_free(self);
        return NULL;
    }
    *self = (LullFreezer){callback, user_data, n_mounts};
    freezer.alive = self;
    return self;
}

void
lull_freezer_freeze(LullFreezer *self, gint64 lease_msec, gint64 within_msec, gboolean strict)
{
    g_autofree char *path = record_path();

    ck_assert_ptr_eq(self, freezer.alive);
    ck_assert_msg(g_file_test(path, G_FILE_TEST_EXISTS),
                  "the record must be there before the first FIFREEZE");
    g_string_append_printf(freezer.calls, "freeze:%d%s ", (int)lease_msec, strict ? ":strict" : "");
    freezer.within_msec = within_msec;
}

gboolean
lull_freezer_renew(LullFreezer *self, gint64 lease_msec)
{
    ck_assert_ptr_eq(self, freezer.alive);
    g_string_append_printf(freezer.calls, "renew:%d ", (int)lease_msec);
    return TRUE;
}

gint64
lull_freezer_remaining_msec(LullFreezer *self)
{
    ck_assert_ptr_eq(self, freezer.alive);
    return 1234;
}

void
lull_freezer_thaw(LullFreezer *self, const char *broken)
{
    ck_assert_ptr_eq(self, freezer.alive);
    g_string_append_printf(freezer.calls, "thaw:%s ", broken ? broken : "");
}

gboolean
lull_freezer_is_settled(LullFreezer *self)
{
    return TRUE;
}

const char *
lull_freezer_first_unsettled(LullFreezer *self)
{
    return NULL;
}

void
lull_freezer_free(LullFreezer *self)
{
    if (!self)
        return;
    ck_assert_ptr_eq(self, freezer.alive);
    g_string_append(freezer.calls, "free ");
    freezer.alive = NULL;
    g_free(self);
}

/* ------- the test's hands */

LullEngine *engine;
LullSession *session;
LullServices services;

void
fire_full(LullFreezerEventKind kind, const char *broken, gboolean timed_out)
{
    LullFreezerEvent event = {.kind = kind, .broken = broken, .timed_out = timed_out};

    ck_assert_ptr_nonnull(freezer.alive);
    event.n_mounts = freezer.alive->n_mounts;
    event.outcomes = freezer.outcomes;
    freezer.alive->callback(freezer.alive, &event, freezer.alive->user_data);
}

void
fire(LullFreezerEventKind kind)
{
    fire_full(kind, NULL, FALSE);
}

void
fire_frozen(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(freezer.outcomes); i++)
        freezer.outcomes[i] =
            (LullFreezerOutcome){LULL_FREEZER_RESULT_FROZEN, .writes_frozen = 7, .writes_thaw = -1};
    fire(LULL_FREEZER_FROZEN);
}

void
fire_thawed(const char *broken)
{
    for (gsize i = 0; i < G_N_ELEMENTS(freezer.outcomes); i++) {
        freezer.outcomes[i].thawed = TRUE;
        freezer.outcomes[i].writes_thaw = 7;
    }
    fire_full(LULL_FREEZER_THAWED, broken, FALSE);
}

void
settle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

const char *
heard(void)
{
    static char *last;

    settle();
    g_free(last);
    last = g_strdup(channel.heard->str);
    g_string_truncate(channel.heard, 0);
    return last;
}

void
wait_freed(void)
{
    while (freezer.alive)
        g_main_context_iteration(NULL, TRUE);
}

const char *
called(void)
{
    static char *last;

    settle();
    g_free(last);
    last = g_strchomp(g_strdup(freezer.calls->str));
    g_string_truncate(freezer.calls, 0);
    return last;
}

void
say(const char *text)
{
    lull_session_handler.data(text, strlen(text), session);
}

LullJson *
ask(const char *text)
{
    LullJson *reply;

    (void)heard();
    say(text);
    reply = lull_json_parse(heard(), -1, NULL);
    ck_assert_msg(reply, "one reply to %s", text);
    return reply;
}

LullJson *
value_of(LullJson *reply)
{
    LullJson *value = NULL;

    ck_assert_msg(json_object_object_get_ex(reply, "return", &value), "%s", lull_json_to_line(reply));
    return value;
}

const char *
error_of(LullJson *reply)
{
    LullJson *error = lull_json_object(reply, "error");

    ck_assert_msg(error, "%s", lull_json_to_line(reply));
    return lull_json_string(error, "desc", "");
}

static char *state_dir; /* lent to the engine for its life, as is the next */
static LullRecovery *recovery;

void
start_engine(void)
{
    g_autoptr(GError) error = NULL;
    LullEngineConfig config = {.root = folder, .standard_lease_msec = 300000};

    state_dir = g_build_filename(folder, "state", NULL);
    config.state_dir = state_dir;
    config.recovery = recovery = lull_recovery_start(state_dir);
    ck_assert(lull_recovery_is_done(recovery));
    lull_recovery_finish(recovery);
    engine = lull_engine_new(&config, &error);
    ck_assert_msg(engine, "%s", error ? error->message : "");
    services = (LullServices){engine, folder};
    session = lull_session_new(&services);
    lull_session_set_channel(session, &channel);
}

void
stop_engine(void)
{
    lull_session_free(session);
    lull_engine_free(engine);
    lull_recovery_free(recovery);
    g_free(state_dir);
}

void
write_file(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0755), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

void
setup(void)
{
    folder = g_dir_make_tmp("lull-session-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
    write_file("proc/self/mountinfo", "1 0 252:1 / / rw - ext4 /dev/vda1 rw\n"
                                      "2 1 252:2 / /home rw - xfs /dev/vda2 rw\n");
    channel = (struct _LullChannel){g_string_new(NULL), TRUE, FALSE};
    freezer.calls = g_string_new(NULL);
    start_engine();
}

static void
remove_tree(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_tree(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_remove(path);
}

void
teardown(void)
{
    stop_engine();
    ck_assert_ptr_null(freezer.alive);
    remove_tree(folder);
    g_string_free(channel.heard, TRUE);
    g_string_free(freezer.calls, TRUE);
    g_free(folder);
}

char *
freeze(void)
{
    g_autoptr(LullJson) prepared = ask(PREPARE);
    g_autoptr(LullJson) reply = NULL;

    ck_assert(lull_json_bool(value_of(prepared), "accepted", FALSE));
    fire(LULL_FREEZER_PREPARED);
    say(FREEZE);
    ck_assert_str_eq(heard(), "");
    fire_frozen();
    reply = lull_json_parse(heard(), -1, NULL);
    return g_strdup(lull_json_string(value_of(reply), "epoch", ""));
}

LullJson *
ask_thaw(const char *epoch)
{
    g_autofree char *text =
        g_strdup_printf("{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'%s'}}", epoch);

    return ask(text);
}

LullJson *
ask_renew(const char *epoch)
{
    g_autofree char *text = g_strdup_printf(
        "{'execute':'__dev.lull_quiesce-renew','arguments':{'op':'o1','epoch':'%s','lease-ms':5000}}", epoch);

    return ask(text);
}
