/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    LULL_FREEZE_BY_US = 0, /* it thaws guests that are not here any more, and that is all */
    LULL_FREEZE_BY_EITHER, /* where there is none we freeze */
    LULL_FREEZE_BY_API,
} LullFreezeUse;

/* Somebody who freezes guests in our place, with a timer of his own that thaws where he is not told to: in a
 * cluster KubeVirt, by its subresources `freeze` and `unfreeze`. Calls block, each no longer than @patience;
 * any thread. A machine is named as its API names it. */
typedef struct {
    LullFreezeUse use;
    /* Is there one? Opens what a freeze needs. UNSUPPORTED: there is not. */
    gboolean (*check)(gpointer data, gint64 patience, GError **error);
    /* Never sent twice. @seconds: of the timer, which begins when the guest is frozen. NOT_FOUND, CONFLICT
     * and DENIED: the guest was not asked; with any other error it may be frozen, now or later. */
    gboolean (*freeze)(gpointer data, const char *ns, const char *name, gint64 seconds, gint64 patience,
                       GError **error);
    /* Stops the timer, too; a guest that is thawed stays so, wherever in the cluster it is. Sent until it is
     * answered. NOT_FOUND: none of that name runs; one that ended may be there still. UNSUPPORTED: nobody is
     * there who could know. */
    gboolean (*unfreeze)(gpointer data, const char *ns, const char *name, gint64 patience, GError **error);
    gpointer data;
} LullFreezeApi;

G_END_DECLS
