/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/finding.h"

const char *
lull_severity_to_string(LullSeverity severity)
{
    static const char *const words[] = {
        [LULL_SEVERITY_NOTE] = "note", [LULL_SEVERITY_WARNING] = "warning", [LULL_SEVERITY_ERROR] = "error"};

    return words[severity];
}

LullFinding *
lull_finding_add(GPtrArray *findings, const char *check, LullSeverity severity)
{
    LullFinding *self = g_new0(LullFinding, 1);

    self->check = check;
    self->severity = severity;
    g_ptr_array_add(findings, self);
    return self;
}

void
lull_finding_say(char **place, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_free(*place);
    *place = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

void
lull_finding_free(LullFinding *self)
{
    g_free(self->subject);
    g_free(self->what);
    g_free(self->why);
    g_free(self->remedy);
    g_free(self);
}
