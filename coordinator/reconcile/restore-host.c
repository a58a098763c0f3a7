/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-host.h"

static gboolean
run(LullRestorePlace *place, const LullRestoreOrder *order, LullRestoreProgressFunc progress,
    gpointer user_data, GCancellable *cancel, GError **error)
{
    const LullRestoreHost *self = (const LullRestoreHost *)place;
    g_autofree char *owner = g_strconcat("restore ", order->name, NULL);
    gboolean done;

    if (!lull_claims_take(self->claims, order->content_uid, owner, error))
        return FALSE;
    done = self->storage->ops->restore(self->storage, order->content_uid, order->vm_uid, order->uid, progress,
                                       user_data, cancel, error);
    lull_claims_release(self->claims, order->content_uid);
    return done;
}

static gboolean
shut_down(LullRestorePlace *place, const LullRestoreOrder *order, GError **error)
{
    return lull_host_shutdown_vm(((const LullRestoreHost *)place)->host, order->vm_uid, error);
}

static gboolean
start(LullRestorePlace *place, const LullRestoreOrder *order, GError **error)
{
    return lull_host_start_vm(((const LullRestoreHost *)place)->host, order->vm_uid, error);
}

static gboolean
drop(LullRestorePlace *place, const LullRestoreOrder *order, GError **error)
{
    const LullRestoreHost *self = (const LullRestoreHost *)place;

    if (order->content_uid)
        self->storage->ops->drop_restore(self->storage, order->content_uid, order->uid);
    return TRUE;
}

static const LullRestorePlaceOps ops = {&lull_restore_host_rules, run, shut_down, start, drop};

void
lull_restore_host_init(LullRestoreHost *self, LullHost *host, LullStorage *storage, LullClaims *claims)
{
    *self = (LullRestoreHost){{&ops}, host, storage, claims};
}
