/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* Every kind of restore, in a cluster of which there are the objects only. */

typedef enum { RANDOMIZE, PREFIX, POLICIES } Policy;
typedef enum { OWNED_BY_VM, OWNED_BY_NOBODY, OWNERSHIPS } Ownership;
typedef enum { SAME, NEW, GONE, TARGETS } Target;
typedef enum { CLAIM, DATA_VOLUME, TEMPLATE, KINDS } Kind;
typedef enum { AT_ONCE, FIRST_CONSUMER, BINDINGS } Binding;
typedef enum { SOURCE_OWNS, NOBODY_OWNS, FORMERLY } Formerly;

#define CELLS (POLICIES * OWNERSHIPS * TARGETS * KINDS * BINDINGS * FORMERLY)

typedef struct {
    Policy policy;
    Ownership ownership;
    Target target;
    Kind kind; /* of the volume "root"; "data" is on a claim of its own */
    Binding binding;
    Formerly formerly; /* of the claim of "data" */
} Cell;

/* What there is. Claims, DataVolumes: by their names. */
typedef struct {
    Cell cell;
    LullJson *restore, *content, *vm, *source, *claims, *data_volumes, *surplus, *class;
    gboolean has_surplus, removed;
} World;

/* @n: from 0 to CELLS - 1. */
void world_init(World *self, int n);
void world_clear(World *self);

/* From its first step to its end. Each is decided from what there is, done, and looked at. */
void world_live(World *self);

const char *world_target(const World *self);

/* Its status.restores. */
LullJson *world_plan(const World *self);

G_END_DECLS
