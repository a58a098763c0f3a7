/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/event.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/names.h"

#define MAX_MESSAGE 1024 /* bytes, as Kubernetes has it */
#define COMPONENT   "lull-coordinator"
#define HASH_LENGTH 16
#define MAX_PREFIX  (253 - 1 - HASH_LENGTH)
#define COMBINED    "(combined from similar events): "

static char *
cut_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    char *end = valid + MIN(strlen(valid), MAX_MESSAGE);

    if (*end)
        *g_utf8_find_prev_char(valid, end + 1) = '\0';
    return g_steal_pointer(&valid);
}

static char *
name_of(const LullEventText *text, const char *message)
{
    const char *uid = lull_meta_uid(text->object);
    g_autofree char *all =
        g_strdup_printf("%s\n%d\n%s\n%s", uid ? uid : "", text->type, text->reason, message);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1);
    g_autofree char *prefix = g_strndup(lull_meta_name(text->object), MAX_PREFIX);

    for (gsize n = strlen(prefix); n > 0 && !g_ascii_isalnum(prefix[n - 1]); n--)
        prefix[n - 1] = '\0'; /* a part of a name ends in none of these */
    return g_strdup_printf("%s.%.*s", prefix, HASH_LENGTH, hash);
}

static void
set_object(LullJson *event, const LullEventText *text)
{
    LullJson *about = lull_json_ensure(event, "involvedObject");
    g_autofree char *api_version = lull_kind_api_version(text->kind);

    lull_json_set_string(about, "apiVersion", api_version);
    lull_json_set_string(about, "kind", text->kind->kind);
    lull_json_set_string(about, "namespace", lull_meta_namespace(text->object));
    lull_json_set_string(about, "name", lull_meta_name(text->object));
    lull_json_set_string(about, "uid", lull_meta_uid(text->object));
}

const char *
lull_event_namespace(const char *ns)
{
    return ns ? ns : LULL_NAMESPACE;
}

/* @named_by: the part of the message that the name is made of. */
static LullJson *
make_event(const LullEventText *text, const char *message, const char *named_by, gint64 now)
{
    LullJson *event = json_object_new_object();
    LullJson *metadata = lull_json_ensure(event, "metadata");
    g_autofree char *name = name_of(text, named_by);
    g_autofree char *when = lull_clock_format(now);

    lull_json_set_string(event, "apiVersion", "v1");
    lull_json_set_string(event, "kind", lull_kind_event.kind);
    lull_json_set_string(metadata, "name", name);
    lull_json_set_string(metadata, "namespace", lull_event_namespace(lull_meta_namespace(text->object)));
    set_object(event, text);
    lull_json_set_string(event, "type", text->type == LULL_EVENT_WARNING ? "Warning" : "Normal");
    lull_json_set_string(event, "reason", text->reason);
    lull_json_set_string(event, "message", message);
    lull_json_set_string(lull_json_ensure(event, "source"), "component", COMPONENT);
    lull_json_set_string(event, "reportingComponent", COMPONENT);
    lull_json_set_string(event, "firstTimestamp", when);
    lull_json_set_string(event, "lastTimestamp", when);
    lull_json_set_int(event, "count", 1);
    return event;
}

LullJson *
lull_event_new(const LullEventText *text, gint64 now)
{
    g_autofree char *message = cut_text(text->message);

    return make_event(text, message, message, now);
}

LullJson *
lull_event_new_combined(const LullEventText *text, gint64 now)
{
    g_autofree char *all = g_strconcat(COMBINED, text->message, NULL);
    g_autofree char *message = cut_text(all);

    return make_event(text, message, COMBINED, now);
}
