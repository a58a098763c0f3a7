/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/look.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "coordinator/guest/hold.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define PATIENCE   LULL_SEC(5)
#define MAX_INTENT (64 * 1024)

/* Is the user in it by the database, whatever this process has? */
static gboolean
is_member(const struct group *group)
{
    for (char **member = group->gr_mem; *member; member++)
        if (g_str_equal(*member, g_get_user_name()))
            return TRUE;
    return FALSE;
}

static void
look_at_socket(LullHostFacts *host)
{
    struct stat status;
    const struct group *group = stat(host->socket, &status) == 0 ? getgrgid(status.st_gid) : NULL;

    if (!group)
        return;
    host->socket_group = g_strdup(group->gr_name);
    host->in_group = is_member(group);
}

static LullServiceState
state_of(const GError *problem)
{
    if (lull_error_is(problem, LULL_ERROR_DENIED))
        return LULL_SERVICE_DENIED;
    if (lull_error_is(problem, LULL_ERROR_TIMED_OUT))
        return LULL_SERVICE_SILENT;
    return lull_error_is(problem, LULL_ERROR_LOST) ? LULL_SERVICE_ABSENT : LULL_SERVICE_WORKS;
}

static void
look_at_coordinator(LullFacts *facts, const LullDoctorPlaces *places, LullJson **ret_objects)
{
    g_autoptr(LullClient) client = lull_client_new(places->socket, NULL);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) list = NULL;
    g_autoptr(LullJson) version = NULL;
    const char *uri;

    facts->host.socket = g_strdup(places->socket);
    if (!client)
        return;
    lull_client_set_patience(client, PATIENCE);
    list = lull_client_list(client, &lull_kind_vm, LULL_NAMESPACE, &problem);
    facts->host.coordinator = list ? LULL_SERVICE_WORKS : state_of(problem);
    look_at_socket(&facts->host);
    if (!list)
        return;
    *ret_objects = json_object_get(lull_json_array(list, "items"));
    version = lull_client_get_version(client, NULL);
    uri = lull_json_string(version, LULL_VERSION_LIBVIRT, "");
    facts->host.coordinator_uri = *uri ? g_strdup(uri) : NULL;
}

/* Of this machine, and nothing else in it: a URI can name commands to run, which nobody but the user may. */
static gboolean
is_plain(const char *uri)
{
    return strstr(uri, ":///") && !strpbrk(uri, "?+");
}

/* What the coordinator says of its libvirt counts, unless the user wants another. */
static void
choose_uri(LullHostFacts *host, const LullDoctorPlaces *places)
{
    if (places->uri)
        host->uri = g_strdup(places->uri);
    else if (host->coordinator_uri && is_plain(host->coordinator_uri))
        host->uri = g_strdup(host->coordinator_uri);
    else
        host->uri = g_strdup(places->usual_uri);
    if (!places->uri) /* who names one knows of several */
        host->usual_uri = g_strdup(places->usual_uri);
    host->local = strstr(host->uri, ":///") != NULL;
}

/* QEMU's user is neither the owner nor in the group of any directory on the way. */
static char *
find_closed(const char *directory)
{
    g_autofree char *path = g_strdup(directory);
    char *closed = NULL;

    for (;;) {
        struct stat status;
        char *parent = g_path_get_dirname(path);

        if (stat(path, &status) == 0 && !(status.st_mode & S_IXOTH)) {
            g_free(closed);
            closed = g_strdup(path);
        }
        if (g_str_equal(parent, path)) {
            g_free(parent);
            return closed;
        }
        g_free(path);
        path = parent;
    }
}

/* Of the directory, or where it would be made. */
static gint64
find_room(const char *directory)
{
    g_autofree char *path = g_strdup(directory);
    struct statvfs room;

    while (statvfs(path, &room) != 0) {
        char *parent = g_path_get_dirname(path);

        if (g_str_equal(parent, path)) {
            g_free(parent);
            return -1;
        }
        g_free(path);
        path = parent;
    }
    return (gint64)(room.f_bavail * room.f_frsize);
}

/* Holds and snapshots have one while they last; without a coordinator nobody ends what it stands for. */
static gboolean
is_overdue(const LullHostFacts *host, const char *path)
{
    struct stat status;

    if (host->coordinator != LULL_SERVICE_WORKS)
        return TRUE;
    return stat(path, &status) == 0 &&
           lull_clock_realtime() - (gint64)status.st_mtime * LULL_SEC(1) > LULL_GUEST_HOLD_MAX + LULL_SEC(60);
}

