/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/cluster/restore-cells.h"

#include "coordinator/cluster/restore-machine.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-work-decide.h"
#include "coordinator/model/meta.h"
#include "tests/lib/objects.h"

static Cell
cell_of(int n)
{
    Cell cell = {0};

    cell.policy = (Policy)(n % POLICIES), n /= POLICIES;
    cell.ownership = (Ownership)(n % OWNERSHIPS), n /= OWNERSHIPS;
    cell.target = (Target)(n % TARGETS), n /= TARGETS;
    cell.kind = (Kind)(n % KINDS), n /= KINDS;
    cell.binding = (Binding)(n % BINDINGS), n /= BINDINGS;
    cell.formerly = (Formerly)n;
    return cell;
}

static const char *const policies[] = {"RandomizeNames", "PrefixTargetName"};
static const char *const ownerships[] = {"Vm", "None"};
static const char *const bindings[] = {"Immediate", "WaitForFirstConsumer"};
static const char *const kinds[] = {
    "{'name':'root','persistentVolumeClaim':{'claimName':'old-root'}}",
    "{'name':'root','dataVolume':{'name':'old-root','hotpluggable':true}}",
    "{'name':'root','dataVolume':{'name':'old-root'}}",
};

static const char *
target_name(const Cell *cell)
{
    return cell->target == NEW ? "moe" : "larry";
}

static LullJson *
make_restore(const Cell *cell)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'back','namespace':'shop','uid':'u-back'},'spec':{'target':{"
                        "'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'%s'},"
                        "'volumeRestorePolicy':'%s','volumeOwnershipPolicy':'%s'}}",
                        target_name(cell), policies[cell->policy], ownerships[cell->ownership]);

    return json(text);
}

/* What a copy cannot have is on machines that come back only. */
static LullJson *
make_content(const Cell *cell)
{
    const char *more =
        cell->target == NEW ? "" : ",{'name':'more','persistentVolumeClaim':{'claimName':'old-more'}}";
    const char *template =
        cell->kind == TEMPLATE ? "'dataVolumeTemplates':[{'metadata':{'name':'old-root'},'spec':{}}]," : "";
    const char *owner = cell->formerly == SOURCE_OWNS
                            ? ",'ownerReferences':[{'kind':'VirtualMachine','name':'larry','uid':'u-larry'}]"
                            : "";
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'c','namespace':'shop','uid':'u-c'},'spec':{'source':{'virtualMachine':{"
        "'metadata':{'name':'larry','uid':'u-larry'},'spec':{'runStrategy':'Always',%s'template':{'spec':{"
        "'domain':{},'volumes':[%s,{'name':'data','persistentVolumeClaim':{'claimName':'old-data'}}%s,"
        "{'name':'dump','memoryDump':{'claimName':'old-dump'}},{'name':'init','cloudInitNoCloud':{}}]}}}}},"
        "'volumeBackups':[{'volumeName':'root','volumeSnapshotName':'vs-root','persistentVolumeClaim':{"
        "'metadata':{'name':'old-root','ownerReferences':[{'kind':'%s','name':'%s','uid':'%s'}]},"
        "'spec':{'storageClassName':'fast'}}},"
        "{'volumeName':'data','volumeSnapshotName':'vs-data','persistentVolumeClaim':{'metadata':{"
        "'name':'old-data'%s},'spec':{'storageClassName':'fast'}}},"
        "{'volumeName':'dump','volumeSnapshotName':'vs-dump','persistentVolumeClaim':{'metadata':{"
        "'name':'old-dump'}}}]}}",
        template, kinds[cell->kind], more, cell->kind == CLAIM ? "VirtualMachine" : "DataVolume",
        cell->kind == CLAIM ? "larry" : "old-root", cell->kind == CLAIM ? "u-larry" : "u-dv", owner);

    return json(text);
}

/* As it is now: it has got another disk since, of a template. */
static LullJson *
make_source(const Cell *cell)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'kubevirt.io/"
        "v1','kind':'VirtualMachine','metadata':{'name':'larry','namespace':'shop',"
        "'uid':'u-larry'},'spec':{'runStrategy':'Manual','dataVolumeTemplates':[%s{'metadata':{'name':"
        "'old-since'}}],'template':{'spec':{'volumes':[%s,{'name':'since','dataVolume':{'name':'old-since'}}]"
        "}}},"
        "'status':{'restoreInProgress':'back','printableStatus':'Stopped'}}",
        cell->kind == TEMPLATE ? "{'metadata':{'name':'old-root'}}," : "", kinds[cell->kind]);

    return json(text);
}

