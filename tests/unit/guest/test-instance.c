/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/instance.h"

#include <string.h>

#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define POD_A "11111111-aaaa-4000-8000-000000000001"
#define POD_B "22222222-bbbb-4000-8000-000000000002"

/* A machine that runs on node-a, in double quotes' stead single ones. */
#define META                                                                                        \
    "'metadata':{'name':'larry','namespace':'shop','uid':'vmi-1','ownerReferences':[{'apiVersion':" \
    "'kubevirt.io/v1','kind':'VirtualMachine','name':'larry','uid':'vm-1','controller':true}]}"
#define SPEC   "'spec':{'domain':{'firmware':{'uuid':'5D307CA9-B3EF-428C-8861-06E72D69F223'}}}"
#define PLACE  "'phase':'Running','nodeName':'node-a','activePods':{'" POD_A "':'node-a'}"
#define STATUS "'status':{" PLACE "}"

static LullJson *
parse(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "'", -1);
    g_autofree char *json = g_strjoinv("\"", parts);
    g_autoptr(GError) error = NULL;
    LullJson *value = lull_json_parse(json, -1, &error);

    ck_assert_msg(value != NULL, "%s: %s", error ? error->message : "", json);
    return value;
}

static LullInstance *
read_two(const char *instance, const char *vm, GError **error)
{
    g_autoptr(LullJson) json = parse(instance);
    g_autoptr(LullJson) owner = vm ? parse(vm) : NULL;

    return lull_instance_from_json(json, owner, error);
}

static LullInstance *
must_read(const char *instance, const char *vm)
{
    g_autoptr(GError) error = NULL;
    LullInstance *self = read_two(instance, vm, &error);

    ck_assert_msg(self != NULL, "%s", error ? error->message : "");
    return self;
}

START_TEST(one_that_runs_tells_where_it_is_and_what_libvirt_calls_it)
{
    g_autoptr(LullInstance) self = must_read("{" META "," SPEC "," STATUS "}", NULL);

    ck_assert_str_eq(self->ns, "shop");
    ck_assert_str_eq(self->name, "larry");
    ck_assert_str_eq(self->uid, "vm-1");
    ck_assert_str_eq(self->instance_uid, "vmi-1");
    ck_assert_str_eq(self->node, "node-a");
    ck_assert_str_eq(self->pod, POD_A);
    ck_assert_str_eq(self->domain, "shop_larry");
    ck_assert_str_eq(self->domain_uuid, "5d307ca9-b3ef-428c-8861-06e72d69f223");
    ck_assert_int_eq(self->state, LULL_INSTANCE_RUNNING);
    ck_assert(!self->migrating);
    ck_assert_uint_eq(self->volumes->len, 0);
    ck_assert(lull_instance_check_here(self, "node-a", NULL));
}
END_TEST

/* Who is the machine's uid to the API. */
static const struct {
    const char *owner;
    const char *uid;
} owners[] = {
    {"[]", "vmi-1"},
    {"null", "vmi-1"},
    {"[{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','uid':'vm-1','controller':true}]", "vm-1"},
    {"[{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','uid':'vm-1'}]", "vmi-1"},
    {"[{'apiVersion':'other.io/v1','kind':'VirtualMachine','uid':'x','controller':true}]", "vmi-1"},
    {"[{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstanceReplicaSet','uid':'rs-1',"
     "'controller':true}]",
     "vmi-1"},
    {"[7,'text',{'kind':'Pod','uid':'p'},{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine',"
     "'uid':'vm-2','controller':true}]",
     "vm-2"},
};

START_TEST(its_uid_is_its_vms_where_it_has_one)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'larry','namespace':'shop','uid':'vmi-1','ownerReferences':%s}}",
                        owners[_i].owner);
    g_autoptr(LullInstance) self = must_read(text, NULL);

    ck_assert_str_eq(self->uid, owners[_i].uid);
    ck_assert_str_eq(self->instance_uid, "vmi-1");
}
END_TEST

