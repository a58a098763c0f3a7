/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/guest/instance.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* The machines of one node, as it is told of them: where each is, and whether it stays there. Any thread may
 * call. */
typedef struct _LullInstances LullInstances;
LullInstances *lull_instances_new(const char *node) G_GNUC_WARN_UNUSED_RESULT;
void lull_instances_free(LullInstances *self);

void lull_instances_hear(LullInstances *self, LullWatchType type, LullJson *instance);

/* All that there are, an array: what was heard of others is forgotten. */
void lull_instances_hear_all(LullInstances *self, LullJson *instances);

/* Where a machine is, now. */
typedef struct {
    char *pod;
    char *domain; /* libvirt's name for it there; NULL: any name */
    char *uuid;   /* NULL: any */
} LullWhere;
void lull_where_clear(LullWhere *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullWhere, lull_where_clear)

/* By uid, or NAMESPACE/NAME. NOT_FOUND: nobody told of it. Others as lull_instance_check_here(). */
gboolean lull_instances_find(LullInstances *self, const char *which, LullWhere *ret_where, GError **error);

/* Gives @vm, as it was found in @pod, what the API knows of it. FALSE: it is no more there. */
gboolean lull_instances_dress(LullInstances *self, const char *which, const char *pod, LullVm *vm);

/* From now on @over is cancelled as soon as the machine @uid is about to leave @pod, or has: at once, if that
 * was told before. */
typedef struct _LullStay LullStay;
LullStay *lull_instances_watch(LullInstances *self, const char *uid, const char *pod,
                               GCancellable *over) G_GNUC_WARN_UNUSED_RESULT;

/* Why it was, a constant; NULL: it stays, as far as is known. Waits for nobody. */
const char *lull_stay_broken(const LullStay *self);
void lull_stay_end(LullStay *self); /* NULL is fine; before the instances are freed */

G_END_DECLS
