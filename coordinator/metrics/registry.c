/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/registry.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#define MAX_VALUE_BYTES 256 /* of a label */

struct _LullSeries {
    GList link; /* in its family's list */
    const LullFamily *shape;
    guint family;
    char *labels; /* as told, without braces: `a="b",c="d"` */
    atomic_bool used;
    atomic_llong value;     /* of a histogram: the sum */
    atomic_llong buckets[]; /* one for each bound, and one beyond; not cumulative */
};

typedef struct {
    GQueue series; /* in the order in which they were made */
    GHashTable *by_labels;
} Family;

typedef struct {
    LullCollectFunc func;
    gpointer user_data;
} Collector;

struct _LullRegistry {
    const LullFamily *families;
    guint n_families;
    GMutex lock; /* for the rest */
    Family *told;
    GArray *collectors;
    guint64 left_out;
};

LullRegistry *
lull_registry_new(const LullFamily *families, guint n_families)
{
    LullRegistry *self = g_new0(LullRegistry, 1);

    self->families = families;
    self->n_families = n_families;
    self->told = g_new0(Family, n_families);
    self->collectors = g_array_new(FALSE, FALSE, sizeof(Collector));
    g_mutex_init(&self->lock);
    for (guint i = 0; i < n_families; i++) {
        g_queue_init(&self->told[i].series);
        self->told[i].by_labels = g_hash_table_new(g_str_hash, g_str_equal);
    }
    return self;
}

static void
series_free(LullSeries *series)
{
    g_free(series->labels);
    g_free(series);
}

void
lull_registry_free(LullRegistry *self)
{
    if (!self)
        return;
    for (guint i = 0; i < self->n_families; i++) {
        GList *link;

        while ((link = g_queue_pop_head_link(&self->told[i].series)))
            series_free(link->data);
        g_hash_table_unref(self->told[i].by_labels);
    }
    g_array_unref(self->collectors);
    g_mutex_clear(&self->lock);
    g_free(self->told);
    g_free(self);
}

static guint
count_bounds(const LullFamily *family)
{
    guint n = 0;

    while (family->bounds[n])
        n++;
    return n;
}

/* Any bytes may come; what is told is UTF-8, on one line, and not endless. */
static void
append_value(GString *text, const char *value)
{
    g_autofree char *valid =
        g_utf8_make_valid(value ? value : "", value ? (gssize)strnlen(value, MAX_VALUE_BYTES) : 0);

    for (const char *c = valid; *c; c++) {
        if (*c == '\n')
            g_string_append(text, "\\n");
        else if (*c == '"' || *c == '\\')
            g_string_append_printf(text, "\\%c", *c);
        else
            g_string_append_c(text, *c);
    }
}

static char *
labels_of(const LullFamily *family, const char *const *values)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; family->labels[i]; i++) {
        g_string_append_printf(text, "%s%s=\"", i ? "," : "", family->labels[i]);
        append_value(text, values[i]);
        g_string_append_c(text, '"');
    }
    return g_string_free(text, FALSE);
}

static LullSeries *
series_new(const LullFamily *family, guint place, char *take_labels)
{
    const gsize buckets = family->type == LULL_FAMILY_HISTOGRAM ? count_bounds(family) + 1 : 0;
    LullSeries *series = g_malloc0(sizeof *series + buckets * sizeof series->buckets[0]);

    series->link.data = series;
    series->shape = family;
    series->family = place;
    series->labels = take_labels;
    atomic_init(&series->used, !family->if_used);
    return series;
}

LullSeries *
lull_registry_series(LullRegistry *self, guint family, const char *const *values)
{
    const LullFamily *shape = &self->families[family];
    Family *told = &self->told[family];
    g_autofree char *labels = labels_of(shape, values);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    LullSeries *series = g_hash_table_lookup(told->by_labels, labels);

    if (series)
        return series;
    if (told->series.length >= (shape->max_series ? shape->max_series : LULL_FAMILY_MAX_SERIES)) {
        self->left_out++;
        return NULL;
    }
    series = series_new(shape, family, g_steal_pointer(&labels));
    g_queue_push_tail_link(&told->series, &series->link);
    g_hash_table_insert(told->by_labels, series->labels, series);
    return series;
}

void
lull_registry_drop(LullRegistry *self, LullSeries *series)
{
    if (!series)
        return;
    g_mutex_lock(&self->lock);
    g_queue_unlink(&self->told[series->family].series, &series->link);
    g_hash_table_remove(self->told[series->family].by_labels, series->labels);
    g_mutex_unlock(&self->lock);
    series_free(series);
}

guint64
lull_registry_left_out(LullRegistry *self)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    return self->left_out;
}

