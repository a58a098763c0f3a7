/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What a pod's libvirt sends: in one piece and byte by byte the verdict is the same. The first byte says how
 * many calls wait for an answer. */
#include "coordinator/guest/gate.h"
#include "tests/fuzz/fuzz.h"

static void
begin(LullGate *gate, guint calls)
{
    guint8 call[LULL_GATE_HEAD] = {0, 0, 0, LULL_GATE_HEAD, 0x20, 0, 0x80, 0x86};

    lull_gate_init(gate, 0);
    lull_gate_opened(gate);
    for (guint i = 0; i < calls; i++) {
        call[23] = (guint8)i; /* the serial's last byte */
        FUZZ_MUST(!lull_gate_sent(gate, call, sizeof call, 0));
        lull_gate_taken(gate, sizeof call);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const guint calls = size ? data[0] % (LULL_GATE_CALLS + 1) : 0;
    const char *whole = NULL;
    const char *piece = NULL;
    LullGate gate;
    LullGate other;

    if (size == 0)
        return 0;
    begin(&gate, calls);
    begin(&other, calls);
    whole = lull_gate_received(&gate, data + 1, size - 1, 1);
    for (size_t i = 1; i < size && !piece; i++)
        piece = lull_gate_received(&other, data + i, 1, 1);
    FUZZ_MUST(whole == piece);
    FUZZ_MUST(gate.n_calls == other.n_calls && gate.n_calls <= calls);
    FUZZ_MUST(whole || (lull_gate_until(&gate) != 0) == (gate.n_calls > 0));
    return 0;
}
