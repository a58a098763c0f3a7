/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/counter.h"

#include <stdbool.h>
#include <unistd.h>

#define FIELD_WRITES 4 /* read I/Os, read merges, read sectors, read ticks, write I/Os */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int64_t
lull_counter_parse(const char *text, size_t size)
{
    size_t i = 0;
    int64_t number = -1;

    for (int field = 0; field <= FIELD_WRITES; field++) {
        while (i < size && (text[i] == ' ' || text[i] == '\t'))
            i++;
        if (i == size || !is_digit(text[i]))
            return -1;
        for (number = 0; i < size && is_digit(text[i]); i++) {
            if (number > (INT64_MAX - 9) / 10)
                return -1;
            number = number * 10 + (text[i] - '0');
        }
    }
    return number;
}

int64_t
lull_counter_read(int fd)
{
    char text[512];
    const ssize_t n = fd >= 0 ? pread(fd, text, sizeof text, 0) : -1;

    return n > 0 ? lull_counter_parse(text, (size_t)n) : -1;
}
