/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

/* What agent and freezer say to each other over a SOCK_SEQPACKET pair. The facts are in the shared table
 * (hold.h); a message wakes the other side up to them, and end of file means that it is gone. Both come
 * from one build and one host: native layout. */

/* Descriptors that the freezer is born with; everything else it closes. */
enum {
    LULL_WIRE_FD_SOCKET = 3,
    LULL_WIRE_FD_TABLE = 4,
    LULL_WIRE_FD_MARKER = 5, /* may be missing */
    LULL_WIRE_FD_FIRST_FREE = 6,
};

/* Mount descriptors in one message; the kernel's limit is 253. */
#define LULL_WIRE_BATCH 128

typedef enum {
    LULL_WIRE_NONE = 0,

    /* from the agent */
    LULL_WIRE_FREEZE,  /* lease_usec, within_usec, strict */
    LULL_WIRE_RENEWED, /* the lease's end has moved in the table */
    LULL_WIRE_THAW,    /* THAWED follows */

    /* from the freezer */
    LULL_WIRE_DESCRIPTORS, /* of mounts from index first, count of them, SCM_RIGHTS; those that could not be
                              opened are left out: bit i of present tells of mount first + i */
    LULL_WIRE_PREPARED,    /* descriptors all sent, synced, memory locked, filters in place */
    LULL_WIRE_FROZEN,
    LULL_WIRE_FREEZE_FAILED, /* nothing of ours is frozen */
    LULL_WIRE_THAWED,        /* nothing of ours is frozen */
    LULL_WIRE_REFUSED,       /* it cannot serve, and exits: error, what */
} LullWireKind;

/* Why a freezer refuses to serve. */
typedef enum {
    LULL_WIRE_REFUSED_NONE = 0,
    LULL_WIRE_REFUSED_MARKER, /* another freezer, of an earlier agent, still lives */
    LULL_WIRE_REFUSED_MEMORY,
    LULL_WIRE_REFUSED_FILTER,
    LULL_WIRE_REFUSED_THREAD,
    LULL_WIRE_REFUSED_DESCRIPTORS, /* the agent's own: not all descriptors came through */
} LullWireRefusal;

typedef struct {
    uint32_t kind; /* LullWireKind */
    uint32_t strict;
    int64_t lease_usec;
    int64_t within_usec;
    uint32_t first;
    uint32_t count;
    uint8_t present[LULL_WIRE_BATCH / 8];
    int32_t error;
    uint32_t what; /* LullWireRefusal */
} LullWireMessage;
