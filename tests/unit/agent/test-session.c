/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Session, commands, engine and machine together, between a channel and a freezer of the test's own. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "agent/freezer/client.h"
#include "agent/session/session.h"
#include "agent/session/table.h"
#include "protocol/clock.h"
#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"

/* ------- the channel */

struct _LullChannel {
    GString *heard;
    gboolean reading;
    gboolean congested;
};

static struct _LullChannel channel;

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

struct _LullFreezer {
    LullFreezerCallback callback;
    gpointer user_data;
    guint n_mounts;
};

static struct {
    LullFreezer *alive;
    GString *calls;
    gint64 within_msec;
    const char *refusal; /* why it cannot be started */
    LullFreezerOutcome outcomes[2];
} freezer;

static char *folder;

static char *
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

static LullEngine *engine;
static LullSession *session;
static LullServices services;

static void
fire_full(LullFreezerEventKind kind, const char *broken, gboolean timed_out)
{
    LullFreezerEvent event = {.kind = kind, .broken = broken, .timed_out = timed_out};

    ck_assert_ptr_nonnull(freezer.alive);
    event.n_mounts = freezer.alive->n_mounts;
    event.outcomes = freezer.outcomes;
    freezer.alive->callback(freezer.alive, &event, freezer.alive->user_data);
}

static void
fire(LullFreezerEventKind kind)
{
    fire_full(kind, NULL, FALSE);
}

static void
fire_frozen(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(freezer.outcomes); i++)
        freezer.outcomes[i] =
            (LullFreezerOutcome){LULL_FREEZER_RESULT_FROZEN, .writes_frozen = 7, .writes_thaw = -1};
    fire(LULL_FREEZER_FROZEN);
}

static void
fire_thawed(const char *broken)
{
    for (gsize i = 0; i < G_N_ELEMENTS(freezer.outcomes); i++) {
        freezer.outcomes[i].thawed = TRUE;
        freezer.outcomes[i].writes_thaw = 7;
    }
    fire_full(LULL_FREEZER_THAWED, broken, FALSE);
}

static void
settle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

/* Everything that came since the last time; the test frees nothing, its process ends. */
static const char *
heard(void)
{
    static char *last;

    settle();
    g_free(last);
    last = g_strdup(channel.heard->str);
    g_string_truncate(channel.heard, 0);
    return last;
}

static const char *
called(void)
{
    static char *last;

    settle();
    g_free(last);
    last = g_strchomp(g_strdup(freezer.calls->str));
    g_string_truncate(freezer.calls, 0);
    return last;
}

static void
say(const char *text)
{
    lull_session_handler.data(text, strlen(text), session);
}

/* One request and its one reply, parsed. */
static LullJson *
ask(const char *text)
{
    LullJson *reply;

    (void)heard();
    say(text);
    reply = lull_json_parse(heard(), -1, NULL);
    ck_assert_msg(reply, "one reply to %s", text);
    return reply;
}

static LullJson *
value_of(LullJson *reply)
{
    LullJson *value = NULL;

    ck_assert_msg(json_object_object_get_ex(reply, "return", &value), "%s", lull_json_to_line(reply));
    return value;
}

static const char *
error_of(LullJson *reply)
{
    LullJson *error = lull_json_object(reply, "error");

    ck_assert_msg(error, "%s", lull_json_to_line(reply));
    return lull_json_string(error, "desc", "");
}

#define ck_assert_has(text, part) ck_assert_msg(strstr((text), (part)), "%s", (text))

#define PREPARE "{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o1'}}"
#define FREEZE  "{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':8000}}"
#define STATUS  "{'execute':'__dev.lull_quiesce-status'}"
#define ABORT   "{'execute':'__dev.lull_quiesce-abort','arguments':{'op':'o1'}}"
#define PING    "{'execute':'guest-ping'}"
#define THAW    "{'execute':'guest-fsfreeze-thaw'}"

static char *state_dir; /* lent to the engine for its life, as is the next */
static LullRecovery *recovery;

static void
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

static void
stop_engine(void)
{
    lull_session_free(session);
    lull_engine_free(engine);
    lull_recovery_free(recovery);
    g_free(state_dir);
}

