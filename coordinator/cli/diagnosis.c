/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/diagnosis.h"

#include "coordinator/cli/text.h"

static void
append_clean(GString *page, const char *before, const char *text)
{
    g_autofree char *clean = lull_text_clean(text, 0);

    g_string_append_printf(page, "%s%s\n", before, clean);
}

/* What is to be pasted has lines, which stay; nothing else in it does. */
static void
append_remedy(GString *page, const char *remedy)
{
    g_auto(GStrv) lines = g_strsplit(remedy, "\n", 0);

    for (char **line = lines; *line; line++)
        append_clean(page, "    ", *line);
}

static void
append_finding(GString *page, const LullFinding *finding)
{
    g_autofree char *head =
        g_strdup_printf("%s: %s: ", lull_severity_to_string(finding->severity), finding->subject);

    append_clean(page, head, finding->what);
    append_clean(page, "  why it matters: ", finding->why);
    append_remedy(page, finding->remedy);
    g_string_append_c(page, '\n');
}

static guint
count(const GPtrArray *findings, LullSeverity severity)
{
    guint n = 0;

    for (guint i = 0; i < findings->len; i++)
        n += ((const LullFinding *)findings->pdata[i])->severity == severity;
    return n;
}

static void
append_number(GString *page, const char *before, guint n, const char *thing)
{
    g_string_append_printf(page, "%s%u %s%s", before, n, thing, n == 1 ? "" : "s");
}

char *
lull_diagnosis_page(const GPtrArray *findings, guint machines, guint told)
{
    static const LullSeverity order[] = {LULL_SEVERITY_ERROR, LULL_SEVERITY_WARNING, LULL_SEVERITY_NOTE};
    GString *page = g_string_new(NULL);

    for (gsize n = 0; n < G_N_ELEMENTS(order); n++)
        for (guint i = 0; i < findings->len; i++)
            if (((const LullFinding *)findings->pdata[i])->severity == order[n])
                append_finding(page, findings->pdata[i]);
    append_number(page, "", machines, "machine");
    g_string_append(page, " looked at");
    if (told)
        g_string_append_printf(page, ", %u known from the coordinator only", told);
    append_number(page, ": ", count(findings, LULL_SEVERITY_ERROR), "error");
    append_number(page, ", ", count(findings, LULL_SEVERITY_WARNING), "warning");
    append_number(page, ", ", count(findings, LULL_SEVERITY_NOTE), "note");
    return g_string_free(g_string_append_c(page, '\n'), FALSE);
}

LullJson *
lull_diagnosis_json(const GPtrArray *findings, guint machines, guint told)
{
    LullJson *json = json_object_new_object();
    LullJson *list = json_object_new_array();

    lull_json_set_string(json, "kind", "Diagnosis");
    lull_json_set_int(json, "machines", machines);
    lull_json_set_int(json, "machinesTold", told);
    for (guint i = 0; i < findings->len; i++) {
        const LullFinding *finding = findings->pdata[i];
        LullJson *row = json_object_new_object();

        lull_json_set_string(row, "check", finding->check);
        lull_json_set_string(row, "severity", lull_severity_to_string(finding->severity));
        lull_json_set_string(row, "subject", finding->subject);
        lull_json_set_string(row, "what", finding->what);
        lull_json_set_string(row, "why", finding->why);
        lull_json_set_string(row, "remedy", finding->remedy);
        json_object_array_add(list, row);
    }
    lull_json_take(json, "findings", list);
    return json;
}

char *
lull_diagnosis_names(const GPtrArray *findings)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < findings->len; i++) {
        const LullFinding *finding = findings->pdata[i];

        g_string_append_printf(text, "%s: ", finding->check);
        append_clean(text, "", finding->subject);
    }
    return g_string_free(text, FALSE);
}
