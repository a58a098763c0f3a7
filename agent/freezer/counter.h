/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Write requests completed, from the text of a block device's stat file in sysfs (its fifth number);
 * -1 where the text is not of that form. */
int64_t lull_counter_parse(const char *text, size_t size);

/* The same from an open stat file, read anew. -1: unknown. No allocation. */
int64_t lull_counter_read(int fd);
