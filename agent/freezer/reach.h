/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Opening a path whose way leads through a network file system or a process that serves one may take for
 * ever, and nothing gets a thread out of it. So a child does it, and sends the descriptor. One that the
 * kernel does not let die holds nothing of ours. */

typedef int (*LullReachOpen)(const char *path, void *context); /* a descriptor, or -1 with errno */

/* A child on its way. */
typedef struct {
    pid_t child;
    int socket;
    bool is_back; /* or dead */
} LullWay;

/* Sets a child out, which calls @open; false with errno. To be called before there are threads. */
bool lull_way_begin(LullWay *ret_way, const char *path, LullReachOpen open, void *context);

/* What @open gave there; -1 with errno, ETIMEDOUT where it has not come by @until (boot clock, us): then it
 * may be waited for again. */
int lull_way_wait(LullWay *self, int64_t until);

/* Kills the child where it has not come back. */
void lull_way_end(LullWay *self);

/* All three in one. */
int lull_reach(const char *path, LullReachOpen open, void *context, int64_t until);
