/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/agent-reply.h"

#include <string.h>

#include "protocol/error.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"

/* Any value: documents are objects or arrays, replies may be bare. */
static LullJson *
json(const char *text)
{
    g_autofree char *document = g_strdup_printf("[%s]", text);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) array = lull_json_parse(document, -1, &error);

    ck_assert_msg(array != NULL, "%s: %s", text, error ? error->message : "");
    return json_object_get(json_object_array_get_idx(array, 0));
}

#define COMMAND(name) "{\"name\":\"" name "\",\"enabled\":true,\"success-response\":true}"
#define OURS                                                                                         \
    COMMAND(LULL_CMD_PREPARE)                                                                        \
    "," COMMAND(LULL_CMD_FREEZE) "," COMMAND(LULL_CMD_RENEW) "," COMMAND(LULL_CMD_THAW) "," COMMAND( \
        LULL_CMD_ABORT) "," COMMAND(LULL_CMD_STATUS)
#define STOCK COMMAND("guest-fsfreeze-freeze") "," COMMAND("guest-ping")

static const struct {
    const char *info;
    LullAgentKind kind;
    const char *name;
} agents[] = {
    {"{\"version\":\"10.0.2\",\"lull-version\":\"0.1.0\",\"supported_commands\":[" OURS "," STOCK "]}",
     LULL_AGENT_LULL, "lull-agent 0.1.0"},
    {"{\"version\":\"7.2.22\",\"supported_commands\":[" STOCK "]}", LULL_AGENT_STOCK, "qemu-ga 7.2.22"},
    /* one of ours missing: an agent that cannot be trusted to thaw is driven as stock */
    {"{\"version\":\"7\",\"supported_commands\":[" COMMAND(LULL_CMD_FREEZE) "," STOCK "]}", LULL_AGENT_STOCK,
     "qemu-ga 7"},
    {"{\"version\":\"7\",\"supported_commands\":[" COMMAND("guest-ping") "]}", LULL_AGENT_NONE, "qemu-ga 7"},
    {"{\"version\":7,\"supported_commands\":{}}", LULL_AGENT_NONE, "qemu-ga of unknown version"},
    {"{\"supported_commands\":[null,1,\"x\",[],{\"name\":5}," STOCK "]}", LULL_AGENT_STOCK,
     "qemu-ga of unknown version"},
};

START_TEST(the_agent_is_known_by_its_commands)
{
    g_autoptr(LullJson) reply = json(agents[_i].info);
    LullAgentInfo info = {LULL_AGENT_NONE};

    ck_assert(lull_reply_info(reply, &info, NULL));
    ck_assert_int_eq(info.kind, agents[_i].kind);
    ck_assert_str_eq(info.name, agents[_i].name);
    g_free(info.name);
}
END_TEST

START_TEST(a_freeze_that_is_switched_off_is_seen)
{
    g_autoptr(LullJson) reply = json("{\"version\":\"7\",\"supported_commands\":[{\"name\":\"guest-fsfreeze-"
                                     "freeze\",\"enabled\":false}]}");
    LullAgentInfo info = {LULL_AGENT_NONE};

    ck_assert(lull_reply_info(reply, &info, NULL));
    ck_assert_int_eq(info.kind, LULL_AGENT_STOCK);
    ck_assert(!info.enabled);
    g_free(info.name);
}
END_TEST

START_TEST(a_prepare_tells_who_is_in_the_way)
{
    g_autoptr(LullJson) yes = json("{\"protocol\":1,\"accepted\":true,\"phase\":\"preparing\"}");
    g_autoptr(LullJson) no = json("{\"protocol\":1,\"accepted\":false,\"owner\":\"standard\"}");
    g_autoptr(LullJson) future = json("{\"protocol\":2,\"accepted\":true}");
    g_autoptr(LullJson) odd = json("{\"accepted\":\"true\"}");
    g_autoptr(GError) error = NULL;
    g_autofree char *owner = NULL;
    g_autofree char *somebody = NULL;
    gboolean accepted = FALSE;

    ck_assert(lull_reply_prepare(yes, &accepted, &owner, NULL) && accepted);
    ck_assert(lull_reply_prepare(no, &accepted, &owner, NULL) && !accepted);
    ck_assert_str_eq(owner, "standard");
    ck_assert(lull_reply_prepare(odd, &accepted, &somebody, NULL) && !accepted);
    ck_assert(!lull_reply_prepare(future, &accepted, &owner, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_UNSUPPORTED));
}
END_TEST

