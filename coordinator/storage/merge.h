/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Removing a content that another one is based on: what the child has is written into the parent's files,
 * which then take the place of the child's. That writes as little as can be (the changes, not the full copy
 * behind them), and the guest has no part in it.
 *
 * Whatever it is stopped at, the child can be read, and the same call does the rest. What is to go says so
 * first (removal.json in its folder), since it is worth nothing from then on:
 *
 *   {"heir": <child uid>, "moved": [{"file", "size", "sha256"}, ...]}
 *
 * A file is committed while it is not in `moved`, and renamed while it is and still there. Then the child's
 * manifest takes the new sums, and its parent's parent. */

/* Says durably that the content in @folder is to go. */
gboolean lull_merge_mark(const char *folder, GError **error);
gboolean lull_merge_is_removing(const char *folder);

/* The child that content @uid is being merged into; NULL: no merge has begun. */
char *lull_merge_heir(const char *directory, const char *uid) G_GNUC_WARN_UNUSED_RESULT;

/* Merges @uid into @child, or goes on with it. Both are checked against their sums first: a damage must not
 * be given a new sum. @uid's folder stays, with nothing in it that is needed. */
gboolean lull_merge_run(const char *directory, const char *uid, const char *child, GCancellable *cancel,
                        GError **error);

G_END_DECLS
