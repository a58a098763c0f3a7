/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/memory.h"

#include <malloc.h>

/* Each arena keeps what its threads needed at most at some time. One for all is held for a microsecond at a
 * time, and most of what a thread that keeps a guest frozen needs comes from the thread's own cache. */
#define ARENAS 1

/* Answers of an API server, pages of lists: mapped, and gone with the last use. Left to itself the C library
 * raises this to the largest that was ever freed. */
#define MAPPED_FROM (128 * 1024)

/* What may stay at the top, fixed for the same reason. */
#define SPARE (256 * 1024)

void
lull_memory_init(void)
{
    (void)mallopt(M_ARENA_MAX, ARENAS);
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
    (void)mallopt(M_TRIM_THRESHOLD, SPARE);
}