START_TEST(a_status_gives_phase_budget_and_file_systems)
{
    g_autoptr(LullJson) reply = json(
        "{\"phase\":\"prepared\",\"op\":\"x\",\"boot-id\":\"b\",\"hold-budget-ms\":1500.5,\"filesystems\":[{"
        "\"mountpoint\":\"/\",\"type\":\"ext4\",\"disks\":[{\"serial\":\"S\"}],\"result\":\"planned\"}],"
        "\"last\":{\"reason\":\"prepare took too long\",\"timed-out\":true}}");
    g_auto(LullAgentStatus) status = {LULL_PHASE_IDLE};

    ck_assert(lull_reply_status(reply, &status, NULL));
    ck_assert_int_eq(status.phase, LULL_PHASE_PREPARED);
    ck_assert_str_eq(status.op, "x");
    ck_assert_str_eq(status.boot_id, "b");
    ck_assert_int_eq(status.hold_budget_usec, 1500500);
    ck_assert_uint_eq(json_object_array_length(status.filesystems), 1);
    ck_assert_str_eq(status.last_problem, "prepare took too long");
    ck_assert(status.last_timed_out);
}
END_TEST

START_TEST(a_freeze_without_an_epoch_froze_nothing)
{
    g_autoptr(LullJson) reply = json("{\"epoch\":\"\",\"filesystems\":[],\"freeze-ms\":1}");
    g_auto(LullFreezeReply) freeze = {NULL};

    ck_assert(lull_reply_freeze(reply, &freeze, NULL));
    ck_assert_ptr_null(freeze.epoch);
}
END_TEST

START_TEST(only_the_word_held_is_a_proof)
{
    static const char *const others[] = {"{\"proof\":\"broken\",\"reason\":\"lease expired\"}",
                                         "{\"proof\":\"none\"}", "{\"proof\":\"broken\",\"reason\":7}"};
    g_autoptr(LullJson) reply =
        json("{\"proof\":\"held\",\"reason\":\"\",\"epoch\":\"e1\",\"window-ms\":26.5,\"thaw-ms\":1.9}");
    g_auto(LullThawReply) thaw = {FALSE};

    ck_assert(lull_reply_thaw(reply, &thaw, NULL));
    ck_assert(thaw.held);
    ck_assert_ptr_null(thaw.broken);
    ck_assert_str_eq(thaw.epoch, "e1");
    ck_assert_int_eq(thaw.window_usec, 26500);
    ck_assert_int_eq(thaw.thaw_usec, 1900);
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(LullJson) other = json(others[i]);
        g_auto(LullThawReply) broken = {TRUE};

        ck_assert(lull_reply_thaw(other, &broken, NULL));
        ck_assert(!broken.held);
        ck_assert_ptr_nonnull(broken.broken);
    }
}
END_TEST

START_TEST(the_guests_words_are_one_short_line_of_text)
{
    g_autofree char *marks = g_strnfill(4 * LULL_REPLY_MAX_TEXT, '\xff');
    g_autofree char *bounded = lull_reply_words(marks);
    g_autofree char *line = lull_reply_words("no\nsuch\x1b[31m command");

    ck_assert(g_utf8_validate(bounded, -1, NULL));
    ck_assert_uint_le(strlen(bounded), 3 * LULL_REPLY_MAX_TEXT);
    ck_assert_str_eq(line, "no such [31m command");
}
END_TEST

static const char *const nonsense[] = {
    "[]",
    "7",
    "\"held\"",
    "true",
    "{}",
    "{\"epoch\":5,\"phase\":5,\"proof\":true}",
    "{\"phase\":\"melting\",\"proof\":\"HELD\",\"epoch\":{}}",
};

