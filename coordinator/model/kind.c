/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/kind.h"

#include <string.h>

#include "coordinator/model/check.h"
#include "protocol/names.h"

#define END \
    {       \
        0   \
    }
#define FIELD(name, type, ...)                 \
    {                                          \
        (name), LULL_FIELD_##type, __VA_ARGS__ \
    }

/* Shapes that several kinds share. */

static const LullField owner_fields[] = {
    FIELD("apiVersion", STRING, TRUE, .doc = "API group and version of the owner."),
    FIELD("kind", STRING, TRUE, .doc = "Kind of the owner."),
    FIELD("name", STRING, TRUE, .doc = "Name of the owner."),
    FIELD("uid", STRING, TRUE, .doc = "UID of the owner."),
    FIELD("controller", BOOL, .doc = "Whether the owner is the managing controller."),
    FIELD("blockOwnerDeletion", BOOL, .doc = "Whether the owner is kept until this object is gone."),
    END,
};

const LullField lull_kind_meta_fields[] = {
    FIELD("name", STRING, .doc = "Name, unique in the namespace among objects of the kind."),
    FIELD("generateName", STRING, .doc = "Prefix of a name that the server completes, where name is absent."),
    FIELD("namespace", STRING, .doc = "Namespace of the object."),
    FIELD("labels", MAP, .doc = "Short texts to select objects by."),
    FIELD("annotations", MAP, .doc = "Texts for tools and people; nothing is selected by them."),
    FIELD("finalizers", ARRAY, .doc = "Who must act before the object may go."),
    FIELD("ownerReferences", ARRAY, .fields = owner_fields, .doc = "Objects that this one belongs to."),
    FIELD("uid", STRING, .doc = "Identity of this very object, set by the server."),
    FIELD("resourceVersion", STRING, .doc = "Opaque mark of the object's state, set by the server."),
    FIELD("generation", INT, .doc = "Counts changes of the spec, set by the server."),
    FIELD("creationTimestamp", TIME, .doc = "When the object was created, set by the server."),
    FIELD("deletionTimestamp", TIME, .doc = "When deletion was asked for, set by the server."),
    FIELD("deletionGracePeriodSeconds", INT, .doc = "Set by the server, always 0."),
    FIELD("selfLink", STRING, .doc = "Legacy, ignored."),
    FIELD("managedFields", ANY, .doc = "Ignored."),
    END,
};

static const LullField condition_fields[] = {
    FIELD("type", STRING, TRUE, .doc = "What the condition speaks of."),
    FIELD("status", STRING, TRUE, .values = (const char *const[]){"True", "False", "Unknown", NULL},
          .doc = "Whether it holds."),
    FIELD("lastProbeTime", TIME, .doc = "Never set."),
    FIELD("lastTransitionTime", TIME, .doc = "When status or reason changed last."),
    FIELD("reason", STRING, .doc = "The sentence for people."),
    FIELD("message", STRING,
          .doc = "What a restore did to the definition, or still has to take away; else not set: the "
                 "sentence stands in reason."),
    END,
};

static const LullField error_fields[] = {
    FIELD("time", TIME, .doc = "When the error was met."),
    FIELD("message", STRING, .doc = "What went wrong."),
    END,
};

static const LullField reference_fields[] = {
    FIELD("apiGroup", STRING, .doc = "Group of the object referred to: kubevirt.io."),
    FIELD("kind", STRING, TRUE, .doc = "Kind of the object referred to: VirtualMachine."),
    FIELD("name", STRING, TRUE, .doc = "Name of the object referred to, in the same namespace."),
    END,
};

static const LullRule reference_rules[] = {
    {"has(self.apiGroup)", ".apiGroup", TRUE, LULL_FAULT_NO_GROUP, NULL},
    {"!has(self.apiGroup) || self.apiGroup == '" LULL_GROUP_VM "'", ".apiGroup", FALSE, LULL_FAULT_GROUP,
     NULL},
    {"self.kind == 'VirtualMachine'", ".kind", FALSE, LULL_FAULT_KIND, NULL},
    END,
};

/* VirtualMachineSnapshot */

static const LullField snapshot_spec[] = {
    FIELD("source", OBJECT, TRUE, .fields = reference_fields, .rules = reference_rules,
          .doc = "The virtual machine to snapshot."),
    FIELD("deletionPolicy", STRING, .values = (const char *const[]){"Delete", "Retain", NULL},
          .doc = "Whether the content goes with the snapshot; Delete where absent."),
    FIELD("failureDeadline", DURATION,
          .doc = "Time from creation in which the snapshot must be taken; 5m where absent, 0 for no limit."),
    END,
};

