/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/hold.h"
#include "coordinator/guest/line.h"
#include "protocol/error.h"

/* All disks at once: libvirt's name for their sum. */
#define ALL_DISKS ""

typedef struct {
    gboolean present;
    long long writes;
    long long flushes;
    long long bytes;
} Counters;

typedef struct {
    char *disk;
    gboolean flushes_ignored;
    Counters readings[2];
} Disk;

struct _LullWitness {
    LullLine line;
    GPtrArray *disks;  /* of Disk: those that can be cut */
    gboolean together; /* only their sum is read */
    Counters sums[2];
    char *vm;
};

static void
disk_free(gpointer data)
{
    Disk *disk = data;

    g_free(disk->disk);
    g_free(disk);
}

LullWitness *
lull_witness_new(LullHost *host, const LullVm *vm, GError **error)
{
    g_autoptr(LullWitness) self = g_new0(LullWitness, 1);

    self->vm = g_strdup(vm->name);
    self->disks = g_ptr_array_new_with_free_func(disk_free);
    self->together = TRUE;
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        Disk *disk;

        if (!volume->disk)
            continue; /* the guest cannot write to it */
        if (volume->excluded) {
            self->together &= volume->read_only; /* writes to it are not our business */
            continue;
        }
        disk = g_new0(Disk, 1);
        disk->disk = g_strdup(volume->disk);
        disk->flushes_ignored = volume->flushes_ignored;
        g_ptr_array_add(self->disks, disk);
    }
    return lull_line_open(&self->line, host, lull_vm_where(vm), error) ? g_steal_pointer(&self) : NULL;
}

static const Disk *
find_disk(const LullWitness *self, const char *name)
{
    for (guint i = 0; i < self->disks->len; i++) {
        const Disk *disk = g_ptr_array_index(self->disks, i);
        if (g_str_equal(disk->disk, name))
            return disk;
    }
    return NULL;
}

/* One command to QEMU, where the bulk statistics take three, each of which waits its turn behind the job that
 * was just started. Counters only grow: a sum that stands still means that each of them does. */
static gboolean
read_disk(LullWitness *self, const char *disk, Counters *ret_counters, GError **error)
{
    virTypedParameter params[16] = {0}; /* as many as the wire takes */
    int n = G_N_ELEMENTS(params);
    Counters counters = {FALSE};

    if (virDomainBlockStatsFlags(self->line.domain, disk, params, &n, 0) < 0) {
        g_autofree char *what = g_strdup_printf("block statistics of %s", self->vm);
        return lull_link_error(error, what);
    }
    counters.present =
        virTypedParamsGetLLong(params, n, VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, &counters.writes) == 1 &&
        virTypedParamsGetLLong(params, n, VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ, &counters.flushes) == 1 &&
        virTypedParamsGetLLong(params, n, VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES, &counters.bytes) == 1;
    *ret_counters = counters;
    return TRUE;
}

static gboolean
read_counters(LullWitness *self, guint which, GError **error)
{
    if (self->together)
        return read_disk(self, ALL_DISKS, &self->sums[which], error);
    for (guint i = 0; i < self->disks->len; i++) {
        Disk *disk = g_ptr_array_index(self->disks, i);
        if (!read_disk(self, disk->disk, &disk->readings[which], error))
            return FALSE;
    }
    return TRUE;
}

gboolean
lull_witness_read_first(LullWitness *self, GError **error)
{
    return read_counters(self, 0, error);
}

gboolean
lull_witness_read_second(LullWitness *self, GError **error)
{
    lull_line_mend(&self->line);
    return read_counters(self, 1, error);
}

LullWitnessVerdict
lull_witness_verdict(const LullWitness *self, const char *const *disks)
{
    LullWitnessVerdict verdict = disks[0] ? LULL_WITNESS_QUIET : LULL_WITNESS_NONE;

    for (guint i = 0; disks[i]; i++) {
        const Disk *disk = find_disk(self, disks[i]);
        const Counters *readings = self->together ? self->sums : disk ? disk->readings : NULL;
        const Counters *first = readings ? &readings[0] : NULL;
        const Counters *second = readings ? &readings[1] : NULL;

        if (!disk || !first->present || !second->present)
            verdict = LULL_WITNESS_NONE;
        else if (first->writes != second->writes || first->flushes != second->flushes ||
                 first->bytes != second->bytes)
            return LULL_WITNESS_NOISY; /* one is enough, whatever is unknown of others */
        else if (disk->flushes_ignored)
            verdict = LULL_WITNESS_NONE;
    }
    return verdict;
}

const char *
lull_witness_to_string(LullWitnessVerdict verdict)
{
    switch (verdict) {
    case LULL_WITNESS_QUIET:
        return "quiet";
    case LULL_WITNESS_NOISY:
        return "noisy";
    case LULL_WITNESS_NONE:
        break;
    }
    return "none";
}

void
lull_witness_free(LullWitness *self)
{
    if (!self)
        return;
    lull_line_close(&self->line);
    g_ptr_array_unref(self->disks);
    g_free(self->vm);
    g_free(self);
}
