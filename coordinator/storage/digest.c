/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/digest.h"

#include <openssl/evp.h>

#include "protocol/error.h"

struct _LullDigest {
    EVP_MD_CTX *context;
    gboolean is_broken;
};

LullDigest *
lull_digest_new(GError **error)
{
    g_autoptr(LullDigest) self = g_new0(LullDigest, 1);

    self->context = EVP_MD_CTX_new();
    if (self->context && EVP_DigestInit_ex(self->context, EVP_sha256(), NULL) == 1)
        return g_steal_pointer(&self);
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "this libcrypto has no SHA-256");
    return NULL;
}

void
lull_digest_add(LullDigest *self, const void *data, gsize bytes)
{
    if (EVP_DigestUpdate(self->context, data, bytes) != 1)
        self->is_broken = TRUE;
}

char *
lull_digest_text(LullDigest *self, GError **error)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    GString *text = NULL;

    if (self->is_broken || EVP_DigestFinal_ex(self->context, bytes, &length) != 1) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "libcrypto's SHA-256 failed");
        return NULL;
    }
    text = g_string_new(NULL);
    for (unsigned int i = 0; i < length; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

void
lull_digest_free(LullDigest *self)
{
    if (!self)
        return;
    EVP_MD_CTX_free(self->context);
    g_free(self);
}
