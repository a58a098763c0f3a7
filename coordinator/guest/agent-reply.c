/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/agent-reply.h"

#include <string.h>

#include "coordinator/model/words.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define MAX_DISKS           64
#define MAX_TIME_MS         (24.0 * 3600 * 1000)
#define VIRTIO_SERIAL_BYTES 20

static gboolean
must_be_object(LullJson *reply, const char *command, GError **error)
{
    if (json_object_is_type(reply, json_type_object))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent's answer to %s is not an object", command);
    return FALSE;
}

char *
lull_reply_words(const char *words)
{
    return lull_words(words, LULL_REPLY_MAX_TEXT);
}

/* NULL where there is none or it is empty. */
static char *
text(LullJson *object, const char *key)
{
    const char *value = lull_json_string(object, key, NULL);

    return value && *value ? lull_reply_words(value) : NULL;
}

static void
copy_text(LullJson *from, LullJson *to, const char *key)
{
    g_autofree char *value = text(from, key);

    lull_json_set_string(to, key, value);
}

static gint64
usec(LullJson *object, const char *key)
{
    const double ms = lull_json_double(object, key, 0);

    return ms > 0 && ms < MAX_TIME_MS ? (gint64)(ms * 1000) : 0; /* NaN is neither */
}

static const char *
known_result(const char *result)
{
    static const char *const words[] = {"frozen", "skipped", "failed", "planned"};

    for (guint i = 0; result && i < G_N_ELEMENTS(words); i++)
        if (g_str_equal(result, words[i]))
            return words[i];
    return "failed";
}

static LullJson *
read_disks(LullJson *disks)
{
    LullJson *clean = json_object_new_array();
    const size_t n = disks ? json_object_array_length(disks) : 0;

    for (size_t i = 0; i < MIN(n, MAX_DISKS); i++) {
        LullJson *disk = json_object_array_get_idx(disks, i);
        LullJson *copy;
        if (!json_object_is_type(disk, json_type_object))
            continue;
        copy = json_object_new_object();
        copy_text(disk, copy, "serial");
        copy_text(disk, copy, "pci");
        copy_text(disk, copy, "scsi");
        json_object_array_add(clean, copy);
    }
    return clean;
}

/* Rows that nobody looks at: only such a one as lowers no claim may be dropped. */
static gboolean
may_be_dropped(LullJson *row)
{
    const char *result = known_result(lull_json_string(row, "result", NULL));

    if (!lull_json_string(row, "mountpoint", NULL) || g_str_equal(result, "failed"))
        return FALSE;
    return g_strcmp0(lull_json_string(row, "reason", NULL), LULL_SKIPPED_NOT_ASKED) != 0;
}

static LullJson *
row_for_the_dropped(void)
{
    LullJson *row = json_object_new_object();

    lull_json_set_string(row, "mountpoint", "?");
    lull_json_set_string(row, "result", "failed");
    lull_json_set_string(row, "reason", "the agent told of more file systems than are understood");
    return row;
}

static LullJson *
read_filesystems(LullJson *reply)
{
    LullJson *rows = lull_json_array(reply, "filesystems");
    LullJson *clean = json_object_new_array();
    const size_t n = rows ? json_object_array_length(rows) : 0;
    gboolean lost = FALSE;

    for (size_t i = 0; i < n; i++) {
        LullJson *row = json_object_array_get_idx(rows, i);
        LullJson *copy;
        if (i >= LULL_REPLY_MAX_ROWS || !lull_json_string(row, "mountpoint", NULL)) {
            lost = lost || !may_be_dropped(row);
            continue;
        }
        copy = json_object_new_object();
        copy_text(row, copy, "mountpoint");
        copy_text(row, copy, "type");
        if (lull_json_array(row, "disks"))
            lull_json_take(copy, "disks", read_disks(lull_json_array(row, "disks")));
        lull_json_set_string(copy, "result", known_result(lull_json_string(row, "result", NULL)));
        copy_text(row, copy, "reason");
        json_object_array_add(clean, copy);
    }
    if (lost)
        json_object_array_add(clean, row_for_the_dropped());
    return clean;
}

typedef enum { COMMAND_ABSENT = 0, COMMAND_DISABLED, COMMAND_ENABLED } CommandState;