START_TEST(nonsense_is_an_error_and_never_a_proof)
{
    g_autoptr(LullJson) reply = json(nonsense[_i]);
    g_auto(LullAgentStatus) status = {LULL_PHASE_IDLE};
    g_auto(LullFreezeReply) freeze = {NULL};
    g_auto(LullThawReply) thaw = {FALSE};
    g_autoptr(GError) status_error = NULL;
    g_autoptr(GError) freeze_error = NULL;
    g_autoptr(GError) thaw_error = NULL;
    gint64 count;
    gboolean frozen;

    ck_assert(!lull_reply_status(reply, &status, &status_error));
    ck_assert(lull_error_is(status_error, LULL_ERROR_INVALID));
    ck_assert(!lull_reply_freeze(reply, &freeze, &freeze_error));
    ck_assert(lull_error_is(freeze_error, LULL_ERROR_INVALID));
    ck_assert(!lull_reply_thaw(reply, &thaw, &thaw_error));
    ck_assert(lull_error_is(thaw_error, LULL_ERROR_INVALID));
    ck_assert(json_object_is_type(reply, json_type_int) || !lull_reply_count(reply, &count));
    ck_assert(!lull_reply_is_frozen(reply, &frozen));
}
END_TEST

START_TEST(times_out_of_range_count_as_unknown)
{
    static const char *const times[] = {"-1", "1e300", "\"5\"", "1e400", "[]"};

    for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *text = g_strdup_printf("{\"proof\":\"held\",\"window-ms\":%s}", times[i]);
        g_autoptr(LullJson) reply = json(text);
        g_auto(LullThawReply) thaw = {FALSE};

        ck_assert(lull_reply_thaw(reply, &thaw, NULL));
        ck_assert_int_eq(thaw.window_usec, 0);
    }
}
END_TEST

START_TEST(long_lists_and_texts_are_cut)
{
    g_autoptr(GString) text = g_string_new("{\"epoch\":\"e\",\"filesystems\":[");
    g_autofree char *reason = g_strnfill(5000, 'x');
    g_autoptr(LullJson) reply = NULL;
    g_autoptr(LullJson) rows = NULL;
    LullJson *row;

    for (guint i = 0; i < 3 * LULL_REPLY_MAX_ROWS; i++)
        g_string_append_printf(text, "%s{\"mountpoint\":\"/%u\",\"result\":\"frozen\",\"reason\":\"%s\"}",
                               i ? "," : "", i, reason);
    reply = json(g_string_append(text, "]}")->str);
    rows = lull_reply_freeze_rows(reply);
    ck_assert_uint_eq(json_object_array_length(rows), LULL_REPLY_MAX_ROWS);
    row = json_object_array_get_idx(rows, 0);
    ck_assert_uint_le(strlen(lull_json_string(row, "reason", "")), LULL_REPLY_MAX_TEXT);
}
END_TEST

/* @last: a row that follows as many good ones as are read. */
static guint
n_failed_after_many(const char *last)
{
    g_autoptr(GString) text = g_string_new("{\"epoch\":\"e\",\"filesystems\":[");
    g_autoptr(LullJson) reply = NULL;
    g_autoptr(LullJson) rows = NULL;
    guint n = 0;

    for (guint i = 0; i < LULL_REPLY_MAX_ROWS; i++)
        g_string_append_printf(text, "{\"mountpoint\":\"/%u\",\"result\":\"frozen\"},", i);
    g_string_append_printf(text, "%s,%s]}", last, last);
    reply = json(text->str);
    rows = lull_reply_freeze_rows(reply);
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        n += g_str_equal(lull_json_string(json_object_array_get_idx(rows, i), "result", ""), "failed");
    return n;
}

