/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

/* What a process gives up before it may freeze the file systems that it lives on. */

/* All memory, present and future, locked and the caller's stack in place: nothing has to be fetched from
 * a disk, or make room by writing to one, between FIFREEZE and FITHAW. False with errno. */
bool lull_cage_lock_memory(void);

/* The calling thread keeps one capability and a handful of system calls on descriptors that are open;
 * only a thread that @may_freeze can issue FIFREEZE. There is no way back. False with errno. */
bool lull_cage_close(bool may_freeze);
