/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/reconcile/fake-guest.h"

#include <string.h>

#include "coordinator/guest/host.h"

Fake fake;

static GMutex mutex;
static GString *story;
static gboolean frozen;

struct _LullGuestHold {
    LullGuestHoldFacts facts;
    GCancellable *over;
};

void
fake_note(char letter)
{
    g_mutex_lock(&mutex);
    g_string_append_c(story, letter);
    g_mutex_unlock(&mutex);
}

void
fake_reset(void)
{
    memset(&fake, 0, sizeof fake);
    fake.state = LULL_VM_RUNNING;
    fake.agent = LULL_AGENT_LULL;
    fake.witness = LULL_WITNESS_QUIET;
    frozen = FALSE;
    if (story)
        g_string_free(story, TRUE);
    story = g_string_new(NULL);
    fake_storage_reset();
}

const char *
fake_story(void)
{
    static char *told;

    g_mutex_lock(&mutex);
    g_free(told);
    told = g_strdup(story->str);
    g_mutex_unlock(&mutex);
    return told;
}

gboolean
fake_is_frozen(void)
{
    return frozen;
}

/* The host */

static LullVmVolume *
volume_new(const char *name)
{
    LullVmVolume *volume = g_new0(LullVmVolume, 1);

    volume->name = g_strdup(name);
    volume->disk = g_strdup(name);
    return volume;
}

static void
volume_free(gpointer data)
{
    LullVmVolume *volume = data;

    g_free(volume->name);
    g_free(volume->disk);
    g_free(volume->excluded);
    g_free(volume);
}

GPtrArray *
lull_vm_volumes_new(void)
{
    return g_ptr_array_new_with_free_func(volume_free);
}

void
lull_vm_free(LullVm *self)
{
    if (!self)
        return;
    g_ptr_array_unref(self->volumes);
    g_free(self->tpm);
    g_free(self->name);
    g_free(self->uid);
    g_free(self);
}

LullVm *
lull_host_find_vm_by_uid(LullHost *self, const char *uid, GError **error)
{
    LullVm *vm = NULL;

    if (fake.gone) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "larry is gone");
        return NULL;
    }
    vm = g_new0(LullVm, 1);
    vm->name = g_strdup("larry");
    vm->uid = g_strdup(uid);
    vm->state = (LullVmState)g_atomic_int_get(&fake.state);
    vm->end = fake.end;
    vm->tpm = g_strdup(fake.tpm);
    vm->volumes = lull_vm_volumes_new();
    g_ptr_array_add(vm->volumes, volume_new("vda"));
    g_ptr_array_add(vm->volumes, volume_new("vdb"));
    return vm;
}

LullVm *
lull_host_find_vm(LullHost *self, const char *name, GError **error)
{
    if (g_str_equal(name, "larry"))
        return lull_host_find_vm_by_uid(self, "v1", error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "virtualmachines.kubevirt.io \"%s\" not found",
                name);
    return NULL;
}

gboolean
lull_host_shutdown_vm(LullHost *self, const char *uid, GError **error)
{
    if (fake.fail_shut_down > 0) {
        fake.fail_shut_down--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "libvirt is away");
        return FALSE;
    }
    fake_note('o');
    g_atomic_int_set(&fake.asked, !g_atomic_int_get(&fake.deaf));
    return TRUE;
}

gboolean
lull_host_start_vm(LullHost *self, const char *uid, GError **error)
{
    if (fake.refuse_start) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "no memory for it");
        return FALSE;
    }
    fake_note('O');
    g_atomic_int_set(&fake.state, LULL_VM_RUNNING);
    return TRUE;
}

/* The hold */

LullGuestHold *
lull_guest_hold_new(LullHost *host, const LullVm *vm, const char *op, GError **error)
{
    LullGuestHold *self = NULL;

    fake_note('h');
    if (fake.refuse_hold) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "libvirt is away");
        return NULL;
    }
    self = g_new0(LullGuestHold, 1);
    self->facts.agent = fake.agent;
    self->facts.agent_name = fake.agent ? (char *)"fake 1" : NULL;
    self->facts.filesystems = json_object_new_array();
    self->facts.writers = json_object_new_array();
    self->over = g_cancellable_new();
    return self;
}

