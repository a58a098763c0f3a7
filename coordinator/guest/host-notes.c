/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/host-inside.h"

/* With the lock held. */
static LullDomainNotes *
notes_of(LullHost *self, const char *uid)
{
    LullDomainNotes *notes = g_hash_table_lookup(self->notes, uid);

    if (!notes) {
        notes = g_new0(LullDomainNotes, 1);
        g_hash_table_insert(self->notes, g_strdup(uid), notes);
    }
    return notes;
}

/* What a launcher tells about machines that it does not have is not kept. */
static gboolean
is_ours(const LullHost *self, virDomainPtr domain, char *ret_uid)
{
    return virDomainGetUUIDString(domain, ret_uid) == 0 && (!self->only || g_str_equal(self->only, ret_uid));
}

void
lull_host_note(LullHost *self, virDomainPtr domain, LullNote note)
{
    char uid[VIR_UUID_STRING_BUFLEN];

    if (!is_ours(self, domain, uid))
        return;
    g_mutex_lock(&self->lock);
    if (note == LULL_NOTE_LIFECYCLE)
        notes_of(self, uid)->counts.lifecycle++;
    else if (note == LULL_NOTE_AGENT)
        notes_of(self, uid)->counts.agent++;
    g_mutex_unlock(&self->lock);
    if (!self->only)
        g_async_queue_push(self->messages, g_strdup(uid));
}

void
lull_host_note_terminated(LullHost *self, virDomainPtr domain, gboolean terminated)
{
    char uid[VIR_UUID_STRING_BUFLEN];

    if (!is_ours(self, domain, uid))
        return;
    g_mutex_lock(&self->lock);
    notes_of(self, uid)->terminated = terminated;
    g_mutex_unlock(&self->lock);
}

gboolean
lull_host_note_unmarking(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    LullDomainNotes *notes = notes_of(self, uid);

    if (notes->unmarking)
        notes->unmark_again = TRUE;
    else
        notes->unmarking = TRUE;
    return !notes->unmark_again;
}

void
lull_host_note_unmarked(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    LullDomainNotes *notes = notes_of(self, uid);

    if (notes->unmark_again)
        g_async_queue_push(self->messages, g_strdup(uid)); /* it may have failed for what is over */
    notes->unmarking = FALSE;
    notes->unmark_again = FALSE;
}

gboolean
lull_host_was_terminated(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    const LullDomainNotes *notes = notes_of(self, uid);

    return notes->terminated;
}

void
lull_host_note_closed(LullHost *self)
{
    g_mutex_lock(&self->lock);
    self->gaps++;
    self->hearing = FALSE;
    g_mutex_unlock(&self->lock);
    g_async_queue_push(self->messages, g_strdup(MESSAGE_CLOSED));
}

LullEventCounts
lull_host_event_counts(LullHost *self, const char *uid)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    LullEventCounts counts = notes_of(self, lull_host_domain_uuid(self, uid))->counts;

    if (!self->hearing)
        self->gaps++; /* what happens now is not told: no two readings are alike */
    counts.lifecycle += self->gaps;
    return counts;
}

guint64
lull_host_times_found(LullHost *self)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    return self->hearing ? self->found : 0;
}
