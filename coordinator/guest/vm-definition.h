/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a machine's definition has to be so that it fits the data of a snapshot: the inactive one, with the
 * disks that the machine ran with. Disks that were plugged in are added, those unplugged are taken out, and
 * one whose source was changed has the source that it had. Where nothing differs, it is @inactive to the
 * letter. Pure.
 *
 * @notes: gets (char *) a sentence for each disk that differs, for people.
 * Error: one of them is no domain. */
char *lull_vm_definition(const char *live, const char *inactive, GPtrArray *notes,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The definition @xml with the mark of lull_domain_mark_restored(), or without, so that whoever defines it
 * sets both at once. Everything else stays as it is. Pure.
 *
 * Error: it is no domain. */
char *lull_vm_definition_mark(const char *xml, gboolean restored, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