static void
write_file(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    ck_assert_int_eq(g_mkdir_with_parents(parent, 0755), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static void
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

static void
teardown(void)
{
    stop_engine();
    ck_assert_ptr_null(freezer.alive);
    remove_tree(folder);
    g_string_free(channel.heard, TRUE);
    g_string_free(freezer.calls, TRUE);
    g_free(folder);
}

/* Up to frozen; gives the epoch. */
static char *
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

static LullJson *
ask_thaw(const char *epoch)
{
    g_autofree char *text =
        g_strdup_printf("{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'%s'}}", epoch);

    return ask(text);
}

static LullJson *
ask_renew(const char *epoch)
{
    g_autofree char *text = g_strdup_printf(
        "{'execute':'__dev.lull_quiesce-renew','arguments':{'op':'o1','epoch':'%s','lease-ms':5000}}", epoch);

    return ask(text);
}

/* ------- requests and replies */

START_TEST(test_answers_in_order_with_ids)
{
    say("{'execute':'guest-sync','arguments':{'id':7},'id':1}{'execute':'guest-ping','id':'x'}\n"
        "{'execute':'nonsense','id':null}\nrubbish\n{'exec-oob':1,'id':3}{'execute':'guest-ping',"
        "'arguments':{'foo':42}}");
    ck_assert_str_eq(
        heard(),
        "{\"return\":7,\"id\":1}\n{\"return\":{},\"id\":\"x\"}\n"
        "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command nonsense has not been found\"},"
        "\"id\":null}\n"
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON parse error, expecting value\"}}\n"
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input member 'exec-oob' is "
        "unexpected\"},\"id\":3}\n"
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'foo' is unexpected\"}}\n");
}
END_TEST

START_TEST(test_marks_only_the_success_of_a_delimited_sync)
{
    say("{'execute':'guest-sync-delimited','arguments':{'id':7}}{'execute':'guest-sync-delimited'}");
    ck_assert_str_eq(heard(),
                     "\xff{\"return\":7}\n"
                     "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'id' is missing\"}}\n");
}
END_TEST

START_TEST(test_every_command_of_the_table_can_be_run)
{
    g_autoptr(LullJson) reply = ask("{'execute':'guest-info'}");
    LullJson *commands = lull_json_array(value_of(reply), "supported_commands");

    ck_assert_uint_ge(json_object_array_length(commands), 16);
    for (size_t i = 0; i < json_object_array_length(commands); i++) {
        const char *name = lull_json_string(json_object_array_get_idx(commands, i), "name", "");
        g_autofree char *request = g_strdup_printf("{'execute':'%s','arguments':{'what':1}}", name);
        g_autoptr(LullJson) answer = ask(request);

        ck_assert(!strstr(error_of(answer), "has not been found"));
    }
}
END_TEST

START_TEST(test_every_command_has_a_function_and_every_function_a_command)
{
    gsize n_rows = 0;

    for (const LullTableRow *row = lull_table_rows(); row->name; row++, n_rows++) {
        ck_assert_msg(row->run, "%s", row->name);
        ck_assert_msg(lull_command_find(row->name), "%s is not in protocol/command.c", row->name);
    }
    for (const LullCommandSpec *spec = lull_command_specs(); spec->name; spec++, n_rows--)
        ck_assert_msg(lull_table_find(spec->name), "%s is not in agent/session/table.c", spec->name);
    ck_assert_uint_eq(n_rows, 0);
}
END_TEST

START_TEST(test_stops_reading_when_too_much_waits_and_goes_on_after)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    for (int i = 0; i < 200; i++)
        say(PING);
    ck_assert(!channel.reading);
    ck_assert_str_eq(heard(), "");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    ck_assert(channel.reading);
    const char *lines = heard();
    guint n = 0;

    for (const char *at = lines; *at; at++)
        n += *at == '\n';
    ck_assert_uint_eq(n, 201);
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_gives_no_more_answers_to_a_client_that_does_not_read)
{
    channel.congested = TRUE;
    say(PING PING);
    ck_assert_str_eq(heard(), "");
    channel.congested = FALSE;
    lull_session_handler.drained(session);
    ck_assert_str_eq(heard(), "{\"return\":{}}\n{\"return\":{}}\n");
}
END_TEST

START_TEST(test_a_new_client_starts_afresh_and_waits_for_the_old_ones_freeze)
{
    say("{'execute':'guest-fsfreeze-freeze'}" PING "{'execute':'gue");
    lull_session_handler.gone(session);
    say(PING);
    ck_assert_str_eq(heard(), "");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    ck_assert_str_eq(heard(), "{\"return\":{}}\n");
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

/* ------- the vendor's face */

START_TEST(test_a_freeze_that_lasts_is_held)
{
    g_autofree char *epoch = freeze();
    g_autofree char *record = record_path();
    g_autofree char *request = g_strdup_printf(
        "{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'%s'}}" PING, epoch);
    g_autoptr(LullJson) renewed = ask_renew(epoch);
    g_autoptr(LullJson) status = ask(STATUS);

    ck_assert_uint_eq(strlen(epoch), 32);
    ck_assert_int_eq(lull_json_int(value_of(renewed), "remaining-ms", 0), 1234);
    ck_assert_str_eq(lull_json_string(value_of(status), "phase", ""), "frozen");
    say(request);
    ck_assert_str_eq(heard(), "");
    ck_assert_str_eq(called(), "start:/home:/ freeze:8000 renew:5000 thaw:");
    fire_thawed(NULL);
    const char *lines = heard();
    ck_assert_has(lines, "{\"return\":{\"proof\":\"held\",\"reason\":\"\"");
    ck_assert_has(lines, "\n{\"return\":{}}\n");
    ck_assert_str_eq(called(), "free");
    ck_assert(!g_file_test(record, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(test_a_thaw_can_be_asked_for_again)
{
    g_autofree char *epoch = freeze();
    g_autofree char *request =
        g_strdup_printf("{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'%s'}}", epoch);
    g_autofree char *first = NULL;

    say(request);
    fire_thawed(NULL);
    first = g_strdup(heard());
    say(request);
    ck_assert_str_eq(heard(), first);
    ck_assert_has(first, "\"held\"");
}
END_TEST

START_TEST(test_a_thaw_with_a_wrong_epoch_thaws_and_is_broken)
{
    g_autofree char *epoch = freeze();

    (void)called();
    say("{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'any'}}");
    ck_assert_str_eq(called(), "thaw:thawed under another epoch");
    fire_thawed(NULL);
    ck_assert_has(heard(), "\"broken\"");
}
END_TEST

START_TEST(test_what_breaks_while_frozen_is_told_to_whoever_asks_after)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) thawed = NULL;
    g_autoptr(LullJson) renewed = NULL;
    g_autoptr(LullJson) status = NULL;

    fire_thawed(LULL_BROKEN_LEASE);
    renewed = ask_renew(epoch);
    ck_assert_int_eq(lull_json_int(value_of(renewed), "remaining-ms", -1), 0);
    ck_assert_str_eq(lull_json_string(value_of(renewed), "broken", ""), LULL_BROKEN_LEASE);
    status = ask(STATUS);
    ck_assert_str_eq(lull_json_string(lull_json_object(value_of(status), "last"), "result", ""), "broken");
    thawed = ask_thaw(epoch);
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "broken");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_a_lost_freezer_breaks_it)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) thawed = NULL;

    fire(LULL_FREEZER_LOST);
    thawed = ask_thaw(epoch);
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_FREEZER);
}
END_TEST

