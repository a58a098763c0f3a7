/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/owner.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"

gboolean
lull_owner_lend(const char *path, const char *like, GError **error)
{
    struct stat info;

    if (geteuid() != 0)
        return TRUE; /* a session's QEMU is its user's */
    if (stat(like, &info) < 0)
        return lull_folder_errno(error, errno, "image", like);
    return (chown(path, info.st_uid, info.st_gid) == 0 &&
            chmod(path, (info.st_mode & (S_IRGRP | S_IWGRP)) | S_IRUSR | S_IWUSR) == 0) ||
           lull_folder_errno(error, errno, "owner of", path);
}

gboolean
lull_owner_lend_folder(const char *path, const char *like, GError **error)
{
    struct stat info;

    if (geteuid() != 0)
        return TRUE;
    if (stat(like, &info) < 0)
        return lull_folder_errno(error, errno, "image", like);
    return chown(path, info.st_uid, info.st_gid) == 0 || lull_folder_errno(error, errno, "owner of", path);
}
