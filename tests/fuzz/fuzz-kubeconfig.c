/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Kubeconfig files, from their text to where the server is and who we are. */
#include <string.h>

#include "coordinator/store/kube/config.h"
#include "coordinator/yaml/read.h"
#include "tests/fuzz/fuzz.h"

static void
check(const LullKubeConfig *config)
{
    FUZZ_MUST(g_str_has_prefix(config->server, "https://") || g_str_has_prefix(config->server, "http://"));
    FUZZ_MUST(!g_str_has_suffix(config->server, "/"));
    FUZZ_MUST(!strpbrk(config->server, " \r\n\t"));
    FUZZ_MUST(!config->token.bytes || !strpbrk(config->token.bytes, " \r\n\t"));
    FUZZ_MUST(!config->token.path || g_path_is_absolute(config->token.path));
    FUZZ_MUST(!config->ca.path || g_path_is_absolute(config->ca.path));
    FUZZ_MUST(config->ns && *config->ns);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) documents = lull_yaml_read((const char *)data, size, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; documents && i < documents->len; i++) {
        const LullYamlDocument *document = g_ptr_array_index(documents, i);
        LullKubeconfig *file = g_new0(LullKubeconfig, 1);
        file->path = (char *)"/etc/kube/config";
        file->document = document->value;
        g_ptr_array_add(files, file);
    }
    g_autoptr(LullKubeConfig) config = lull_kube_config_choose(files, NULL, &error);
    FUZZ_MUST(!config == !!error);
    if (config)
        check(config);
    return 0;
}