START_TEST(a_failure_beyond_the_limit_is_not_lost)
{
    ck_assert_uint_eq(n_failed_after_many("{\"mountpoint\":\"/x\",\"result\":\"frozen\"}"), 0);
    ck_assert_uint_eq(n_failed_after_many("{\"mountpoint\":\"/x\",\"result\":\"skipped\"}"), 0);
    ck_assert_uint_eq(n_failed_after_many("{\"mountpoint\":\"/x\",\"result\":\"failed\"}"), 1);
    ck_assert_uint_eq(n_failed_after_many("{\"mountpoint\":\"/x\",\"result\":\"skipped\",\"reason\":"
                                          "\"" LULL_SKIPPED_NOT_ASKED "\"}"),
                      1);
    ck_assert_uint_eq(n_failed_after_many("{\"result\":\"frozen\"}"), 1);
    ck_assert_uint_eq(n_failed_after_many("7"), 1);
}
END_TEST

START_TEST(a_text_has_no_control_characters_and_is_utf8)
{
    g_autoptr(LullJson) reply = json("{\"proof\":\"broken\",\"reason\":\"a\\nb\\u001b[31m\"}");
    g_auto(LullThawReply) thaw = {FALSE};

    ck_assert(lull_reply_thaw(reply, &thaw, NULL));
    ck_assert_str_eq(thaw.broken, "a b [31m");
}
END_TEST

START_TEST(an_unknown_result_is_a_failure)
{
    g_autoptr(LullJson) reply =
        json("{\"epoch\":\"e\",\"filesystems\":[{\"mountpoint\":\"/\",\"result\":\"fine\"}]}");
    g_autoptr(LullJson) rows = lull_reply_freeze_rows(reply);

    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(rows, 0), "result", ""), "failed");
}
END_TEST

START_TEST(rows_name_the_volumes_that_they_are_on)
{
    g_autoptr(LullJson) volumes = json(
        "[{\"name\":\"root\",\"serial\":\"ROOT-SERIAL-THAT-IS-LONGER-THAN-20\",\"pci\":\"0000:00:03.0\"},"
        "{\"name\":\"data\",\"pci\":\"0000:00:04.0\"},"
        "{\"name\":\"tape\",\"pci\":\"0000:00:05.0\",\"scsi\":\"0:0:1\"}]");
    g_autoptr(LullJson) known =
        json("[{\"mountpoint\":\"/\",\"disks\":[{\"serial\":\"ROOT-SERIAL-THAT-IS-\"}]}]");
    g_autoptr(LullJson) rows = json(
        "[{\"mountpoint\":\"/\",\"disks\":[],\"result\":\"frozen\"},"
        "{\"mountpoint\":\"/d\",\"result\":\"frozen\",\"disks\":[{\"serial\":\"X\",\"pci\":\"0000:00:04.0\"},"
        "{\"pci\":\"0000:00:05.0\",\"scsi\":\"0:0:1\"}]},"
        "{\"mountpoint\":\"/e\",\"result\":\"planned\",\"disks\":[{\"pci\":\"0000:00:05.0\"},"
        "{\"serial\":\"OTHER\",\"pci\":\"0000:00:03.0\"}]}]");
    g_autoptr(LullJson) report = lull_rows_for_report(rows, known, volumes);

    ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(report, 0), "volumes")),
                     "[\"root\"]");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(report, 1), "volumes")),
                     "[\"data\",\"tape\"]");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(report, 2), "volumes")),
                     "[]");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(report, 2), "result", ""), "skipped");
}
END_TEST

START_TEST(a_row_names_a_volume_once_and_none_where_a_disk_is_not_known)
{
    g_autoptr(LullJson) volumes =
        json("[{\"name\":\"a\",\"serial\":\"A\"},{\"name\":\"b\",\"serial\":\"B\"}]");
    g_autoptr(LullJson) rows =
        json("[{\"mountpoint\":\"/two-ways\",\"disks\":[{\"serial\":\"A\",\"pci\":\"0000:00:05.0\"},"
             "{\"serial\":\"A\",\"pci\":\"0000:00:06.0\"}]},"
             "{\"mountpoint\":\"/two-disks\",\"disks\":[{\"serial\":\"B\"},{\"serial\":\"A\"}]},"
             "{\"mountpoint\":\"/and-more\",\"disks\":[{\"serial\":\"A\"},{}]}]");
    g_autoptr(LullJson) report = lull_rows_for_report(rows, NULL, volumes);
    static const char *const expected[] = {"[\"a\"]", "[\"b\",\"a\"]", "[]"};

    for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(report, i), "volumes")),
                         expected[i]);
}
END_TEST