static const LullField source_indication_fields[] = {
    FIELD("indication", STRING, TRUE, .doc = "Name of the indication."),
    FIELD("message", STRING, TRUE, .doc = "What the indication means."),
    END,
};

static const LullField snapshot_volumes_fields[] = {
    FIELD("includedVolumes", ARRAY, .doc = "Volumes of the virtual machine that the snapshot holds."),
    FIELD("excludedVolumes", ARRAY, .doc = "Volumes of the virtual machine that it does not hold."),
    END,
};

static const LullField snapshot_status[] = {
    FIELD("sourceUID", STRING, .doc = "UID of the virtual machine that was snapshotted."),
    FIELD("virtualMachineSnapshotContentName", STRING, .doc = "Name of the content of this snapshot."),
    FIELD("creationTime", TIME, .doc = "When every volume was found to be cut."),
    FIELD("phase", STRING,
          .values =
              (const char *const[]){"", "InProgress", "Succeeded", "Failed", "Deleting", "Unknown", NULL},
          .doc = "Where the snapshot stands; Succeeded means taken, readyToUse says whether it is usable."),
    FIELD("readyToUse", BOOL, .doc = "Whether a restore from the snapshot is possible now."),
    FIELD("error", OBJECT, .fields = error_fields, .doc = "The last error met, absent when it has passed."),
    FIELD("conditions", ARRAY, .fields = condition_fields, .doc = "Ready, Progressing and Failure."),
    FIELD("indications", ARRAY, .doc = "Names of the source indications; deprecated."),
    FIELD("sourceIndications", ARRAY, .fields = source_indication_fields,
          .doc = "How the snapshot was taken, with an explanation each."),
    FIELD("snapshotVolumes", OBJECT, .fields = snapshot_volumes_fields,
          .doc = "Which volumes the snapshot holds and which it does not."),
    END,
};

static const LullColumn snapshot_columns[] = {
    {"SourceKind", ".spec.source.kind", "string"},
    {"SourceName", ".spec.source.name", "string"},
    {"Phase", ".status.phase", "string"},
    {"ReadyToUse", ".status.readyToUse", "boolean"},
    {"CreationTime", ".status.creationTime", "date"},
    {"Error", ".status.error.message", "string"},
    END,
};

static const LullColumn report_columns[] = {
    {"Level", ".level", "string"},
    {"Proof", ".proof", "string"},
    {"Witness", ".witness", "string"},
    {"Window", ".windowMs", "duration"},
    END,
};

static const LullSelectable snapshot_selectable[] = {
    {"spec.source.name", ".spec.source.name"},
    END,
};

const LullKind lull_kind_snapshot = {
    .group = LULL_GROUP_SNAPSHOT,
    .version = "v1beta1",
    .other_version = "v1alpha1",
    .kind = "VirtualMachineSnapshot",
    .plural = "virtualmachinesnapshots",
    .singular = "virtualmachinesnapshot",
    .short_names = {"vmsnapshot", "vmsnapshots"},
    .columns = snapshot_columns,
    .more_columns = report_columns,
    .doc = "A snapshot of a virtual machine: asked for by its spec, taken once.",
    .spec = snapshot_spec,
    .selectable = snapshot_selectable,
    .reference = "source",
    .status = snapshot_status,
    .spec_fixed = TRUE,
};

/* VirtualMachineSnapshotContent */

static const LullField source_vm_fields[] = {
    FIELD("metadata", ANY, .doc = "Metadata of the virtual machine at the snapshot."),
    FIELD("spec", ANY, .doc = "Spec of the virtual machine at the snapshot."),
    FIELD("status", ANY, .doc = "Status of the virtual machine at the snapshot."),
    END,
};

static const LullField source_fields[] = {
    FIELD("virtualMachine", OBJECT, .fields = source_vm_fields,
          .doc = "The virtual machine at the snapshot."),
    END,
};

static const LullField claim_fields[] = {
    FIELD("metadata", ANY, .doc = "Metadata of the claim."),
    FIELD("spec", ANY, .doc = "Spec of the claim."),
    END,
};

