/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/reconcile/fake-guest.h"

#include <string.h>

#include "coordinator/guest/host.h"
#include "protocol/error.h"

Fake fake;

static GMutex mutex;
static GString *story;
static gboolean frozen;
static GHashTable *stored; /* "uid" sealed, or "uid.N" an attempt */

struct _LullGuestHold {
    LullGuestHoldFacts facts;
};

static void
note(char letter)
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
    if (stored)
        g_hash_table_unref(stored);
    stored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

const char *
fake_story(void)
{
    return story->str;
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

void
lull_vm_free(LullVm *self)
{
    if (!self)
        return;
    g_ptr_array_unref(self->volumes);
    g_free(self->name);
    g_free(self->uid);
    g_free(self);
}

LullVm *
lull_host_find_vm_by_uid(LullHost *self, const char *uid, GError **error)
{
    LullVm *vm = g_new0(LullVm, 1);

    vm->name = g_strdup("larry");
    vm->uid = g_strdup(uid);
    vm->state = fake.state;
    vm->end = fake.end;
    vm->volumes = g_ptr_array_new_with_free_func(volume_free);
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
    return TRUE;
}

/* The hold */

LullGuestHold *
lull_guest_hold_new(LullHost *host, const LullVm *vm, const char *op, GError **error)
{
    LullGuestHold *self = g_new0(LullGuestHold, 1);

    note('h');
    self->facts.agent = fake.agent;
    self->facts.agent_name = fake.agent ? (char *)"fake 1" : NULL;
    self->facts.filesystems = json_object_new_array();
    self->facts.writers = json_object_new_array();
    return self;
}

gboolean
lull_guest_hold_prepare(LullGuestHold *self, gint64 budget_usec)
{
    note('p');
    if (fake.refuse_prepare)
        self->facts.problem = (char *)"vetoed";
    return !fake.refuse_prepare;
}

gboolean
lull_guest_hold_freeze(LullGuestHold *self, gint64 lease_usec, gint64 total_usec)
{
    note('f');
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
    note('t');
    frozen = FALSE;
    self->facts.held = self->facts.frozen && !fake.break_hold;
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
    g_free(self);
}

gboolean
lull_guest_hold_recover(LullHost *host, const char *vm_uid, const char *op, LullAgentKind agent,
                        gint64 budget_usec, GError **error)
{
    note('t');
    frozen = FALSE;
    return TRUE;
}

/* The witness */

struct _LullWitness {
    int unused;
};

LullWitness *
lull_witness_new(LullHost *host, const LullVm *vm, GError **error)
{
    return g_new0(LullWitness, 1);
}

gboolean
lull_witness_read_first(LullWitness *self, GError **error)
{
    note('1');
    return TRUE;
}

gboolean
lull_witness_read_second(LullWitness *self, GError **error)
{
    note('2');
    return TRUE;
}

LullWitnessVerdict
lull_witness_verdict(const LullWitness *self, const char *const *disks)
{
    return fake.witness;
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

/* The storage */

typedef struct {
    LullCut cut;
    char *key;
} FakeCut;

static char *
key_of(const char *uid, guint attempt)
{
    return attempt ? g_strdup_printf("%s.%u", uid, attempt) : g_strdup(uid);
}

static gboolean
is_stored(const char *key)
{
    gboolean found = FALSE;

    g_mutex_lock(&mutex);
    found = g_hash_table_contains(stored, key);
    g_mutex_unlock(&mutex);
    return found;
}

static void
store_key(const char *key, gboolean present)
{
    g_mutex_lock(&mutex);
    if (present)
        g_hash_table_add(stored, g_strdup(key));
    else
        g_hash_table_remove(stored, key);
    g_mutex_unlock(&mutex);
}

static guint
count(gboolean sealed_only)
{
    GHashTableIter iter;
    gpointer key = NULL;
    guint n = 0;

    g_mutex_lock(&mutex);
    g_hash_table_iter_init(&iter, stored);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        n += !sealed_only || !strchr(key, '.');
    g_mutex_unlock(&mutex);
    return n;
}

guint
fake_stored(void)
{
    return count(FALSE);
}

guint
fake_sealed(void)
{
    return count(TRUE);
}

static LullCut *
prepare(LullStorage *self, const LullVm *vm, const char *content_uid, guint attempt, gint64 ahead_until,
        GCancellable *cancel, GError **error)
{
    FakeCut *cut = NULL;

    note('s');
    fake.ahead_until = ahead_until;
    if (fake.refuse_storage) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE, "full");
        return NULL;
    }
    cut = g_new0(FakeCut, 1);
    cut->cut.storage = self;
    cut->key = key_of(content_uid, attempt);
    store_key(cut->key, TRUE);
    return &cut->cut;
}

static gboolean
perform_cut(LullCut *cut, GError **error)
{
    note('c');
    if (fake.refuse_cut)
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "no cut");
    return !fake.refuse_cut;
}

static void
cut_free(LullCut *cut)
{
    g_free(((FakeCut *)cut)->key);
    g_free(cut);
}

static gboolean
poll_copy(LullStorage *self, const char *vm_uid, const char *content_uid, guint attempt,
          LullCopyProgress *ret_progress, GError **error)
{
    g_autofree char *key = key_of(content_uid, attempt);

    if (fake.fail_poll > 0) {
        fake.fail_poll--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "libvirt is away");
        return FALSE;
    }
    ret_progress->state = is_stored(key) || is_stored(content_uid) ? LULL_COPY_DONE : LULL_COPY_ABSENT;
    return TRUE;
}

static gboolean
seal(LullStorage *self, const char *content_uid, guint attempt, LullJson *content, GCancellable *cancel,
     GError **error)
{
    g_autofree char *key = key_of(content_uid, attempt);

    if (fake.fail_seal > 0) {
        fake.fail_seal--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE, "full");
        return FALSE;
    }
    note('S');
    store_key(content_uid, TRUE);
    store_key(key, FALSE);
    return TRUE;
}

static gboolean
remove_data(LullStorage *self, const char *vm_uid, const char *content_uid, guint attempt,
            GCancellable *cancel, GError **error)
{
    if (fake.fail_remove > 0) {
        fake.fail_remove--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "in use");
        return FALSE;
    }
    note('r');
    for (guint i = attempt; i <= (attempt ? attempt : 1000); i++) {
        g_autofree char *key = key_of(content_uid, i);

        store_key(key, FALSE);
    }
    return TRUE;
}

static gboolean
check(LullStorage *self, const char *content_uid, GPtrArray **ret_volumes, GError **error)
{
    if (is_stored(content_uid))
        return TRUE;
    *ret_volumes = g_ptr_array_new();
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "vda.qcow2 is gone");
    return FALSE;
}

LullStorage *
fake_storage(void)
{
    static LullStorageOps ops = {.prepare = prepare,
                                 .cut = perform_cut,
                                 .cut_free = cut_free,
                                 .poll = poll_copy,
                                 .seal = seal,
                                 .remove = remove_data,
                                 .check = check};
    static LullStorage storage = {&ops};

    ops.atomic = !fake.separate_cuts;
    return &storage;
}

void
lull_copy_progress_clear(LullCopyProgress *self)
{
    g_clear_pointer(&self->problem, g_free);
}
