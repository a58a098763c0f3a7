/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/host.h"
#include "coordinator/storage/libvirt-backup.h"
#include "tests/lib/contents.h"

/* A storage with a chain of three contents in it, made anew for each test by set_up(). */

#define FULL   "aaaaaaaa-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define MIDDLE "bbbbbbbb-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define LAST   "cccccccc-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define VM     "dddddddd-0f0a-4f0e-9d0b-3a7a3c1d2e4f"

static char *directory;
static LullHost *host;
static LullStorage *storage;

static void
store_chain(void)
{
    content_store(directory, FULL, NULL, VM, "d", "/i", 'a', 0, 8);
    content_store(directory, MIDDLE, FULL, VM, "d", "/i", 'b', 2, 3);
    content_store(directory, LAST, MIDDLE, VM, "d", "/i", 'c', 4, 2);
}

static void
set_up(void)
{
    directory = g_dir_make_tmp("chain-XXXXXX", NULL);
    host = lull_host_open("test:///default", NULL);
    storage = lull_storage_libvirt_new(host, directory, NULL);
    ck_assert_ptr_nonnull(storage);
    store_chain();
}

static void
tear_down(void)
{
    lull_storage_free(storage);
    lull_host_free(host);
    lull_folder_remove(directory, NULL);
    g_clear_pointer(&directory, g_free);
}
