/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

/* Opening a path whose way leads through a network file system or a process that serves one may take for
 * ever, and nothing gets a thread out of it. So a child does it, sends the descriptor, and is killed when the
 * time is over. One that the kernel does not let die holds nothing of ours. To be called before there are
 * threads. */

typedef int (*LullReachOpen)(const char *path, void *context); /* a descriptor, or -1 with errno */

/* What @open gives in a child; -1 with errno, ETIMEDOUT when it has not come by @until (boot clock, us). */
int lull_reach(const char *path, LullReachOpen open, void *context, int64_t until);
