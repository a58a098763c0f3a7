/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/link.h"
#include "coordinator/guest/vm.h"
#include "coordinator/storage/chain-plan.h"
#include "coordinator/storage/storage.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* libvirt's backup job of one domain: describing it, finding it again, and ending it, which it never does by
 * itself. */

/* <domainbackup>: pull over @socket, from which each included disk is read as what it was at the cut, under
 * its own name, and what changed of it under lull_backup_bitmap() of that. What the guest overwrites
 * meanwhile QEMU puts into the scratch files, which exist; all other disks are left out by name. @plan: which
 * ones tell what changed, by a bitmap. */
char *lull_backup_xml(const LullVm *vm, const char *folder, const char *socket,
                      const LullChainPlan *plan) G_GNUC_WARN_UNUSED_RESULT;
char *lull_backup_scratch(const char *folder, const char *volume) G_GNUC_WARN_UNUSED_RESULT;
char *lull_backup_bitmap(const char *disk) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE if the text of virDomainBackupGetXMLDesc() has a scratch file whose path begins with @start, such as
 * "<folder>/". Pure. */
gboolean lull_backup_xml_is_below(const char *xml, const char *start);

/* The name of the folder right below @directory that a scratch file of the job is in; NULL: in none. Pure. */
char *lull_backup_xml_place(const char *xml, const char *directory) G_GNUC_WARN_UNUSED_RESULT;

/* BUSY if the domain has a job, or one of the disks to cut a block job: only one fits. */
gboolean lull_backup_check_idle(LullDomain *domain, const LullVm *vm, GError **error);

/* Is a backup job running whose scratch files are below @folder? Not knowing is an error: what a job still
 * writes to must not be removed. */
gboolean lull_backup_find(LullDomain *domain, const char *folder, gboolean *ret_running, GError **error);

/* The same of the job that runs; NULL in *@ret_name: there is none, or it is somebody else's. */
gboolean lull_backup_find_place(LullDomain *domain, const char *directory, char **ret_name, GError **error);

/* Stops such a job and waits (bounded) until it is gone; fine if there is none. */
gboolean lull_backup_abort(LullDomain *domain, const char *folder, GError **error);

/* The same of a job into the folder of any attempt of the content whose own is @folder. */
gboolean lull_backup_abort_attempts(LullDomain *domain, const char *folder, GError **error);

G_END_DECLS