static const LullField volume_backup_fields[] = {
    FIELD("volumeName", STRING, TRUE, .doc = "Name of the volume in the virtual machine."),
    FIELD("persistentVolumeClaim", OBJECT, TRUE, .fields = claim_fields,
          .doc = "The claim behind the volume."),
    FIELD("volumeSnapshotName", STRING, .doc = "Name of the volume's snapshot."),
    END,
};

static const LullField content_spec[] = {
    FIELD("virtualMachineSnapshotName", STRING, .doc = "Name of the snapshot that this is the content of."),
    FIELD("source", OBJECT, TRUE, .fields = source_fields, .doc = "What was snapshotted."),
    FIELD("volumeBackups", ARRAY, .fields = volume_backup_fields,
          .doc = "The volumes held, in the virtual machine's order."),
    END,
};

static const LullField volume_status_fields[] = {
    FIELD("volumeSnapshotName", STRING, TRUE, .doc = "Name of the volume's snapshot."),
    FIELD("creationTime", TIME, .doc = "When the volume was cut, on the storage's clock."),
    FIELD("readyToUse", BOOL, .doc = "Whether the volume's snapshot can be restored now."),
    FIELD("error", OBJECT, .fields = error_fields, .doc = "The last error of the volume's snapshot."),
    END,
};

static const LullField content_status[] = {
    FIELD("creationTime", TIME, .doc = "When every volume was found to be cut."),
    FIELD("readyToUse", BOOL, .doc = "Whether every volume is there and usable."),
    FIELD("error", OBJECT, .fields = error_fields, .doc = "The last error met, absent when it has passed."),
    FIELD("volumeSnapshotStatus", ARRAY, .fields = volume_status_fields, .doc = "State of each volume."),
    END,
};

static const LullColumn content_columns[] = {
    {"ReadyToUse", ".status.readyToUse", "boolean"},
    {"CreationTime", ".status.creationTime", "date"},
    {"Error", ".status.error.message", "string"},
    END,
};

const LullKind lull_kind_content = {
    .group = LULL_GROUP_SNAPSHOT,
    .version = "v1beta1",
    .other_version = "v1alpha1",
    .kind = "VirtualMachineSnapshotContent",
    .plural = "virtualmachinesnapshotcontents",
    .singular = "virtualmachinesnapshotcontent",
    .short_names = {"vmsnapshotcontent", "vmsnapshotcontents"},
    .columns = content_columns,
    .doc = "What a snapshot holds; made and kept by the coordinator, not by users.",
    .spec = content_spec,
    .status = content_status,
    .spec_fixed = TRUE,
};

/* VirtualMachineRestore */

static const LullField override_fields[] = {
    FIELD("volumeName", STRING, .doc = "Name of the volume in the snapshot."),
    FIELD("restoreName", STRING, .doc = "Name that the restored volume gets."),
    FIELD("labels", MAP, .doc = "Labels that the restored volume gets besides its own."),
    FIELD("annotations", MAP, .doc = "Annotations that the restored volume gets besides its own."),
    END,
};

static const LullRule override_rules[] = {
    {"has(self.volumeName) && self.volumeName != ''", ".volumeName", TRUE, LULL_FAULT_NO_VOLUME_NAME, NULL},
    {"(has(self.restoreName) && self.restoreName != '') || has(self.labels) || has(self.annotations)", NULL,
     TRUE, LULL_FAULT_NO_OVERRIDE, NULL},
    END,
};

/* Nobody reads JSON here, so only what is certainly wrong is: the rest ends in a condition of the restore. */
static const LullRule patch_rules[] = {
    {"self.matches(r'^\\s*\\{[\\s\\S]*\\}\\s*$')", NULL, FALSE, LULL_FAULT_PATCH, NULL},
    {"self.matches(r'\"op\"\\s*:\\s*\"(add|remove|replace|move|copy|test)\"')", NULL, FALSE,
     LULL_FAULT_PATCH_OP, NULL},
    {"self.matches(r'\"path\"\\s*:\\s*\"\\\\?/(spec|metadata\\\\?/(labels|annotations))\\\\?/[^\"]')", NULL,
     FALSE, LULL_FAULT_PATCH_PATH " " LULL_FAULT_PATCH_MORE,
     "'" LULL_FAULT_PATCH_PATH ": ' + self + ' " LULL_FAULT_PATCH_MORE "'"},
    END,
};

