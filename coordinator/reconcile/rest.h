/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/vm.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Whether a cluster's machine is off, as its object tells at one moment: nobody holds it there, so that it is
 * looked at before a cut and after it. */
typedef struct {
    gboolean off; /* on no node, and so in no host; also where it is gone */
    LullVmEnd end;
    char *life;    /* of one that is off: another one as soon as it may have run; NULL: it is not off */
    char *problem; /* why nothing of it may be cut: another machine has its name; NULL: it may */
} LullRest;
void lull_rest_clear(LullRest *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullRest, lull_rest_clear)

/* Is @vm the machine that @content is of? NULL: it is gone, which is no other. Pure. */
gboolean lull_machine_is(LullJson *vm, LullJson *content);

/* The machine that @content is of; @vm: what has its name, NULL: nothing. Pure. */
LullRest lull_rest_of(LullJson *content, LullJson *vm) G_GNUC_WARN_UNUSED_RESULT;

/* Is it as it was? NULL: yes; else what happened. Pure. */
const char *lull_rest_broken(const char *life, const LullRest *now) G_GNUC_PURE;

/* Reads what has its name. */
gboolean lull_rest_look(LullStore *store, LullJson *content, LullRest *ret_rest, GError **error);

G_END_DECLS
