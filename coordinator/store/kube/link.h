/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/metrics/metrics.h"
#include "coordinator/store/kube/config.h"
#include "coordinator/store/kube/credentials.h"
#include "coordinator/store/kube/kube.h"

G_BEGIN_DECLS

/* Requests to one API server. They block, each bounded in time and in the size of its answer, may be made
 * from any thread, and run beside each other on connections that are kept. */
typedef struct _LullKubeLink LullKubeLink;

LullKubeLink *lull_kube_link_new(LullKubeConfig *take_config, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_kube_link_free(LullKubeLink *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullKubeLink, lull_kube_link_free)

const LullKubeConfig *lull_kube_link_config(const LullKubeLink *self);
LullCredentials *lull_kube_link_credentials(const LullKubeLink *self);

/* How long one request may take, repetitions included; half a minute by default. */
void lull_kube_link_set_patience(LullKubeLink *self, gint64 usec);

/* The same for who wants it shorter, while others are at it. */
void lull_kube_link_limit_patience(LullKubeLink *self, gint64 usec);

/* Before it is used. TIMED_OUT for whoever asks after that, or waits then: LullKubeEnd (kube.h). Lent; NULL:
 * there is no end. */
void lull_kube_link_set_end(LullKubeLink *self, const LullKubeEnd *end);

/* Before it is used: each try of a request is counted there. Lent; NULL: nobody counts. */
void lull_kube_link_set_metrics(LullKubeLink *self, LullMetrics *metrics);
LullMetrics *lull_kube_link_metrics(const LullKubeLink *self);

/* How far the server's clock is before ours, by its own answers: see LullHttpClock. */
gint64 lull_kube_link_skew(LullKubeLink *self);

/* Asked right before each try of a request. FALSE: it is not made, and why. */
typedef struct {
    gboolean (*may)(gpointer data, GError **error);
    gpointer data;
} LullKubeGuard;

typedef struct {
    const char *method;
    const char *path;
    const char *content_type;
    LullJson *body;             /* lent; NULL: none */
    gboolean repeatable;        /* it may happen twice */
    gboolean wordless;          /* nobody wants to know what the answer says, if it is that it was done */
    gint64 patience;            /* less than the link's; 0: as the link has it */
    const LullKubeGuard *guard; /* lent; NULL: nobody is asked */
} LullKubeRequest;

/* The answer, an object; an empty one for a wordless request. An error of the server has the code of its
 * Status; else LOST (it is away, or went away: what is not repeatable may or may not have happened, and the
 * message says so), TIMED_OUT (the same), DENIED (certificates), INVALID (the answer is nonsense or too
 * large). *@ret_repeated (may be NULL): an earlier try may have happened too. */
LullJson *lull_kube_link_request(LullKubeLink *self, const LullKubeRequest *request, gboolean *ret_repeated,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
