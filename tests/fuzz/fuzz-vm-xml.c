/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* libvirt's XML: of domains, live and inactive (a zero byte parts them), and of checkpoints. */
#include <string.h>

#include "coordinator/guest/vm-definition.h"
#include "coordinator/guest/vm.h"
#include "coordinator/storage/checkpoint.h"
#include "tests/fuzz/fuzz.h"

static void
look_at(const char *xml)
{
    for (int state = LULL_VM_STOPPED; state <= LULL_VM_PAUSED; state++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullVm) vm = lull_vm_from_xml(xml, (LullVmState)state, &error);
        g_autoptr(LullJson) object = vm ? lull_vm_to_json(vm) : NULL;

        FUZZ_MUST(!vm == !!error);
        if (!vm)
            continue;
        FUZZ_MUST(vm->name && vm->uid && vm->domain && object);
        for (guint i = 0; i < vm->volumes->len; i++) {
            const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);

            FUZZ_MUST(volume->name && volume->disk);
            FUZZ_MUST(volume->excluded || volume->path);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *live = g_strndup((const char *)data, size);
    const size_t first = strlen(live);
    g_autofree char *inactive = g_strndup(first < size ? (const char *)data + first + 1 : live,
                                          first < size ? size - first - 1 : first);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *merged = lull_vm_definition(live, inactive, notes, NULL);
    g_autoptr(GHashTable) sizes = lull_checkpoint_sizes_of(live);

    look_at(live);
    if (merged)
        look_at(merged);
    return 0;
}
