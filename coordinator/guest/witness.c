/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/guest/hold.h"
#include "coordinator/guest/link.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define PATIENCE LULL_MSEC(500)

typedef struct {
    gboolean present;
    guint64 writes;
    guint64 flushes;
    guint64 bytes;
} Counters;

typedef struct {
    char *disk;
    gboolean excluded;
    gboolean flushes_ignored;
    Counters readings[2];
} Disk;

struct _LullWitness {
    LullLink *link;
    LullDomain *domain;
    GPtrArray *disks; /* of Disk */
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
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        Disk *disk = g_new0(Disk, 1);
        disk->disk = g_strdup(volume->disk);
        disk->excluded = volume->excluded != NULL;
        disk->flushes_ignored = volume->flushes_ignored;
        g_ptr_array_add(self->disks, disk);
    }
    self->link = lull_link_borrow(host, error);
    self->domain = self->link ? lull_link_domain(self->link, vm->uid, error) : NULL;
    return self->domain ? g_steal_pointer(&self) : NULL;
}

static Disk *
find_disk(const LullWitness *self, const char *name)
{
    for (guint i = 0; i < self->disks->len; i++) {
        Disk *disk = g_ptr_array_index(self->disks, i);
        if (g_str_equal(disk->disk, name))
            return disk;
    }
    return NULL;
}

static gboolean
counter(const virDomainStatsRecord *record, guint index, const char *what, guint64 *ret_value)
{
    unsigned long long value = 0;
    char name[64];

    g_snprintf(name, sizeof name, "block.%u.%s", index, what);
    if (virTypedParamsGetULLong(record->params, record->nparams, name, &value) != 1)
        return FALSE;
    *ret_value = value;
    return TRUE;
}

static void
take_reading(LullWitness *self, const virDomainStatsRecord *record, guint which)
{
    unsigned int count = 0;

    (void)virTypedParamsGetUInt(record->params, record->nparams, "block.count", &count);
    for (guint i = 0; i < MIN(count, 1024); i++) {
        Counters counters = {FALSE};
        const char *disk_name = NULL;
        char name[64];
        Disk *disk;

        g_snprintf(name, sizeof name, "block.%u.name", i);
        if (virTypedParamsGetString(record->params, record->nparams, name, &disk_name) != 1 ||
            !(disk = find_disk(self, disk_name)))
            continue;
        counters.present = counter(record, i, "wr.reqs", &counters.writes) &&
                           counter(record, i, "fl.reqs", &counters.flushes) &&
                           counter(record, i, "wr.bytes", &counters.bytes);
        disk->readings[which] = counters;
    }
}

static gboolean
is_whole(const LullWitness *self, guint which)
{
    for (guint i = 0; i < self->disks->len; i++) {
        const Disk *disk = g_ptr_array_index(self->disks, i);

        if (!disk->excluded && !disk->readings[which].present)
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_once(LullWitness *self, guint which, GError **error)
{
    virDomainPtr domains[] = {self->domain, NULL};
    virDomainStatsRecordPtr *records = NULL;
    /* NOWAIT: figures that have to be waited for come too late for a frozen guest */
    const int n = virDomainListGetStats(domains, VIR_DOMAIN_STATS_BLOCK, &records,
                                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    if (n < 0) {
        g_autofree char *what = g_strdup_printf("block statistics of %s", self->vm);
        return lull_link_error(error, what);
    }
    if (n > 0)
        take_reading(self, records[0], which);
    virDomainStatsRecordListFree(records);
    return TRUE;
}

/* Right after the start of a backup, libvirt is busy with its domain for some milliseconds and leaves the
 * counters out: asked again, for a bounded time. */
static gboolean
read_counters(LullWitness *self, guint which, GError **error)
{
    const gint64 until = lull_clock_boottime() + PATIENCE;

    for (;;) {
        if (!read_once(self, which, error))
            return FALSE;
        if (is_whole(self, which) || lull_clock_boottime() >= until)
            return TRUE;
        g_usleep(1000);
    }
}

gboolean
lull_witness_read_first(LullWitness *self, GError **error)
{
    return read_counters(self, 0, error);
}

gboolean
lull_witness_read_second(LullWitness *self, GError **error)
{
    return read_counters(self, 1, error);
}

LullWitnessVerdict
lull_witness_verdict(const LullWitness *self, const char *const *disks)
{
    LullWitnessVerdict verdict = disks[0] ? LULL_WITNESS_QUIET : LULL_WITNESS_NONE;

    for (guint i = 0; disks[i]; i++) {
        const Disk *disk = find_disk(self, disks[i]);
        const Counters *first = disk ? &disk->readings[0] : NULL;
        const Counters *second = disk ? &disk->readings[1] : NULL;

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
    if (self->domain)
        virDomainFree(self->domain);
    lull_link_return(self->link);
    g_ptr_array_unref(self->disks);
    g_free(self->vm);
    g_free(self);
}