static void
use(LullSeries *self)
{
    atomic_store_explicit(&self->used, TRUE, memory_order_relaxed);
}

void
lull_series_add(LullSeries *self, gint64 n)
{
    if (!self)
        return;
    atomic_fetch_add_explicit(&self->value, n, memory_order_relaxed);
    use(self);
}

void
lull_series_set(LullSeries *self, gint64 value)
{
    if (!self)
        return;
    atomic_store_explicit(&self->value, value, memory_order_relaxed);
    use(self);
}

void
lull_series_observe(LullSeries *self, gint64 usec)
{
    guint bucket = 0;

    if (!self)
        return;
    usec = MAX(usec, 0);
    while (self->shape->bounds[bucket] && usec > self->shape->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&self->buckets[bucket], 1, memory_order_relaxed);
    lull_series_add(self, usec);
}

void
lull_registry_add_collector(LullRegistry *self, LullCollectFunc func, gpointer user_data)
{
    const Collector collector = {func, user_data};
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    g_array_append_val(self->collectors, collector);
}

/* Not printf's %f: that writes what the locale has for a decimal point. */
static void
append_seconds(GString *text, gint64 usec)
{
    const guint64 size = usec < 0 ? -(guint64)usec : (guint64)usec;

    g_string_append_printf(text, "%s%" PRIu64, usec < 0 ? "-" : "", size / G_USEC_PER_SEC);
    if (size % G_USEC_PER_SEC == 0)
        return;
    g_string_append_printf(text, ".%06" PRIu64, size % G_USEC_PER_SEC);
    while (text->str[text->len - 1] == '0')
        g_string_truncate(text, text->len - 1);
}

/* "name_suffix{labels,le=..." up to where the value comes, or with @le up to its text. */
static void
begin_line(GString *text, const LullSeries *series, const char *suffix, gboolean le)
{
    const gboolean any = *series->labels || le;

    g_string_append_printf(text, "%s%s%s%s%s", series->shape->name, suffix, any ? "{" : "", series->labels,
                           *series->labels && le ? "," : "");
    g_string_append(text, le ? "le=\"" : any ? "} " : " ");
}

static void
tell_histogram(GString *text, LullSeries *series)
{
    gint64 count = 0;

    for (guint i = 0;; i++) {
        const gint64 bound = series->shape->bounds[i];

        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        begin_line(text, series, "_bucket", TRUE);
        if (bound)
            append_seconds(text, bound);
        else
            g_string_append(text, "+Inf");
        g_string_append_printf(text, "\"} %" PRId64 "\n", count);
        if (!bound)
            break;
    }
    begin_line(text, series, "_sum", FALSE);
    append_seconds(text, atomic_load_explicit(&series->value, memory_order_relaxed));
    g_string_append_c(text, '\n');
    begin_line(text, series, "_count", FALSE);
    g_string_append_printf(text, "%" PRId64 "\n", count);
}

static void
tell_value(GString *text, LullSeries *series)
{
    const gint64 value = atomic_load_explicit(&series->value, memory_order_relaxed);

    begin_line(text, series, "", FALSE);
    if (series->shape->usec)
        append_seconds(text, value);
    else
        g_string_append_printf(text, "%" PRId64, value);
    g_string_append_c(text, '\n');
}

static void
tell_head(GString *text, const LullFamily *family)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    g_string_append_printf(text, "# HELP %s ", family->name);
    for (const char *c = family->help; *c; c++) {
        if (*c == '\n')
            g_string_append(text, "\\n");
        else if (*c == '\\')
            g_string_append(text, "\\\\");
        else
            g_string_append_c(text, *c);
    }
    g_string_append_printf(text, "\n# TYPE %s %s\n", family->name, types[family->type]);
}

static void
tell_family(GString *text, const LullFamily *family, Family *told)
{
    gboolean begun = FALSE;

    for (GList *link = told->series.head; link; link = link->next) {
        LullSeries *series = link->data;

        if (!atomic_load_explicit(&series->used, memory_order_relaxed))
            continue;
        if (!begun)
            tell_head(text, family);
        begun = TRUE;
        if (family->type == LULL_FAMILY_HISTOGRAM)
            tell_histogram(text, series);
        else
            tell_value(text, series);
    }
}

GString *
lull_registry_text(LullRegistry *self)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GArray) collectors = NULL;

    g_mutex_lock(&self->lock);
    collectors = g_array_copy(self->collectors);
    g_mutex_unlock(&self->lock);
    for (guint i = 0; i < collectors->len; i++) {
        const Collector *collector = &g_array_index(collectors, Collector, i);

        collector->func(collector->user_data);
    }
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->n_families; i++)
        tell_family(text, &self->families[i], &self->told[i]);
    g_mutex_unlock(&self->lock);
    return text;
}