void
world_init(World *self, int n)
{
    g_autofree char *class = NULL;

    *self = (World){.cell = cell_of(n)};
    class = g_strdup_printf("{'metadata':{'name':'fast'},'volumeBindingMode':'%s'}",
                            bindings[self->cell.binding]);
    self->class = json(class);
    self->restore = make_restore(&self->cell);
    self->content = make_content(&self->cell);
    self->source = make_source(&self->cell);
    self->vm = self->cell.target == SAME ? lull_json_dup(self->source) : NULL;
    self->claims = json("{'old-root':{},'old-data':{},'old-more':{},'old-dump':{},'old-since':{}}");
    self->data_volumes =
        json(self->cell.kind == CLAIM ? "{'old-since':{}}" : "{'old-root':{},'old-since':{}}");
    lull_json_take(lull_json_ensure(self->restore, "status"), "restores",
                   lull_restore_plan(self->restore, self->content));
}

void
world_clear(World *self)
{
    json_object_put(self->restore);
    json_object_put(self->content);
    json_object_put(self->vm);
    json_object_put(self->source);
    json_object_put(self->claims);
    json_object_put(self->data_volumes);
    json_object_put(self->surplus);
    json_object_put(self->class);
}

LullJson *
world_plan(const World *self)
{
    return lull_json_array(lull_json_object(self->restore, "status"), "restores");
}

static LullJson *
entry_at(const World *self, guint i)
{
    return json_object_array_get_idx(world_plan(self), i);
}

static const char *
text_of(LullJson *entry, const char *key)
{
    return lull_json_string(entry, key, "");
}

static gboolean
is_bound(LullJson *claim)
{
    return g_str_equal(text_of(lull_json_object(claim, "status"), "phase"), "Bound");
}

/* What is seen of one volume; @ret_snapshot, @ret_volume: the caller's. */
static LullRestoreSight
look(const World *self, LullJson *entry, LullJson **ret_snapshot, LullJson **ret_volume)
{
    LullJson *claim = lull_json_object(self->claims, text_of(entry, "persistentVolumeClaim"));
    g_autofree char *snapshot =
        g_strdup_printf("{'metadata':{'name':'%s','uid':'u'},'status':{'readyToUse':true}}",
                        text_of(entry, "volumeSnapshotName"));
    g_autofree char *volume = g_strdup_printf(
        "{'metadata':{'name':'pv','creationTimestamp':'2026-01-01T00:00:10Z','annotations':{"
        "'pv.kubernetes.io/provisioned-by':'csi'}},'spec':{'csi':{'driver':'csi'},'claimRef':{'uid':'%s'}}}",
        claim ? lull_meta_uid(claim) : "");

    *ret_snapshot = json(snapshot);
    *ret_volume = claim && is_bound(claim) ? json(volume) : NULL;
    return (LullRestoreSight){.entry = entry,
                              .snapshot = *ret_snapshot,
                              .claim = claim,
                              .volume = *ret_volume,
                              .class = self->class,
                              .data_volume =
                                  lull_json_object(self->data_volumes, text_of(entry, "dataVolumeName"))};
}

