/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many guests are frozen by us now, and since when: places of a fixed size, written by one atomic store
 * each, since that happens on the way into a freeze and out of it. Any thread. */
typedef struct _LullFrozen LullFrozen;
typedef struct _LullFrozenPlace LullFrozenPlace;

LullFrozen *lull_frozen_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_frozen_free(LullFrozen *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullFrozen, lull_frozen_free)

/* Before the freeze, and after the thaw. NULL: more than there are places for, which are not told; the calls
 * below are nothing then, as they are where @self is NULL. */
LullFrozenPlace *lull_frozen_take(LullFrozen *self) G_GNUC_WARN_UNUSED_RESULT;
void lull_frozen_give_back(LullFrozenPlace *place);

/* From the freeze being asked for, to the thaw. @now: boot clock, not 0. */
void lull_frozen_begin(LullFrozenPlace *place, gint64 now);
void lull_frozen_end(LullFrozenPlace *place);

/* Returns how many there are; *@ret_oldest is how long one of them has been at most, 0 without any. */
guint lull_frozen_count(const LullFrozen *self, gint64 now, gint64 *ret_oldest);

G_END_DECLS
