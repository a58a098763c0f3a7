/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

/* FIFREEZE takes three locks of the file system whose readers do not count themselves: for each the kernel
 * waits for an RCU grace period, of 10 to 20 ms as a rule, while the first of them already holds back
 * writes. Expedited grace periods are over in a fraction of a millisecond, for an interrupt on each busy CPU.
 * The kernel has one switch for all of them, /sys/kernel/rcu_expedited; an administrator who does not want
 * them at all boots with rcupdate.rcu_normal=1, which the kernel sets above it. */
#define LULL_EXPEDITE_PATH "/sys/kernel/rcu_expedited"

/* -1: there is none, it cannot be written, or it is on already and so not ours to switch off. */
int lull_expedite_open(const char *path);

/* Sets it; no-op for -1. Neither allocates nor waits. */
void lull_expedite_set(int fd, bool on);
