/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/store/kube/config.h"

G_BEGIN_DECLS

/* The secrets of a configuration, as they are now: tokens live for an hour and are replaced in their file,
 * certificates and authorities rotate. Any thread. */
typedef struct _LullCredentials LullCredentials;

/* @config is lent and must stay. */
LullCredentials *lull_credentials_new(const LullKubeConfig *config) G_GNUC_WARN_UNUSED_RESULT;
void lull_credentials_free(LullCredentials *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullCredentials, lull_credentials_free)

/* One reading. What is for TLS are files without a name, which live as long as this does: their paths are
 * what libcurl opens whenever it connects, and another content has another path. NULL: there is none. */
typedef struct {
    char *authorization; /* a header, or NULL */
    char *ca;
    char *certificate;
    char *key;
    /* private */
    char *texts[4];
    int fds[3];
} LullCredential;

/* Reads again what is older than a minute; where that fails, what was read last goes on to count. Give it
 * back. */
LullCredential *
lull_credentials_get(LullCredentials *self, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The server did not accept it: the next get reads again, but not more than once a second. */
void lull_credentials_doubt(LullCredentials *self, const LullCredential *credential);

/* How long from @now until a get reads again what is in doubt; 0: nothing is, or at once. */
gint64 lull_credentials_renewal(LullCredentials *self, gint64 now);

void lull_credential_unref(LullCredential *credential);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullCredential, lull_credential_unref)

G_END_DECLS
