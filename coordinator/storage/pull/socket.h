/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"
#include "coordinator/guest/vm.h"

G_BEGIN_DECLS

/* Where QEMU listens while its disks are copied. Its confinement lets it make sockets in the folder that
 * libvirt keeps for the machine while it runs, and hardly anywhere else. Where that is not found, as where
 * libvirt is told to keep it elsewhere, or the socket's path would be too long there, it is a folder beside
 * the store's, lent to QEMU. */

/* For attempt @attempt of @content_uid, below @directory. */
char *lull_pull_socket_new(LullDomain *domain, const char *uri, const LullVm *vm, const char *directory,
                           const char *content_uid, guint attempt, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* libvirt's folder of a domain, by its number and its name; NULL: it cannot be told. Pure. */
char *lull_pull_socket_home(const char *uri, const char *config_home, int id,
                            const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* Removes what is left of @socket, the path (NULL: none), when nobody listens any more. */
void lull_pull_socket_remove(const char *directory, const char *socket);

/* The same where its path is not known, which leaves one in the machine's own folder to libvirt. @attempt 0:
 * of all attempts. */
void lull_pull_socket_clear(const char *directory, const char *content_uid, guint attempt);

G_END_DECLS