START_TEST(test_a_repeated_freeze_gets_the_same_answer_and_no_more_time)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) again = NULL;

    (void)called();
    again = ask(FREEZE);
    ck_assert_str_eq(lull_json_string(value_of(again), "epoch", ""), epoch);
    ck_assert_str_eq(called(), "");
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_only_one_operation_at_a_time)
{
    g_autoptr(LullJson) first = ask(PREPARE);
    g_autoptr(LullJson) repeated = ask(PREPARE);
    g_autoptr(LullJson) other = ask("{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o2'}}");
    g_autoptr(LullJson) standard = ask("{'execute':'guest-fsfreeze-freeze'}");
    g_autoptr(LullJson) early = ask(FREEZE);
    g_autoptr(LullJson) stranger = ask("{'execute':'__dev.lull_quiesce-abort','arguments':{'op':'o2'}}");

    ck_assert(lull_json_bool(value_of(repeated), "accepted", FALSE));
    ck_assert(!lull_json_bool(value_of(other), "accepted", TRUE));
    ck_assert_str_eq(lull_json_string(value_of(other), "owner", ""), "o1");
    ck_assert_has(error_of(standard), "another operation is under way: o1 (preparing)");
    ck_assert_has(error_of(early), "still preparing");
    ck_assert_str_eq(lull_json_string(value_of(stranger), "undone", ""), "nothing");
    ck_assert_str_eq(called(), "start:/home:/");
    say(ABORT);
    fire(LULL_FREEZER_THAWED);
    ck_assert_has(heard(), "{\"undone\":\"prepare\"}");
    ck_assert_str_eq(called(), "thaw:aborted free");
}
END_TEST

