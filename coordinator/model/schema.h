/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/api-group.h"
#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* The table of kinds as JSON Schema, in the form that Kubernetes calls structural. */

/* spec or status of a kind: {"type":"object",...}. @duration: where lull_schema_duration() is to be found,
 * "#/..."; NULL: it is written out wherever there is one. */
LullJson *lull_schema_of_part(const LullKind *kind, const LullField *fields,
                              const char *duration) G_GNUC_WARN_UNUSED_RESULT;

/* An object with these fields, as a schema. */
LullJson *lull_schema_of_fields(const LullField *fields, const char *duration) G_GNUC_WARN_UNUSED_RESULT;

/* A text or a number. */
LullJson *lull_schema_duration(void) G_GNUC_WARN_UNUSED_RESULT;

/* The CustomResourceDefinition that serves a kind in a cluster. */
LullJson *lull_schema_crd(const LullKind *kind, const LullApiGroup *group) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
