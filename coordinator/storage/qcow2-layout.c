/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/qcow2-layout.h"

#include <string.h>

#include "protocol/error.h"

#define CLUSTER           LULL_QCOW2_CLUSTER
#define CLUSTER_BITS      16
#define SECTOR            512
#define ENTRIES           (CLUSTER / 8)                 /* of one cluster of a table */
#define REFCOUNTS         (CLUSTER / 2)                 /* of one block */
#define COPIED            (G_GUINT64_CONSTANT(1) << 63) /* in use once: may be written in place */
#define READS_AS_ZERO     1
#define HEADER_LENGTH     104
#define MAGIC             0x514649fb /* "QFI\xfb" */
#define EXTENSION_BACKING 0xe2792aca
#define BACKING_FORMAT    "qcow2"

/* Clusters of one kind, in a row; nothing has none. */
typedef struct {
    guint64 first;
    guint32 count;
    guint32 kind;
} Run;

#define MAX_COUNT G_MAXUINT32

struct _LullQcow2Layout {
    guint64 capacity;
    char *backing;
    GArray *runs; /* Run, in order */

    /* what is added: the cluster that is not known as a whole yet */
    guint64 told;    /* bytes of the disk */
    gboolean has[3]; /* kinds that are in the cluster which @told is in */

    /* in clusters, in the order of the file; the header has one */
    guint64 reftable;
    guint64 refblocks;
    guint64 l1;
    guint64 l2;
    guint64 data;

    /* how far it has been read */
    guint64 cluster; /* of the metadata: the next one */
    guint run;       /* in the table that is read: the next one that has something to say */
    guint64 guest;   /* and how far that is known, in what that table counts */
    guint64 given;   /* L2 tables, or clusters of data, that have their place */
};

static guint64
ceil_div(guint64 value, guint64 by)
{
    return value / by + (value % by != 0);
}

static gboolean
refuse(GError **error, const char *what)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "a qcow2 to be written: %s", what);
    return FALSE;
}

static gboolean
is_possible(guint64 capacity, const char *backing, GError **error)
{
    if (capacity == 0)
        return refuse(error, "its disk has no size");
    if (capacity > LULL_QCOW2_MAX_CAPACITY)
        return refuse(error, "its disk is larger than 1 PiB");
    if (backing && !*backing)
        return refuse(error, "the name of the image behind it is empty");
    if (backing && strlen(backing) > LULL_QCOW2_MAX_BACKING)
        return refuse(error, "the name of the image behind it is longer than 1023 bytes");
    return TRUE;
}

LullQcow2Layout *
lull_qcow2_layout_new(guint64 capacity, const char *backing, GError **error)
{
    LullQcow2Layout *self;

    if (!is_possible(capacity, backing, error))
        return NULL;
    self = g_new0(LullQcow2Layout, 1);
    self->capacity = ceil_div(capacity, SECTOR) * SECTOR;
    self->backing = g_strdup(backing);
    self->runs = g_array_new(FALSE, FALSE, sizeof(Run));
    return self;
}

void
lull_qcow2_layout_free(LullQcow2Layout *self)
{
    if (!self)
        return;
    g_array_unref(self->runs);
    g_free(self->backing);
    g_free(self);
}

static const Run *
run_at(const LullQcow2Layout *self, guint i)
{
    return i < self->runs->len ? &g_array_index(self->runs, Run, i) : NULL;
}

static guint64
run_end(const Run *run)
{
    return run->first + run->count;
}

static void
add_run(LullQcow2Layout *self, guint64 first, guint64 count, LullQcow2Kind kind)
{
    while (count > 0) {
        Run *last = self->runs->len ? &g_array_index(self->runs, Run, self->runs->len - 1) : NULL;
        const gboolean is_full = self->runs->len >= LULL_QCOW2_MAX_RUNS;
        const gboolean follows = last && run_end(last) == first && last->kind == (guint32)kind;
        Run run = {first, (guint32)MIN(count, MAX_COUNT), (guint32)kind};

        if (last && (follows || is_full) && first + count - last->first <= MAX_COUNT) {
            /* to read what need not be read is no harm, and memory has an end */
            last->kind = follows ? last->kind : LULL_QCOW2_DATA;
            last->count = (guint32)(first + count - last->first);
            return;
        }
        g_array_append_val(self->runs, run);
        first += run.count;
        count -= run.count;
    }
}

