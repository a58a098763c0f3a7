/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-volumes.h"

#include "coordinator/model/volumes.h"
#include "protocol/error.h"
#include "protocol/names.h"

static LullVmVolume *
find_volume(const LullVm *vm, const char *name)
{
    for (guint i = 0; i < vm->volumes->len; i++) {
        LullVmVolume *volume = vm->volumes->pdata[i];

        if (g_str_equal(volume->name, name))
            return volume;
    }
    return NULL;
}

#define BY_USER "left out by the snapshot's annotation " LULL_ANNOTATION_EXCLUDE

static gboolean
exclude_tpm(LullVm *vm, const char *name)
{
    g_autofree char *its = lull_volume_of_tpm(vm->name);

    if (!vm->tpm || !g_str_equal(its, name))
        return FALSE;
    g_free(vm->tpm);
    vm->tpm = g_strdup(BY_USER);
    return TRUE;
}

/* Marks the volumes named as left out. */
static gboolean
exclude(LullVm *vm, const char *const *names, GError **error)
{
    for (gsize i = 0; names && names[i]; i++) {
        LullVmVolume *volume = find_volume(vm, names[i]);

        if (!volume && exclude_tpm(vm, names[i]))
            continue;
        if (!volume) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: VM %s has no volume \"%s\"",
                        LULL_ANNOTATION_EXCLUDE, vm->name, names[i]);
            return FALSE;
        }
        if (!volume->excluded)
            volume->excluded = g_strdup(BY_USER);
    }
    return TRUE;
}

static void
set_gone(const LullVm *vm, const char *name, const char *why, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "VM %s: volume \"%s\" cannot be saved any more: %s: plug it in again, or delete the "
                "snapshot and take another one",
                vm->name, name, why);
}

/* One that was unplugged since would be called saved, and is not. */
static gboolean
check_promised(const LullVm *vm, const char *const *names, GError **error)
{
    for (gsize i = 0; names && names[i]; i++) {
        const LullVmVolume *volume = find_volume(vm, names[i]);

        if (volume && !volume->excluded)
            continue;
        set_gone(vm, names[i], volume ? volume->excluded : "it is gone", error);
        return FALSE;
    }
    return TRUE;
}

/* One that was plugged in since was not asked for, and nothing would tell that it was saved. */
static void
leave_out_unpromised(LullVm *vm, const char *const *names, const char *reason)
{
    for (guint i = 0; names && i < vm->volumes->len; i++) {
        LullVmVolume *volume = vm->volumes->pdata[i];

        if (!volume->excluded && !g_strv_contains(names, volume->name))
            volume->excluded = g_strdup(reason);
    }
}

gboolean
lull_attempt_choose_volumes(LullVm *vm, const char *const *exclude_names, const char *const *promised,
                            GError **error)
{
    if (!exclude(vm, exclude_names, error))
        return FALSE;
    leave_out_unpromised(vm, promised, "it came after the snapshot had been asked for");
    return check_promised(vm, promised, error);
}

gboolean
lull_attempt_choose_promised(LullVm *vm, const char *const *promised, GError **error)
{
    g_autofree char *state = lull_volume_of_tpm(vm->name);

    leave_out_unpromised(vm, promised, "it is not among the volumes that the content promises");
    for (gsize i = 0; promised && promised[i]; i++)
        if (!find_volume(vm, promised[i]) && !g_str_equal(promised[i], state)) {
            set_gone(vm, promised[i], "it is gone", error);
            return FALSE;
        }
    return TRUE;
}

GPtrArray *
lull_attempt_cut_disks(const LullVm *vm)
{
    GPtrArray *disks = g_ptr_array_new();

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];

        if (!volume->excluded && volume->disk)
            g_ptr_array_add(disks, volume->disk);
    }
    g_ptr_array_add(disks, NULL);
    return disks;
}

gboolean
lull_attempt_has_volumes(const LullVm *vm)
{
    for (guint i = 0; i < vm->volumes->len; i++)
        if (!((const LullVmVolume *)vm->volumes->pdata[i])->excluded)
            return TRUE;
    return FALSE;
}
