/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "tests/unit/reconcile/fake-guest.h"

static GMutex mutex;
static GHashTable *stored; /* "uid" sealed, or "uid.N" an attempt */
static GHashTable *beside; /* restores that left something beside the images -> of which contents */
static GHashTable
    *begun; /* contents -> restores that have begun to put them in place; mutex, as for all sets */
static GHashTable *introduced; /* uids of contents -> the attempt whose cuts are known, as a key, or "" */
static gint users;             /* who works on the disks of the machine just now */
static gint overlaps;

static GHashTable *
table_new(GHashTable *old, GDestroyNotify free_value)
{
    if (old)
        g_hash_table_unref(old);
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_value);
}

void
fake_storage_reset(void)
{
    stored = table_new(stored, NULL);
    beside = table_new(beside, g_free);
    begun = table_new(begun, g_free);
    fake_storage_restart();
    users = overlaps = 0;
}

void
fake_storage_restart(void)
{
    g_mutex_lock(&mutex);
    introduced = table_new(introduced, g_free);
    g_mutex_unlock(&mutex);
}

#define CUT_OF "attempt" /* of an identity: its key */

static void
introduce(LullStorage *self, LullJson *content, guint attempt, LullJson *cuts)
{
    const char *uid = lull_meta_uid(content);
    const char *cut = lull_json_string(lull_json_object(cuts, "vda"), CUT_OF, NULL);

    g_mutex_lock(&mutex);
    if (cut || !g_hash_table_contains(introduced, uid))
        g_hash_table_replace(introduced, g_strdup(uid), g_strdup(cut ? cut : ""));
    g_mutex_unlock(&mutex);
}

static void
forget(LullStorage *self, const char *content_uid)
{
    g_mutex_lock(&mutex);
    g_hash_table_remove(introduced, content_uid);
    g_mutex_unlock(&mutex);
}

guint
fake_introduced(void)
{
    guint n;

    g_mutex_lock(&mutex);
    n = g_hash_table_size(introduced);
    g_mutex_unlock(&mutex);
    return n;
}

/* A uid alone is not enough to find anything by. */
static gboolean
knows(const char *content_uid, GError **error)
{
    gboolean found;

    g_mutex_lock(&mutex);
    found = g_hash_table_contains(introduced, content_uid);
    g_mutex_unlock(&mutex);
    if (!found)
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "%s: never introduced", content_uid);
    return found;
}

/* Nor are names: others may have them by now. */
static gboolean
knows_cut(const char *content_uid, const char *key, GError **error)
{
    g_autofree char *known = NULL;

    g_mutex_lock(&mutex);
    known = g_strdup(g_hash_table_lookup(introduced, content_uid));
    g_mutex_unlock(&mutex);
    if (g_strcmp0(known, key) == 0)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "%s: nobody has told what was cut", key);
    return FALSE;
}

guint
fake_overlaps(void)
{
    return (guint)g_atomic_int_get(&overlaps);
}

/* Cuts and restores of one machine do not go together. */
static void
use_disks(void)
{
    if (g_atomic_int_add(&users, 1) > 0)
        g_atomic_int_inc(&overlaps);
}

static void
leave_disks(void)
{
    g_atomic_int_add(&users, -1);
}

typedef struct {
    LullCut cut;
    char *uid, *key;
    LullJson *rows;
    gboolean good;
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

gboolean
fake_has_begun(const char *content_uid)
{
    gboolean found;

    g_mutex_lock(&mutex);
    found = content_uid ? g_hash_table_contains(begun, content_uid) : g_hash_table_size(begun) > 0;
    g_mutex_unlock(&mutex);
    return found;
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
prepare(LullStorage *self, const LullVm *vm, const char *content_uid, guint attempt, GError **error)
{
    FakeCut *cut = NULL;

    fake_note('s');
    if (fake.busy_storage > 0) {
        fake.busy_storage--;
        if (fake.on_busy)
            fake.on_busy();
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "a merge is under way");
        return NULL;
    }
    if (fake.refuse_storage) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE, "full");
        return NULL;
    }
    cut = g_new0(FakeCut, 1);
    cut->cut.storage = self;
    cut->uid = g_strdup(content_uid);
    cut->key = key_of(content_uid, attempt);
    store_key(cut->key, TRUE);
    use_disks();
    return &cut->cut;
}

