/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* Paths of the REST API. Every part is percent-encoded, so that no name can leave its place in the
 * path. Owned by the caller. */

/* One part: everything but unreserved characters (RFC 3986) becomes %XX. */
char *lull_url_escape(const char *part) G_GNUC_WARN_UNUSED_RESULT;

/* "/apis/GROUP/VERSION/namespaces/NS/PLURAL[/NAME]"; @name NULL: the collection. */
char *lull_url_object(const LullKind *kind, const char *ns, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* KubeVirt's freeze and unfreeze of a running machine. */
char *lull_url_subresource(const char *ns, const char *vm, const char *subresource) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
