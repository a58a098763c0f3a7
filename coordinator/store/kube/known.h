/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Which objects of a collection were told of, and in what version: as much as it takes to tell each change
 * once, and to find what vanished unseen. */
typedef struct _LullKnown LullKnown;

LullKnown *lull_known_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_known_free(LullKnown *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullKnown, lull_known_free)

typedef enum {
    LULL_KNOWN_SAME = 0, /* told already, or never heard of and gone: nothing to tell */
    LULL_KNOWN_ADDED,
    LULL_KNOWN_MODIFIED,
    LULL_KNOWN_DELETED,
    LULL_KNOWN_REPLACED /* another object of the name: the old one is gone, this one is new */
} LullKnownNews;

/* Notes the object (which has name, uid and version) and says what is new about it. @ret_gone: the old one,
 * as lull_known_sweep() has them, where it was replaced. */
LullKnownNews lull_known_see(LullKnown *self, LullJson *object, LullJson **ret_gone);
LullKnownNews lull_known_remove(LullKnown *self, LullJson *object);

/* Between the two, what is seen is there; the sweep forgets all else and gives it as objects with nothing but
 * name, namespace, uid and the last version. */
void lull_known_begin(LullKnown *self);
GPtrArray *lull_known_sweep(LullKnown *self) G_GNUC_WARN_UNUSED_RESULT; /* of LullJson, owned */

G_END_DECLS
