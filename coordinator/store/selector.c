/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/selector.h"

#include <string.h>

#include "protocol/error.h"

typedef struct {
    gboolean field; /* else a label */
    gboolean negated;
    char *key;     /* of metadata or of its labels */
    char **values; /* any of them; NULL: presence counts */
} Term;

struct _LullSelector {
    GPtrArray *terms;
};

static void
term_free(Term *term)
{
    g_free(term->key);
    g_strfreev(term->values);
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

static char **
one_value(const char *text)
{
    char **values = g_new0(char *, 2);

    values[0] = g_strstrip(g_strdup(text));
    return values;
}

/* "KEY in (A,B)" and "KEY notin (A)": @open is where the parenthesis is. */
static gboolean
parse_set(Term *term, const char *text, const char *open)
{
    const char *close = strchr(open, ')');
    g_autofree char *head = g_strstrip(g_strndup(text, (gsize)(open - text)));
    g_autofree char *list = close ? g_strndup(open + 1, (gsize)(close - open - 1)) : NULL;
    char *word = strpbrk(head, " \t");

    if (!close || close[1] || !word)
        return FALSE;
    *word++ = '\0';
    word = g_strstrip(word);
    term->negated = g_str_equal(word, "notin");
    term->key = g_strdup(head);
    term->values = g_strsplit(list, ",", -1);
    for (char **value = term->values; *value; value++)
        (void)g_strstrip(*value);
    return *term->values && (term->negated || g_str_equal(word, "in"));
}

static gboolean
parse_equality(Term *term, const char *text)
{
    const char *equals = strchr(text, '=');

    if (!equals) {
        term->negated = text[0] == '!';
        term->key = g_strstrip(g_strdup(text + (term->negated ? 1 : 0)));
        return TRUE;
    }
    term->negated = equals > text && equals[-1] == '!';
    term->key = g_strstrip(g_strndup(text, (gsize)(equals - text) - (term->negated ? 1 : 0)));
    term->values = one_value(equals[1] == '=' ? equals + 2 : equals + 1);
    return TRUE;
}

static gboolean
is_sound(const Term *term)
{
    if (!is_key(term->key))
        return FALSE;
    for (char **value = term->values; value && *value; value++)
        if (**value && !is_key(*value))
            return FALSE;
    return !term->field || (term->values && (g_str_equal(term->key, "metadata.name") ||
                                             g_str_equal(term->key, "metadata.namespace")));
}

static gboolean
add_term(LullSelector *self, char *text, gboolean field, GError **error)
{
    Term *term = g_new0(Term, 1);
    const char *open = field ? NULL : strchr(g_strstrip(text), '(');

    term->field = field;
    g_ptr_array_add(self->terms, term);
    if ((open ? parse_set(term, text, open) : parse_equality(term, g_strstrip(text))) && is_sound(term))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "%s selector: \"%.80s\" is not understood: expected %s", field ? "field" : "label", text,
                field ? "metadata.name=NAME or metadata.namespace=NAME"
                      : "KEY=VALUE, KEY!=VALUE, KEY, !KEY, KEY in (VALUES) or KEY notin (VALUES)");
    return FALSE;
}

/* Terms end at commas, but not at those between parentheses. */
static gboolean
add_terms(LullSelector *self, const char *text, gboolean field, GError **error)
{
    if (!text)
        return TRUE;
    while (*text) {
        const gsize head = strcspn(text, ",(");
        const gsize inner = text[head] == '(' ? strcspn(text + head, ")") : 0;
        const gsize length = head + inner + strcspn(text + head + inner, ",");
        g_autofree char *term = g_strndup(text, length);

        if (!add_term(self, term, field, error))
            return FALSE;
        text += length;
        if (*text == ',' && !*++text) /* nothing follows the comma */
            return add_term(self, (char[]){""}, field, error);
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
    const gboolean matches =
        found && (!term->values || g_strv_contains((const char *const *)term->values, found));

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