static LullQcow2Kind
kind_of_parts(const LullQcow2Layout *self)
{
    if (self->has[LULL_QCOW2_DATA])
        return LULL_QCOW2_DATA;
    if (!self->has[LULL_QCOW2_ZERO])
        return LULL_QCOW2_NOTHING;
    if (!self->has[LULL_QCOW2_NOTHING])
        return LULL_QCOW2_ZERO;
    return self->backing ? LULL_QCOW2_DATA : LULL_QCOW2_ZERO;
}

static void
add_clusters(LullQcow2Layout *self, guint64 first, guint64 count, LullQcow2Kind kind)
{
    if (kind != LULL_QCOW2_NOTHING)
        add_run(self, first, count, kind);
}

void
lull_qcow2_layout_add(LullQcow2Layout *self, guint64 bytes, LullQcow2Kind kind)
{
    guint64 left = MIN(bytes, self->capacity - self->told);

    while (left > 0) {
        const guint64 cluster = self->told / CLUSTER;
        const guint64 into = self->told % CLUSTER;
        const guint64 whole = into == 0 ? left / CLUSTER : 0;
        const guint64 n = whole ? whole * CLUSTER : MIN(left, CLUSTER - into);

        self->told += n;
        left -= n;
        if (whole) {
            add_clusters(self, cluster, whole, kind);
            continue;
        }
        self->has[kind] = TRUE;
        if (self->told % CLUSTER == 0 || self->told == self->capacity) {
            add_clusters(self, cluster, 1, kind_of_parts(self));
            memset(self->has, 0, sizeof self->has);
        }
    }
}

/* Tables of L2, and clusters of data. */
static void
count_parts(LullQcow2Layout *self)
{
    guint64 table = 0; /* the next one that has not been counted */

    for (guint i = 0; i < self->runs->len; i++) {
        const Run *run = run_at(self, i);
        const guint64 first = MAX(run->first / ENTRIES, table);
        const guint64 end = ceil_div(run_end(run), ENTRIES);

        self->l2 += end > first ? end - first : 0;
        table = MAX(table, end);
        self->data += run->kind == LULL_QCOW2_DATA ? run->count : 0;
    }
}

static guint64
metadata_clusters(const LullQcow2Layout *self)
{
    return 1 + self->reftable + self->refblocks + self->l1 + self->l2;
}

void
lull_qcow2_layout_close(LullQcow2Layout *self)
{
    guint64 blocks;

    lull_qcow2_layout_add(self, self->capacity - self->told, LULL_QCOW2_NOTHING);
    self->l1 = ceil_div(ceil_div(self->capacity, CLUSTER * ENTRIES), ENTRIES);
    count_parts(self);
    /* what counts references is counted too: it only grows, and soon does not */
    while ((blocks = ceil_div(metadata_clusters(self) + self->data, REFCOUNTS)) != self->refblocks) {
        self->refblocks = blocks;
        self->reftable = ceil_div(blocks, ENTRIES);
    }
}

guint64
lull_qcow2_layout_metadata(const LullQcow2Layout *self)
{
    return metadata_clusters(self) * CLUSTER;
}

guint64
lull_qcow2_layout_data(const LullQcow2Layout *self)
{
    return self->data * CLUSTER;
}

static void
put16(guint8 *at, guint64 value)
{
    const guint16 big = GUINT16_TO_BE((guint16)value);

    memcpy(at, &big, sizeof big);
}

static void
put32(guint8 *at, guint64 value)
{
    const guint32 big = GUINT32_TO_BE((guint32)value);

    memcpy(at, &big, sizeof big);
}

static void
put64(guint8 *at, guint64 value)
{
    const guint64 big = GUINT64_TO_BE(value);

    memcpy(at, &big, sizeof big);
}

static void
fill_header(const LullQcow2Layout *self, guint8 *out)
{
    const guint64 reftable = 1;
    const guint64 l1 = reftable + self->reftable + self->refblocks;
    guint8 *extension = out + HEADER_LENGTH;

    put32(out, MAGIC);
    put32(out + 4, 3); /* version */
    put32(out + 20, CLUSTER_BITS);
    put64(out + 24, self->capacity);
    put32(out + 36, ceil_div(self->capacity, CLUSTER * ENTRIES)); /* entries of L1 */
    put64(out + 40, l1 * CLUSTER);
    put64(out + 48, reftable * CLUSTER);
    put32(out + 56, self->reftable);
    put32(out + 96, 4); /* a refcount has 2^4 bits */
    put32(out + 100, HEADER_LENGTH);
    if (!self->backing)
        return;
    put32(extension, EXTENSION_BACKING);
    put32(extension + 4, strlen(BACKING_FORMAT));
    (void)g_strlcpy((char *)extension + 8, BACKING_FORMAT, 8);
    extension += 16 + 8; /* and the end of extensions, which is zeroes */
    (void)g_strlcpy((char *)extension, self->backing, LULL_QCOW2_MAX_BACKING + 1);
    put64(out + 8, (guint64)(extension - out));
    put32(out + 16, strlen(self->backing));
}

