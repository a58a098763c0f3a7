/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/config.h"
#include "coordinator/store/kube/small-file.h"
#include "coordinator/yaml/read.h"
#include "protocol/error.h"

#define POD_DIR   "/var/run/secrets/kubernetes.io/serviceaccount"
#define MAX_FILES 32

static void
kubeconfig_free(gpointer data)
{
    LullKubeconfig *file = data;

    g_free(file->path);
    json_object_put(file->document);
    g_free(file);
}

static gboolean
read_file(GPtrArray *files, const char *path, GError **error)
{
    gsize length = 0;
    g_autofree char *text = lull_small_file_read(path, LULL_YAML_MAX_BYTES, &length, error);
    g_autoptr(GPtrArray) documents = text ? lull_yaml_read(text, length, error) : NULL;

    if (!documents) {
        if (text)
            g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    if (documents->len == 0)
        return TRUE;
    LullKubeconfig *file = g_new0(LullKubeconfig, 1);
    const LullYamlDocument *document = g_ptr_array_index(documents, 0);
    g_autofree char *folder = g_get_current_dir();
    file->path = g_canonicalize_filename(path, folder);
    file->document = json_object_get(document->value);
    g_ptr_array_add(files, file);
    return TRUE;
}

static LullKubeConfig *
find_in_files(const char *paths, const char *context, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(kubeconfig_free);
    g_auto(GStrv) list = g_strsplit(paths, ":", MAX_FILES);

    for (char **path = list; *path; path++) {
        g_autoptr(GError) problem = NULL;

        if (!**path || read_file(files, *path, &problem) || lull_error_is(problem, LULL_ERROR_NOT_FOUND))
            continue;
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (files->len == 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "kubeconfig, %s: there is none", paths);
        return NULL;
    }
    return lull_kube_config_choose(files, context, error);
}

LullKubeConfig *
lull_kube_config_find(const char *paths, const char *context, GError **error)
{
    g_autofree char *ns = NULL;

    if (paths && *paths)
        return find_in_files(paths, context, error);
    ns = lull_small_file_read(POD_DIR "/namespace", 256, NULL, NULL);
    return lull_kube_config_of_pod(g_getenv("KUBERNETES_SERVICE_HOST"), g_getenv("KUBERNETES_SERVICE_PORT"),
                                   POD_DIR, ns, error);
}