static LullRestoreWorkStep
next(const World *self)
{
    LullRestoreSight sights[2];
    LullJson *snapshots[2], *volumes[2];
    LullRestoreWorkStep step;

    ck_assert_uint_eq(json_object_array_length(world_plan(self)), 2); /* R35 */
    for (guint i = 0; i < 2; i++)
        sights[i] = look(self, entry_at(self, i), &snapshots[i], &volumes[i]);
    step = lull_restore_work_decide(&(LullRestoreLook){.restore = self->restore,
                                                       .content = self->content,
                                                       .vm = self->vm,
                                                       .sights = sights,
                                                       .n = 2,
                                                       .surplus = self->has_surplus});
    for (guint i = 0; i < 2; i++) {
        json_object_put(snapshots[i]);
        json_object_put(volumes[i]);
    }
    return step;
}

static void
create_claim(World *self, guint i)
{
    LullJson *entry = entry_at(self, i);
    g_autofree char *name = g_strdup(text_of(entry, "persistentVolumeClaim"));
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'%s'},'status':{'restoreSize':'2Gi'}}",
                                            text_of(entry, "volumeSnapshotName"));
    g_autofree char *uid = g_strdup_printf("u-%u", i);
    g_autoptr(LullJson) snapshot = json(text);
    LullJson *claim = lull_restore_claim(self->restore, self->content, entry, snapshot, self->vm);
    LullJson *meta = lull_json_object(claim, "metadata");

    ck_assert_str_eq(lull_meta_name(claim), name);
    ck_assert_ptr_null(lull_json_object(self->claims, name)); /* whoever's */
    lull_json_set_string(meta, "uid", uid);
    lull_json_set_string(meta, "creationTimestamp", "2026-01-01T00:00:10Z");
    lull_json_set_string(lull_json_ensure(claim, "status"), "phase", "Pending");
    lull_json_take(self->claims, name, claim);
}

static void
create_data_volume(World *self, guint i)
{
    const char *name = text_of(entry_at(self, i), "dataVolumeName");
    g_autoptr(LullJson) machine =
        lull_restore_machine(self->restore, self->content, world_plan(self), self->vm, NULL);
    LullJson *made = lull_restore_data_volume(self->restore, machine, name);

    ck_assert_ptr_nonnull(made);
    ck_assert_ptr_null(lull_json_object(self->data_volumes, name));
    /* R17: its claim is there, and for it alone */
    ck_assert_str_eq(lull_meta_annotation(lull_json_object(self->claims, name), LULL_CDI_POPULATED_FOR),
                     name);
    lull_json_take(self->data_volumes, name, made);
}

/* What is to be done by others: claims are bound, where they do not wait for a consumer, DataVolumes take
 * theirs. */
static gboolean
go_on(World *self)
{
    gboolean moved = FALSE;

    json_object_object_foreach(self->claims, name, claim)
    {
        if (self->cell.binding == FIRST_CONSUMER || !lull_restore_made(self->restore, claim) ||
            is_bound(claim))
            continue;
        ck_assert(!g_str_has_prefix(name, "old-"));
        lull_json_set_string(lull_json_object(claim, "status"), "phase", "Bound");
        moved = TRUE;
    }
    json_object_object_foreach(self->data_volumes, dv_name, made)
    {
        if (g_str_has_prefix(dv_name, "old-") || lull_json_object(made, "status"))
            continue;
        lull_json_set_string(lull_json_ensure(made, "status"), "phase",
                             self->cell.binding == FIRST_CONSUMER ? "WaitForFirstConsumer" : "Succeeded");
        moved = TRUE;
    }
    return moved;
}

