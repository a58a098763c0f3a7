/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/json-patch.h"

#include <string.h>

#include "protocol/error.h"

#define MAX_STEPS LULL_JSON_MAX_DEPTH
/* Of copies, as API servers have it: a patch that copies the whole into itself doubles it. */
#define MAX_BYTES (3 * 1024 * 1024)

/* A pointer (RFC 6901) as its steps, each unescaped. NULL: none. */
static char **
parse_pointer(const char *text)
{
    g_auto(GStrv) steps = NULL;

    if (*text && *text != '/')
        return NULL;
    steps = g_strsplit(*text ? text + 1 : text, "/", MAX_STEPS + 1);
    for (guint i = 0; steps[i]; i++) {
        char *to = steps[i];
        for (const char *from = steps[i]; *from; from++, to++) {
            if (*from == '~' && from[1] != '0' && from[1] != '1')
                return NULL;
            *to = *from != '~' ? *from : *++from == '0' ? '~' : '/';
        }
        *to = '\0';
    }
    return g_strv_length(steps) <= MAX_STEPS ? g_steal_pointer(&steps) : NULL;
}

/* "-" is the place behind the last. FALSE: no index, or beyond that. */
static gboolean
parse_index(const char *step, gsize length, gsize *ret_index)
{
    guint64 index = length;

    if (!g_str_equal(step, "-") && ((*step == '0' && step[1]) || !g_ascii_isdigit(*step) ||
                                    !g_ascii_string_to_unsigned(step, 10, 0, length, &index, NULL)))
        return FALSE;
    *ret_index = (gsize)index;
    return TRUE;
}

static LullJson *
child_of(LullJson *parent, const char *step, gboolean *ret_found)
{
    LullJson *child = NULL;
    gsize index;

    *ret_found = FALSE;
    if (json_object_is_type(parent, json_type_object)) {
        *ret_found = json_object_object_get_ex(parent, step, &child);
    } else if (json_object_is_type(parent, json_type_array)) {
        const gsize length = json_object_array_length(parent);
        *ret_found = parse_index(step, length, &index) && index < length;
        child = *ret_found ? json_object_array_get_idx(parent, index) : NULL;
    }
    return child;
}

/* The value at all of @steps but the last @leave. */
static gboolean
walk(LullJson *root, char **steps, guint leave, LullJson **ret_value)
{
    const guint count = g_strv_length(steps);
    gboolean found = TRUE;

    for (guint i = 0; i + leave < count && found; i++)
        root = child_of(root, steps[i], &found);
    *ret_value = root;
    return found;
}

/* Puts @take_value at the place, as `add` does; it is freed where that cannot be. */
static gboolean
put(LullJson **root, char **steps, LullJson *take_value)
{
    const guint count = g_strv_length(steps);
    g_autoptr(LullJson) value = take_value;
    LullJson *parent = NULL;
    gsize index, length;

    if (count == 0) {
        json_object_put(*root);
        *root = g_steal_pointer(&value);
        return TRUE;
    }
    if (!walk(*root, steps, 1, &parent))
        return FALSE;
    if (json_object_is_type(parent, json_type_object)) {
        lull_json_take(parent, steps[count - 1], g_steal_pointer(&value));
        return TRUE;
    }
    if (!json_object_is_type(parent, json_type_array))
        return FALSE;
    length = json_object_array_length(parent);
    if (!parse_index(steps[count - 1], length, &index))
        return FALSE;
    json_object_array_add(parent, g_steal_pointer(&value));
    for (gsize i = length; i > index; i--) { /* json-c has no insertion before 0.18 */
        LullJson *before = json_object_get(json_object_array_get_idx(parent, i - 1));
        LullJson *last = json_object_get(json_object_array_get_idx(parent, i));
        json_object_array_put_idx(parent, i, before);
        json_object_array_put_idx(parent, i - 1, last);
    }
    return TRUE;
}

static gboolean
take_out(LullJson *root, char **steps)
{
    const guint count = g_strv_length(steps);
    LullJson *parent = NULL;
    gboolean found = FALSE;
    gsize index = 0;

    if (count == 0 || !walk(root, steps, 1, &parent))
        return FALSE;
    (void)child_of(parent, steps[count - 1], &found);
    if (!found)
        return FALSE;
    if (json_object_is_type(parent, json_type_object)) {
        json_object_object_del(parent, steps[count - 1]);
        return TRUE;
    }
    return parse_index(steps[count - 1], json_object_array_length(parent), &index) &&
           json_object_array_del_idx(parent, index, 1) == 0;
}

