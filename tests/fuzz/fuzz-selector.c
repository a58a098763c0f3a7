/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Selectors of lists, their page tokens and positions. A zero byte parts labels and fields. */
#include <string.h>

#include "coordinator/store/local/page.h"
#include "coordinator/store/selector.h"
#include "tests/fuzz/fuzz.h"

static void
select_with(const char *labels, const char *fields)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullSelector) selector = lull_selector_new(&lull_kind_event, labels, fields, &error);
    g_autoptr(LullJson) object = lull_json_parse(
        "{\"metadata\":{\"name\":\"n\",\"namespace\":\"ns\",\"labels\":{\"a\":\"b\"}}}", -1, NULL);

    FUZZ_MUST(!selector == !!error);
    if (!selector)
        return;
    if (lull_selector_is_everything(selector))
        FUZZ_MUST(lull_selector_matches(selector, object));
    (void)lull_selector_matches(selector, object);
}

static void
go_on_from(const char *token)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullPage) page = lull_page_from_token(token, &error);
    g_autofree char *again = NULL;
    g_autoptr(LullPage) same = NULL;

    FUZZ_MUST(!page == !!error);
    if (!page)
        return;
    again = lull_page_to_token(page);
    same = lull_page_from_token(again, NULL);
    FUZZ_MUST(same && same->version == page->version);
    FUZZ_MUST(g_strcmp0(same->ns, page->ns) == 0 && g_strcmp0(same->name, page->name) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    const size_t first = strlen(text);
    const char *fields = first < size ? text + first + 1 : NULL;
    g_autofree char *whole = g_base64_encode(data, size);
    gint64 version;

    select_with(text, fields);
    go_on_from(text);
    go_on_from(whole);
    (void)lull_position_parse(text, &version, NULL);
    return 0;
}
