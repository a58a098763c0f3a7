/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/chain-plan.h"

#include "coordinator/storage/checkpoint.h"
#include "coordinator/storage/header.h"
#include "coordinator/storage/lineage.h"

void
lull_chain_plan_free(LullChainPlan *self)
{
    if (!self)
        return;
    g_free(self->parent);
    g_free(self->base);
    g_free(self->checkpoint);
    g_free(self->kinds);
    g_free(self->bytes);
    g_free(self);
}

static LullChainPlan *
plan_new(const LullVm *vm)
{
    LullChainPlan *self = g_new0(LullChainPlan, 1);

    self->kinds = g_new0(LullChainKind, vm->volumes->len + 1);
    self->bytes = g_new0(guint64, vm->volumes->len + 1);
    for (guint i = 0; i < vm->volumes->len; i++)
        self->n += ((LullVmVolume *)vm->volumes->pdata[i])->excluded ? 0 : 1;
    return self;
}

/* Nothing depends on their going; they cost the guest a little with every write. */
static void
tidy(LullDomain *domain, const LullVm *vm, const char *keep)
{
    g_autoptr(GError) problem = NULL;

    if (!lull_checkpoint_remove(domain, LULL_CHECKPOINT_PREFIX, keep, &problem))
        g_warning("%s: a checkpoint that is of no use any more stays: %s", vm->name, problem->message);
}

static gboolean
made_checkpoint(GPtrArray *members)
{
    for (guint i = 0; i < members->len; i++) {
        const LullMember *member = members->pdata[i];

        if (!member->attempt && lull_json_string(member->json, "checkpoint", NULL))
            return TRUE;
    }
    return FALSE;
}

/* What cannot be read is taken for one that can: the cut would tell. */
static gboolean
is_old_format(const LullVmVolume *volume)
{
    LullImageHeader header = {0};

    return g_str_equal(volume->format, "qcow2") && lull_image_header_read(volume->path, &header) &&
           header.is_old;
}

/* Those whose bitmaps can be relied on; none where libvirt cannot tell. */
static GHashTable *
read_sizes(LullDomain *domain, const LullVm *vm, const char *checkpoint)
{
    g_autoptr(GError) problem = NULL;
    GHashTable *sizes = checkpoint ? lull_checkpoint_sizes(domain, checkpoint, &problem) : NULL;

    if (problem)
        g_message("%s: %s", vm->name, problem->message);
    return sizes ? sizes : lull_checkpoint_sizes_of("");
}

static void
decide_volumes(LullChainPlan *self, const LullVm *vm, const LullChainFacts *facts, LullJson *parent,
               GHashTable *sizes, const guint64 *capacities, const guint64 *allocated)
{
    guint n = 0;

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];
        LullJson *before = parent ? lull_lineage_volume(parent, volume->name) : NULL;
        const gint64 *changed = g_hash_table_lookup(sizes, volume->disk);
        LullChainVolume one;

        if (volume->excluded)
            continue;
        one = (LullChainVolume){
            .qcow2 = g_str_equal(volume->format, "qcow2"),
            .old_format = is_old_format(volume),
            .in_parent = before != NULL,
            .same_size = before && (guint64)lull_json_int(before, "capacity", -1) == capacities[n],
            .has_bitmap = changed != NULL,
        };
        self->kinds[n] = lull_chain_decide(facts, &one);
        self->bytes[n] =
            self->kinds[n] == LULL_CHAIN_INCREMENTAL && changed ? (guint64)*changed : allocated[n];
        n++;
    }
}

static void
conclude(LullChainPlan *self, const LullMember *parent, const char *content_uid, guint attempt)
{
    gboolean records = FALSE;
    gboolean incremental = FALSE;

    for (guint i = 0; i < self->n; i++) {
        records |= lull_chain_records(self->kinds[i]);
        incremental |= self->kinds[i] == LULL_CHAIN_INCREMENTAL;
    }
    if (records)
        self->checkpoint = lull_checkpoint_name(content_uid, attempt);
    if (!incremental || !parent)
        return;
    self->parent = g_strdup(parent->uid);
    self->base = g_strdup(lull_json_string(parent->json, "checkpoint", NULL));
}

/* What there is to be based on. */
static const LullMember *
look(LullChainFacts *facts, GPtrArray *members, GPtrArray *checkpoints, const char *content_uid)
{
    const LullMember *parent = lull_lineage_leaf(members, checkpoints, content_uid);

    facts->has_parent = parent != NULL;
    facts->had_parent = made_checkpoint(members);
    facts->has_checkpoint = checkpoints->len > 0;
    facts->being_made = lull_lineage_is_being_made(members, content_uid);
    facts->length = parent ? lull_lineage_length(members, parent->uid) : 0;
    return parent;
}

LullChainPlan *
lull_chain_plan_new(LullDomain *domain, const LullVm *vm, const char *directory, const guint64 *capacities,
                    const guint64 *allocated, const char *content_uid, guint attempt, gboolean distrusted,
                    GError **error)
{
    g_autoptr(LullChainPlan) self = plan_new(vm);
    g_autoptr(GPtrArray) checkpoints = lull_checkpoint_list(domain, error);
    g_autoptr(GPtrArray) members = NULL;
    g_autoptr(GHashTable) sizes = NULL;
    const LullMember *parent = NULL;
    const char *base = NULL;
    LullChainFacts facts = {
        .wanted = vm->incremental, .stopped = vm->state == LULL_VM_STOPPED, .distrusted = distrusted};

    if (!checkpoints)
        return NULL;
    if (facts.wanted) {
        members = lull_lineage_read(directory, vm->uid, error);
        if (!members)
            return NULL;
        parent = look(&facts, members, checkpoints, content_uid);
        base = parent ? lull_json_string(parent->json, "checkpoint", NULL) : NULL;
    }
    sizes = read_sizes(domain, vm, facts.stopped ? NULL : base);
    decide_volumes(self, vm, &facts, parent ? parent->json : NULL, sizes, capacities, allocated);
    conclude(self, parent, content_uid, attempt);
    if (!facts.stopped && checkpoints->len > (base ? 1 : 0))
        tidy(domain, vm, base);
    return g_steal_pointer(&self);
}

char *
lull_chain_plan_checkpoint_xml(const LullChainPlan *self, const LullVm *vm)
{
    g_autoptr(GPtrArray) disks = g_ptr_array_new();
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    guint n = 0;

    if (!self->checkpoint)
        return NULL;
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];
        const gboolean records = !volume->excluded && lull_chain_records(self->kinds[n++]);

        g_ptr_array_add(records ? disks : others, volume->disk);
    }
    g_ptr_array_add(disks, NULL);
    g_ptr_array_add(others, NULL);
    return lull_checkpoint_xml(self->checkpoint, (const char *const *)disks->pdata,
                               (const char *const *)others->pdata);
}
