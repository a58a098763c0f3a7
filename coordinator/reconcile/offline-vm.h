/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/vm.h"

G_BEGIN_DECLS

/* A machine of a cluster that is off, which no host knows. Pure. */

/* In the status of a machine's object that is a cluster's, and off: how it ended, as lull_machine_end() reads
 * it; absent: nobody knows. */
#define LULL_MACHINE_END         "end"
#define LULL_MACHINE_END_STOPPED "stopped"
#define LULL_MACHINE_END_CRASHED "crashed"

/* There, too: what is another one once it was started, changed or made again. */
#define LULL_MACHINE_LIFE "life"

/* @vm NULL: it is gone. */
LullVmEnd lull_machine_end(LullJson *vm);

/* What its content promises of it, the volumes in their order. */
LullVm *lull_vm_of_content(LullJson *content, LullVmEnd end) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
