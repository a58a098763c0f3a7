/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/grant.h"

#include "coordinator/model/meta.h"

#define LONGEST_MS (24 * 3600 * G_GINT64_CONSTANT(1000))

void
lull_grant_free(LullGrant *self)
{
    if (!self)
        return;
    g_free(self->node);
    g_free(self);
}

static LullJson *
read_annotation(LullJson *content)
{
    const char *text = lull_meta_annotation(content, LULL_ANNOTATION_GRANT);

    return text ? lull_json_parse(text, -1, NULL) : NULL;
}

/* 0: it makes no sense. */
static guint
number_of(LullJson *json)
{
    const gint64 attempt = lull_json_int(json, "attempt", 0);

    return attempt > 0 && attempt <= G_MAXINT ? (guint)attempt : 0;
}

LullGrant *
lull_grant_of(LullJson *content)
{
    g_autoptr(LullJson) json = read_annotation(content);
    const gint64 valid = lull_json_int(json, "validForMs", 0);
    const char *node = lull_json_string(json, "node", "");
    LullGrant *self = NULL;

    if (!number_of(json) || valid <= 0 || valid > LONGEST_MS || !*node)
        return NULL;
    self = g_new0(LullGrant, 1);
    self->term = lull_json_int(json, "term", 0);
    self->attempt = number_of(json);
    self->node = g_strdup(node);
    self->valid_for = valid * 1000;
    self->again = lull_json_bool(json, "again", FALSE);
    return self;
}

char *
lull_grant_to_annotation(const LullGrant *self)
{
    g_autoptr(LullJson) json = json_object_new_object();

    lull_json_set_int(json, "term", self->term);
    lull_json_set_int(json, "attempt", self->attempt);
    lull_json_set_string(json, "node", self->node);
    lull_json_set_int(json, "validForMs", self->valid_for / 1000);
    if (self->again)
        lull_json_set_bool(json, "again", TRUE);
    return g_strdup(lull_json_to_line(json));
}

guint
lull_grant_last(LullJson *content)
{
    g_autoptr(LullJson) json = read_annotation(content);

    return number_of(json);
}

char *
lull_grant_void_annotation(guint last)
{
    g_autoptr(LullJson) json = json_object_new_object();

    lull_json_set_int(json, "attempt", last);
    return g_strdup(lull_json_to_line(json));
}

const char *
lull_grant_label(LullJson *content)
{
    const char *node =
        lull_json_string(lull_json_at(content, "metadata", "labels", NULL), LULL_LABEL_NODE, NULL);

    return node && *node ? node : NULL;
}