static void
forecast(LullCut *cut, LullCutForecast *ret_forecast)
{
    *ret_forecast = fake.forecast;
}

static gboolean
perform_cut(LullCut *cut, const LullCutTerms *terms, GError **error)
{
    fake_note('c');
    fake.terms = *terms;
    if (fake.on_cut)
        fake.on_cut();
    ((FakeCut *)cut)->good = !fake.refuse_cut && !(fake.refuse_held_cut && terms->held);
    if (!((FakeCut *)cut)->good)
        g_set_error(error, LULL_ERROR, fake.cut_error, "no cut");
    return ((FakeCut *)cut)->good;
}

static LullJson *
cut_volumes(LullCut *cut)
{
    FakeCut *self = (FakeCut *)cut;
    LullJson *row = NULL;

    if (self->rows)
        return self->rows;
    self->rows = json_object_new_array();
    row = json_object_new_object();
    lull_json_set_string(row, "name", "vda");
    lull_json_set_string(lull_json_ensure(row, "identity"), CUT_OF, self->key);
    json_object_array_add(self->rows, row);
    return self->rows;
}

static void
cut_free(LullCut *cut)
{
    FakeCut *self = (FakeCut *)cut;

    if (self->good) {
        g_mutex_lock(&mutex);
        g_hash_table_replace(introduced, g_strdup(self->uid), g_strdup(self->key));
        g_mutex_unlock(&mutex);
    }
    leave_disks();
    lull_json_put(self->rows);
    g_free(self->uid);
    g_free(self->key);
    g_free(self);
}

static gboolean
poll_copy(LullStorage *self, const char *vm_uid, const char *content_uid, guint attempt,
          LullCopyProgress *ret_progress, GError **error)
{
    g_autofree char *key = key_of(content_uid, attempt);

    g_atomic_int_inc(&fake.polls);
    if (!knows(content_uid, error) || !knows_cut(content_uid, key, error))
        return FALSE;
    if (fake.fail_poll > 0) {
        fake.fail_poll--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "libvirt is away");
        return FALSE;
    }
    if (fake.lose_copy != LULL_COPY_RUNNING) {
        ret_progress->state = fake.lose_copy;
        ret_progress->problem = g_strdup("the copy was lost");
        return TRUE;
    }
    if (g_atomic_int_get(&fake.copying))
        return TRUE;
    ret_progress->state = is_stored(key) || is_stored(content_uid) ? LULL_COPY_DONE : LULL_COPY_ABSENT;
    ret_progress->sealed = fake.copies_by_itself && ret_progress->state == LULL_COPY_DONE;
    if (ret_progress->sealed) {
        store_key(content_uid, TRUE);
        store_key(key, FALSE);
    }
    return TRUE;
}

static gboolean
seal(LullStorage *self, const char *content_uid, guint attempt, LullJson *content, GCancellable *cancel,
     GError **error)
{
    g_autofree char *key = key_of(content_uid, attempt);

    if (!knows(content_uid, error) || !knows_cut(content_uid, key, error))
        return FALSE;
    if (fake.fail_seal > 0) {
        fake.fail_seal--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE, "full");
        return FALSE;
    }
    fake_note('S');
    store_key(content_uid, TRUE);
    store_key(key, FALSE);
    return TRUE;
}

/* @content_uid NULL: nothing is any more. */
static void
set_beside(const char *restore_uid, const char *content_uid)
{
    g_mutex_lock(&mutex);
    if (content_uid)
        g_hash_table_replace(beside, g_strdup(restore_uid), g_strdup(content_uid));
    else
        g_hash_table_remove(beside, restore_uid);
    g_mutex_unlock(&mutex);
}

static gboolean
is_of(gpointer restore_uid, gpointer of, gpointer content_uid)
{
    return g_str_equal(of, content_uid);
}

static void
clear_beside(const char *content_uid)
{
    g_mutex_lock(&mutex);
    g_hash_table_foreach_remove(beside, is_of, (gpointer)content_uid);
    g_mutex_unlock(&mutex);
}

