/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long to leave a guest alone that has been preparing for @waited_usec, before it is asked again whether
 * it is done. A part of what it took so far: so that its end is never noticed much later, in proportion, and
 * a guest that takes long is not kept from its work by questions. Pure. */
gint64 lull_pace_pause(gint64 waited_usec) G_GNUC_CONST G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
