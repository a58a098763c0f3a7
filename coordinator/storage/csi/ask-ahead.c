/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/ask-ahead.h"

#include "coordinator/storage/csi/kinds.h"

static void
want(GArray *wants, const LullKind *kind, const char *ns, const char *name)
{
    const LullWant one = {kind, ns, name};

    if (name && *name)
        g_array_append_val(wants, one);
}

static void
ask(LullStore *store, const GArray *wants)
{
    lull_store_ahead_ask(store, (const LullWant *)(const void *)wants->data, wants->len);
}

static void
want_what_it_names(GArray *wants, const LullCsiAhead *ahead, LullJson *claim)
{
    LullJson *spec = lull_json_object(claim, "spec");

    want(wants, &lull_csi_kind_volume, NULL, lull_json_string(spec, "volumeName", NULL));
    want(wants, &lull_csi_kind_profile, NULL, lull_json_string(spec, "storageClassName", NULL));
    if (ahead->also)
        want(wants, ahead->also, ahead->ns, ahead->also_of(claim));
}

void
lull_csi_ask_ahead(LullStore *store, const LullCsiAhead *ahead)
{
    g_autoptr(GArray) first = g_array_new(FALSE, FALSE, sizeof(LullWant));
    g_autoptr(GArray) second = g_array_new(FALSE, FALSE, sizeof(LullWant));
    g_autoptr(GPtrArray) claims = g_ptr_array_new_with_free_func((GDestroyNotify)lull_json_put);

    if (ahead->n_others)
        g_array_append_vals(first, ahead->others, ahead->n_others);
    for (guint i = 0; i < ahead->claims->len; i++)
        want(first, &lull_csi_kind_claim, ahead->ns, ahead->claims->pdata[i]);
    ask(store, first);
    for (guint i = 0; i < ahead->claims->len; i++) {
        LullJson *claim =
            lull_store_get(store, &lull_csi_kind_claim, ahead->ns, ahead->claims->pdata[i], NULL);

        if (!claim)
            continue;
        g_ptr_array_add(claims, claim); /* what it names is lent */
        want_what_it_names(second, ahead, claim);
    }
    ask(store, second);
}
