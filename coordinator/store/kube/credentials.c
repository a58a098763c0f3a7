/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/credentials.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coordinator/store/kube/small-file.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define MAX_SECRET (1024 * 1024)
#define MAX_AGE    LULL_SEC(50)
#define MIN_AGE    LULL_SEC(1)

enum { CA = 0, CERTIFICATE, KEY, TOKEN, N_SECRETS };

struct _LullCredentials {
    const LullKubeConfig *config;
    GMutex lock;
    LullCredential *current; /* NULL: nothing read yet */
    gint64 read_at;
    gboolean doubted;
};

LullCredentials *
lull_credentials_new(const LullKubeConfig *config)
{
    LullCredentials *self = g_new0(LullCredentials, 1);

    self->config = config;
    g_mutex_init(&self->lock);
    return self;
}

static void
credential_clear(LullCredential *credential)
{
    g_free(credential->authorization);
    g_free(credential->ca);
    g_free(credential->certificate);
    g_free(credential->key);
    for (int i = 0; i < N_SECRETS; i++)
        g_free(credential->texts[i]);
    for (int i = 0; i < TOKEN; i++)
        if (credential->fds[i] >= 0)
            (void)close(credential->fds[i]);
}

void
lull_credential_unref(LullCredential *credential)
{
    if (credential)
        g_atomic_rc_box_release_full(credential, (GDestroyNotify)credential_clear);
}

void
lull_credentials_free(LullCredentials *self)
{
    if (!self)
        return;
    lull_credential_unref(self->current);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static gboolean
read_secret(const LullKubeSecret *secret, char **ret_text, GError **error)
{
    if (secret->path)
        *ret_text = lull_small_file_read(secret->path, MAX_SECRET, NULL, error);
    else
        *ret_text = g_strdup(secret->bytes);
    return *ret_text || !secret->path;
}

static gboolean
set_token(LullCredential *credential, GError **error)
{
    char *token = credential->texts[TOKEN];

    if (!token)
        return TRUE;
    g_strstrip(token);
    for (const char *at = token; *at; at++)
        if (*at <= ' ' || *at > '~') {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                        "token: has characters that do not belong there");
            return FALSE;
        }
    if (*token)
        credential->authorization = g_strconcat("Authorization: Bearer ", token, NULL);
    return TRUE;
}

static gboolean
write_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        const ssize_t n = write(fd, bytes, length);

        if (n < 0 && errno != EINTR)
            return FALSE;
        if (n > 0) {
            bytes += n;
            length -= (gsize)n;
        }
    }
    return TRUE;
}

static gboolean
make_file(LullCredential *credential, int which, char **ret_path, GError **error)
{
    const char *text = credential->texts[which];

    if (!text)
        return TRUE;
    credential->fds[which] = memfd_create("credential", MFD_CLOEXEC);
    if (credential->fds[which] < 0 || !write_all(credential->fds[which], text, strlen(text))) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "certificates: cannot be kept in memory: %s",
                    g_strerror(errno));
        return FALSE;
    }
    *ret_path = g_strdup_printf("/proc/self/fd/%d", credential->fds[which]);
    return TRUE;
}

static gboolean
is_same(const LullCredential *a, const LullCredential *b)
{
    for (int i = 0; i < N_SECRETS; i++)
        if (g_strcmp0(a->texts[i], b->texts[i]) != 0)
            return FALSE;
    return TRUE;
}

/* The one there is, where nothing has changed: connections then stay in use. */
static LullCredential *
read_credential(LullCredentials *self, GError **error)
{
    const LullKubeSecret *secrets[] = {&self->config->ca, &self->config->certificate, &self->config->key,
                                       &self->config->token};
    g_autoptr(LullCredential) credential = g_atomic_rc_box_new0(LullCredential);

    for (int i = 0; i < TOKEN; i++)
        credential->fds[i] = -1;
    for (int i = 0; i < N_SECRETS; i++)
        if (!read_secret(secrets[i], &credential->texts[i], error))
            return NULL;
    if (!set_token(credential, error))
        return NULL;
    if (self->current && is_same(self->current, credential))
        return g_atomic_rc_box_acquire(self->current);
    if (!make_file(credential, CA, &credential->ca, error) ||
        !make_file(credential, CERTIFICATE, &credential->certificate, error) ||
        !make_file(credential, KEY, &credential->key, error))
        return NULL;
    return g_steal_pointer(&credential);
}

LullCredential *
lull_credentials_get(LullCredentials *self, gint64 now, GError **error)
{
    g_autoptr(GError) problem = NULL;
    LullCredential *result = NULL;

    g_mutex_lock(&self->lock);
    if (!self->current || now - self->read_at >= (self->doubted ? MIN_AGE : MAX_AGE)) {
        LullCredential *fresh = read_credential(self, &problem);

        if (fresh) {
            lull_credential_unref(self->current);
            self->current = fresh;
        }
        self->read_at = now;
        self->doubted = FALSE;
    }
    if (self->current)
        result = g_atomic_rc_box_acquire(self->current);
    g_mutex_unlock(&self->lock);
    if (problem && result)
        g_warning("credentials cannot be read again, the old ones are used on: %s", problem->message);
    else if (problem)
        g_propagate_error(error, g_steal_pointer(&problem));
    return result;
}

void
lull_credentials_doubt(LullCredentials *self, const LullCredential *credential)
{
    g_mutex_lock(&self->lock);
    if (self->current == credential)
        self->doubted = TRUE;
    g_mutex_unlock(&self->lock);
}

gint64
lull_credentials_renewal(LullCredentials *self, gint64 now)
{
    gint64 left;

    g_mutex_lock(&self->lock);
    left = self->doubted ? MAX(self->read_at + MIN_AGE - now, 0) : 0;
    g_mutex_unlock(&self->lock);
    return left;
}