START_TEST(test_abort_while_frozen_undoes_the_freeze)
{
    g_autofree char *epoch = freeze();

    say(ABORT);
    fire_thawed(NULL);
    ck_assert_has(heard(), "{\"undone\":\"freeze\"}");
    say(ABORT);
    ck_assert_has(heard(), "{\"undone\":\"nothing\"}");
}
END_TEST

START_TEST(test_a_freezer_that_cannot_start_ends_the_operation_and_says_why)
{
    g_autoptr(LullJson) prepared = NULL;
    g_autoptr(LullJson) status = NULL;
    g_autoptr(LullJson) frozen = NULL;

    freezer.refusal = "no such program";
    prepared = ask(PREPARE);
    ck_assert_str_eq(lull_json_string(value_of(prepared), "phase", ""), "idle");
    status = ask(STATUS);
    ck_assert_str_eq(lull_json_string(lull_json_object(value_of(status), "last"), "reason", ""),
                     "no such program");
    frozen = ask(FREEZE);
    ck_assert_has(error_of(frozen), "no such program");
}
END_TEST

START_TEST(test_a_freeze_of_nothing_has_no_epoch)
{
    g_autoptr(LullJson) prepared =
        ask("{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o1','mountpoints':['/nowhere']}}");
    g_autoptr(LullJson) frozen = ask(FREEZE);
    LullJson *filesystems = lull_json_array(value_of(frozen), "filesystems");

    ck_assert_str_eq(lull_json_string(value_of(frozen), "epoch", "?"), "");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(filesystems, 0), "result", ""), "failed");
    ck_assert_str_eq(called(), "");
    ck_assert(!lull_engine_is_frozen(engine));
}
END_TEST

static const struct {
    const char *request;
    const char *problem;
} mistakes[] = {
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':''}}", "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'a b'}}", "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'standard'}}", "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'01234567890123456789012345678901234567890"
     "123456789012345678901234'}}",
     "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','budget-ms':0}}", "budget-ms: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','disks':[],'mountpoints':[]}}",
     "exclude each other"},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','level':'best'}}",
     "level: \"best\" is none of app, fs, crash"},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','level':''}}", "level: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','level':'stopped'}}", "level: "},
    {"{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':99}}", "lease-ms: "},
    {"{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':-1}}", "lease-ms: "},
    {"{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':8000}}", "not prepared"},
};

START_TEST(test_refuses_what_makes_no_sense)
{
    g_autoptr(LullJson) reply = ask(mistakes[_i].request);

    ck_assert_has(error_of(reply), mistakes[_i].problem);
    ck_assert_str_eq(called(), "");
}
END_TEST

static const char *const levels[] = {"app", "fs", "crash"};

START_TEST(test_freezes_the_same_whatever_level_is_wanted)
{
    g_autofree char *request = g_strdup_printf("{'execute':'__dev.lull_quiesce-prepare',"
                                               "'arguments':{'op':'o1','atomic':%s,'level':'%s'}}",
                                               _i ? "true" : "false", levels[_i]);
    g_autoptr(LullJson) reply = ask(request);
    g_autoptr(LullJson) status = ask(STATUS);
    LullJson *writers = lull_json_array(value_of(status), "writers");

    ck_assert(lull_json_bool(value_of(reply), "accepted", FALSE));
    ck_assert_str_eq(called(), "start:/home:/");
    ck_assert_ptr_nonnull(writers);
    ck_assert_uint_eq(json_object_array_length(writers), 0);
}
END_TEST

START_TEST(test_caps_the_lease)
{
    g_autoptr(LullJson) prepared = ask(PREPARE);

    fire(LULL_FREEZER_PREPARED);
    (void)called();
    say("{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':9223372036854775807}}");
    ck_assert_str_eq(called(), "freeze:30000");
    fire_full(LULL_FREEZER_FREEZE_FAILED, "no", FALSE);
}
END_TEST

/* ------- the standard face */

START_TEST(test_the_standard_freeze_counts_and_is_strict)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    ck_assert_str_eq(heard(), "{\"return\":2}\n");
    ck_assert_str_eq(called(), "start:/home:/ freeze:300000:strict");
    ck_assert_int_eq(freezer.within_msec, 5000);
    say("{'execute':'guest-fsfreeze-status'}" THAW);
    ck_assert_str_eq(heard(), "{\"return\":\"frozen\"}\n");
    fire_thawed(NULL);
    ck_assert_str_eq(heard(), "{\"return\":2}\n");
    say("{'execute':'guest-fsfreeze-status'}" THAW);
    ck_assert_str_eq(heard(), "{\"return\":\"thawed\"}\n{\"return\":0}\n");
}
END_TEST

