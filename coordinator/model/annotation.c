/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/annotation.h"

#include "coordinator/model/check.h"

#define SNAPSHOT &lull_kind_snapshot
#define CONTENT  &lull_kind_content
#define RESTORE  &lull_kind_restore

static const LullAnnotation annotations[] = {
    {LULL_ANNOTATION_REQUIRE, {SNAPSHOT}, TRUE, (const char *const[]){"app", "fs", "crash", NULL}},
    {LULL_ANNOTATION_EXCLUDE, {SNAPSHOT}, TRUE, NULL},
    {LULL_ANNOTATION_REPORT, {SNAPSHOT, CONTENT}, FALSE, NULL},
    {LULL_ANNOTATION_PROGRESS, {SNAPSHOT, CONTENT, RESTORE}, FALSE, NULL},
    {LULL_ANNOTATION_POLICY, {CONTENT}, FALSE, NULL},
    {LULL_ANNOTATION_ATTEMPT, {CONTENT}, FALSE, NULL},
    {LULL_ANNOTATION_GRANT, {CONTENT}, FALSE, NULL},
    {LULL_ANNOTATION_START_TARGET, {RESTORE}, FALSE, NULL},
    {LULL_ANNOTATION_DOMAIN, {&lull_kind_vm}, FALSE, NULL},
    {0},
};

const LullAnnotation *
lull_annotations(void)
{
    return annotations;
}

static gboolean
is_of(const LullAnnotation *self, const LullKind *kind)
{
    for (const LullKind *const *each = self->kinds; *each; each++)
        if (*each == kind)
            return TRUE;
    return FALSE;
}

static char *
unknown(const LullKind *kind)
{
    g_autoptr(GString) wanted = g_string_new(NULL);
    g_autoptr(GString) noted = g_string_new(NULL);

    for (const LullAnnotation *row = annotations; row->name; row++) {
        GString *names = row->by_user ? wanted : noted;

        if (is_of(row, kind))
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", row->name);
    }
    return g_strdup_printf("unknown annotation: %s has %s%s%s%s", kind->kind, wanted->len ? wanted->str : "",
                           wanted->len ? ", and " : "", noted->len ? "the coordinator's own " : "none",
                           noted->str);
}

static char *
value_fault(const LullAnnotation *self, const char *value)
{
    g_autofree char *quoted = lull_check_quote(value);
    g_auto(GStrv) names = self->values ? NULL : lull_annotation_names(value);

    if (self->values && !g_strv_contains(self->values, value)) {
        g_autofree char *known = g_strjoinv(", ", (char **)self->values);
        return g_strdup_printf("%s is none of %s", quoted, known);
    }
    if (!self->values && !names)
        return g_strdup_printf("%s is no list of at most %d names such as \"vdb,vdc\"", quoted,
                               LULL_ANNOTATION_MAX_NAMES);
    return NULL;
}

char *
lull_annotation_fault(const LullKind *kind, const char *name, const char *value)
{
    for (const LullAnnotation *row = annotations; row->name; row++)
        if (g_str_equal(row->name, name) && is_of(row, kind))
            return row->by_user ? value_fault(row, value) : NULL;
    return unknown(kind);
}

GStrv
lull_annotation_names(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", LULL_ANNOTATION_MAX_NAMES + 1);

    if (g_strv_length(parts) > LULL_ANNOTATION_MAX_NAMES)
        return NULL;
    for (char **part = parts; *part; part++)
        if (!*g_strstrip(*part))
            return NULL;
    return g_steal_pointer(&parts);
}