#define OVER "'startTimestamp':'2026-01-01T00:00:00Z','endTimestamp':'2026-01-01T00:01:00Z','completed':true"

static const struct {
    const char *status;
    const char *pod;
    LullInstanceState state;
    gboolean migrating;
    int code; /* of asking whether it is here, on node-a; -1: it is */
} places[] = {
    {"{" PLACE "}", POD_A, LULL_INSTANCE_RUNNING, FALSE, -1},
    {"{" PLACE ",'conditions':[{'type':'Paused','status':'True'}]}", POD_A, LULL_INSTANCE_PAUSED, FALSE, -1},
    {"{" PLACE ",'conditions':[{'type':'Paused','status':'False'}]}", POD_A, LULL_INSTANCE_RUNNING, FALSE,
     -1},
    {"{" PLACE ",'conditions':'none'}", POD_A, LULL_INSTANCE_RUNNING, FALSE, -1},
    /* not there yet, or no more */
    {"null", NULL, LULL_INSTANCE_STARTING, FALSE, LULL_ERROR_BUSY},
    {"{}", NULL, LULL_INSTANCE_STARTING, FALSE, LULL_ERROR_BUSY},
    {"{'phase':'Pending'}", NULL, LULL_INSTANCE_STARTING, FALSE, LULL_ERROR_BUSY},
    {"{'phase':'Scheduling','activePods':{'" POD_A "':''}}", NULL, LULL_INSTANCE_STARTING, FALSE,
     LULL_ERROR_BUSY},
    {"{'phase':'Scheduled','nodeName':'node-a','activePods':{'" POD_A "':'node-a'}}", POD_A,
     LULL_INSTANCE_STARTING, FALSE, LULL_ERROR_BUSY},
    {"{'phase':'Running'}", NULL, LULL_INSTANCE_RUNNING, FALSE, LULL_ERROR_BUSY},
    {"{'phase':'Succeeded','nodeName':'node-a'}", NULL, LULL_INSTANCE_ENDED, FALSE, LULL_ERROR_NOT_FOUND},
    {"{'phase':'Failed','nodeName':'node-a'}", NULL, LULL_INSTANCE_ENDED, FALSE, LULL_ERROR_NOT_FOUND},
    {"{'phase':'Unknown','nodeName':'node-a'}", NULL, LULL_INSTANCE_UNKNOWN, FALSE, LULL_ERROR_LOST},
    {"{'phase':'Waiting','nodeName':'node-a'}", NULL, LULL_INSTANCE_UNKNOWN, FALSE, LULL_ERROR_LOST},
    /* elsewhere */
    {"{'phase':'Running','nodeName':'node-b','activePods':{'" POD_A "':'node-b'}}", POD_A,
     LULL_INSTANCE_RUNNING, FALSE, LULL_ERROR_NOT_FOUND},
    /* no launcher, two of them, none here */
    {"{'phase':'Running','nodeName':'node-a'}", NULL, LULL_INSTANCE_RUNNING, FALSE, LULL_ERROR_LOST},
    {"{'phase':'Running','nodeName':'node-a','activePods':{}}", NULL, LULL_INSTANCE_RUNNING, FALSE,
     LULL_ERROR_LOST},
    {"{'phase':'Running','nodeName':'node-a','activePods':{'" POD_A "':'node-b'}}", NULL,
     LULL_INSTANCE_RUNNING, FALSE, LULL_ERROR_LOST},
    {"{'phase':'Running','nodeName':'node-a','activePods':{'" POD_A "':'node-a','" POD_B "':'node-a'}}", NULL,
     LULL_INSTANCE_RUNNING, FALSE, LULL_ERROR_LOST},
    /* a migration: begun, over, failed, called off, only planned */
    {"{'phase':'Running','nodeName':'node-a','activePods':{'" POD_A "':'node-a','" POD_B
     "':'node-b'},'migrationState':{'startTimestamp':'2026-01-01T00:00:00Z','endTimestamp':null,"
     "'completed':null}}",
     POD_A, LULL_INSTANCE_RUNNING, TRUE, LULL_ERROR_BUSY},
    {"{'phase':'Running','nodeName':'node-b','activePods':{'" POD_A "':'node-a','" POD_B
     "':'node-b'},'migrationState':{'startTimestamp':'2026-01-01T00:00:00Z'}}",
     POD_B, LULL_INSTANCE_RUNNING, TRUE, LULL_ERROR_NOT_FOUND},
    {"{" PLACE ",'migrationState':{" OVER "}}", POD_A, LULL_INSTANCE_RUNNING, FALSE, -1},
    {"{" PLACE ",'migrationState':{" OVER ",'failed':true}}", POD_A, LULL_INSTANCE_RUNNING, FALSE, -1},
    {"{" PLACE ",'migrationState':{'startTimestamp':'2026-01-01T00:00:00Z','failed':true}}", POD_A,
     LULL_INSTANCE_RUNNING, FALSE, -1},
    {"{" PLACE ",'migrationState':{'migrationUid':'m'}}", POD_A, LULL_INSTANCE_RUNNING, FALSE, -1},
    {"{" PLACE ",'migrationState':null}", POD_A, LULL_INSTANCE_RUNNING, FALSE, -1},
};