static void
look_at_intent(LullHostFacts *host, const char *path, const char *boot_id)
{
    g_autoptr(LullJson) intent = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!is_overdue(host, path) || !g_file_get_contents(path, &text, &length, NULL) || length > MAX_INTENT)
        return;
    intent = lull_json_parse(text, (gssize)length, NULL);
    /* after a reboot of the host there is nothing left to thaw */
    if (g_strcmp0(lull_json_string(intent, "bootId", NULL), boot_id) == 0)
        g_ptr_array_add(host->intents, g_strdup(lull_json_string(intent, "vmName", "?")));
}

static void
look_at_files(LullFacts *facts, const LullDoctorPlaces *places)
{
    LullHostFacts *host = &facts->host;
    g_autofree char *snapshots = g_build_filename(places->state_dir, "snapshots", NULL);
    g_autofree char *intents = g_build_filename(places->state_dir, "intents", NULL);
    g_autofree char *boot_id = lull_clock_boot_id();
    g_autoptr(GDir) directory = g_dir_open(intents, 0, NULL);
    const char *name;

    host->state_dir = g_strdup(places->state_dir);
    /* a user's QEMU is the user */
    if (g_str_has_suffix(host->uri, "/system"))
        host->closed = find_closed(places->state_dir);
    host->room = find_room(snapshots);
    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *path = g_build_filename(intents, name, NULL);

        if (g_str_has_suffix(name, ".json"))
            look_at_intent(host, path, boot_id);
    }
}

/* What the coordinator tells of a machine where libvirt does not let us look. */
static LullVm *
vm_of_object(LullJson *object)
{
    LullJson *status = lull_json_object(object, "status");
    const char *state = lull_json_string(status, "printableStatus", "");
    LullVm *vm = g_new0(LullVm, 1);

    vm->name = g_strdup(lull_meta_name(object));
    vm->domain = g_strdup(lull_meta_annotation(object, LULL_ANNOTATION_DOMAIN));
    if (!vm->domain)
        vm->domain = g_strdup(vm->name);
    vm->state = g_str_equal(state, "Running")  ? LULL_VM_RUNNING
                : g_str_equal(state, "Paused") ? LULL_VM_PAUSED
                                               : LULL_VM_STOPPED;
    vm->agent_channel = TRUE;
    vm->agent_connected = lull_condition_is(object, "AgentConnected", TRUE);
    vm->volumes = g_ptr_array_new();
    return vm;
}

static gboolean
is_wanted(const LullDoctorPlaces *places, const char *name)
{
    return !places->vms || g_strv_contains((const char *const *)places->vms, name);
}

static void
take_objects(LullFacts *facts, const LullDoctorPlaces *places, LullJson *objects)
{
    for (gsize i = 0; i < json_object_array_length(objects); i++) {
        LullJson *object = json_object_array_get_idx(objects, i);

        if (lull_meta_name(object) && is_wanted(places, lull_meta_name(object)))
            lull_facts_add_vm(facts, vm_of_object(object));
    }
}

/* Machines that were named and not found. Where nobody could be asked that is no fault of theirs. */
static gboolean
check_names(const LullFacts *facts, const LullDoctorPlaces *places, GError **error)
{
    if (facts->host.libvirt != LULL_SERVICE_WORKS && facts->host.coordinator != LULL_SERVICE_WORKS)
        return TRUE;
    for (char *const *name = places->vms; name && *name; name++) {
        gboolean found = FALSE;

        for (guint i = 0; i < facts->vms->len && !found; i++)
            found = g_str_equal(((const LullVmFacts *)facts->vms->pdata[i])->vm->name, *name);
        if (!found) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                        "vm, \"%s\": there is none of that name; see lull vms", *name);
            return FALSE;
        }
    }
    return TRUE;
}

LullFacts *
lull_doctor_look(const LullDoctorPlaces *places, GError **error)
{
    g_autoptr(LullFacts) facts = lull_facts_new();
    g_autoptr(LullJson) objects = NULL;

    facts->host.root = geteuid() == 0;
    look_at_coordinator(facts, places, &objects);
    choose_uri(&facts->host, places);
    look_at_files(facts, places);
    lull_doctor_look_at_libvirt(facts, places, objects);
    if (facts->host.libvirt != LULL_SERVICE_WORKS && objects)
        take_objects(facts, places, objects);
    return check_names(facts, places, error) ? g_steal_pointer(&facts) : NULL;
}
