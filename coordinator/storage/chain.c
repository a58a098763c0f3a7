/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/chain.h"

LullChainKind
lull_chain_decide(const LullChainFacts *facts, const LullChainVolume *volume)
{
    if (!facts->wanted)
        return LULL_CHAIN_OFF;
    if (!volume->qcow2)
        return LULL_CHAIN_RAW;
    if (volume->old_format)
        return LULL_CHAIN_OLD_FORMAT;
    if (facts->stopped)
        return LULL_CHAIN_STOPPED;
    if (facts->distrusted)
        return LULL_CHAIN_DISTRUSTED;
    if (!facts->has_parent) {
        if (facts->being_made)
            return LULL_CHAIN_UNSEALED;
        if (facts->had_parent)
            return LULL_CHAIN_NO_CHECKPOINT;
        return facts->has_checkpoint ? LULL_CHAIN_NO_PARENT : LULL_CHAIN_FIRST;
    }
    if (facts->length == 0)
        return LULL_CHAIN_NO_PARENT;
    if (facts->length >= LULL_CHAIN_MAX)
        return LULL_CHAIN_LENGTH;
    if (!volume->in_parent)
        return LULL_CHAIN_NEW_VOLUME;
    if (!volume->same_size)
        return LULL_CHAIN_RESIZED;
    return volume->has_bitmap ? LULL_CHAIN_INCREMENTAL : LULL_CHAIN_NO_BITMAP;
}

gboolean
lull_chain_records(LullChainKind kind)
{
    return kind != LULL_CHAIN_OFF && kind != LULL_CHAIN_RAW && kind != LULL_CHAIN_OLD_FORMAT &&
           kind != LULL_CHAIN_STOPPED && kind != LULL_CHAIN_DISTRUSTED;
}

const char *
lull_chain_why(LullChainKind kind)
{
    static const char *const texts[LULL_CHAIN_N] = {
        [LULL_CHAIN_RAW] = "a raw image keeps no record of changes: qemu-img convert -O qcow2 would",
        [LULL_CHAIN_OLD_FORMAT] =
            "old qcow2, without a record of changes: stop it and qemu-img amend -o compat=1.1",
        [LULL_CHAIN_STOPPED] = "a machine that is off is copied as a whole",
        [LULL_CHAIN_DISTRUSTED] = "the incremental copy was refused",
        [LULL_CHAIN_FIRST] = "it is the first of its chain",
        [LULL_CHAIN_UNSEALED] = "the snapshot before it is still being stored",
        [LULL_CHAIN_NO_PARENT] = "the snapshot that it would be based on is gone or not whole",
        [LULL_CHAIN_NO_CHECKPOINT] =
            "the record of changes is gone, by a deleted snapshot, a restore, or other images",
        [LULL_CHAIN_LENGTH] = "every 7th snapshot is full",
        [LULL_CHAIN_NEW_VOLUME] = "it is not in the snapshot before",
        [LULL_CHAIN_RESIZED] = "its size is another than in the snapshot before",
        [LULL_CHAIN_NO_BITMAP] = "its record of changes is lost: the image was replaced, or QEMU crashed",
    };

    return texts[kind];
}
