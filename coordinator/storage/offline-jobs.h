/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/offline.h"
#include "coordinator/storage/storage.h"

G_BEGIN_DECLS

/* The copying of machines that are off, each on a thread of its own, known by the folder it writes to. Two
 * are at work at a time; the others, whose images are held all the while, wait in the order in which they
 * came. How one ended is written into the description of its attempt. May be used from any thread. */
typedef struct _LullOfflineJobs LullOfflineJobs;

LullOfflineJobs *lull_offline_jobs_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_offline_jobs_free(LullOfflineJobs *self); /* those that run are interrupted */

/* Begins one, or leaves it to the one that is under way there. */
void lull_offline_jobs_start(LullOfflineJobs *self, const char *folder, LullOffline *take_offline);

/* FALSE: there is none. One that has ended is told of once. */
gboolean lull_offline_jobs_look(LullOfflineJobs *self, const char *folder, LullCopyProgress *ret_progress);

/* Interrupts those that write below @below, "<folder>/" or the start of several, and waits for their ends. */
void lull_offline_jobs_stop(LullOfflineJobs *self, const char *below);

G_END_DECLS