START_TEST(it_is_here_where_one_launcher_on_this_node_has_it)
{
    g_autofree char *text = g_strdup_printf("{" META ",'status':%s}", places[_i].status);
    g_autoptr(LullInstance) self = must_read(text, NULL);
    g_autoptr(GError) error = NULL;
    const gboolean here = lull_instance_check_here(self, "node-a", &error);

    ck_assert_pstr_eq(self->pod, places[_i].pod);
    ck_assert_int_eq(self->state, places[_i].state);
    ck_assert_int_eq(self->migrating, places[_i].migrating);
    ck_assert_int_eq(here ? -1 : error->code, places[_i].code);
    if (error)
        ck_assert_msg(g_str_has_prefix(error->message, "virtual machine shop/larry: "), "%s", error->message);
}
END_TEST

#define DISK(name) "{'name':'" name "','disk':{'bus':'virtio'}}"

/* In the instance, and in its VM; has a claim, is of a DataVolume, a disk, hotplugged, persistent. */
static const struct {
    const char *volume;
    const char *status;
    gboolean in_vm;
    const char *claim;
    gboolean data_volume;
    gboolean has_disk;
    gboolean hotplugged;
    gboolean persistent;
} volumes[] = {
    {"{'name':'v','persistentVolumeClaim':{'claimName':'c'}}", "", TRUE, "c", FALSE, TRUE, FALSE, TRUE},
    {"{'name':'v','dataVolume':{'name':'d'}}", "", TRUE, "d", TRUE, TRUE, FALSE, TRUE},
    {"{'name':'v','persistentVolumeClaim':{'claimName':'c','hotpluggable':true}}", "", TRUE, "c", FALSE, TRUE,
     TRUE, TRUE},
    {"{'name':'v','dataVolume':{'name':'d','hotpluggable':true}}", "", FALSE, "d", TRUE, TRUE, TRUE, FALSE},
    {"{'name':'v','persistentVolumeClaim':{'claimName':'c'}}", "{'name':'v','hotplugVolume':{}}", FALSE, "c",
     FALSE, TRUE, TRUE, FALSE},
    {"{'name':'dump','memoryDump':{'claimName':'c'}}", "{'name':'dump','hotplugVolume':{}}", TRUE, "c", FALSE,
     FALSE, TRUE, TRUE},
    {"{'name':'v','containerDisk':{'image':'i'}}", "", TRUE, NULL, FALSE, TRUE, FALSE, TRUE},
    {"{'name':'v','cloudInitNoCloud':{}}", "", TRUE, NULL, FALSE, TRUE, FALSE, TRUE},
    {"{'name':'shared','persistentVolumeClaim':{'claimName':'c'}}", "", TRUE, "c", FALSE, FALSE, FALSE, TRUE},
    {"{'name':'v'}", "", TRUE, NULL, FALSE, TRUE, FALSE, TRUE},
};

