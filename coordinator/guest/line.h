/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"

G_BEGIN_DECLS

/* Of a uid, or of a place: two of them. */
#define LULL_HOST_UID_SIZE 128

/* One domain on a link of its own, for whoever has to reach it even if libvirt was away meanwhile. One thread
 * at a time. All zero is a closed one. */
typedef struct {
    LullHost *host; /* the one that has it, held */
    char uid[LULL_HOST_UID_SIZE];
    LullLink *link;
    LullDomain *domain; /* NULL: closed */
    guint64 found;      /* as of lull_host_times_found() */
} LullLine;

gboolean lull_line_open(LullLine *self, LullHost *host, const char *uid, GError **error);
void lull_line_close(LullLine *self);

/* If its connection is gone and the host has found libvirt again, it gets another one, and `domain` with it.
 * Nothing is waited for: a daemon that does not answer is not asked. */
void lull_line_mend(LullLine *self);

G_END_DECLS
