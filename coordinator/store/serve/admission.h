/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* What other objects have against one that is to be created, and that is right in itself: causes as
 * lull_kind_check() gives them, NULL where there is nothing. On the server's context: nothing is created
 * between this look and the creation. */
typedef LullJson *(*LullAdmitFunc)(LullJson *object, gpointer user_data);

typedef struct {
    LullAdmitFunc func;
    gpointer user_data;
} LullAdmission;

G_END_DECLS
