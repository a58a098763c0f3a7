/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* SHA-256 by libcrypto: GLib's own is a tenth as fast, which with gigabytes is what a snapshot would wait
 * for. */
typedef struct _LullDigest LullDigest;

/* FAILED: this libcrypto has none. */
LullDigest *lull_digest_new(GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_digest_add(LullDigest *self, const void *data, gsize bytes);

/* In hexadecimal; the end of it. FAILED: some of what was added could not be. */
char *lull_digest_text(LullDigest *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

void lull_digest_free(LullDigest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullDigest, lull_digest_free)

G_END_DECLS
