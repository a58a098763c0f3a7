/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-host.h"

#include "coordinator/reconcile/restore-host-new.h"

/* As the rules say what uid it is to have. */
static gboolean
is_new(const LullRestoreOrder *order)
{
    return g_strcmp0(order->vm_uid, order->uid) == 0;
}

static gboolean
make_new(const LullRestoreHost *self, const LullRestoreOrder *order, LullRestoreProgressFunc progress,
         gpointer user_data, GCancellable *cancel, GError **error)
{
    g_autoptr(LullJson) files = lull_restore_host_files(order->restore);
    const LullNewMachine wanted = {
        .name = order->target,
        .files = files,
        .patches = lull_json_array(lull_json_object(order->restore, "spec"), "patches"),
    };

    return self->storage->ops->restore_new(self->storage, order->content_uid, &wanted, order->uid, progress,
                                           user_data, cancel, error);
}

/* Many may be made of one content at once; the storage puts in a row what has to be. */
static gboolean
run(LullRestorePlace *place, const LullRestoreOrder *order, LullRestoreProgressFunc progress,
    gpointer user_data, GCancellable *cancel, GError **error)
{
    const LullRestoreHost *self = (const LullRestoreHost *)place;
    g_autofree char *owner = g_strconcat("restore ", order->name, NULL);
    gboolean done;

    if (!lull_claims_share(self->claims, order->content_uid, owner, error)) {
        g_prefix_error(error, "the snapshot's data: ");
        return FALSE;
    }
    if (is_new(order))
        done = make_new(self, order, progress, user_data, cancel, error);
    else
        done = self->storage->ops->restore(self->storage, order->content_uid, order->vm_uid, order->uid,
                                           progress, user_data, cancel, error);
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
drop(LullRestorePlace *place, const LullRestoreOrder *order, gboolean *ret_between, GError **error)
{
    *ret_between = FALSE;
    const LullRestoreHost *self = (const LullRestoreHost *)place;

    return !order->content_uid ||
           self->storage->ops->drop_restore(self->storage, order->content_uid, order->uid, error);
}

static guint64
size(LullRestorePlace *place, const LullRestoreOrder *order)
{
    LullStorage *storage = ((const LullRestoreHost *)place)->storage;

    return storage->ops->stored_bytes ? storage->ops->stored_bytes(storage, order->content_uid) : 0;
}

static const LullRestorePlaceOps ops = {&lull_restore_host_rules, run, shut_down, start, drop, size};

void
lull_restore_host_init(LullRestoreHost *self, LullHost *host, LullStorage *storage, LullClaims *claims)
{
    *self = (LullRestoreHost){{&ops}, host, storage, claims};
}
