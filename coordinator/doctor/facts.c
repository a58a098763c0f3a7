/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/facts.h"

static void
vm_facts_free(gpointer data)
{
    LullVmFacts *self = data;

    lull_vm_free(self->vm);
    g_free(self->shell_name);
    g_free(self->agent.name);
    g_free(self->foreign_checkpoint);
    g_free(self->missing);
    g_free(self);
}

LullFacts *
lull_facts_new(void)
{
    LullFacts *self = g_new0(LullFacts, 1);

    self->host.room = -1;
    self->host.intents = g_ptr_array_new_with_free_func(g_free);
    self->vms = g_ptr_array_new_with_free_func(vm_facts_free);
    return self;
}

LullVmFacts *
lull_facts_add_vm(LullFacts *self, LullVm *take_vm)
{
    LullVmFacts *vm = g_new0(LullVmFacts, 1);

    vm->vm = take_vm;
    vm->shell_name = g_shell_quote(take_vm->domain);
    vm->need = -1;
    g_ptr_array_add(self->vms, vm);
    return vm;
}

void
lull_facts_free(LullFacts *self)
{
    if (!self)
        return;
    g_free(self->host.socket);
    g_free(self->host.socket_group);
    g_free(self->host.uri);
    g_free(self->host.coordinator_uri);
    g_free(self->host.usual_uri);
    g_free(self->host.libvirt_problem);
    g_free(self->host.state_dir);
    g_free(self->host.closed);
    g_ptr_array_unref(self->host.intents);
    g_ptr_array_unref(self->vms);
    g_free(self);
}