static gboolean
remove_data(LullStorage *self, const char *vm_uid, const char *content_uid, guint attempt,
            GCancellable *cancel, GError **error)
{
    if (!knows(content_uid, error))
        return FALSE;
    if (fake.fail_remove > 0) {
        fake.fail_remove--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "in use");
        return FALSE;
    }
    if (!attempt && (fake_has_begun(content_uid) || g_atomic_int_get(&users) > 0)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "it is being put in place");
        return FALSE;
    }
    if (!attempt)
        clear_beside(content_uid);
    fake_note('r');
    for (guint i = attempt; i <= (attempt ? attempt : 1000); i++) {
        g_autofree char *key = key_of(content_uid, i);

        store_key(key, FALSE);
    }
    return TRUE;
}

static gboolean
check(LullStorage *self, const char *content_uid, GPtrArray **ret_volumes, GError **error)
{
    *ret_volumes = g_ptr_array_new();
    if (!knows(content_uid, error))
        return FALSE;
    if ((is_stored(content_uid) && !fake.miss_data) || fake.find_data)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "vda.qcow2 is gone");
    return FALSE;
}

guint
fake_beside(void)
{
    guint n = 0;

    g_mutex_lock(&mutex);
    n = g_hash_table_size(beside);
    g_mutex_unlock(&mutex);
    return n;
}

static void
set_begun(const char *content_uid, const char *restore_uid)
{
    g_mutex_lock(&mutex);
    g_hash_table_replace(begun, g_strdup(content_uid), g_strdup(restore_uid));
    g_mutex_unlock(&mutex);
}

static void
set_over(const char *content_uid, const char *restore_uid)
{
    g_mutex_lock(&mutex);
    if (g_strcmp0(g_hash_table_lookup(begun, content_uid), restore_uid) == 0)
        g_hash_table_remove(begun, content_uid);
    g_mutex_unlock(&mutex);
}

/* Copies a little while. Its end, the swap, is never under a machine that runs. */
static gboolean
restore_data(const char *content_uid, const char *restore_uid,
             void (*progress)(guint permille, gpointer user_data), gpointer user_data, GCancellable *cancel,
             GError **error)
{
    for (guint permille = 0; permille < 1000; permille += 250) {
        if (permille == 500 && is_stored(content_uid))
            set_begun(content_uid, restore_uid);
        progress(permille, user_data);
        do
            g_usleep(20);
        while (g_atomic_int_get(&fake.putting) && !g_cancellable_is_cancelled(cancel));
        if (g_cancellable_set_error_if_cancelled(cancel, error))
            return FALSE;
    }
    if (!is_stored(content_uid))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "its data is gone");
    else if (g_atomic_int_get(&fake.state) != LULL_VM_STOPPED)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "it runs");
    else if (fake.fail_restore > 0 && fake.fail_restore-- > 0)
        g_set_error(error, LULL_ERROR, fake.restore_error, "cannot be put in place");
    else
        return TRUE;
    return FALSE;
}

static gboolean
restore(LullStorage *self, const char *content_uid, const char *vm_uid, const char *restore_uid,
        void (*progress)(guint permille, gpointer user_data), gpointer user_data, GCancellable *cancel,
        GError **error)
{
    gboolean done = FALSE;

    fake_note('R');
    use_disks();
    if (is_stored(content_uid))
        set_beside(restore_uid, content_uid);
    done = restore_data(content_uid, restore_uid, progress, user_data, cancel, error);
    leave_disks();
    if (!done)
        return FALSE;
    set_beside(restore_uid, NULL);
    set_over(content_uid, restore_uid);
    fake_note('D');
    return TRUE;
}

static gboolean
drop_restore(LullStorage *self, const char *content_uid, const char *restore_uid, GError **error)
{
    set_beside(restore_uid, NULL);
    set_over(content_uid, restore_uid);
    return TRUE;
}

LullStorage *
fake_storage(void)
{
    static LullStorageOps ops = {.introduce = introduce,
                                 .forget = forget,
                                 .prepare = prepare,
                                 .forecast = forecast,
                                 .cut = perform_cut,
                                 .cut_volumes = cut_volumes,
                                 .cut_free = cut_free,
                                 .poll = poll_copy,
                                 .seal = seal,
                                 .remove = remove_data,
                                 .restore = restore,
                                 .drop_restore = drop_restore,
                                 .check = check};
    static LullStorage storage = {&ops};

    ops.atomic = !fake.separate_cuts;
    ops.named_by_attempt = fake.named_by_attempt;
    ops.copies_by_itself = fake.copies_by_itself;
    return &storage;
}
