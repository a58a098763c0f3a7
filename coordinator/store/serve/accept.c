/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/accept.h"

#define MAX_FORMS 64

static const struct {
    const char *as, *group, *version;
    LullAccept form;
} forms[] = {
    {"Table", "meta.k8s.io", "v1", LULL_ACCEPT_TABLE},
    {"PartialObjectMetadata", "meta.k8s.io", "v1", LULL_ACCEPT_METADATA},
    {"PartialObjectMetadataList", "meta.k8s.io", "v1", LULL_ACCEPT_METADATA},
    {"APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2", LULL_ACCEPT_DISCOVERY},
};

static LullAccept
form_of(const char *as, const char *group, const char *version)
{
    if (!as)
        return LULL_ACCEPT_JSON;
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++)
        if (g_str_equal(as, forms[i].as) && g_strcmp0(group, forms[i].group) == 0 &&
            g_strcmp0(version, forms[i].version) == 0)
            return forms[i].form;
    return LULL_ACCEPT_NONE;
}

/* "application/json;as=Table;v=v1;g=meta.k8s.io"; weights are not looked at. */
static LullAccept
parse_range(char *range)
{
    g_auto(GStrv) parts = g_strsplit(range, ";", -1);
    const char *type = parts[0] ? g_strstrip(parts[0]) : "";
    const char *as = NULL, *group = NULL, *version = NULL;

    if (g_ascii_strcasecmp(type, "application/json") != 0 && !g_str_equal(type, "application/*") &&
        !g_str_equal(type, "*/*"))
        return LULL_ACCEPT_NONE;
    for (char **part = parts + 1; *part; part++) {
        const char *parameter = g_strstrip(*part);
        if (g_str_has_prefix(parameter, "as="))
            as = parameter + 3;
        else if (g_str_has_prefix(parameter, "g="))
            group = parameter + 2;
        else if (g_str_has_prefix(parameter, "v="))
            version = parameter + 2;
    }
    return form_of(as, group, version);
}

LullAccept
lull_accept_parse(const char *header, guint served)
{
    g_auto(GStrv) ranges = g_strsplit(header ? header : "", ",", MAX_FORMS);

    if (!header || !*header)
        return LULL_ACCEPT_JSON;
    for (char **range = ranges; *range; range++) {
        const LullAccept form = parse_range(*range);
        if (form & served)
            return form;
    }
    return LULL_ACCEPT_NONE;
}
