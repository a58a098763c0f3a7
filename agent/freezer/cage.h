/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>

/* What a process gives up before it may freeze the file systems that it lives on. */

/* All memory, present and future, locked and the caller's stack in place: nothing has to be fetched from
 * a disk, or make room by writing to one, between FIFREEZE and FITHAW. False with errno. */
bool lull_cage_lock_memory(void);

/* A system call filter, made once and then put on by as many threads as like. The process keeps it. */
typedef struct {
    struct sock_fprog program;
} LullCage;

/* A handful of system calls on descriptors that are open; FIFREEZE among them only if it @may_freeze. False
 * with errno. */
bool lull_cage_build(bool may_freeze, LullCage *ret_cage);

/* The calling thread keeps one capability and what @cage allows. There is no way back. False with errno.
 * No allocation: a thread that has locked memory would get an arena of its own for it, locked too. */
bool lull_cage_close(const LullCage *cage);