static const LullField restore_spec[] = {
    FIELD("target", OBJECT, TRUE, .fields = reference_fields, .rules = reference_rules,
          .doc = "The virtual machine to restore to."),
    FIELD("virtualMachineSnapshotName", STRING, TRUE, .doc = "The snapshot to restore from."),
    FIELD("targetReadinessPolicy", STRING,
          .values =
              (const char *const[]){"WaitGracePeriod", "StopTarget", "FailImmediate", "WaitEventually", NULL},
          .doc = "What to do while the target is not stopped; WaitGracePeriod where absent."),
    FIELD("volumeRestorePolicy", STRING,
          .values = (const char *const[]){"RandomizeNames", "InPlace", "PrefixTargetName", NULL},
          .own_text = TRUE, .doc = "How restored volumes are named; RandomizeNames where absent."),
    FIELD("volumeOwnershipPolicy", STRING, .values = (const char *const[]){"Vm", "VM", "None", NULL},
          .own_text = TRUE,
          .doc = "Who owns restored volumes that have no other owner; Vm (also written VM) where absent."),
    FIELD("volumeRestoreOverrides", ARRAY, .fields = override_fields, .rules = override_rules,
          .max_items = LULL_RESTORE_MAX_OVERRIDES, .doc = "Changes to single volumes as they are restored."),
    FIELD("patches", ARRAY, .rules = patch_rules, .max_items = LULL_RESTORE_MAX_PATCHES,
          .max_length = LULL_RESTORE_MAX_PATCH,
          .doc = "JSON Patch operations, each one object as text, applied to a target that is created."),
    END,
};

static const LullField volume_restore_fields[] = {
    FIELD("volumeName", STRING, TRUE, .doc = "Name of the volume in the snapshot."),
    FIELD("persistentVolumeClaim", STRING, TRUE, .doc = "Name of the restored claim."),
    FIELD("volumeSnapshotName", STRING, TRUE, .doc = "Name of the volume's snapshot."),
    FIELD("dataVolumeName", STRING, .doc = "Name of the data volume that takes the claim over."),
    END,
};

static const LullField restore_status[] = {
    FIELD("restores", ARRAY, .fields = volume_restore_fields,
          .doc = "The plan, written before anything is done."),
    FIELD("restoreTime", TIME, .doc = "When the restore was complete."),
    FIELD("deletedDataVolumes", ARRAY, .doc = "Data volumes that the restored machine does not have."),
    FIELD("complete", BOOL, .doc = "Whether the restore is complete; stays false when it failed."),
    FIELD("conditions", ARRAY, .fields = condition_fields, .doc = "Progressing, Ready and Failure."),
    END,
};

static const LullColumn restore_columns[] = {
    {"TargetKind", ".spec.target.kind", "string"},
    {"TargetName", ".spec.target.name", "string"},
    {"Complete", ".status.complete", "boolean"},
    {"RestoreTime", ".status.restoreTime", "date"},
    END,
};

static const LullSelectable restore_selectable[] = {
    {"spec.target.name", ".spec.target.name"},
    END,
};

const LullKind lull_kind_restore = {
    .group = LULL_GROUP_SNAPSHOT,
    .version = "v1beta1",
    .other_version = "v1alpha1",
    .kind = "VirtualMachineRestore",
    .plural = "virtualmachinerestores",
    .singular = "virtualmachinerestore",
    .short_names = {"vmrestore", "vmrestores"},
    .columns = restore_columns,
    .doc = "Brings a virtual machine back to what a snapshot holds, once.",
    .spec = restore_spec,
    .selectable = restore_selectable,
    .reference = "target",
    .status = restore_status,
    .spec_fixed = TRUE,
};

/* VirtualMachine */

static const LullColumn vm_columns[] = {
    {"Status", ".status.printableStatus", "string"},
    {"Agent", ".status.conditions[?(@.type=='AgentConnected')].status", "string"},
    {"Snapshot", ".status.snapshotInProgress", "string"},
    {"Incremental", ".status.incremental", "boolean"},
    END,
};

const LullKind lull_kind_vm = {
    .group = LULL_GROUP_VM,
    .version = "v1",
    .kind = "VirtualMachine",
    .plural = "virtualmachines",
    .singular = "virtualmachine",
    .short_names = {"vm", "vms"},
    .columns = vm_columns,
    .doc = "A virtual machine of the host, as it is; changed by other means.",
    .read_only = TRUE,
};

/* Event */