static CommandState
find_command(LullJson *info, const char *name)
{
    LullJson *commands = lull_json_array(info, "supported_commands");
    const size_t n = commands ? json_object_array_length(commands) : 0;

    for (size_t i = 0; i < n; i++) {
        LullJson *command = json_object_array_get_idx(commands, i);
        if (g_strcmp0(lull_json_string(command, "name", NULL), name) == 0)
            return lull_json_bool(command, "enabled", FALSE) ? COMMAND_ENABLED : COMMAND_DISABLED;
    }
    return COMMAND_ABSENT;
}

gboolean
lull_reply_info(LullJson *reply, LullAgentInfo *ret_info, GError **error)
{
    static const char *const ours[] = {LULL_CMD_PREPARE, LULL_CMD_FREEZE, LULL_CMD_RENEW,
                                       LULL_CMD_THAW,    LULL_CMD_ABORT,  LULL_CMD_STATUS};
    LullAgentInfo info = {LULL_AGENT_LULL};
    g_autofree char *version = NULL;
    CommandState freeze;

    if (!must_be_object(reply, "guest-info", error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(ours); i++)
        if (find_command(reply, ours[i]) == COMMAND_ABSENT)
            info.kind = LULL_AGENT_NONE;
    freeze = find_command(reply, "guest-fsfreeze-freeze");
    if (info.kind == LULL_AGENT_NONE && freeze != COMMAND_ABSENT)
        info.kind = LULL_AGENT_STOCK;
    info.enabled = freeze == COMMAND_ENABLED;
    version = text(reply, info.kind == LULL_AGENT_LULL ? "lull-version" : "version");
    info.name = g_strdup_printf("%s %s", info.kind == LULL_AGENT_LULL ? "lull-agent" : "qemu-ga",
                                version ? version : "of unknown version");
    *ret_info = info;
    return TRUE;
}

gboolean
lull_reply_prepare(LullJson *reply, gboolean *ret_accepted, char **ret_owner, GError **error)
{
    if (!must_be_object(reply, LULL_CMD_PREPARE, error))
        return FALSE;
    if (lull_json_bool(reply, "accepted", FALSE)) {
        if (lull_json_int(reply, "protocol", 0) != LULL_QUIESCE_PROTOCOL) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                        "the agent speaks version %" G_GINT64_FORMAT " of the commands, this host version %d",
                        lull_json_int(reply, "protocol", 0), LULL_QUIESCE_PROTOCOL);
            return FALSE;
        }
        *ret_accepted = TRUE;
        return TRUE;
    }
    *ret_accepted = FALSE;
    *ret_owner = text(reply, "owner");
    if (!*ret_owner)
        *ret_owner = g_strdup("somebody");
    return TRUE;
}

gboolean
lull_reply_status(LullJson *reply, LullAgentStatus *ret_status, GError **error)
{
    LullAgentStatus status = {.phase = LULL_PHASE_N};
    const char *phase;

    if (!must_be_object(reply, LULL_CMD_STATUS, error))
        return FALSE;
    phase = lull_json_string(reply, "phase", "");
    for (int i = 0; i < LULL_PHASE_N; i++)
        if (g_str_equal(phase, lull_phase_to_string((LullPhase)i)))
            status.phase = (LullPhase)i;
    if (status.phase == LULL_PHASE_N) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent's status has no phase that is known");
        return FALSE;
    }
    status.op = text(reply, "op");
    status.hold_budget_usec = usec(reply, "hold-budget-ms");
    status.boot_id = text(reply, "boot-id");
    status.last_problem = text(lull_json_object(reply, "last"), "reason");
    status.last_timed_out = lull_json_bool(lull_json_object(reply, "last"), "timed-out", FALSE);
    status.filesystems = read_filesystems(reply);
    *ret_status = status;
    return TRUE;
}

void
lull_agent_status_clear(LullAgentStatus *self)
{
    g_clear_pointer(&self->op, g_free);
    g_clear_pointer(&self->boot_id, g_free);
    g_clear_pointer(&self->last_problem, g_free);
    g_clear_pointer(&self->filesystems, lull_json_put);
}

gboolean
lull_reply_freeze(LullJson *reply, LullFreezeReply *ret_freeze, GError **error)
{
    if (!must_be_object(reply, LULL_CMD_FREEZE, error))
        return FALSE;
    if (!lull_json_string(reply, "epoch", NULL)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent's answer to the freeze has no epoch");
        return FALSE;
    }
    *ret_freeze = (LullFreezeReply){
        .epoch = text(reply, "epoch"),
        .boot_id = text(reply, "boot-id"),
        .freeze_usec = usec(reply, "freeze-ms"),
    };
    return TRUE;
}

