/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* A restore in place: new data get the names of old ones. Pure; objects are lent, what is returned is the
 * caller's.
 *
 * They are made under a claim "aside". Then its volume is held, and that of the claim that is replaced: both
 * are kept whatever becomes of their claims, and what is needed to go on, or back, is noted on them. That is
 * where no user of a namespace can write: what is noted there is believed. Then the claim aside goes, its
 * volume is moved to the final name, the old claim goes, and one with that volume is made. In the end both
 * are let go: what is to become of a volume without a claim is again what it was.
 *
 * Records: {"part": "fresh", "namespace", "volume", "aside": uid of that claim, "replaces": uid of
 * the claim that is replaced ("": there was none), "old": the volume of that ("": it has none), "claim": the
 * one to be made},
 * {"part": "old", "namespace", "volume", "of": uid of its claim, "claim": that, to be made again}.
 *
 * What is to become of a volume without a claim stands in an annotation of its own, which cannot be anything
 * else: so an admission policy sees that it is what it was. */

/* On volumes that are held: the restore's uid, as a label; the record and the policy, as annotations. On a
 * claim that is replaced: by which restore (lull_restore_marker()). */
#define LULL_SWAP_LABEL    "restore.lull.dev/uid"
#define LULL_SWAP_RECORD   "restore.lull.dev/record"
#define LULL_SWAP_POLICY   "restore.lull.dev/reclaim-policy"
#define LULL_SWAP_REPLACED "restore.lull.dev/replaced-by"

/* On a claim that has again what was there before: for which restore that was (lull_restore_marker()). */
#define LULL_SWAP_PUT_BACK "restore.lull.dev/put-back"

#define LULL_SWAP_RECLAIM "persistentVolumeReclaimPolicy"

/* On a restore: each volume that has its data only once the machine is started, with the PersistentVolume
 * that has what it had before; "": it had nothing. */
#define LULL_SWAP_LATE "late.restore.lull.dev/"

#define LULL_SWAP_FRESH "fresh"
#define LULL_SWAP_OLD   "old"

/* The name of the claim aside; and the entry of the plan as it is aside: no DataVolume has that claim. */
char *lull_restore_aside_name(LullJson *restore, LullJson *entry) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_restore_aside(LullJson *restore, LullJson *entry) G_GNUC_WARN_UNUSED_RESULT;

/* What is noted on a volume for this restore's @part of an entry; NULL: it is not held for that. */
LullJson *lull_restore_record(LullJson *restore, LullJson *entry, LullJson *volume,
                              const char *part) G_GNUC_WARN_UNUSED_RESULT;

/* The claim that is made in the end, but for its volume. As @old (NULL: there is none) is, else as it was
 * when it was cut: nobody who compares it with what he had written finds a difference. NULL: the content has
 * no such volume. */
LullJson *lull_restore_moved_claim(LullJson *restore, LullJson *content, LullJson *entry, LullJson *old,
                                   LullJson *vm) G_GNUC_WARN_UNUSED_RESULT;

/* A claim that is made in place of @old (NULL: of none) belongs to the machine where that did, only. */
void lull_restore_own_as(LullJson *claim, LullJson *old);

/* That volume has the data of that claim, both as seen. */
gboolean lull_restore_is_volume_of(LullJson *volume, LullJson *claim);

/* The claim that was replaced, as it was, but for its volume and its owners that are not there any more (@vm,
 * @data_volume: NULL: not there). NULL: it was not noted. */
LullJson *lull_restore_put_back_claim(LullJson *restore, LullJson *record, LullJson *vm,
                                      LullJson *data_volume) G_GNUC_WARN_UNUSED_RESULT;

/* Merge patches of a volume as it is seen. */
LullJson *
lull_restore_hold_fresh(LullJson *restore, LullJson *entry, LullJson *volume, LullJson *aside, LullJson *old,
                        LullJson *old_volume, LullJson *take_claim) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_restore_hold_old(LullJson *restore, LullJson *entry, LullJson *volume,
                                LullJson *old) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_restore_move(LullJson *entry, LullJson *volume) G_GNUC_WARN_UNUSED_RESULT;
/* It is as it was before it was held. One that is somebody else's by now is kept. */
LullJson *lull_restore_let_go(LullJson *volume, LullJson *record) G_GNUC_WARN_UNUSED_RESULT;
/* Nobody holds it, and it is kept all the same. */
LullJson *lull_restore_leave(LullJson *volume) G_GNUC_WARN_UNUSED_RESULT;
/* It is as it was before, of a restore that is given up. One that waits for a claim that nobody will make is
 * again that of the one that is gone, so that it goes with that. */
LullJson *lull_restore_give_back(LullJson *restore, LullJson *entry, LullJson *volume,
                                 LullJson *record) G_GNUC_WARN_UNUSED_RESULT;

/* And of a claim: @restore NULL: it is not replaced after all. */
LullJson *lull_restore_mark_claim(LullJson *restore, LullJson *claim) G_GNUC_WARN_UNUSED_RESULT;
/* Of a DataVolume: nothing fills its claim, which is another one soon; and it does again (@restore NULL). */
LullJson *lull_restore_mark_data_volume(LullJson *restore, LullJson *data_volume) G_GNUC_WARN_UNUSED_RESULT;

/* And of the restore: that volume is late; @old: what has what it had before, NULL: nothing. */
LullJson *lull_restore_tell_late(const char *volume, LullJson *old) G_GNUC_WARN_UNUSED_RESULT;
/* Which are, for people; NULL: none is. */
char *lull_restore_late(LullJson *restore) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
