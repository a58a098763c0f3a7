/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/url.h"

#include "protocol/names.h"

char *
lull_url_escape(const char *part)
{
    return g_uri_escape_string(part, NULL, FALSE);
}

char *
lull_url_object(const LullKind *kind, const char *ns, const char *name)
{
    g_autofree char *ns_part = lull_url_escape(ns);
    g_autofree char *name_part = name ? lull_url_escape(name) : NULL;

    return g_strconcat(*kind->group ? "/apis/" : "/api", kind->group, "/", kind->version, "/namespaces/",
                       ns_part, "/", kind->plural, name_part ? "/" : NULL, name_part, NULL);
}

char *
lull_url_subresource(const char *ns, const char *vm, const char *subresource)
{
    g_autofree char *ns_part = lull_url_escape(ns);
    g_autofree char *vm_part = lull_url_escape(vm);

    return g_strconcat("/apis/" LULL_GROUP_SUBRESOURCES "/v1/namespaces/", ns_part,
                       "/virtualmachineinstances/", vm_part, "/", subresource, NULL);
}