LullJson *
lull_reply_freeze_rows(LullJson *reply)
{
    return read_filesystems(reply);
}

void
lull_freeze_reply_clear(LullFreezeReply *self)
{
    g_clear_pointer(&self->epoch, g_free);
    g_clear_pointer(&self->boot_id, g_free);
}

char *
lull_reply_renew(LullJson *reply)
{
    return json_object_is_type(reply, json_type_object) ? text(reply, "broken") : NULL;
}

/* Writers' rows travel into the report as they are, within its limits; their inner shape is the agent's. */
static LullJson *
read_writers(LullJson *reply)
{
    LullJson *rows = lull_json_array(reply, "writers");
    LullJson *clean = json_object_new_array();
    const size_t n = rows ? json_object_array_length(rows) : 0;

    for (size_t i = 0; i < MIN(n, LULL_REPLY_MAX_ROWS); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);
        if (json_object_is_type(row, json_type_object))
            json_object_array_add(clean, json_object_get(row));
    }
    return clean;
}

gboolean
lull_reply_thaw(LullJson *reply, LullThawReply *ret_thaw, GError **error)
{
    const char *proof;
    LullThawReply thaw = {FALSE};

    if (!must_be_object(reply, LULL_CMD_THAW, error))
        return FALSE;
    proof = lull_json_string(reply, "proof", "");
    thaw.held = g_str_equal(proof, "held");
    thaw.unknown = g_str_equal(proof, "none");
    if (!thaw.held && !g_str_equal(proof, "broken") && !g_str_equal(proof, "none")) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the agent's answer to the thaw has no proof");
        return FALSE;
    }
    if (!thaw.held)
        thaw.broken = text(reply, "reason");
    if (!thaw.held && !thaw.broken)
        thaw.broken =
            g_strdup(g_str_equal(proof, "none") ? "nothing was frozen" : "the agent does not say why");
    thaw.epoch = text(reply, "epoch");
    thaw.window_usec = usec(reply, "window-ms");
    thaw.freeze_usec = usec(reply, "freeze-ms");
    thaw.thaw_usec = usec(reply, "thaw-ms");
    thaw.filesystems = read_filesystems(reply);
    thaw.writers = read_writers(reply);
    *ret_thaw = thaw;
    return TRUE;
}

void
lull_thaw_reply_clear(LullThawReply *self)
{
    g_clear_pointer(&self->broken, g_free);
    g_clear_pointer(&self->epoch, g_free);
    g_clear_pointer(&self->filesystems, lull_json_put);
    g_clear_pointer(&self->writers, lull_json_put);
}

gboolean
lull_agent_denies(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_FAILED) && !strstr(error->message, "timed out");
}

gboolean
lull_reply_count(LullJson *reply, gint64 *ret_count)
{
    if (!json_object_is_type(reply, json_type_int) || json_object_get_int64(reply) < 0)
        return FALSE;
    *ret_count = json_object_get_int64(reply);
    return TRUE;
}

gboolean
lull_reply_is_frozen(LullJson *reply, gboolean *ret_frozen)
{
    const char *word = json_object_is_type(reply, json_type_string) ? json_object_get_string(reply) : "";

    if (!g_str_equal(word, "frozen") && !g_str_equal(word, "thawed"))
        return FALSE;
    *ret_frozen = g_str_equal(word, "frozen");
    return TRUE;
}

static gboolean
is_scsi(LullJson *disk)
{
    return g_str_equal(lull_json_string(disk, "bus-type", ""), "scsi");
}

/* The Linux one tells of a SCSI disk its unit, and bus and target as 0 whatever they are. */
static gboolean
tells_targets(LullJson *reply)
{
    const size_t n = json_object_is_type(reply, json_type_array) ? json_object_array_length(reply) : 0;

    for (size_t i = 0; i < MIN(n, LULL_REPLY_MAX_ROWS); i++) {
        LullJson *disks = lull_json_array(json_object_array_get_idx(reply, i), "disk");

        for (size_t d = 0; disks && d < MIN(json_object_array_length(disks), MAX_DISKS); d++) {
            LullJson *disk = json_object_array_get_idx(disks, d);

            if (is_scsi(disk) && (lull_json_int(disk, "bus", 0) > 0 || lull_json_int(disk, "target", 0) > 0))
                return TRUE;
        }
    }
    return FALSE;
}

