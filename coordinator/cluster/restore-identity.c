/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-identity.h"

static LullJson *
domain_of(LullJson *spec)
{
    return lull_json_at(spec, "template", "spec", "domain", NULL);
}

static LullJson *
interfaces_of(LullJson *spec)
{
    return lull_json_array(lull_json_object(domain_of(spec), "devices"), "interfaces");
}

/* Addresses are written in either case. */
static gboolean
has_address(LullJson *interfaces, const char *address)
{
    for (size_t i = 0; interfaces && i < json_object_array_length(interfaces); i++)
        if (!g_ascii_strcasecmp(lull_json_string(json_object_array_get_idx(interfaces, i), "macAddress", ""),
                                address))
            return TRUE;
    return FALSE;
}

static void
forget_addresses(LullJson *spec, LullJson *captured)
{
    LullJson *interfaces = interfaces_of(spec);

    for (size_t i = 0; interfaces && i < json_object_array_length(interfaces); i++) {
        LullJson *one = json_object_array_get_idx(interfaces, i);
        const char *address = lull_json_string(one, "macAddress", "");

        if (*address && has_address(interfaces_of(captured), address))
            json_object_object_del(one, "macAddress");
    }
}

static void
forget(LullJson *firmware, LullJson *captured, const char *key)
{
    const char *value = lull_json_string(firmware, key, "");

    if (*value && g_str_equal(value, lull_json_string(captured, key, "")))
        json_object_object_del(firmware, key);
}

void
lull_restore_make_another(LullJson *spec, LullJson *captured)
{
    LullJson *firmware = lull_json_object(domain_of(spec), "firmware");
    LullJson *old = lull_json_object(domain_of(captured), "firmware");

    forget_addresses(spec, captured);
    forget(firmware, old, "uuid");
    forget(firmware, old, "serial");
}