START_TEST(a_volume_tells_its_claim_and_whether_it_stays)
{
    g_autofree char *text =
        g_strdup_printf("{" META ",'spec':{'domain':{'devices':{'disks':[" DISK("w") "," DISK(
                            "v") "]}},'volumes':[%s]},'status':{'volumeStatus':[%s]}}",
                        volumes[_i].volume, volumes[_i].status);
    g_autofree char *vm = g_strdup_printf("{'spec':{'template':{'spec':{'volumes':[%s]}}}}",
                                          volumes[_i].in_vm ? volumes[_i].volume : "");
    g_autoptr(LullInstance) self = must_read(text, vm);
    g_autoptr(LullInstance) alone = must_read(text, NULL);
    const LullInstanceVolume *volume = self->volumes->pdata[0];

    ck_assert_pstr_eq(volume->claim, volumes[_i].claim);
    ck_assert_int_eq(volume->data_volume, volumes[_i].data_volume);
    ck_assert_int_eq(volume->has_disk, volumes[_i].has_disk);
    ck_assert_int_eq(volume->hotplugged, volumes[_i].hotplugged);
    ck_assert_int_eq(volume->persistent, volumes[_i].persistent);
    ck_assert_ptr_eq(lull_instance_volume(self, volume->name), volume);
    ck_assert_ptr_null(lull_instance_volume(self, "another"));
    /* without the VM what was hotplugged is not known to stay */
    volume = alone->volumes->pdata[0];
    ck_assert_int_eq(volume->persistent, !volumes[_i].hotplugged);
}
END_TEST

#define NAMED(name, ns) "{'metadata':{'name':" name ",'namespace':" ns ",'uid':'vmi-1'}}"
#define PODS(pods)      "{" META ",'status':{'nodeName':'node-a','activePods':" pods "}}"
#define VOLUMES(list)   "{" META ",'spec':{'volumes':[" list "]}}"

static const char *const hostile[] = {
    "{}",
    "[]",
    "7",
    "{'metadata':[]}",
    "{'metadata':{'name':'larry','namespace':'shop'}}",
    "{'metadata':{'name':'larry','namespace':'shop','uid':7}}",
    "{'metadata':{'name':'larry','namespace':'shop','uid':''}}",
    "{'metadata':{'name':'larry','namespace':'shop','uid':'../vmi'}}",
    "{'kind':'Pod'," META "}",
    /* what would be another machine's name in libvirt, or none */
    NAMED("null", "'shop'"),
    NAMED("'larry'", "null"),
    NAMED("'shop_larry'", "'a'"),
    NAMED("'larry'", "'sh/op'"),
    NAMED("'larry'", "'sh.op'"),
    NAMED("'../larry'", "'shop'"),
    NAMED("''", "'shop'"),
    "{'metadata':{'name':'a','namespace':'b','uid':'c','ownerReferences':[{'apiVersion':'kubevirt.io/v1',"
    "'kind':'VirtualMachine','controller':true}]}}",
    "{'metadata':{'name':'a','namespace':'b','uid':'c','ownerReferences':[{'apiVersion':'kubevirt.io/v1',"
    "'kind':'VirtualMachine','uid':'a/b','controller':true}]}}",
    "{" META ",'spec':{'domain':{'firmware':{'uuid':'no uuid'}}}}",
    "{" META ",'status':{'nodeName':'no node'}}",
    /* a pod's uid becomes a path */
    PODS("{'':'node-a'}"),
    PODS("{'.':'node-a'}"),
    PODS("{'..':'node-a'}"),
    PODS("{'a/../b':'node-a'}"),
    PODS("{'a b':'node-a'}"),
    PODS("{'11111111-aaaa-4000-8000-00000000000111111111-aaaa-4000-8000-000000000001':'node-a'}"),
    PODS("{'" POD_A "':7}"),
    PODS("{'" POD_A "':null}"),
    /* and a volume's name an alias, a file, an object's name */
    VOLUMES("{}"),
    VOLUMES("7"),
    VOLUMES("{'name':''}"),
    VOLUMES("{'name':'../v'}"),
    VOLUMES("{'name':'a.b'}"),
    VOLUMES("{'name':'V'}"),
    VOLUMES("{'name':7}"),
    VOLUMES("{'name':'v'},{'name':'v'}"),
    VOLUMES("{'name':'v','persistentVolumeClaim':{}}"),
    VOLUMES("{'name':'v','persistentVolumeClaim':{'claimName':7}}"),
    VOLUMES("{'name':'v','persistentVolumeClaim':{'claimName':'a/b'}}"),
    VOLUMES("{'name':'v','dataVolume':{}}"),
    VOLUMES("{'name':'v','memoryDump':{'claimName':''}}"),
};