static void
copy_place(LullJson *disk, gboolean by_unit, LullJson *copy)
{
    const int bus = (int)lull_json_int(disk, "bus", 0);
    const int target = (int)lull_json_int(disk, "target", 0);
    g_autofree char *place = g_strdup_printf("%d:%d:%d", bus, target, (int)lull_json_int(disk, "unit", 0));

    if (by_unit && is_scsi(disk))
        lull_json_set_string(copy, "unit", strrchr(place, ':') + 1);
    else
        lull_json_set_string(copy, "scsi", place);
}

/* Its serial is udev's, which puts maker and model before it, but for virtio: there an address is better. */
static LullJson *
stock_disk(LullJson *disk, gboolean by_unit)
{
    static const char *const with_units[] = {"scsi", "sata", "ide", NULL};
    LullJson *copy = json_object_new_object();
    LullJson *pci = lull_json_object(disk, "pci-controller");
    const char *bus = lull_json_string(disk, "bus-type", "");

    if (g_str_equal(bus, "virtio") || !pci || lull_json_int(pci, "bus", -1) < 0)
        copy_text(disk, copy, "serial");
    if (g_strv_contains(with_units, bus))
        copy_place(disk, by_unit, copy);
    if (pci && lull_json_int(pci, "bus", -1) >= 0) {
        g_autofree char *address = g_strdup_printf(
            "%04x:%02x:%02x.%x", (guint)lull_json_int(pci, "domain", 0), (guint)lull_json_int(pci, "bus", 0),
            (guint)lull_json_int(pci, "slot", 0), (guint)lull_json_int(pci, "function", 0));
        lull_json_set_string(copy, "pci", address);
    }
    return copy;
}

LullJson *
lull_reply_fsinfo(LullJson *reply)
{
    LullJson *rows = json_object_new_array();
    const size_t n = json_object_is_type(reply, json_type_array) ? json_object_array_length(reply) : 0;
    const gboolean by_unit = !tells_targets(reply);

    for (size_t i = 0; i < MIN(n, LULL_REPLY_MAX_ROWS); i++) {
        LullJson *info = json_object_array_get_idx(reply, i);
        LullJson *disks = lull_json_array(info, "disk");
        LullJson *row;
        if (!lull_json_string(info, "mountpoint", NULL))
            continue;
        row = json_object_new_object();
        copy_text(info, row, "mountpoint");
        copy_text(info, row, "type");
        copy_text(info, row, "name");
        lull_json_take(row, "disks", json_object_new_array());
        for (size_t d = 0; disks && d < MIN(json_object_array_length(disks), MAX_DISKS); d++)
            json_object_array_add(lull_json_array(row, "disks"),
                                  stock_disk(json_object_array_get_idx(disks, d), by_unit));
        lull_json_set_string(row, "result", "planned");
        json_object_array_add(rows, row);
    }
    return rows;
}

/* virtio-blk and ATA pass on the first 20 bytes of a serial number; a longer one came whole. */
static gboolean
same_serial(const char *guests, const char *hosts)
{
    return strlen(guests) == VIRTIO_SERIAL_BYTES ? strncmp(guests, hosts, VIRTIO_SERIAL_BYTES) == 0
                                                 : g_str_equal(guests, hosts);
}

/* Behind a controller, by as much as the agent knows of it. */
static gboolean
same_place(LullJson *disk, LullJson *volume)
{
    const char *unit = lull_json_string(disk, "unit", NULL);
    const char *place = lull_json_string(volume, "scsi", NULL);
    const char *last = unit && place ? strrchr(place, ':') : NULL;

    if (unit)
        return last && g_str_equal(last + 1, unit);
    return g_strcmp0(lull_json_string(disk, "scsi", NULL), place) == 0;
}

static gboolean
same_address(LullJson *disk, LullJson *volume)
{
    const char *pci = lull_json_string(disk, "pci", NULL); /* its own, or its controller's */

    return pci && g_strcmp0(pci, lull_json_string(volume, "pci", NULL)) == 0 && same_place(disk, volume);
}

/* The first of serial number and address that both sides know decides. */
static gboolean
same_disk(LullJson *disk, LullJson *volume)
{
    const char *serial = lull_json_string(disk, "serial", NULL);
    const char *known = lull_json_string(volume, "serial", NULL);

    return serial && known ? same_serial(serial, known) : same_address(disk, volume);
}

