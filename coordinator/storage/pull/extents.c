/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/extents.h"

#include "protocol/error.h"

/* One of the lists, read from its start. */
typedef struct {
    const GArray *list;
    guint at;
    guint64 left; /* of the extent at hand */
} Reader;

static const LullPullExtent *
extent_of(const Reader *reader)
{
    return &g_array_index(reader->list, LullPullExtent, reader->at);
}

/* FALSE: at the end, or at what has no end. */
static gboolean
is_there(Reader *reader)
{
    if (reader->at < reader->list->len && reader->left == 0)
        reader->left = extent_of(reader)->bytes;
    return reader->left > 0;
}

static void
advance(Reader *reader, guint64 bytes)
{
    reader->left -= bytes;
    if (reader->left == 0)
        reader->at++;
}

static LullQcow2Kind
kind_of(const Reader *allocation, const Reader *dirty, gboolean keep_zeroes)
{
    if (dirty->list && !(extent_of(dirty)->flags & LULL_PULL_DIRTY))
        return LULL_QCOW2_NOTHING;
    if (!(extent_of(allocation)->flags & LULL_PULL_ZERO))
        return LULL_QCOW2_DATA;
    return keep_zeroes ? LULL_QCOW2_ZERO : LULL_QCOW2_NOTHING;
}

gboolean
lull_pull_extents_add(LullQcow2Layout *layout, const GArray *allocation, const GArray *dirty,
                      gboolean keep_zeroes, guint64 bytes, guint64 *ret_bytes, GError **error)
{
    Reader of_allocation = {allocation, 0, 0};
    Reader of_dirty = {dirty, 0, 0};
    guint64 done = 0;

    while (done < bytes && is_there(&of_allocation) && (!dirty || is_there(&of_dirty))) {
        guint64 n = MIN(of_allocation.left, bytes - done);

        if (dirty)
            n = MIN(n, of_dirty.left);
        lull_qcow2_layout_add(layout, n, kind_of(&of_allocation, &of_dirty, keep_zeroes));
        advance(&of_allocation, n);
        if (dirty)
            advance(&of_dirty, n);
        done += n;
    }
    if (done == 0 && bytes > 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                    "the NBD server does not say what there is on the disk");
        return FALSE;
    }
    *ret_bytes = done;
    return TRUE;
}
