/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/client.h"

#include <glib-unix.h>
#include <unistd.h>

#include "agent/freezer/dead-man.h"
#include "agent/freezer/launch.h"
#include "agent/freezer/table-create.h"
#include "agent/freezer/table.h"
#include "protocol/clock.h"
#include "protocol/names.h"

/* The owner's thread alone uses it; what runs beside it is the dead man. */
struct _LullFreezer {
    int refs; /* a callback may free its freezer */
    LullDeadMan *man;
    GSource *source;
    LullFreezerCallback callback;
    gpointer user_data;
    LullFreezerOutcome *outcomes;
    char broken[128]; /* what thaw was told */
    char text[160];   /* of a refusal */
};

static void
self_unref(LullFreezer *self)
{
    if (--self->refs > 0)
        return;
    g_free(self->outcomes);
    g_free(self);
}

static const char *
reason_text(LullHoldReason reason)
{
    switch (reason) {
    case LULL_HOLD_REASON_NONE:
        return NULL;
    case LULL_HOLD_REASON_ASKED:
        return "thaw asked for before the freeze was complete";
    case LULL_HOLD_REASON_SLOW:
        return "not all file systems were frozen in time";
    case LULL_HOLD_REASON_REFUSED:
        return "a file system could not be frozen";
    case LULL_HOLD_REASON_LEASE:
        return LULL_BROKEN_LEASE;
    case LULL_HOLD_REASON_FOREIGN_THAW:
        return LULL_BROKEN_FOREIGN_THAW;
    case LULL_HOLD_REASON_UNVERIFIED:
        return "the freeze could not be verified";
    case LULL_HOLD_REASON_AGENT:
        return LULL_BROKEN_AGENT;
    case LULL_HOLD_REASON_FREEZER:
    case LULL_HOLD_REASON_N:
        break;
    }
    return LULL_BROKEN_FREEZER;
}

static const char *
refusal_text(LullFreezer *self)
{
    static const char *const texts[] = {
        [LULL_WIRE_REFUSED_MARKER] = "the freezer of an earlier operation is still alive",
        [LULL_WIRE_REFUSED_MEMORY] = "lull-freezer cannot lock its memory",
        [LULL_WIRE_REFUSED_FILTER] = "lull-freezer cannot restrict itself",
        [LULL_WIRE_REFUSED_THREAD] = "lull-freezer cannot start its threads",
        [LULL_WIRE_REFUSED_DESCRIPTORS] = "descriptors of the mount points did not arrive",
    };
    int error;
    const LullWireRefusal what = lull_dead_man_refusal(self->man, &error);

    if (what == LULL_WIRE_REFUSED_NONE || what >= G_N_ELEMENTS(texts))
        return NULL;
    (void)g_snprintf(self->text, sizeof self->text, "%s: %s", texts[what], g_strerror(error));
    return self->text;
}

static LullFreezerResult
state_result(LullMountState state)
{
    switch (state) {
    case LULL_MOUNT_PLANNED:
    case LULL_MOUNT_FREEZING:
        return LULL_FREEZER_RESULT_NONE;
    case LULL_MOUNT_FAILED:
    case LULL_MOUNT_FOREIGN:
        return LULL_FREEZER_RESULT_FAILED;
    case LULL_MOUNT_SKIPPED:
        return LULL_FREEZER_RESULT_SKIPPED;
    case LULL_MOUNT_FROZEN:
    case LULL_MOUNT_VERIFYING:
    case LULL_MOUNT_THAWING_BY_FREEZER:
    case LULL_MOUNT_THAWING_BY_AGENT:
    case LULL_MOUNT_THAWED:
    case LULL_MOUNT_GONE:
    case LULL_MOUNT_STUCK:
        break;
    }
    return LULL_FREEZER_RESULT_FROZEN;
}

/* By us, as far as is known. */
static gboolean
is_frozen(LullMountState state)
{
    return state == LULL_MOUNT_FROZEN || state == LULL_MOUNT_VERIFYING ||
           state == LULL_MOUNT_THAWING_BY_FREEZER || state == LULL_MOUNT_THAWING_BY_AGENT;
}

static LullFreezerOutcome
outcome_of(LullHoldMount *mount, gboolean verified, gboolean over)
{
    const LullMountState state = (LullMountState)atomic_load(&mount->state);

    return (LullFreezerOutcome){
        .result = state_result(state),
        .error = atomic_load(&mount->error),
        .foreign = state == LULL_MOUNT_FOREIGN,
        .sync_usec = atomic_load(&mount->sync_usec),
        .freeze_usec = atomic_load(&mount->freeze_usec),
        .writes_frozen = atomic_load(&mount->writes_frozen),
        .writes_thaw = atomic_load(&mount->writes_thaw),
        .thawed = state == LULL_MOUNT_THAWED,
        .thaw_failed = state == LULL_MOUNT_STUCK || (state == LULL_MOUNT_GONE && verified),
        .stuck = state == LULL_MOUNT_STUCK || (over && is_frozen(state)),
    };
}

static gint64
between(gint64 from, gint64 to)
{
    return from > 0 && to > from ? to - from : 0;
}

static gboolean
any_stuck(LullHold *hold)
{
    for (guint i = 0; i < hold->n_mounts; i++) {
        if (atomic_load(&hold->mounts[i].state) == LULL_MOUNT_STUCK)
            return TRUE;
    }
    return FALSE;
}