START_TEST(test_what_must_wait_for_the_thaw_is_refused_in_the_peers_words)
{
    const char *const refused[] = {"guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list", "guest-get-fsinfo"};

    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *request = g_strdup_printf("{'execute':'%s'}", refused[i]);
        g_autofree char *words = g_strdup_printf(
            "The command %s has been disabled: the agent is in frozen state (owner standard, since ",
            refused[i]);
        g_autoptr(LullJson) reply = ask(request);

        ck_assert_has(error_of(reply), words);
        ck_assert_str_eq(lull_json_string(lull_json_object(reply, "error"), "class", ""), "CommandNotFound");
    }
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_a_file_system_that_cannot_be_frozen_fails_the_standard_freeze)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    freezer.outcomes[1] = (LullFreezerOutcome){LULL_FREEZER_RESULT_FAILED, .error = EIO};
    fire_full(LULL_FREEZER_FREEZE_FAILED, "undone", FALSE);
    ck_assert_has(heard(), "\"failed to freeze /: Input/output error\"");
    ck_assert(!lull_engine_is_frozen(engine));
}
END_TEST

START_TEST(test_a_freeze_that_could_not_even_be_planned_is_the_last_result)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) refused = NULL;
    g_autoptr(LullJson) status = NULL;
    LullJson *last;

    say(THAW);
    fire_thawed(NULL);
    write_file("proc/self/mountinfo", "1 0 252:1 / / rw - ext4 /dev/vda1 rw\n"
                                      "2 1 252:2 / /home rw - xfs /dev/vda2 rw\n"
                                      "3 2 0:9 / /home rw - tmpfs none rw\n");
    (void)called();
    refused = ask("{'execute':'guest-fsfreeze-freeze'}");
    ck_assert_str_eq(error_of(refused),
                     "failed to freeze /home: covered by another mount: no path leads to it");
    ck_assert_str_eq(called(), "");
    status = ask(STATUS);
    last = lull_json_object(value_of(status), "last");
    ck_assert_str_eq(lull_json_string(last, "op", ""), "standard");
    ck_assert_str_eq(lull_json_string(last, "result", ""), "none");
}
END_TEST

START_TEST(test_a_freeze_that_took_too_long_says_so)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    fire_full(LULL_FREEZER_FREEZE_FAILED, "half the lease was over", TRUE);
    ck_assert_has(heard(), "\"timed out: half the lease was over\"");
}
END_TEST

START_TEST(test_a_thaw_does_not_wait_for_the_freeze_before_it)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    (void)called();
    say(THAW);
    ck_assert_str_eq(called(), "thaw:let go before it was frozen");
    fire_thawed(NULL);
    ck_assert_has(heard(),
                  "{\"error\":{\"class\":\"GenericError\",\"desc\":\"let go before it was frozen\"}}\n"
                  "{\"return\":");
}
END_TEST

START_TEST(test_a_thaw_that_is_refused_does_not_disturb_a_freeze_under_way)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    (void)called();
    say("{'execute':'guest-fsfreeze-thaw','arguments':{'x':1}}");
    ck_assert_str_eq(called(), "");
    fire_frozen();
    ck_assert_has(heard(), "Parameter 'x' is unexpected");
    ck_assert(lull_engine_is_frozen(engine));
}
END_TEST

START_TEST(test_another_ones_abort_does_not_disturb_a_freeze_under_way)
{
    g_autoptr(LullJson) prepared = ask(PREPARE);

    fire(LULL_FREEZER_PREPARED);
    say(FREEZE);
    (void)called();
    say("{'execute':'__dev.lull_quiesce-abort','arguments':{'op':'o2'}}");
    ck_assert_str_eq(called(), "");
    fire_frozen();
    ck_assert_has(heard(), "{\"undone\":\"nothing\"}");
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_a_standard_thaw_breaks_a_vendors_epoch)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) thawed = NULL;

    say(THAW);
    fire_thawed(LULL_BROKEN_FOREIGN_THAW);
    ck_assert_str_eq(heard(), "{\"return\":2}\n");
    thawed = ask_thaw(epoch);
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "broken");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_FOREIGN_THAW);
}
END_TEST

/* ------- end and start */

static gboolean
note_stop(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_REMOVE;
}

