/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What one types to work with a machine: its name follows. */
typedef struct {
    const char *start;
    const char *shutdown; /* has the guest switch itself off */
    const char *reset;    /* whatever the guest does */
    const char *resume;   /* one that was paused */
} LullMachineWords;

/* @cluster: where it is KubeVirt that runs it, and not a plain host's libvirt. */
const LullMachineWords *lull_machine_words(gboolean cluster);

G_END_DECLS
