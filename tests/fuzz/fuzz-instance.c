/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* VirtualMachineInstances: what is read of one can be a path's part, or it is none. */
#include <string.h>

#include "coordinator/guest/instance.h"
#include "tests/fuzz/fuzz.h"

static void
must_be_plain(const char *name)
{
    FUZZ_MUST(!name || (*name && !strchr(name, '/') && strcmp(name, "..") != 0 && strcmp(name, ".") != 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(LullJson) json = lull_json_parse((const char *)data, (gssize)size, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) why = NULL;
    g_autoptr(LullInstance) instance = json ? lull_instance_from_json(json, json, &error) : NULL;

    FUZZ_MUST(!json || !instance == !!error);
    if (!instance)
        return 0;
    must_be_plain(instance->ns);
    must_be_plain(instance->name);
    must_be_plain(instance->uid);
    must_be_plain(instance->node);
    must_be_plain(instance->pod);
    must_be_plain(instance->domain);
    for (guint i = 0; i < instance->volumes->len; i++) {
        const LullInstanceVolume *volume = instance->volumes->pdata[i];

        must_be_plain(volume->name);
        must_be_plain(volume->claim);
        FUZZ_MUST(lull_instance_volume(instance, volume->name) == volume);
    }
    FUZZ_MUST(lull_instance_check_here(instance, "node-a", &why) == !why);
    FUZZ_MUST(why || (instance->pod && !instance->migrating));
    return 0;
}
