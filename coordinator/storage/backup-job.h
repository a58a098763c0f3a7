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

/* libvirt's backup job of one domain: describing it, finding it again, and proof of its end. */

/* <domainbackup>: push into the files <folder>/<volume>.qcow2, which exist; all other disks are left out by
 * name. @plan: which ones get only what changed; NULL: none. */
char *
lull_backup_xml(const LullVm *vm, const char *folder, const LullChainPlan *plan) G_GNUC_WARN_UNUSED_RESULT;

/* The copy of one volume of @plan before the cut. */
char *lull_backup_xml_ahead(const LullVm *vm, const char *folder, const LullChainPlan *plan,
                            guint index) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE if the text of virDomainBackupGetXMLDesc() has a target below @folder (a path, or the start of one).
 * Pure. */
gboolean lull_backup_xml_is_below(const char *xml, const char *folder);

/* BUSY if the domain has a job, or one of the disks to cut a block job: only one fits. */
gboolean lull_backup_check_idle(LullDomain *domain, const LullVm *vm, GError **error);

/* libvirt remembers the job that finished last, by its figures: no name, no time of day, so two jobs over the
 * same disks may look alike. Prepare therefore has it forget what ended before: what it remembers later has
 * ended later. */
gboolean lull_backup_forget_finished(LullDomain *domain, GError **error);

/* What libvirt remembers; all zero for nothing. */
typedef struct {
    gboolean backup;
    gboolean success;
    guint64 total;
    char *problem;
} LullFinishedJob;
gboolean lull_backup_read_finished(LullDomain *domain, LullFinishedJob *ret_job, GError **error);
void lull_finished_job_clear(LullFinishedJob *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullFinishedJob, lull_finished_job_clear)

/* Somebody said that a job ended badly: nothing makes up for that. Pure. */
gboolean lull_backup_has_failed(const LullFinishedJob *remembered, int seen);

/* No job of @attempt (its description) runs: how did it end? From what libvirt remembers, and from the event
 * that was seen (@seen, @seen_total as of lull_host_job_result()); what tells against it counts more, and
 * another's job vouches for none of ours. A libvirtd that was started again in between counts only the disks
 * that were not done before, which looks like another's. @ret_problem: NULL for DONE. Pure. */
LullCopyState lull_backup_judge(LullJson *attempt, const LullFinishedJob *remembered, int seen,
                                guint64 seen_total, gboolean active, const char **ret_problem);

/* Is a backup job running whose targets are below @folder? @ret_permille may be NULL. Not knowing is an
 * error: what a job still writes to must not be taken for finished, nor removed. */
gboolean lull_backup_find(LullDomain *domain, const char *folder, gboolean *ret_running, guint *ret_permille,
                          GError **error);

/* Stops such a job and waits (bounded) until it is gone; fine if there is none. */
gboolean lull_backup_abort(LullDomain *domain, const char *folder, GError **error);

G_END_DECLS
