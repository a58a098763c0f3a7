/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/status-patch.h"

#include "coordinator/model/json-patch.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"

/* Two disks are ready within it also where the storage's sidecars have the limits that they come with. */
#define MOMENT LULL_SEC(3)

static LullJson *
with_version(LullJson *object)
{
    LullJson *patch = json_object_new_object();

    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(object));
    return patch;
}

LullJson *
lull_status_patch(LullJson *object, LullJson *status)
{
    LullJson *before = lull_json_object(object, "status");
    g_autoptr(LullJson) nothing = before ? NULL : json_object_new_object();
    g_autoptr(LullJson) change = lull_json_diff(before ? before : nothing, status);
    LullJson *patch = NULL;

    if (json_object_object_length(change) == 0)
        return NULL;
    patch = with_version(object);
    lull_json_take(patch, "status", g_steal_pointer(&change));
    return patch;
}

LullJson *
lull_annotation_patch(LullJson *object, const char *key, const char *value)
{
    LullJson *patch = with_version(object);
    LullJson *annotations = lull_json_ensure(lull_json_ensure(patch, "metadata"), "annotations");

    json_object_object_add(annotations, key, value ? json_object_new_string(value) : NULL);
    return patch;
}

char *
lull_progress_text(const char *step, guint permille, guint64 bytes)
{
    const guint rounded = permille / 10 * 10;
    g_autofree char *of =
        bytes ? g_strdup_printf(",\"bytes\":%" G_GUINT64_FORMAT ",\"ofBytes\":%" G_GUINT64_FORMAT,
                                bytes / 1000 * rounded, bytes)
              : NULL;

    return step ? g_strdup_printf("{\"step\":\"%s\",\"permille\":%u%s}", step, rounded, of ? of : "") : NULL;
}

gboolean
lull_progress_differs(LullJson *object, const char *progress)
{
    return g_strcmp0(lull_meta_annotation(object, LULL_ANNOTATION_PROGRESS), progress) != 0;
}

/* Times in objects are of whole seconds, rounded down. Between clocks that differ by more nobody knows how
 * long ago it was. */
gint64
lull_status_tell_at(gint64 since, gint64 now)
{
    const gint64 end = since + (since % LULL_SEC(1) ? 0 : LULL_SEC(1)) + MOMENT;

    return now < end && now > since - MOMENT ? end : 0;
}

void
lull_status_set_error(LullJson *status, const char *message, gint64 now)
{
    LullJson *error = lull_json_object(status, "error");
    g_autofree char *when = NULL;

    if (!message) {
        json_object_object_del(status, "error");
        return;
    }
    if (error && g_str_equal(lull_json_string(error, "message", ""), message))
        return;
    error = json_object_new_object();
    when = lull_clock_format(now);
    lull_json_set_string(error, "time", when);
    lull_json_set_string(error, "message", message);
    lull_json_take(status, "error", error);
}
