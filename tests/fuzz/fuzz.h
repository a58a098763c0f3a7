/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What a target promises of any bytes, beside that nothing crashes, leaks or is undefined. */
#define FUZZ_MUST(condition)                                                   \
    do {                                                                       \
        if (!(condition)) {                                                    \
            g_printerr("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); /* unlike a trap, this is seen by fuzzers */              \
        }                                                                      \
    } while (0)

/* The entry point of every target. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