static void
deliver(LullFreezer *self, LullFreezerEventKind kind)
{
    LullHold *hold = lull_dead_man_hold(self->man);
    const LullHoldReason reason = lull_hold_reason(hold);
    const gboolean over = kind != LULL_FREEZER_PREPARED && kind != LULL_FREEZER_FROZEN;
    LullFreezerEvent event = {.kind = kind, .n_mounts = hold->n_mounts, .outcomes = self->outcomes};

    for (guint i = 0; i < hold->n_mounts; i++)
        self->outcomes[i] = outcome_of(&hold->mounts[i], over && reason == LULL_HOLD_REASON_NONE, over);
    event.freeze_usec = between(atomic_load(&hold->first_at), atomic_load(&hold->frozen_at));
    if (over) {
        event.broken = refusal_text(self);
        if (!event.broken)
            event.broken = reason_text(reason);
        if (!event.broken && any_stuck(hold))
            event.broken = "a file system could not be " LULL_THAWED_YET;
        if (!event.broken && self->broken[0])
            event.broken = self->broken;
        event.timed_out = reason == LULL_HOLD_REASON_SLOW || reason == LULL_HOLD_REASON_LEASE ||
                          reason == LULL_HOLD_REASON_UNVERIFIED ||
                          (reason == LULL_HOLD_REASON_FREEZER && kind != LULL_FREEZER_LOST);
        event.window_usec = between(atomic_load(&hold->first_at), atomic_load(&hold->thawed_at));
        event.thaw_usec = between(atomic_load(&hold->ended_at), atomic_load(&hold->thawed_at));
    }
    self->callback(self, &event, self->user_data);
}

static gboolean
on_events(gint fd, GIOCondition condition, gpointer data)
{
    LullFreezer *self = data;
    const guint pending = lull_dead_man_take_events(self->man);

    self->refs++;
    for (guint kind = 0; pending >> kind && self->man; kind++) {
        if (pending & 1u << kind)
            deliver(self, (LullFreezerEventKind)kind);
    }
    self_unref(self);
    return G_SOURCE_CONTINUE;
}

static LullDeadMan *
start_process(const char *program, const LullFreezerMount *mounts, guint n_mounts, int marker_fd,
              GError **error)
{
    int table_fd, socket;
    LullHold *hold = lull_table_create(mounts, n_mounts, &table_fd, error);
    gboolean launched;
    pid_t pid;

    if (!hold)
        return NULL;
    launched = lull_freezer_launch(program, table_fd, marker_fd, &pid, &socket, error);
    (void)close(table_fd);
    if (!launched) {
        lull_table_unmap(hold);
        return NULL;
    }
    return lull_dead_man_start(hold, pid, socket, marker_fd, error);
}

LullFreezer *
lull_freezer_start(const char *program, const LullFreezerMount *mounts, guint n_mounts, int marker_fd,
                   LullFreezerCallback callback, gpointer user_data, GError **error)
{
    LullDeadMan *man = start_process(program, mounts, n_mounts, marker_fd, error);
    LullFreezer *self;

    if (!man)
        return NULL;
    self = g_new0(LullFreezer, 1);
    self->refs = 1;
    self->man = man;
    self->callback = callback;
    self->user_data = user_data;
    self->outcomes = g_new0(LullFreezerOutcome, n_mounts);
    self->source = g_unix_fd_source_new(lull_dead_man_fd(man), G_IO_IN);
    g_source_set_callback(self->source, (GSourceFunc)(void (*)(void))on_events, self, NULL);
    (void)g_source_attach(self->source, g_main_context_get_thread_default());
    return self;
}

void
lull_freezer_freeze(LullFreezer *self, gint64 lease_msec, gint64 within_msec, gboolean strict)
{
    lull_dead_man_freeze(self->man, LULL_MSEC(lease_msec), LULL_MSEC(MIN(within_msec, lease_msec / 2)),
                         strict);
}

gboolean
lull_freezer_renew(LullFreezer *self, gint64 lease_msec)
{
    return lull_dead_man_renew(self->man, LULL_MSEC(lease_msec));
}

gint64
lull_freezer_remaining_msec(LullFreezer *self)
{
    return lull_hold_remaining(lull_dead_man_hold(self->man), lull_clock_boottime()) / 1000;
}

void
lull_freezer_thaw(LullFreezer *self, const char *broken)
{
    if (broken && !self->broken[0])
        (void)g_strlcpy(self->broken, broken, sizeof self->broken);
    lull_dead_man_thaw(self->man);
}

gboolean
lull_freezer_is_settled(LullFreezer *self)
{
    return lull_hold_settled(lull_dead_man_hold(self->man));
}

const char *
lull_freezer_first_unsettled(LullFreezer *self)
{
    LullHold *hold = lull_dead_man_hold(self->man);
    const uint32_t i = lull_hold_first_live(hold);

    return i < hold->n_mounts ? lull_table_path(hold, i) : NULL;
}

void
lull_freezer_free(LullFreezer *self)
{
    if (!self)
        return;
    g_source_destroy(self->source);
    g_clear_pointer(&self->source, g_source_unref);
    g_clear_pointer(&self->man, lull_dead_man_release);
    self_unref(self);
}