GCancellable *
lull_guest_hold_over(LullGuestHold *self)
{
    return self->over;
}

const char *
lull_guest_hold_leaves(const LullGuestHold *self)
{
    return fake.leaves;
}

gboolean
lull_guest_hold_prepare(LullGuestHold *self, gint64 budget_usec)
{
    fake_note('p');
    self->facts.hold_budget = fake.hold_budget;
    if (fake.refuse_prepare)
        self->facts.problem = (char *)"vetoed";
    if (fake.on_prepared)
        fake.on_prepared();
    return !fake.refuse_prepare;
}

gboolean
lull_guest_hold_freeze(LullGuestHold *self, gint64 lease_usec, gint64 total_usec)
{
    fake_note('f');
    self->facts.attempted = TRUE;
    self->facts.frozen = !fake.refuse_freeze;
    self->facts.nothing = fake.nothing;
    if (fake.refuse_freeze)
        self->facts.problem = (char *)"refused";
    frozen = self->facts.frozen;
    if (frozen && fake.on_frozen)
        fake.on_frozen();
    return self->facts.frozen;
}

void
lull_guest_hold_read_rows(LullGuestHold *self)
{
    (void)self;
}

void
lull_guest_hold_thaw(LullGuestHold *self, gint64 budget_usec)
{
    fake_note('t');
    self->facts.unconfirmed = fake.unconfirmed;
    frozen = frozen && fake.unconfirmed;
    self->facts.held = self->facts.frozen && !fake.break_hold && !fake.unconfirmed;
    if (!self->facts.held)
        self->facts.broken = (char *)"foreign thaw";
}

const LullGuestHoldFacts *
lull_guest_hold_facts(const LullGuestHold *self)
{
    return &self->facts;
}

void
lull_guest_hold_free(LullGuestHold *self)
{
    if (!self)
        return;
    json_object_put(self->facts.filesystems);
    json_object_put(self->facts.writers);
    g_object_unref(self->over);
    g_free(self);
}

static char recovered[128];

const char *
fake_recovered(void)
{
    return recovered;
}

gboolean
lull_guest_hold_recover(LullHost *host, const LullGuestLeft *left, gint64 budget_usec, GError **error)
{
    fake_note('t');
    if (g_atomic_int_compare_and_exchange(&fake.stuck, 1, 2))
        while (g_atomic_int_get(&fake.stuck))
            g_usleep(1000);
    (void)g_snprintf(recovered, sizeof recovered, "%s, %s/%s", left->where, left->ns ? left->ns : "",
                     left->name);
    frozen = FALSE;
    return TRUE;
}

/* The witness */

struct _LullWitness {
    gboolean first, second;
};

LullWitness *
lull_witness_new(LullHost *host, const LullVm *vm, GError **error)
{
    if (fake.refuse_witness) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "no connection for it");
        return NULL;
    }
    return g_new0(LullWitness, 1);
}

gboolean
lull_witness_read_first(LullWitness *self, GError **error)
{
    fake_note('1');
    self->first = !fake.refuse_first;
    if (!self->first)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "no answer");
    return self->first;
}

gboolean
lull_witness_read_second(LullWitness *self, GError **error)
{
    fake_note('2');
    self->second = !fake.refuse_second;
    if (!self->second)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "no answer");
    return self->second;
}

LullWitnessVerdict
lull_witness_verdict(const LullWitness *self, const char *const *disks)
{
    return self->first && self->second ? fake.witness : LULL_WITNESS_NONE;
}

const char *
lull_witness_to_string(LullWitnessVerdict verdict)
{
    return verdict == LULL_WITNESS_QUIET ? "quiet" : verdict == LULL_WITNESS_NOISY ? "noisy" : "none";
}

void
lull_witness_free(LullWitness *self)
{
    g_free(self);
}