static const LullField involved_fields[] = {
    FIELD("apiVersion", STRING, .doc = "Group and version of the object."),
    FIELD("kind", STRING, .doc = "Kind of the object."),
    FIELD("namespace", STRING, .doc = "Namespace of the object."),
    FIELD("name", STRING, .doc = "Name of the object."),
    FIELD("uid", STRING, .doc = "UID of the object."),
    FIELD("resourceVersion", STRING, .doc = "Not set."),
    FIELD("fieldPath", STRING, .doc = "Not set."),
    END,
};

static const LullField event_source_fields[] = {
    FIELD("component", STRING, .doc = "The program that says so."),
    FIELD("host", STRING, .doc = "Not set."),
    END,
};

static const LullField event_fields[] = {
    FIELD("involvedObject", OBJECT, TRUE, .fields = involved_fields, .doc = "The object that it is about."),
    FIELD("type", STRING, .values = (const char *const[]){"Normal", "Warning", NULL},
          .doc = "Whether somebody should have a look."),
    FIELD("reason", STRING, .doc = "What happened, in one word for machines."),
    FIELD("message", STRING, .doc = "What happened, for people."),
    FIELD("source", OBJECT, .fields = event_source_fields, .doc = "Who says so."),
    FIELD("firstTimestamp", TIME, .doc = "When it happened first."),
    FIELD("lastTimestamp", TIME, .doc = "When it happened last."),
    FIELD("count", INT, .doc = "How often it happened."),
    FIELD("reportingComponent", STRING, .doc = "The program that says so."),
    END,
};

static const LullColumn event_columns[] = {
    {"Last Seen", ".lastTimestamp", "date"},
    {"Type", ".type", "string"},
    {"Reason", ".reason", "string"},
    {"Object", ".involvedObject", "reference"},
    {"Source", ".source.component", "string", TRUE},
    {"Message", ".message", "string"},
    {"First Seen", ".firstTimestamp", "date", TRUE},
    {"Count", ".count", "integer", TRUE},
    END,
};

static const LullSelectable event_selectable[] = {
    {"involvedObject.apiVersion", ".involvedObject.apiVersion"},
    {"involvedObject.kind", ".involvedObject.kind"},
    {"involvedObject.namespace", ".involvedObject.namespace"},
    {"involvedObject.name", ".involvedObject.name"},
    {"involvedObject.uid", ".involvedObject.uid"},
    {"involvedObject.resourceVersion", ".involvedObject.resourceVersion"},
    {"involvedObject.fieldPath", ".involvedObject.fieldPath"},
    {"reason", ".reason"},
    {"reportingComponent", ".reportingComponent"},
    {"source", ".source.component"},
    {"type", ".type"},
    END,
};

const LullKind lull_kind_event = {
    .group = "",
    .version = "v1",
    .kind = "Event",
    .plural = "events",
    .singular = "event",
    .short_names = {"ev"},
    .columns = event_columns,
    .fields = event_fields,
    .selectable = event_selectable,
    .doc = "Something that happened to an object.",
    .read_only = TRUE,
    .recorded = TRUE,
    .named_last = TRUE,
};

const LullKind *const *
lull_kinds(void)
{
    static const LullKind *const kinds[] = {&lull_kind_snapshot, &lull_kind_content, &lull_kind_restore,
                                            &lull_kind_vm, NULL};

    return kinds;
}

const LullKind *
lull_kind_by_plural(const char *group, const char *plural)
{
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (g_strcmp0((*kind)->group, group) == 0 && g_strcmp0((*kind)->plural, plural) == 0)
            return *kind;
    return NULL;
}

static gboolean
serves(const LullKind *kind, const char *api_version)
{
    const char *slash = api_version ? g_strrstr(api_version, "/") : NULL;
    const gsize length = slash ? (gsize)(slash - api_version) : 0;

    return slash && strlen(kind->group) == length && strncmp(kind->group, api_version, length) == 0 &&
           (g_str_equal(slash + 1, kind->version) || g_strcmp0(slash + 1, kind->other_version) == 0);
}

const LullKind *
lull_kind_by_name(const char *api_version, const char *name)
{
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (g_strcmp0((*kind)->kind, name) == 0 && serves(*kind, api_version))
            return *kind;
    return NULL;
}

char *
lull_kind_api_version(const LullKind *kind)
{
    return lull_group_version(kind->group, kind->version);
}

char *
lull_group_version(const char *group, const char *version)
{
    return *group ? g_strdup_printf("%s/%s", group, version) : g_strdup(version);
}
