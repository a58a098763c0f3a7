/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/selector.h"

#include <string.h>

#include "protocol/error.h"

typedef struct {
    gboolean field; /* else a label */
    gboolean negated;
    char *key;   /* of metadata or of its labels */
    char *value; /* NULL: presence counts */
} Term;

struct _LullSelector {
    GPtrArray *terms;
};

static void
term_free(Term *term)
{
    g_free(term->key);
    g_free(term->value);
    g_free(term);
}

static gboolean
is_key(const char *key)
{
    const char *c = key;

    while (g_ascii_isalnum(*c) || (*c && strchr("-_./", *c)))
        c++;
    return c > key && *c == '\0';
}

static Term *
term_parse(const char *text, gboolean field)
{
    const char *equals = strchr(text, '=');
    Term *term = g_new0(Term, 1);

    term->field = field;
    if (equals) {
        term->negated = equals > text && equals[-1] == '!';
        term->key = g_strstrip(g_strndup(text, (gsize)(equals - text) - (term->negated ? 1 : 0)));
        term->value = g_strstrip(g_strdup(equals[1] == '=' ? equals + 2 : equals + 1));
    } else {
        term->negated = text[0] == '!';
        term->key = g_strstrip(g_strdup(text + (term->negated ? 1 : 0)));
    }
    return term;
}

static gboolean
term_is_sound(const Term *term)
{
    if (!is_key(term->key) || (term->value && *term->value && !is_key(term->value)))
        return FALSE;
    return !term->field || (term->value && (g_str_equal(term->key, "metadata.name") ||
                                            g_str_equal(term->key, "metadata.namespace")));
}

static gboolean
add_terms(LullSelector *self, const char *text, gboolean field, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text ? text : "", ",", -1);

    for (guint i = 0; parts[i]; i++) {
        Term *term = term_parse(g_strstrip(parts[i]), field);
        g_ptr_array_add(self->terms, term);
        if (term_is_sound(term))
            continue;
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "%s selector: \"%.80s\" is not understood: expected %s", field ? "field" : "label",
                    parts[i], field ? "metadata.name=NAME" : "KEY=VALUE, KEY!=VALUE, KEY or !KEY");
        return FALSE;
    }
    return TRUE;
}

LullSelector *
lull_selector_new(const char *labels, const char *fields, GError **error)
{
    g_autoptr(LullSelector) self = g_new0(LullSelector, 1);

    self->terms = g_ptr_array_new_with_free_func((GDestroyNotify)term_free);
    if (!add_terms(self, labels, FALSE, error) || !add_terms(self, fields, TRUE, error))
        return NULL;
    return g_steal_pointer(&self);
}

gboolean
lull_selector_is_everything(const LullSelector *self)
{
    return self->terms->len == 0;
}

static gboolean
term_matches(const Term *term, LullJson *metadata)
{
    LullJson *labels = lull_json_object(metadata, "labels");
    const char *found = term->field ? lull_json_string(metadata, term->key + strlen("metadata."), NULL)
                                    : lull_json_string(labels, term->key, NULL);
    const gboolean matches = found && (!term->value || g_str_equal(found, term->value));

    return matches != term->negated;
}

gboolean
lull_selector_matches(const LullSelector *self, LullJson *object)
{
    LullJson *metadata = lull_json_object(object, "metadata");

    for (guint i = 0; i < self->terms->len; i++)
        if (!term_matches((const Term *)g_ptr_array_index(self->terms, i), metadata))
            return FALSE;
    return TRUE;
}

void
lull_selector_free(LullSelector *self)
{
    if (!self)
        return;
    g_ptr_array_unref(self->terms);
    g_free(self);
}