START_TEST(stocks_disks_behind_controllers_go_by_their_address)
{
    g_autoptr(LullJson) reply = json(
        "[{\"name\":\"sda\",\"mountpoint\":\"/\",\"type\":\"ext4\",\"disk\":[{\"serial\":\"QEMU_HARDDISK_X\","
        "\"bus-type\":\"sata\",\"bus\":0,\"unit\":2,\"target\":0,\"pci-controller\":{\"domain\":0,\"bus\":0,"
        "\"slot\":31,\"function\":2}}]}]");
    g_autoptr(LullJson) rows = lull_reply_fsinfo(reply);

    ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(rows, 0), "disks")),
                     "[{\"scsi\":\"0:0:2\",\"pci\":\"0000:00:1f.2\"}]");
}
END_TEST

/* It tells the unit of a SCSI disk, and 0 as its bus and its target. */
START_TEST(stocks_scsi_disks_are_known_by_their_unit_where_only_one_has_it)
{
    static const char disk[] =
        "{\"mountpoint\":\"/%u\",\"disk\":[{\"bus-type\":\"scsi\",\"bus\":0,\"target\":%u,"
        "\"unit\":%u,\"pci-controller\":{\"domain\":0,\"bus\":0,\"slot\":%u,\"function\":0}}]}";
    static const struct {
        guint slot, target, unit;
        const char *volumes;
    } rows[] = {
        {6, 0, 1, "[]"},          {6, 2, 1, "[\"far\"]"}, {6, 0, 3, "[\"alone\"]"}, {6, 0, 7, "[]"},
        {7, 0, 1, "[\"other\"]"}, {8, 0, 1, "[]"},        {6, 1, 3, "[]"},
    };
    g_autoptr(LullJson) volumes = json("[{\"name\":\"disk\",\"pci\":\"0000:00:08.0\"},"
                                       "{\"name\":\"near\",\"pci\":\"0000:00:06.0\",\"scsi\":\"0:0:1\"},"
                                       "{\"name\":\"far\",\"pci\":\"0000:00:06.0\",\"scsi\":\"0:2:1\"},"
                                       "{\"name\":\"alone\",\"pci\":\"0000:00:06.0\",\"scsi\":\"0:2:3\"},"
                                       "{\"name\":\"other\",\"pci\":\"0000:00:07.0\",\"scsi\":\"0:0:1\"}]");

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *row = g_strdup_printf(disk, i, rows[i].target, rows[i].unit, rows[i].slot);
        g_autofree char *text = g_strdup_printf("[%s]", row);
        g_autoptr(LullJson) reply = json(text);
        g_autoptr(LullJson) fsinfo = lull_reply_fsinfo(reply);
        g_autoptr(LullJson) report = lull_rows_for_report(fsinfo, NULL, volumes);

        ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(report, 0), "volumes")),
                         rows[i].volumes);
    }
}
END_TEST