/* A place cannot be moved into itself. */
static gboolean
is_inside(char **steps, char **of)
{
    const guint count = g_strv_length(of);

    for (guint i = 0; i < count; i++)
        if (!steps[i] || !g_str_equal(steps[i], of[i]))
            return FALSE;
    return g_strv_length(steps) > count;
}

static gboolean
copy_or_move(LullJson **root, const char *op, char **from, char **to, gsize *budget)
{
    LullJson *value = NULL;
    LullJson *copy;
    const gboolean moves = g_str_equal(op, "move");
    gsize size;

    if (!from || !walk(*root, from, 0, &value) || (moves && is_inside(to, from)))
        return FALSE;
    size = strlen(lull_json_to_line(value));
    if (size > *budget)
        return FALSE;
    *budget -= size;
    copy = lull_json_dup(value);
    if (moves && *from && !take_out(*root, from)) {
        lull_json_put(copy);
        return FALSE;
    }
    return put(root, to, copy);
}

static gboolean
perform(LullJson **root, LullJson *operation, gsize *budget)
{
    const char *op = lull_json_string(operation, "op", "");
    const char *path = lull_json_string(operation, "path", NULL);
    const char *source = lull_json_string(operation, "from", NULL);
    g_auto(GStrv) to = path ? parse_pointer(path) : NULL;
    g_auto(GStrv) from = source ? parse_pointer(source) : NULL;
    LullJson *value = NULL, *there = NULL;
    const gboolean has_value = json_object_object_get_ex(operation, "value", &value);

    if (!to)
        return FALSE;
    if (g_str_equal(op, "remove"))
        return take_out(*root, to);
    if (g_str_equal(op, "copy") || g_str_equal(op, "move"))
        return copy_or_move(root, op, from, to, budget);
    if (!has_value)
        return FALSE;
    if (g_str_equal(op, "add"))
        return put(root, to, lull_json_dup(value));
    if (g_str_equal(op, "test"))
        return walk(*root, to, 0, &there) && lull_json_equal(there, value);
    if (!g_str_equal(op, "replace") || !walk(*root, to, 0, &there))
        return FALSE;
    return (!*to || take_out(*root, to)) && put(root, to, lull_json_dup(value));
}

LullJson *
lull_json_patch_apply(LullJson *document, LullJson *patch, GError **error)
{
    const gsize count =
        json_object_is_type(patch, json_type_array) ? json_object_array_length(patch) : G_MAXSIZE;
    g_autoptr(LullJson) root = NULL;
    gsize budget = MAX_BYTES;

    if (count > LULL_JSON_PATCH_MAX_OPERATIONS) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "a JSON patch is an array of at most %d operations", LULL_JSON_PATCH_MAX_OPERATIONS);
        return NULL;
    }
    root = lull_json_dup(document);
    for (gsize i = 0; i < count; i++) {
        LullJson *operation = json_object_array_get_idx(patch, i);

        if (json_object_is_type(operation, json_type_object) && perform(&root, operation, &budget))
            continue;
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "operation %" G_GSIZE_FORMAT " of the JSON patch, %.20s %.200s: cannot be done", i,
                    lull_json_string(operation, "op", "?"), lull_json_string(operation, "path", "?"));
        return NULL;
    }
    /* Operations can nest deeper than any of them; what could not be read again must not be written. */
    return lull_json_parse(lull_json_to_line(root), -1, error);
}

static void
diff_member(LullJson *diff, const char *key, LullJson *from, LullJson *to)
{
    if (lull_json_equal(from, to))
        return;
    if (json_object_is_type(from, json_type_object) && json_object_is_type(to, json_type_object)) {
        g_autoptr(LullJson) inner = lull_json_diff(from, to);

        if (json_object_object_length(inner) > 0)
            lull_json_take(diff, key, g_steal_pointer(&inner));
    } else {
        lull_json_take(diff, key, lull_json_dup(to));
    }
}

LullJson *
lull_json_diff(LullJson *from, LullJson *to)
{
    LullJson *diff = json_object_new_object();

    json_object_object_foreach(from, old_key, old_value)
    {
        if (old_value && !lull_json_at(to, old_key, NULL))
            json_object_object_add(diff, old_key, NULL);
    }
    json_object_object_foreach(to, key, value)
    {
        if (value)
            diff_member(diff, key, lull_json_at(from, key, NULL), value);
    }
    return diff;
}
