/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/policy.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/error.h"

void
lull_policy_free(LullPolicy *self)
{
    if (!self)
        return;
    g_strfreev(self->exclude);
    g_free(self);
}

/* What got past no validation. */
static gboolean
check(const char *annotation, const char *text, GError **error)
{
    g_autofree char *fault = text ? lull_annotation_fault(&lull_kind_snapshot, annotation, text) : NULL;

    if (fault)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: %s", annotation, fault);
    return !fault;
}

static gboolean
set_require(LullPolicy *self, const char *text, GError **error)
{
    return check(LULL_ANNOTATION_REQUIRE, text, error) && (!text || lull_level_parse(text, &self->require));
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
set_exclude(LullPolicy *self, GPtrArray *names)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    const char *last = NULL;

    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        if (!last || !g_str_equal(last, names->pdata[i]))
            g_strv_builder_add(builder, names->pdata[i]);
        last = names->pdata[i];
    }
    g_strfreev(self->exclude);
    self->exclude = g_strv_builder_end(builder);
}

LullPolicy *
lull_policy_of_snapshot(LullJson *snapshot, GError **error)
{
    g_autoptr(LullPolicy) self = g_new0(LullPolicy, 1);
    const char *text = lull_meta_annotation(snapshot, LULL_ANNOTATION_EXCLUDE);
    g_auto(GStrv) parts = lull_annotation_names(text ? text : "");
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    if (!check(LULL_ANNOTATION_EXCLUDE, text, error) ||
        !set_require(self, lull_meta_annotation(snapshot, LULL_ANNOTATION_REQUIRE), error))
        return NULL;
    for (char **part = parts; *part; part++)
        g_ptr_array_add(names, *part);
    set_exclude(self, names);
    return g_steal_pointer(&self);
}

LullPolicy *
lull_policy_of_content(LullJson *content, GError **error)
{
    g_autoptr(LullPolicy) self = g_new0(LullPolicy, 1);
    const char *text = lull_meta_annotation(content, LULL_ANNOTATION_POLICY);
    g_autoptr(LullJson) json = text ? lull_json_parse(text, -1, error) : json_object_new_object();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    LullJson *list = NULL;

    if (!json) {
        g_prefix_error(error, "%s: ", LULL_ANNOTATION_POLICY);
        return NULL;
    }
    list = lull_json_array(json, "excludeVolumes");
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        g_ptr_array_add(names, (gpointer)json_object_get_string(json_object_array_get_idx(list, i)));
    if (!set_require(self, lull_json_string(json, "require", NULL), error))
        return NULL;
    set_exclude(self, names);
    return g_steal_pointer(&self);
}

char *
lull_policy_to_annotation(const LullPolicy *self)
{
    g_autoptr(LullJson) json = json_object_new_object();
    LullJson *list = json_object_new_array();

    lull_json_set_string(json, "require", lull_level_to_string(self->require));
    for (gsize i = 0; self->exclude[i]; i++)
        lull_json_append_string(list, self->exclude[i]);
    lull_json_take(json, "excludeVolumes", list);
    return g_strdup(lull_json_to_line(json));
}

gboolean
lull_policy_excludes(const LullPolicy *self, const char *volume)
{
    return g_strv_contains((const char *const *)self->exclude, volume);
}
