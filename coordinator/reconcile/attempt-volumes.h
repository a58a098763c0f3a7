/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/vm.h"
#include "coordinator/model/annotation.h"

G_BEGIN_DECLS

/* Which volumes of a VM an attempt cuts. Pure. */

/* Marks as left out those that the user leaves out (@exclude: of LULL_ANNOTATION_EXCLUDE) and those that were
 * not promised; NULL: none of the former, nothing promised yet. LULL_ERROR_INVALID where one named is not
 * there, or where one promised cannot be cut any more. */
gboolean lull_attempt_choose_volumes(LullVm *vm, const char *const *exclude, const char *const *promised,
                                     GError **error);

/* The same where claims are cut, and not disks: what is promised need be no disk of the guest, but be one of
 * its volumes still, or what it keeps of its firmware's state. */
gboolean lull_attempt_choose_promised(LullVm *vm, const char *const *promised, GError **error);

/* Target devices of the volumes that are cut, lent by @vm, NULL-terminated: what a witness is asked about. */
GPtrArray *lull_attempt_cut_disks(const LullVm *vm) G_GNUC_WARN_UNUSED_RESULT;

gboolean lull_attempt_has_volumes(const LullVm *vm); /* to be cut */

G_END_DECLS
