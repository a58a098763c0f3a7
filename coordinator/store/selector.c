/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/selector.h"

#include <string.h>

#include "protocol/error.h"

typedef struct {
    const char *path; /* of a field, lent; NULL: a label is meant */
    gboolean negated;
    char *key;
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
    return TRUE;
}

static const LullSelectable of_all[] = {
    {"metadata.name", ".metadata.name"}, {"metadata.namespace", ".metadata.namespace"}, {0}};

static const char *
path_of(const LullSelectable *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (g_str_equal(fields->name, name))
            return fields->path;
    return NULL;
}

static gboolean
parse_field(const LullKind *kind, Term *term, const char *text)
{
    if (!strchr(text, '=') || !parse_equality(term, text))
        return FALSE;
    term->path = path_of(of_all, term->key);
    if (!term->path)
        term->path = path_of(kind->selectable, term->key);
    return term->path != NULL;
}

static gboolean
add_label(LullSelector *self, char *text, GError **error)
{
    Term *term = g_new0(Term, 1);
    const char *open = strchr(g_strstrip(text), '(');

    g_ptr_array_add(self->terms, term);
    if ((open ? parse_set(term, text, open) : parse_equality(term, text)) && is_sound(term))
        return TRUE;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_INVALID,
        "label selector: \"%.80s\" is not understood: expected KEY=VALUE, KEY!=VALUE, KEY, !KEY, KEY in "
        "(VALUES) or KEY notin (VALUES)",
        text);
    return FALSE;
}

static gboolean
add_field(LullSelector *self, const LullKind *kind, char *text, GError **error)
{
    Term *term = g_new0(Term, 1);
    g_autoptr(GString) more = NULL;

    g_ptr_array_add(self->terms, term);
    if (parse_field(kind, term, g_strstrip(text)))
        return TRUE;
    more = g_string_new(NULL);
    for (const LullSelectable *field = kind->selectable; field && field->name; field++)
        g_string_append_printf(more, ", %s=...", field->name);
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "field selector: \"%.80s\" is not understood: expected metadata.name=NAME or "
                "metadata.namespace=NAME%s",
                text, more->str);
    return FALSE;
}

/* Terms end at commas, but not at those between parentheses. */
static gboolean
add_labels(LullSelector *self, const char *text, GError **error)
{
    if (!text)
        return TRUE;
    while (*text) {
        const gsize head = strcspn(text, ",(");
        const gsize inner = text[head] == '(' ? strcspn(text + head, ")") : 0;
        const gsize length = head + inner + strcspn(text + head + inner, ",");
        g_autofree char *term = g_strndup(text, length);

        if (!add_label(self, term, error))
            return FALSE;
        text += length;
        if (*text == ',' && !*++text) /* nothing follows the comma */
            return add_label(self, (char[]){""}, error);
    }
    return TRUE;
}

static gboolean
add_fields(LullSelector *self, const LullKind *kind, const char *text, GError **error)
{
    g_auto(GStrv) terms = g_strsplit(text ? text : "", ",", -1);

    for (char **term = terms; *term; term++)
        if (!add_field(self, kind, *term, error))
            return FALSE;
    return TRUE;
}

LullSelector *
lull_selector_new(const LullKind *kind, const char *labels, const char *fields, GError **error)
{
    g_autoptr(LullSelector) self = g_new0(LullSelector, 1);

    self->terms = g_ptr_array_new_with_free_func((GDestroyNotify)term_free);
    if (!add_labels(self, labels, error) || !add_fields(self, kind, fields, error))
        return NULL;
    return g_steal_pointer(&self);
}

gboolean
lull_selector_is_everything(const LullSelector *self)
{
    return self->terms->len == 0;
}

static gboolean
label_matches(const Term *term, LullJson *object)
{
    const char *found = lull_json_string(lull_json_at(object, "metadata", "labels", NULL), term->key, NULL);

    return found && (!term->values || g_strv_contains((const char *const *)term->values, found));
}

/* One that is absent is empty. */
static gboolean
field_matches(const Term *term, LullJson *object)
{
    LullJson *found = lull_kind_find(object, term->path);

    return g_strv_contains((const char *const *)term->values,
                           json_object_is_type(found, json_type_string) ? json_object_get_string(found) : "");
}

gboolean
lull_selector_matches(const LullSelector *self, LullJson *object)
{
    for (guint i = 0; i < self->terms->len; i++) {
        const Term *term = (const Term *)g_ptr_array_index(self->terms, i);
        const gboolean matches = term->path ? field_matches(term, object) : label_matches(term, object);

        if (matches == term->negated)
            return FALSE;
    }
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