static void
write_machine(World *self, guint unused)
{
    LullJson *machine = lull_restore_machine(self->restore, self->content, world_plan(self), self->vm, NULL);

    ck_assert_ptr_nonnull(machine);
    for (guint i = 0; i < 2; i++) { /* R10: not before its data are there, or wait for it */
        LullJson *claim = lull_json_object(self->claims, text_of(entry_at(self, i), "persistentVolumeClaim"));

        ck_assert(claim && (is_bound(claim) || self->cell.binding == FIRST_CONSUMER));
    }
    if (self->vm) {
        self->surplus = lull_restore_surplus(self->vm, machine);
        self->has_surplus = json_object_array_length(self->surplus) > 0;
        json_object_put(self->vm);
    } else {
        lull_json_set_string(lull_json_object(machine, "metadata"), "uid", "u-new");
    }
    self->vm = machine;
}

/* With its claim, by garbage collection. */
static void
remove_surplus(World *self, guint unused)
{
    ck_assert_int_eq(self->cell.binding, AT_ONCE);
    self->removed = TRUE;
    for (size_t i = 0; i < json_object_array_length(self->surplus); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(self->surplus, i));

        json_object_object_del(self->data_volumes, name);
        json_object_object_del(self->claims, name);
    }
    self->has_surplus = FALSE;
}

static void
adopt(World *self, guint i)
{
    LullJson *claim = lull_json_object(self->claims, text_of(entry_at(self, i), "persistentVolumeClaim"));
    LullJson *meta = lull_json_object(claim, "metadata");

    ck_assert_ptr_null(lull_json_array(meta, "ownerReferences"));
    lull_json_take(meta, "ownerReferences",
                   lull_meta_owners("kubevirt.io/v1", "VirtualMachine", lull_meta_name(self->vm),
                                    lull_meta_uid(self->vm)));
    json_object_object_del(lull_json_object(meta, "annotations"), LULL_RESTORE_OWNED_BY_VM);
}

/* Whatever is done, what the source and the target have is whole until their data are there. */
static void
assert_nothing_is_lost(const World *self)
{
    static const char *const old[] = {"old-root", "old-data", "old-more", "old-dump", "old-since"};

    for (gsize i = 0; i < G_N_ELEMENTS(old); i++)
        ck_assert_msg(self->removed || lull_json_object(self->claims, old[i]), "%s is gone", old[i]);
    if (self->cell.target == SAME && !lull_restore_made(self->restore, self->vm))
        ck_assert(lull_json_equal(self->vm, self->source));
}

static void
wait_for_others(World *self, guint unused)
{
    ck_assert_msg(go_on(self), "it waits for ever");
}

static void
leave_surplus(World *self, guint unused)
{
    ck_assert_int_eq(self->cell.binding, FIRST_CONSUMER);
    self->has_surplus = FALSE;
}

/* Until its end; each look from the start, as one has it who died and came back. */
void
world_live(World *self)
{
    static void (*const acts[LULL_RESTORE_WORK_N])(World * self, guint i) = {
        [LULL_RESTORE_WORK_WAIT] = wait_for_others,
        [LULL_RESTORE_WORK_CREATE] = create_claim,
        [LULL_RESTORE_WORK_CREATE_DATA_VOLUME] = create_data_volume,
        [LULL_RESTORE_WORK_WRITE_MACHINE] = write_machine,
        [LULL_RESTORE_WORK_ADOPT] = adopt,
        [LULL_RESTORE_WORK_REMOVE_SURPLUS] = remove_surplus,
        [LULL_RESTORE_WORK_LEAVE_SURPLUS] = leave_surplus,
    };

    for (guint steps = 0; steps < 20; steps++) {
        g_auto(LullRestoreWorkStep) step = next(self);

        if (step.verb == LULL_RESTORE_WORK_DONE)
            return;
        ck_assert_msg(acts[step.verb] != NULL, "%s: %s", lull_restore_work_verb_to_string(step.verb),
                      step.words);
        acts[step.verb](self, step.index);
        assert_nothing_is_lost(self);
    }
    ck_abort_msg("it does not end");
}

const char *
world_target(const World *self)
{
    return target_name(&self->cell);
}
