/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"
#include "coordinator/storage/storage.h"

G_BEGIN_DECLS

/* A guest, its host and its storage that exist in memory only: linked in place of the real ones. One of each,
 * reset by fake_reset(); safe from any thread. What happens is written down in a story, a letter each:
 * s targets made, h hold made, p prepared, f frozen, 1 first reading, c cut, 2 second reading, t thawed, r
 * data removed, S sealed. */
typedef struct {
    LullVmState state;
    LullVmEnd end; /* of one that is off */
    LullAgentKind agent;
    LullWitnessVerdict witness;
    gint64 ahead_until; /* of the last prepare() of the storage */
    gboolean refuse_storage, refuse_prepare, refuse_freeze, refuse_cut, break_hold;
    gboolean nothing;                        /* in the guest that could be frozen */
    gboolean separate_cuts;                  /* each volume at an instant of its own */
    guint fail_poll, fail_seal, fail_remove; /* so many times */
    void (*on_frozen)(void);                 /* called once the guest is frozen; may be NULL */
} Fake;

extern Fake fake;

void fake_reset(void);
const char *fake_story(void); /* until the next call */
gboolean fake_is_frozen(void);
guint fake_stored(void); /* attempts and contents whose data is there */
guint fake_sealed(void); /* contents among them */
LullStorage *fake_storage(void);

G_END_DECLS
