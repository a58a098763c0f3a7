/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/left-out.h"

#include <stdio.h>
#include <unistd.h>

#include "coordinator/cli/text.h"
#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "protocol/error.h"

/* Names of @vm's volumes, to be shown. */
static char *
names_of(LullJson *vm)
{
    g_autoptr(LullJson) volumes = lull_volumes_of(vm);
    g_autoptr(GString) names = g_string_new(NULL);

    for (gsize i = 0; i < json_object_array_length(volumes); i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "",
                               lull_json_string(json_object_array_get_idx(volumes, i), "name", "?"));
    return lull_text_clean(names->str, 0);
}

static gboolean
check_names(LullJson *vm, const char *const *exclude, GError **error)
{
    for (gsize i = 0; exclude && exclude[i]; i++) {
        g_autofree char *has = NULL;

        if (lull_volume_status(vm, exclude[i]))
            continue;
        has = names_of(vm);
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "--exclude, \"%s\": vm \"%s\" has no such volume; it has: %s", exclude[i],
                    lull_meta_name(vm), has);
        return FALSE;
    }
    return TRUE;
}

/* Tells of every volume that cannot be included; @missed gets those whose data is missed. */
static void
tell(LullJson *vm, const char *const *exclude, GString *missed)
{
    g_autoptr(LullJson) volumes = lull_volumes_of(vm);

    for (gsize i = 0; i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        const char *raw = lull_json_string(volume, "name", "?");
        LullJson *status = lull_volume_status(vm, raw);
        g_autofree char *name = lull_text_clean(raw, 0);
        g_autofree char *reason =
            lull_text_clean(lull_json_string(status, "reason", "no reason was given"), 0);

        if (lull_json_bool(status, "enabled", TRUE) || (exclude && g_strv_contains(exclude, raw)))
            continue;
        (void)fprintf(stderr, "lull: note: volume %s cannot be included: %s\n", name, reason);
        if (lull_volume_keeps_data(volume))
            g_string_append_printf(missed, "%s%s", missed->len ? ", " : "", name);
    }
}

/* Nobody is asked who cannot answer, and no answer is a no. */
static gboolean
is_agreed(const char *missed)
{
    char answer[16] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return FALSE;
    (void)fprintf(stderr, "lull: take the snapshot without the data on %s? [y/N] ", missed);
    (void)fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && g_ascii_tolower(answer[0]) == 'y';
}

gboolean
lull_left_out_check(LullJson *vm, const char *const *exclude, gboolean partial, GError **error)
{
    g_autoptr(GString) missed = g_string_new(NULL);

    if (!check_names(vm, exclude, error))
        return FALSE;
    tell(vm, exclude, missed);
    if (!missed->len || partial || is_agreed(missed->str))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                "vm \"%s\": data would be missed, on %s: nothing was done; say --partial to take a snapshot "
                "without it",
                lull_meta_name(vm), missed->str);
    return FALSE;
}
