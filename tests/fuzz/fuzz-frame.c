/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Framing: the same bytes, however they are cut, give the same messages and as many errors. The first byte
 * says how long the pieces are. */
#include <string.h>

#include "protocol/frame.h"
#include "protocol/json.h"
#include "tests/fuzz/fuzz.h"

#define MAX_BYTES 512
#define MAX_DEPTH 8

static void
drain(LullFrame *frame, GString *seen)
{
    for (;;) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        gsize length = 0;
        const LullFrameKind kind = lull_frame_next(frame, &text, &length, &error);

        if (kind == LULL_FRAME_NONE)
            return;
        if (kind == LULL_FRAME_BAD) {
            FUZZ_MUST(error);
            g_string_append_c(seen, '!');
            continue;
        }
        FUZZ_MUST(text && text[length] == '\0');
        FUZZ_MUST(length <= MAX_BYTES);
        lull_json_put(lull_json_parse(text, (gssize)length, NULL));
        g_string_append_len(seen, text, (gssize)length);
        g_string_append_c(seen, '\n');
    }
}

static GString *
read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
    g_autoptr(LullFrame) frame = lull_frame_new(MAX_BYTES, MAX_DEPTH);
    GString *seen = g_string_new(NULL);

    for (size_t at = 0; at < size; at += piece) {
        lull_frame_feed(frame, data + at, MIN(piece, size - at));
        drain(frame, seen);
    }
    return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GString) whole = NULL;
    g_autoptr(GString) pieces = NULL;

    if (size < 2)
        return 0;
    whole = read_in_pieces(data + 1, size - 1, size);
    pieces = read_in_pieces(data + 1, size - 1, 1 + data[0] % 64);
    FUZZ_MUST(g_string_equal(whole, pieces));
    return 0;
}
