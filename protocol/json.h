/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

G_BEGIN_DECLS

/* json-c behind g_autoptr and with errors that name the place. A LullJson is a json_object and is
 * owned like one: `new`, `parse` and `dup` give a reference away, getters lend. */
typedef json_object LullJson;
static inline void
lull_json_put(LullJson *value)
{
    json_object_put(value);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullJson, lull_json_put)

/* Limits for bytes from outside; json-c sees nothing beyond them. */
#define LULL_JSON_MAX_DEPTH 64

/* Parses one whole document: UTF-8 checked, trailing bytes other than white space refused, nesting
 * at most LULL_JSON_MAX_DEPTH, duplicate keys as json-c has them (the last wins). LULL_ERROR_INVALID
 * with the offset. NaN, Infinity and numbers such as "1." are refused too. @length -1: NUL-terminated. A bare
 * `null` is an error too. */
LullJson *lull_json_parse(const char *text, gssize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* At least as many values as a document has, by its brackets and commas: what it takes to keep, which its
 * length does not tell. An empty object has two bytes, and takes hundreds. */
gsize lull_json_weigh(const char *text, gsize length);

LullJson *lull_json_dup(LullJson *value) G_GNUC_WARN_UNUSED_RESULT; /* deep copy */

/* Walks a path of keys: lull_json_at(o, "status", "conditions", NULL). Lent; NULL where a step is
 * missing or not an object. Array steps are not walked. @value may be NULL. */
LullJson *lull_json_at(LullJson *value, ...) G_GNUC_NULL_TERMINATED;

/* Typed getters on one member; the fallback for absent, null or another type. Strings are lent. */
const char *lull_json_string(LullJson *object, const char *key, const char *fallback);
gint64 lull_json_int(LullJson *object, const char *key, gint64 fallback);
double lull_json_double(LullJson *object, const char *key, double fallback);
gboolean lull_json_bool(LullJson *object, const char *key, gboolean fallback);
LullJson *lull_json_object(LullJson *object, const char *key); /* NULL unless an object */
LullJson *lull_json_array(LullJson *object, const char *key);  /* NULL unless an array */

/* Setters; @object must be an object. A NULL string sets nothing. `take` consumes @value. */
void lull_json_set_string(LullJson *object, const char *key, const char *value);
void lull_json_set_int(LullJson *object, const char *key, gint64 value);
void lull_json_set_double(LullJson *object, const char *key, double value); /* one decimal: milliseconds */
void lull_json_set_bool(LullJson *object, const char *key, gboolean value);
void lull_json_take(LullJson *object, const char *key, LullJson *value);
void lull_json_append_string(LullJson *array, const char *value);

/* The member, made an empty object where it is missing or of another type. Lent. */
LullJson *lull_json_ensure(LullJson *object, const char *key);

/* @to has the member as @from has it, a deep copy of it, or not at all where it is null or missing there. */
void lull_json_copy(LullJson *to, LullJson *from, const char *key);

/* One line without spaces; lent until @value changes or goes. */
const char *lull_json_to_line(LullJson *value);

/* A value that is already text: it can be added to others and made a line of, and nothing else. */
LullJson *lull_json_raw(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* RFC 7386: returns a new document, @target patched by @patch (null deletes). */
LullJson *lull_json_merge_patch(LullJson *target, LullJson *patch) G_GNUC_WARN_UNUSED_RESULT;

gboolean lull_json_equal(LullJson *a, LullJson *b);

G_END_DECLS
