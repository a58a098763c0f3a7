/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/doctor/facts.h"
#include "coordinator/doctor/finding.h"

G_BEGIN_DECLS

/* A check is a name and a pure function of one of these shapes: the first is called once, the second for
 * every machine, the third for every disk of every machine. Each adds at most one finding for what it is
 * called with, under @name, and leaves its subject to the caller. */
typedef struct {
    const char *name;
    void (*of_host)(const LullFacts *facts, const char *name, GPtrArray *findings);
    void (*of_vm)(const LullFacts *facts, const LullVmFacts *vm, const char *name, GPtrArray *findings);
    void (*of_disk)(const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk, const char *name,
                    GPtrArray *findings);
} LullCheck;

/* NULL names end them. */
extern const LullCheck lull_checks_of_host[];
extern const LullCheck lull_checks_of_guest[];
extern const LullCheck lull_checks_of_disk[];

G_END_DECLS
