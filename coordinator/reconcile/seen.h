/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which object a name stood for when it was last looked at. What is kept of an object by its uid has to go
 * with it, and by then only its name is told. Of one thread. */
typedef struct _LullSeen LullSeen;

/* @gone is told the uid of each that is not there any more; it may not call back. */
typedef void (*LullGoneFunc)(gpointer user_data, const char *uid);

LullSeen *lull_seen_new(LullGoneFunc gone, gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;
void lull_seen_free(LullSeen *self); /* nobody is told */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullSeen, lull_seen_free)

/* What @ns/@name is now; @uid NULL: nothing, or nothing of ours. Another one than before is gone. */
void lull_seen_note(LullSeen *self, const char *ns, const char *name, const char *uid);

G_END_DECLS