START_TEST(test_stops_only_when_nothing_is_frozen_any_more)
{
    g_autofree char *epoch = freeze();
    gboolean stopped = FALSE;

    (void)called();
    lull_engine_stop(engine, note_stop, &stopped);
    ck_assert_str_eq(called(), "thaw:the agent was stopped");
    ck_assert(!stopped);
    fire_thawed("the agent was stopped");
    settle();
    ck_assert(stopped);
}
END_TEST

static void
restart_with_record(const char *boot_id)
{
    g_autofree char *record =
        g_strdup_printf("{\"op\":\"o1\",\"standard\":false,\"boot-id\":\"%s\",\"mounts\":[]}", boot_id);

    stop_engine();
    write_file("state/operation.json", record);
    write_file("state/frozen", "1");
    start_engine();
}

START_TEST(test_tells_after_a_restart_that_the_agent_was_lost)
{
    g_autofree char *boot_id = lull_clock_boot_id();
    g_autofree char *record = record_path();
    g_autoptr(LullJson) thawed = NULL;

    restart_with_record(boot_id);
    ck_assert(!g_file_test(record, G_FILE_TEST_EXISTS));
    thawed = ask_thaw("any");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "broken");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_AGENT);
}
END_TEST

START_TEST(test_a_record_of_another_boot_means_nothing)
{
    g_autofree char *record = record_path();
    g_autoptr(LullJson) thawed = NULL;

    restart_with_record("another-boot");
    ck_assert(!g_file_test(record, G_FILE_TEST_EXISTS));
    thawed = ask_thaw("any");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "none");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), "no such operation");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("session");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_answers_in_order_with_ids);
    tcase_add_test(tcase, test_marks_only_the_success_of_a_delimited_sync);
    tcase_add_test(tcase, test_every_command_of_the_table_can_be_run);
    tcase_add_test(tcase, test_every_command_has_a_function_and_every_function_a_command);
    tcase_add_test(tcase, test_stops_reading_when_too_much_waits_and_goes_on_after);
    tcase_add_test(tcase, test_gives_no_more_answers_to_a_client_that_does_not_read);
    tcase_add_test(tcase, test_a_new_client_starts_afresh_and_waits_for_the_old_ones_freeze);
    tcase_add_test(tcase, test_a_freeze_that_lasts_is_held);
    tcase_add_test(tcase, test_a_thaw_can_be_asked_for_again);
    tcase_add_test(tcase, test_a_thaw_with_a_wrong_epoch_thaws_and_is_broken);
    tcase_add_test(tcase, test_what_breaks_while_frozen_is_told_to_whoever_asks_after);
    tcase_add_test(tcase, test_a_lost_freezer_breaks_it);
    tcase_add_test(tcase, test_a_repeated_freeze_gets_the_same_answer_and_no_more_time);
    tcase_add_test(tcase, test_only_one_operation_at_a_time);
    tcase_add_test(tcase, test_abort_while_frozen_undoes_the_freeze);
    tcase_add_test(tcase, test_a_freezer_that_cannot_start_ends_the_operation_and_says_why);
    tcase_add_test(tcase, test_a_freeze_of_nothing_has_no_epoch);
    tcase_add_loop_test(tcase, test_refuses_what_makes_no_sense, 0, G_N_ELEMENTS(mistakes));
    tcase_add_loop_test(tcase, test_freezes_the_same_whatever_level_is_wanted, 0, G_N_ELEMENTS(levels));
    tcase_add_test(tcase, test_caps_the_lease);
    tcase_add_test(tcase, test_the_standard_freeze_counts_and_is_strict);
    tcase_add_test(tcase, test_what_must_wait_for_the_thaw_is_refused_in_the_peers_words);
    tcase_add_test(tcase, test_a_file_system_that_cannot_be_frozen_fails_the_standard_freeze);
    tcase_add_test(tcase, test_a_freeze_that_could_not_even_be_planned_is_the_last_result);
    tcase_add_test(tcase, test_a_freeze_that_took_too_long_says_so);
    tcase_add_test(tcase, test_a_thaw_does_not_wait_for_the_freeze_before_it);
    tcase_add_test(tcase, test_a_thaw_that_is_refused_does_not_disturb_a_freeze_under_way);
    tcase_add_test(tcase, test_another_ones_abort_does_not_disturb_a_freeze_under_way);
    tcase_add_test(tcase, test_a_standard_thaw_breaks_a_vendors_epoch);
    tcase_add_test(tcase, test_stops_only_when_nothing_is_frozen_any_more);
    tcase_add_test(tcase, test_tells_after_a_restart_that_the_agent_was_lost);
    tcase_add_test(tcase, test_a_record_of_another_boot_means_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