/* What the first one is on depends on what is told of the second. */
START_TEST(stocks_scsi_disks_are_known_by_their_address_where_one_is_beyond_the_first_target)
{
    static const char disks[] =
        "[{\"mountpoint\":\"/\",\"disk\":[{\"bus-type\":\"scsi\",\"bus\":0,\"target\":0,\"unit\":1,"
        "\"pci-controller\":{\"domain\":0,\"bus\":0,\"slot\":6,\"function\":0}}]},"
        "{\"mountpoint\":\"/b\",\"disk\":[{\"bus-type\":\"%s\",\"bus\":%u,\"target\":%u,\"unit\":0}]}]";
    static const struct {
        const char *bus_type;
        guint bus, target;
        const char *volumes;
    } rows[] = {
        {"scsi", 0, 0, "[]"},
        {"scsi", 0, 2, "[\"near\"]"},
        {"scsi", 1, 0, "[\"near\"]"},
        {"ide", 1, 0, "[]"}, /* of those, all tell the bus */
    };
    g_autoptr(LullJson) volumes = json("[{\"name\":\"near\",\"pci\":\"0000:00:06.0\",\"scsi\":\"0:0:1\"},"
                                       "{\"name\":\"far\",\"pci\":\"0000:00:06.0\",\"scsi\":\"0:2:1\"}]");

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf(disks, rows[i].bus_type, rows[i].bus, rows[i].target);
        g_autoptr(LullJson) reply = json(text);
        g_autoptr(LullJson) fsinfo = lull_reply_fsinfo(reply);
        g_autoptr(LullJson) report = lull_rows_for_report(fsinfo, NULL, volumes);

        ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(report, 0), "volumes")),
                         rows[i].volumes);
    }
}
END_TEST

START_TEST(of_two_volumes_that_may_be_the_disk_none_is_named)
{
    static const struct {
        const char *disk, *volumes;
    } rows[] = {
        {"{\"serial\":\"01234567890123456789\"}", "[]"}, /* as virtio-blk keeps it */
        {"{\"serial\":\"01234567890123456789\",\"pci\":\"0000:00:06.0\"}", "[\"b\"]"},
        {"{\"serial\":\"01234567890123456789\",\"pci\":\"0000:00:07.0\"}", "[]"},
        {"{\"serial\":\"01234567890123456789a\"}", "[\"a\"]"}, /* as SCSI does */
        {"{\"serial\":\"01234567890123456789b\"}", "[\"b\"]"},
        {"{\"serial\":\"01234567890123456789c\"}", "[]"},
        {"{\"serial\":\"0123456789\"}", "[]"},
    };
    g_autoptr(LullJson) volumes =
        json("[{\"name\":\"a\",\"serial\":\"01234567890123456789a\",\"pci\":\"0000:00:05.0\"},"
             "{\"name\":\"b\",\"serial\":\"01234567890123456789b\",\"pci\":\"0000:00:06.0\"}]");

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("[{\"mountpoint\":\"/\",\"disks\":[%s]}]", rows[i].disk);
        g_autoptr(LullJson) fsinfo = json(text);
        g_autoptr(LullJson) report = lull_rows_for_report(fsinfo, NULL, volumes);

        ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(report, 0), "volumes")),
                         rows[i].volumes);
    }
}
END_TEST

START_TEST(stocks_file_systems_are_rows_too)
{
    g_autoptr(LullJson) reply = json(
        "[{\"name\":\"vda1\",\"mountpoint\":\"/\",\"type\":\"ext4\",\"disk\":[{\"serial\":\"S\",\"bus-type\":"
        "\"virtio\",\"bus\":0,\"unit\":0,\"target\":0,\"pci-controller\":{\"domain\":0,\"bus\":1,\"slot\":31,"
        "\"function\":2}}]},"
        "{\"name\":\"sda1\",\"mountpoint\":\"/"
        "d\",\"type\":\"xfs\",\"disk\":[{\"bus-type\":\"scsi\",\"bus\":0,"
        "\"unit\":2,\"target\":1,\"pci-controller\":{\"domain\":-1,\"bus\":-1,\"slot\":-1,\"function\":-1}}]}"
        ","
        "{\"mountpoint\":5},null]");
    g_autoptr(LullJson) rows = lull_reply_fsinfo(reply);

    ck_assert_uint_eq(json_object_array_length(rows), 2);
    ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(rows, 0), "disks")),
                     "[{\"serial\":\"S\",\"pci\":\"0000:01:1f.2\"}]");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(json_object_array_get_idx(rows, 1), "disks")),
                     "[{\"scsi\":\"0:1:2\"}]");
}
END_TEST

