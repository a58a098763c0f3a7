/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The first bytes of a disk image, as far as they tell what belongs to it. Only of images whose format is
 * known to be qcow2: what a guest wrote at the start of a raw disk means nothing. */
typedef struct {
    gboolean is_qcow2;
    gboolean is_plain;  /* closed properly, undamaged, its data in the same file */
    gboolean is_old;    /* of the first version, which has no room for records of changes */
    char backing[1024]; /* the name as it stands there; "" for none */
} LullImageHeader;

/* FALSE: it cannot be read, or is not what it says. */
gboolean lull_image_header_read(const char *path, LullImageHeader *ret_header);

#define LULL_IMAGE_MAX_DEPTH 200 /* of images behind each other */

/* The image behind @path, a qcow2 or what is behind one. @ret_behind: NULL for none. FALSE: that is not
 * known, as of one that is not a file of this host. */
gboolean lull_image_behind(const char *path, char **ret_behind);

/* Bytes that the images behind @path (a qcow2) take up on their disks; G_MAXUINT64: unknown. */
guint64 lull_image_allocated_behind(const char *path);

G_END_DECLS
