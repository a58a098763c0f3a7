/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <check.h>
#include <sys/stat.h>

#include "coordinator/storage/folder.h"

/* Writes into the manifest of @folder what its definition and NVRAM are, where they are there. */
static inline void
seal_others(const char *folder)
{
    static const char *const names[] = {LULL_FOLDER_DOMAIN, LULL_FOLDER_NVRAM};
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, NULL);
    LullJson *rows = json_object_new_array();

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_autofree char *sum = lull_folder_sha256(path, NULL, NULL);
        LullJson *row;
        struct stat info;

        if (!sum)
            continue;
        ck_assert_int_eq(stat(path, &info), 0);
        row = json_object_new_object();
        lull_json_set_string(row, "file", names[i]);
        lull_json_set_string(row, "sha256", sum);
        lull_json_set_int(row, "size", info.st_size);
        json_object_array_add(rows, row);
    }
    lull_json_take(manifest, "files", rows);
    ck_assert(lull_folder_write(folder, LULL_FOLDER_MANIFEST, lull_json_to_line(manifest), NULL));
}