START_TEST(what_cannot_be_one_is_an_error)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(read_two(hostile[_i], NULL, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_msg(g_str_has_prefix(error->message, "virtual machine instance "), "%s", error->message);
}
END_TEST

#define ON(node, pod, more) \
    "'status':{'phase':'Running','nodeName':'" node "','activePods':{'" pod "':'" node "'}" more "}"
#define UNDER_WAY ",'migrationState':{'startTimestamp':'2026-01-01T00:00:00Z'}"

/* What is told of one that was found in POD_A of node-a; NULL: nothing any more. */
static const struct {
    const char *status;
    const char *why; /* NULL: it stays */
} stays[] = {
    {ON("node-a", POD_A, ""), NULL},
    {ON("node-a", POD_A, ",'migrationState':{'completed':true,'startTimestamp':'2026-01-01T00:00:00Z'}"),
     NULL},
    {"'status':{'phase':'Unknown','nodeName':'node-a','activePods':{'" POD_A "':'node-a'}}", NULL},
    {"'status':{'phase':'Running','nodeName':'node-a'}", NULL},
    {"'status':{}", NULL},
    {ON("node-a", POD_A, UNDER_WAY), "migrates"},
    {ON("node-b", POD_A, ""), "on another node"},
    {ON("node-b", POD_B, UNDER_WAY), "on another node"},
    {ON("node-a", POD_B, ""), "in another pod"},
    {"'status':{'phase':'Succeeded'}", "has ended"},
    {"'status':{'phase':'Failed','nodeName':'node-a','activePods':{'" POD_A "':'node-a'}}", "has ended"},
    {NULL, "not on this node"},
};

START_TEST(it_leaves_where_it_is_told_to_migrate_or_to_be_elsewhere)
{
    g_autofree char *text = g_strdup_printf("{" META ",%s}", stays[_i].status);
    g_autoptr(LullInstance) self = stays[_i].status ? must_read(text, NULL) : NULL;
    const char *why = lull_instance_leaves(self, "node-a", POD_A);

    ck_assert_int_eq(why != NULL, stays[_i].why != NULL);
    ck_assert_msg(!why || strstr(why, stays[_i].why) != NULL, "%s", why);
}
END_TEST

#define DOMAIN                                                                                          \
    "<domain><name>shop_larry</name><uuid>5d307ca9-b3ef-428c-8861-06e72d69f223</uuid><devices>"         \
    "<disk type='file' device='cdrom'><alias name='ua-claimed'/><target dev='sda'/><source file='/a'/>" \
    "<readonly/></disk>"                                                                                \
    "<disk type='file'><alias name='ua-empty'/><target dev='vdb'/><source file='/b'/></disk>"           \
    "<disk type='file'><target dev='vdc'/><source file='/c'/></disk></devices></domain>"

/* Claims that are no disk of the domain's, and why they are not saved. */
static const struct {
    const char *name;
    const char *why;
} diskless[] = {
    {"dump", NULL},
    {"shared", "no freeze in it holds that"},
    {"soon", "until it is attached"},
    {"persistent-state-for-larry", NULL},
};

/* Whatever libvirt could do with a disk, here it is the claim that is cut. */
START_TEST(a_machine_is_called_as_the_api_calls_it_and_claims_are_what_is_saved)
{
    g_autoptr(LullInstance) self = must_read(
        "{" META "," STATUS ",'spec':{'volumes':[{'name':'claimed','persistentVolumeClaim':"
        "{'claimName':'c'}},{'name':'empty','emptyDisk':{}},{'name':'dump','memoryDump':{"
        "'claimName':'m'}},{'name':'shared','persistentVolumeClaim':{'claimName':'s'}},{'name':'soon',"
        "'dataVolume':{'name':'d'}}],'domain':{'devices':{'tpm':{'persistent':true},"
        "'disks':[{'name':'soon'}]}}}}",
        NULL);
    g_autoptr(LullVm) vm = lull_vm_from_xml(DOMAIN, LULL_VM_RUNNING, NULL);
    const LullVmVolume *claimed = vm->volumes->pdata[0];
    const LullVmVolume *empty = vm->volumes->pdata[1];
    const LullVmVolume *unnamed = vm->volumes->pdata[2];

    lull_instance_dress(self, vm);
    ck_assert_str_eq(vm->ns, "shop");
    ck_assert_str_eq(vm->name, "larry");
    ck_assert_str_eq(vm->uid, "vm-1");
    ck_assert_str_eq(vm->place, POD_A "/5d307ca9-b3ef-428c-8861-06e72d69f223");
    ck_assert_ptr_null(claimed->excluded);
    ck_assert(claimed->keeps_data);
    ck_assert_msg(strstr(empty->excluded, "not in a claim"), "%s", empty->excluded);
    ck_assert(!empty->keeps_data);
    ck_assert_msg(strstr(unnamed->excluded, "no volume of that name"), "%s", unnamed->excluded);
    ck_assert_uint_eq(vm->volumes->len, 7);
    for (guint i = 0; i < G_N_ELEMENTS(diskless); i++) {
        const LullVmVolume *volume = vm->volumes->pdata[3 + i];

        ck_assert_str_eq(volume->name, diskless[i].name);
        ck_assert_ptr_null(volume->disk);
        ck_assert(volume->keeps_data);
        ck_assert_msg(diskless[i].why ? strstr(volume->excluded, diskless[i].why) != NULL : !volume->excluded,
                      "%s: %s", volume->name, volume->excluded);
    }
}
END_TEST

/* No machine has so many. */
static char *
repeat(const char *before, const char *after, guint n)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < n; i++)
        g_string_append_printf(text, "%s%s%u%s", i ? "," : "", before, i, after);
    return g_string_free(text, FALSE);
}