static gboolean
same_disk_and_address(LullJson *disk, LullJson *volume)
{
    return same_disk(disk, volume) && same_address(disk, volume);
}

typedef gboolean (*IsSame)(LullJson *disk, LullJson *volume);

/* NULL where none is it, or more than one may be. */
static const char *
only_volume(LullJson *disk, LullJson *volumes, IsSame is_same)
{
    const char *name = NULL;

    for (size_t i = 0; i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);

        if (!is_same(disk, volume))
            continue;
        if (name)
            return NULL;
        name = lull_json_string(volume, "name", NULL);
    }
    return name;
}

/* Serial numbers, and what virtio-blk keeps of them, may be the same: then the address tells them apart. */
static const char *
volume_of_disk(LullJson *disk, LullJson *volumes)
{
    const char *name = only_volume(disk, volumes, same_disk);

    return name ? name : only_volume(disk, volumes, same_disk_and_address);
}

static LullJson *
disks_of(LullJson *row, LullJson *known)
{
    const char *mountpoint = lull_json_string(row, "mountpoint", NULL);

    if (lull_json_array(row, "disks") && json_object_array_length(lull_json_array(row, "disks")) > 0)
        return lull_json_array(row, "disks");
    for (size_t i = 0; known && i < json_object_array_length(known); i++) {
        LullJson *other = json_object_array_get_idx(known, i);
        if (g_strcmp0(lull_json_string(other, "mountpoint", NULL), mountpoint) == 0)
            return lull_json_array(other, "disks");
    }
    return NULL;
}

static gboolean
has_name(LullJson *names, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(names); i++)
        if (g_strcmp0(json_object_get_string(json_object_array_get_idx(names, i)), name) == 0)
            return TRUE;
    return FALSE;
}

/* Each once, however many ways lead to it. None where one of the disks is not known: what is on some of them
 * only must not pass for on nothing else. */
static LullJson *
volumes_of(LullJson *disks, LullJson *volumes)
{
    g_autoptr(LullJson) names = json_object_new_array();

    for (size_t i = 0; disks && i < json_object_array_length(disks); i++) {
        const char *name = volume_of_disk(json_object_array_get_idx(disks, i), volumes);

        if (!name)
            return json_object_new_array();
        if (!has_name(names, name))
            lull_json_append_string(names, name);
    }
    return g_steal_pointer(&names);
}

LullJson *
lull_rows_for_report(LullJson *rows, LullJson *known, LullJson *volumes)
{
    LullJson *report = json_object_new_array();

    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);
        LullJson *copy = json_object_new_object();
        const char *result = lull_json_string(row, "result", "failed");

        lull_json_set_string(copy, "mountpoint", lull_json_string(row, "mountpoint", NULL));
        lull_json_set_string(copy, "type", lull_json_string(row, "type", ""));
        lull_json_take(copy, "volumes", volumes_of(disks_of(row, known), volumes));
        lull_json_set_string(copy, "result", g_str_equal(result, "planned") ? "skipped" : result);
        lull_json_set_string(copy, "reason", lull_json_string(row, "reason", ""));
        json_object_array_add(report, copy);
    }
    return report;
}

/* Those that the kernel cannot freeze: stock passes over them without a word. */
static gboolean
cannot_freeze(const char *type)
{
    static const char *const types[] = {"vfat", "exfat", "iso9660", "udf", "squashfs", "fuseblk", NULL};

    return type && g_strv_contains(types, type);
}

void
lull_rows_judge_by_count(LullJson *rows, gint64 count)
{
    g_autoptr(GHashTable) devices = g_hash_table_new(g_str_hash, g_str_equal); /* one may be mounted twice */
    gint64 able;

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);
        if (!cannot_freeze(lull_json_string(row, "type", NULL)))
            g_hash_table_add(devices, (char *)lull_json_string(row, "name", ""));
    }
    able = g_hash_table_size(devices);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);
        if (cannot_freeze(lull_json_string(row, "type", NULL))) {
            lull_json_set_string(row, "result", "skipped");
            lull_json_set_string(row, "reason", "its type cannot be frozen");
        } else if (count >= able) {
            lull_json_set_string(row, "result", "frozen");
        } else {
            g_autofree char *reason =
                g_strdup_printf("the agent froze %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                                " file systems and does not say which",
                                count, able);
            lull_json_set_string(row, "result", "failed");
            lull_json_set_string(row, "reason", reason);
        }
    }
}
