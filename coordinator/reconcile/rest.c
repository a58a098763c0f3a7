/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/rest.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/offline-vm.h"

#define GONE "gone"

void
lull_rest_clear(LullRest *self)
{
    g_clear_pointer(&self->life, g_free);
    g_clear_pointer(&self->problem, g_free);
}

static LullJson *
captured(LullJson *content)
{
    return lull_json_at(content, "spec", "source", "virtualMachine", NULL);
}

gboolean
lull_machine_is(LullJson *vm, LullJson *content)
{
    const char *uid = lull_meta_uid(captured(content));

    return !vm || !uid || g_strcmp0(uid, lull_meta_uid(vm)) == 0;
}

LullRest
lull_rest_of(LullJson *content, LullJson *vm)
{
    LullJson *status = lull_json_object(vm, "status");
    LullRest self = {.end = lull_machine_end(vm)};

    if (!lull_machine_is(vm, content)) {
        self.problem =
            g_strdup_printf("VM %s was deleted, and another one has its name: it is not what this is a "
                            "snapshot of; delete the snapshot, and take another one",
                            lull_meta_name(vm));
        return self;
    }
    self.off = !lull_json_string(status, LULL_MACHINE_NODE, NULL);
    if (self.off)
        self.life = g_strdup(vm ? lull_json_string(status, LULL_MACHINE_LIFE, "") : GONE);
    return self;
}

const char *
lull_rest_broken(const char *life, const LullRest *now)
{
    if (now->off && g_strcmp0(now->life, life) == 0)
        return NULL;
    if (now->problem)
        return "the machine was made again while it was cut as one that is off";
    return now->off
               ? "the machine was started or changed while it was cut as one that is off, and is off again"
               : "the machine was started while it was cut as one that is off";
}

gboolean
lull_rest_look(LullStore *store, LullJson *content, LullRest *ret_rest, GError **error)
{
    const char *name = lull_meta_name(captured(content));
    g_autoptr(LullJson) vm = NULL;

    if (!lull_effect_get(store, &lull_kind_vm, lull_meta_namespace(content), name ? name : "", &vm, error))
        return FALSE;
    *ret_rest = lull_rest_of(content, vm);
    return TRUE;
}
