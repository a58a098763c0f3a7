/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "protocol/clock.h"

static LullJson *
find(LullJson *conditions, const char *type)
{
    const size_t count = conditions ? json_object_array_length(conditions) : 0;

    for (size_t i = 0; i < count; i++) {
        LullJson *entry = json_object_array_get_idx(conditions, i);
        if (g_strcmp0(lull_json_string(entry, "type", NULL), type) == 0)
            return entry;
    }
    return NULL;
}

static LullJson *
find_in_object(LullJson *object, const char *type)
{
    return find(lull_json_array(lull_json_object(object, "status"), "conditions"), type);
}

gboolean
lull_condition_set(LullJson *status, const char *type, gboolean value, const char *reason, gint64 now)
{
    const char *word = value ? "True" : "False";
    LullJson *conditions = lull_json_array(status, "conditions");
    LullJson *entry = find(conditions, type);

    if (entry && g_strcmp0(lull_json_string(entry, "status", NULL), word) == 0 &&
        g_strcmp0(lull_json_string(entry, "reason", NULL), reason) == 0)
        return FALSE;
    if (!conditions) {
        conditions = json_object_new_array();
        lull_json_take(status, "conditions", conditions);
    }
    if (!entry) {
        entry = json_object_new_object();
        json_object_array_add(conditions, entry);
        lull_json_set_string(entry, "type", type);
        lull_json_take(entry, "lastProbeTime", NULL);
    }
    lull_json_set_string(entry, "status", word);
    lull_json_set_string(entry, "reason", reason);
    g_autofree char *when = lull_clock_format(now);
    lull_json_set_string(entry, "lastTransitionTime", when);
    return TRUE;
}

gboolean
lull_condition_is(LullJson *object, const char *type, gboolean value)
{
    LullJson *entry = find_in_object(object, type);

    return g_strcmp0(lull_json_string(entry, "status", NULL), value ? "True" : "False") == 0;
}

gboolean
lull_condition_has(LullJson *object, const char *type)
{
    return find_in_object(object, type) != NULL;
}

void
lull_condition_tell(LullJson *status, const char *type, const char *message)
{
    LullJson *entry = find(lull_json_array(status, "conditions"), type);

    if (entry && message)
        lull_json_set_string(entry, "message", message);
    else if (entry)
        json_object_object_del(entry, "message");
}

const char *
lull_condition_message(LullJson *object, const char *type)
{
    return lull_json_string(find_in_object(object, type), "message", NULL);
}

const char *
lull_condition_reason(LullJson *object, const char *type)
{
    return lull_json_string(find_in_object(object, type), "reason", NULL);
}

const char *
lull_condition_changed(LullJson *object, const char *type)
{
    return lull_json_string(find_in_object(object, type), "lastTransitionTime", NULL);
}