START_TEST(one_that_never_ends_is_an_error)
{
    g_autofree char *list = repeat("{'name':'v", "'}", 513);
    g_autofree char *map = repeat("'pod-", "':'node-a'", 65);
    g_autofree char *many_volumes = g_strdup_printf(VOLUMES("%s"), list);
    g_autofree char *many_pods = g_strdup_printf(PODS("{%s}"), map);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(read_two(many_volumes, NULL, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    g_clear_error(&error);
    ck_assert_ptr_null(read_two(many_pods, NULL, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("instance");
    TCase *tcase = tcase_create("instance");

    tcase_add_test(tcase, one_that_runs_tells_where_it_is_and_what_libvirt_calls_it);
    tcase_add_loop_test(tcase, its_uid_is_its_vms_where_it_has_one, 0, G_N_ELEMENTS(owners));
    tcase_add_loop_test(tcase, it_is_here_where_one_launcher_on_this_node_has_it, 0, G_N_ELEMENTS(places));
    tcase_add_loop_test(tcase, a_volume_tells_its_claim_and_whether_it_stays, 0, G_N_ELEMENTS(volumes));
    tcase_add_loop_test(tcase, what_cannot_be_one_is_an_error, 0, G_N_ELEMENTS(hostile));
    tcase_add_test(tcase, a_machine_is_called_as_the_api_calls_it_and_claims_are_what_is_saved);
    tcase_add_test(tcase, one_that_never_ends_is_an_error);
    tcase_add_loop_test(tcase, it_leaves_where_it_is_told_to_migrate_or_to_be_elsewhere, 0,
                        G_N_ELEMENTS(stays));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