START_TEST(stocks_count_decides_what_was_frozen)
{
    static const char text[] = "[{\"mountpoint\":\"/\",\"type\":\"ext4\",\"name\":\"vda1\"},"
                               "{\"mountpoint\":\"/bind\",\"type\":\"ext4\",\"name\":\"vda1\"},"
                               "{\"mountpoint\":\"/boot/efi\",\"type\":\"vfat\",\"name\":\"vda2\"},"
                               "{\"mountpoint\":\"/d\",\"type\":\"xfs\",\"name\":\"vdb\"}]";
    g_autoptr(LullJson) all = json(text);
    g_autoptr(LullJson) some = json(text);

    lull_rows_judge_by_count(all, 2);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(all, 0), "result", ""), "frozen");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(all, 2), "result", ""), "skipped");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(all, 3), "result", ""), "frozen");
    lull_rows_judge_by_count(some, 1);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(some, 0), "result", ""), "failed");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(some, 2), "result", ""), "skipped");
}
END_TEST

START_TEST(a_thaw_that_timed_out_is_not_denied)
{
    g_autoptr(GError) late =
        g_error_new(LULL_ERROR, LULL_ERROR_FAILED, "timed out: the thaw is not confirmed yet, and goes on");
    g_autoptr(GError) lost = g_error_new(LULL_ERROR, LULL_ERROR_LOST, "nobody is there");
    g_autoptr(GError) no = g_error_new(LULL_ERROR, LULL_ERROR_FAILED, "The command has not been found");

    ck_assert(!lull_agent_denies(late));
    ck_assert(!lull_agent_denies(lost));
    ck_assert(!lull_agent_denies(NULL));
    ck_assert(lull_agent_denies(no));
}
END_TEST

START_TEST(a_count_is_a_number_that_is_not_negative)
{
    static const char *const bad[] = {"-1", "1.5", "\"1\"", "{}", "true"};
    g_autoptr(LullJson) two = json("2");
    gint64 count = 0;

    ck_assert(lull_reply_count(two, &count));
    ck_assert_int_eq(count, 2);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(LullJson) reply = json(bad[i]);
        ck_assert(!lull_reply_count(reply, &count));
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/agent-reply");
    TCase *cases = tcase_create("agent-reply");

    tcase_add_loop_test(cases, the_agent_is_known_by_its_commands, 0, G_N_ELEMENTS(agents));
    tcase_add_test(cases, a_freeze_that_is_switched_off_is_seen);
    tcase_add_test(cases, a_prepare_tells_who_is_in_the_way);
    tcase_add_test(cases, a_status_gives_phase_budget_and_file_systems);
    tcase_add_test(cases, a_freeze_without_an_epoch_froze_nothing);
    tcase_add_test(cases, the_guests_words_are_one_short_line_of_text);
    tcase_add_test(cases, only_the_word_held_is_a_proof);
    tcase_add_loop_test(cases, nonsense_is_an_error_and_never_a_proof, 0, G_N_ELEMENTS(nonsense));
    tcase_add_test(cases, times_out_of_range_count_as_unknown);
    tcase_add_test(cases, long_lists_and_texts_are_cut);
    tcase_add_test(cases, a_failure_beyond_the_limit_is_not_lost);
    tcase_add_test(cases, a_text_has_no_control_characters_and_is_utf8);
    tcase_add_test(cases, an_unknown_result_is_a_failure);
    tcase_add_test(cases, rows_name_the_volumes_that_they_are_on);
    tcase_add_test(cases, a_row_names_a_volume_once_and_none_where_a_disk_is_not_known);
    tcase_add_test(cases, stocks_disks_behind_controllers_go_by_their_address);
    tcase_add_test(cases, stocks_scsi_disks_are_known_by_their_unit_where_only_one_has_it);
    tcase_add_test(cases, stocks_scsi_disks_are_known_by_their_address_where_one_is_beyond_the_first_target);
    tcase_add_test(cases, of_two_volumes_that_may_be_the_disk_none_is_named);
    tcase_add_test(cases, stocks_file_systems_are_rows_too);
    tcase_add_test(cases, stocks_count_decides_what_was_frozen);
    tcase_add_test(cases, a_thaw_that_timed_out_is_not_denied);
    tcase_add_test(cases, a_count_is_a_number_that_is_not_negative);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
