/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/volume-status-decide.h"

#include "coordinator/model/meta.h"
#include "protocol/clock.h"

#define FIELD "volumeSnapshotStatuses"

/* Nobody tells when it goes. */
#define KUBEVIRT_AGAIN LULL_SEC(60)

LullVolumeStatusStep
lull_volume_status_decide(const LullVolumeStatusView *view)
{
    if (!view->exists)
        return (LullVolumeStatusStep){LULL_VOLUME_STATUS_WAIT, "Gone", 0};
    if (!view->differs)
        return (LullVolumeStatusStep){LULL_VOLUME_STATUS_WAIT, "Said", 0};
    if (view->kubevirt)
        return (LullVolumeStatusStep){LULL_VOLUME_STATUS_WAIT, "KubeVirts", KUBEVIRT_AGAIN};
    return (LullVolumeStatusStep){LULL_VOLUME_STATUS_WRITE, "Differs", 0};
}

const char *
lull_volume_status_verb_to_string(LullVolumeStatusVerb verb)
{
    static const char *const names[LULL_VOLUME_STATUS_N] = {"wait", "write"};

    return verb < LULL_VOLUME_STATUS_N ? names[verb] : "unknown";
}

gboolean
lull_volume_status_differs(LullJson *vm, LullJson *rows)
{
    LullJson *said = NULL;

    json_object_object_get_ex(lull_json_object(vm, "status"), FIELD, &said);
    if (!said)
        return json_object_array_length(rows) > 0;
    return !json_object_equal(said, rows);
}

LullJson *
lull_volume_status_patch(LullJson *vm, LullJson *rows)
{
    LullJson *patch = json_object_new_object();

    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(vm));
    json_object_object_add(lull_json_ensure(patch, "status"), FIELD,
                           json_object_array_length(rows) > 0 ? lull_json_dup(rows) : NULL);
    return patch;
}
