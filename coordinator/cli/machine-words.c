/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/machine-words.h"

static const LullMachineWords of_host = {
    .start = "virsh start",
    .shutdown = "virsh shutdown",
    .reset = "virsh reset",
    .resume = "virsh resume",
};

static const LullMachineWords of_cluster = {
    .start = "virtctl start",
    .shutdown = "virtctl stop",
    .reset = "virtctl restart --force --grace-period=0",
    .resume = "virtctl unpause vm",
};

const LullMachineWords *
lull_machine_words(gboolean cluster)
{
    return cluster ? &of_cluster : &of_host;
}