/* @k: which cluster of the table it is; so for those below. */
static void
fill_reftable(const LullQcow2Layout *self, guint64 k, guint8 *out)
{
    const guint64 first_block = 1 + self->reftable;

    for (guint64 i = k * ENTRIES; i < MIN((k + 1) * ENTRIES, self->refblocks); i++)
        put64(out + (i - k * ENTRIES) * 8, (first_block + i) * CLUSTER);
}

static void
fill_refblock(const LullQcow2Layout *self, guint64 k, guint8 *out)
{
    const guint64 total = metadata_clusters(self) + self->data;

    for (guint64 i = k * REFCOUNTS; i < MIN((k + 1) * REFCOUNTS, total); i++)
        put16(out + (i - k * REFCOUNTS) * 2, 1);
}

/* self->guest: tables of L2. */
static void
fill_l1(LullQcow2Layout *self, guint64 k, guint8 *out)
{
    const guint64 first_l2 = metadata_clusters(self) - self->l2;
    const guint64 begin = k * ENTRIES;
    const guint64 end = begin + ENTRIES;
    const Run *run;

    for (; (run = run_at(self, self->run)) && run->first / ENTRIES < end; self->run++) {
        const guint64 run_tables = ceil_div(run_end(run), ENTRIES);

        for (guint64 table = MAX(run->first / ENTRIES, self->guest); table < MIN(run_tables, end); table++) {
            put64(out + (table - begin) * 8, COPIED | (first_l2 + self->given++) * CLUSTER);
            self->guest = table + 1;
        }
        if (run_tables > end)
            return;
    }
}

/* The next table of L2 that has something. self->guest: clusters. */
static void
fill_l2(LullQcow2Layout *self, guint8 *out)
{
    const guint64 first_data = metadata_clusters(self);
    const Run *run = run_at(self, self->run);
    const guint64 begin = run ? MAX(run->first, self->guest) / ENTRIES * ENTRIES : 0;
    const guint64 end = begin + ENTRIES;

    for (; (run = run_at(self, self->run)) && run->first < end; self->run++) {
        for (guint64 i = MAX(run->first, self->guest); i < MIN(run_end(run), end); i++)
            put64(out + (i - begin) * 8, run->kind == LULL_QCOW2_DATA
                                             ? COPIED | (first_data + self->given++) * CLUSTER
                                             : READS_AS_ZERO);
        if (run_end(run) > end)
            break;
    }
    self->guest = end;
}

static void
rewind_runs(LullQcow2Layout *self)
{
    self->run = 0;
    self->guest = 0;
    self->given = 0;
}

gboolean
lull_qcow2_layout_next_metadata(LullQcow2Layout *self, guint8 cluster[LULL_QCOW2_CLUSTER])
{
    guint64 k = self->cluster;

    if (k == metadata_clusters(self))
        return FALSE;
    memset(cluster, 0, CLUSTER);
    self->cluster++;
    if (k == 0)
        fill_header(self, cluster);
    else if ((k -= 1) < self->reftable)
        fill_reftable(self, k, cluster);
    else if ((k -= self->reftable) < self->refblocks)
        fill_refblock(self, k, cluster);
    else if ((k -= self->refblocks) < self->l1)
        fill_l1(self, k, cluster);
    else
        fill_l2(self, cluster);
    if (self->cluster == metadata_clusters(self) - self->l2 || self->cluster == metadata_clusters(self))
        rewind_runs(self);
    return TRUE;
}

gboolean
lull_qcow2_layout_next_data(LullQcow2Layout *self, guint64 max, guint64 *ret_offset, guint64 *ret_bytes)
{
    const Run *run;

    for (; (run = run_at(self, self->run)); self->run++) {
        const guint64 first = MAX(run->first, self->guest);
        const guint64 n = MIN(run_end(run) - MIN(first, run_end(run)), max / CLUSTER);

        if (run->kind != LULL_QCOW2_DATA || n == 0)
            continue;
        *ret_offset = first * CLUSTER;
        *ret_bytes = n * CLUSTER;
        self->guest = first + n;
        return TRUE;
    }
    return FALSE;
}
