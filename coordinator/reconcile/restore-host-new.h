/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* What a restore to a new machine of a plain host means by its fields. Pure; objects are lent. */

/* Why it cannot be, with the field by its name; NULL: it can. @content: NULL: not known yet. */
char *lull_restore_host_refuse_new(LullJson *restore, LullJson *content) G_GNUC_WARN_UNUSED_RESULT;

/* What the file of @volume is called, without its folder and its suffix: as an override says, else by
 * volumeRestorePolicy: PrefixTargetName, or none: TARGET-VOLUME; RandomizeNames: restore-UID-VOLUME. */
char *lull_restore_host_file(LullJson *restore, const char *volume) G_GNUC_WARN_UNUSED_RESULT;

/* {"vda": "name"}, of what a restore has recorded in its status. */
LullJson *lull_restore_host_files(LullJson *restore) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
