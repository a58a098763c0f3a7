/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/identity.h"

#include "coordinator/model/meta.h"

#define SNAPSHOT "snapshot"
#define CONTENT  "content"
#define DRIVER   "driver"
#define HANDLE   "handle"

LullJson *
lull_csi_identity_new(const char *snapshot_uid, const char *content_uid, const char *driver,
                      const char *handle)
{
    LullJson *self = json_object_new_object();

    lull_json_set_string(self, SNAPSHOT, snapshot_uid);
    lull_json_set_string(self, CONTENT, content_uid);
    lull_json_set_string(self, DRIVER, driver);
    lull_json_set_string(self, HANDLE, handle);
    return self;
}

/* Nothing is nobody's. */
static gboolean
is_known(LullJson *self, const char *key, const char *value)
{
    const char *known = lull_json_string(self, key, "");

    return *known && g_strcmp0(known, value) == 0;
}

const char *
lull_csi_identity_snapshot(LullJson *self)
{
    return lull_json_string(self, SNAPSHOT, "");
}

gboolean
lull_csi_identity_has_snapshot(LullJson *self, LullJson *snapshot)
{
    return is_known(self, SNAPSHOT, lull_meta_uid(snapshot));
}

gboolean
lull_csi_identity_has_content(LullJson *self, const char *snapshot_uid, LullJson *content)
{
    LullJson *spec = lull_json_object(content, "spec");
    const char *of = lull_json_string(lull_json_object(spec, "volumeSnapshotRef"), "uid", "");
    const char *imported = lull_json_string(lull_json_object(spec, "source"), "snapshotHandle", NULL);
    const char *handle = lull_json_string(lull_json_object(content, "status"), "snapshotHandle", NULL);

    if (g_strcmp0(of, snapshot_uid) != 0 || !is_known(self, HANDLE, handle) ||
        !is_known(self, DRIVER, lull_json_string(spec, "driver", NULL)))
        return FALSE;
    return is_known(self, CONTENT, lull_meta_uid(content)) || is_known(self, HANDLE, imported);
}
