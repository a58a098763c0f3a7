/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/grant-book.h"

typedef struct {
    gint64 term;
    guint attempt; /* of the grant; 0: none */
    gboolean leftover;
    gint64 granted_at;
    guint begun;
    gint64 begun_at;
} Page;

struct _LullGrantBook {
    GHashTable *pages; /* uid -> Page */
    gint64 term;       /* the latest that any grant had */
};

LullGrantBook *
lull_grant_book_new(void)
{
    LullGrantBook *self = g_new0(LullGrantBook, 1);

    self->pages = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->term = G_MININT64;
    return self;
}

void
lull_grant_book_free(LullGrantBook *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->pages);
    g_free(self);
}

static gboolean
is_on(const Page *page, const LullGrant *grant)
{
    return page && grant && page->attempt == grant->attempt && page->term == grant->term;
}

static Page *
turn_to(LullGrantBook *self, const char *uid)
{
    Page *page = g_hash_table_lookup(self->pages, uid);

    if (!page) {
        page = g_new0(Page, 1);
        g_hash_table_insert(self->pages, g_strdup(uid), page);
    }
    return page;
}

static void
note_grant(LullGrantBook *self, Page *page, const LullGrant *grant, gboolean leftover, gint64 now)
{
    if (is_on(page, grant))
        return;
    page->term = grant ? grant->term : 0;
    page->attempt = grant ? grant->attempt : 0;
    page->leftover = leftover;
    page->granted_at = now;
    if (grant)
        self->term = MAX(self->term, grant->term);
}

void
lull_grant_book_find(LullGrantBook *self, const char *uid, const LullGrant *grant)
{
    note_grant(self, turn_to(self, uid), grant, TRUE, 0);
}

static void
note_begun(Page *page, guint begun, gint64 now)
{
    if (page->begun == begun)
        return;
    page->begun = begun;
    page->begun_at = now;
}

void
lull_grant_book_claim(LullGrantBook *self, const char *uid, guint attempt, gint64 now)
{
    note_begun(turn_to(self, uid), attempt, now);
}

void
lull_grant_book_see(LullGrantBook *self, const char *uid, const LullGrant *grant, guint begun, gint64 now)
{
    Page *page = turn_to(self, uid);

    note_grant(self, page, grant, FALSE, now);
    note_begun(page, begun, now);
}

void
lull_grant_book_forget(LullGrantBook *self, const char *uid)
{
    g_hash_table_remove(self->pages, uid);
}

gboolean
lull_grant_book_is_good(LullGrantBook *self, const char *uid, const LullGrant *grant, gint64 now)
{
    const Page *page = g_hash_table_lookup(self->pages, uid);

    return is_on(page, grant) && !page->leftover && grant->term >= self->term &&
           now - page->granted_at < grant->valid_for;
}

gint64
lull_grant_book_granted_at(LullGrantBook *self, const char *uid, gint64 now)
{
    const Page *page = g_hash_table_lookup(self->pages, uid);

    return page ? page->granted_at : now;
}

gint64
lull_grant_book_begun_at(LullGrantBook *self, const char *uid, gint64 now)
{
    const Page *page = g_hash_table_lookup(self->pages, uid);

    return page ? page->begun_at : now;
}
