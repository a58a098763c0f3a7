/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/volumes.h"

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullJson *
vm_with(const char *volumes, const char *domain)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'larry'},'spec':{'template':{'spec':{'volumes':[%s],"
                        "'domain':{%s}}}}}",
                        volumes, domain);

    return json(text);
}

START_TEST(each_type_of_volume_has_the_claim_that_it_is_on)
{
    static const struct {
        const char *volume, *claim;
        gboolean dump;
    } cases[] = {
        {"'persistentVolumeClaim':{'claimName':'c'}", "c", FALSE},
        {"'persistentVolumeClaim':{'claimName':'c','hotpluggable':true}", "c", FALSE},
        {"'dataVolume':{'name':'d'}", "d", FALSE},
        {"'dataVolume':{'name':'d','hotpluggable':true}", "d", FALSE},
        {"'memoryDump':{'claimName':'m','hotpluggable':true}", "m", TRUE},
        {"'ephemeral':{'persistentVolumeClaim':{'claimName':'c'}}", NULL, FALSE},
        {"'containerDisk':{'image':'x'}", NULL, FALSE},
        {"'cloudInitNoCloud':{}", NULL, FALSE},
        {"'emptyDisk':{'capacity':'1Gi'}", NULL, FALSE},
        {"'hostDisk':{'path':'/x'}", NULL, FALSE},
        {"'configMap':{'name':'x'}", NULL, FALSE},
        {"'secret':{'secretName':'x'}", NULL, FALSE},
        {"'serviceAccount':{}", NULL, FALSE},
        {"'sysprep':{}", NULL, FALSE},
        {"'downwardAPI':{}", NULL, FALSE},
        {"'downwardMetrics':{}", NULL, FALSE},
        {"'persistentVolumeClaim':7", NULL, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf("{'name':'one',%s}", cases[i].volume);
        g_autoptr(LullJson) vm = vm_with(text, "");
        g_autoptr(GPtrArray) volumes = lull_csi_volumes_of(vm, NULL);
        const LullCsiVolume *volume = volumes->pdata[0];

        ck_assert_uint_eq(volumes->len, 1);
        ck_assert_str_eq(volume->name, "one");
        ck_assert_msg(g_strcmp0(volume->claim, cases[i].claim) == 0, "%s", cases[i].volume);
        ck_assert_int_eq(volume->memory_dump, cases[i].dump);
        ck_assert(!volume->backend);
    }
}
END_TEST

START_TEST(volumes_come_in_the_machines_order_and_backend_storage_last)
{
    g_autoptr(LullJson) vm = vm_with("{'name':'z','dataVolume':{'name':'z'}},{'name':'a','containerDisk':{}}",
                                     "'devices':{'tpm':{'persistent':true}}");
    g_autoptr(LullJson) claims =
        json("[{'metadata':{'name':'p-old','creationTimestamp':'2026-01-01T00:00:00Z',"
             "'labels':{'persistent-state-for':'larry'}}},"
             "{'metadata':{'name':'p-new','creationTimestamp':'2026-01-02T00:00:00Z',"
             "'labels':{'persistent-state-for':'larry'}}},"
             "{'metadata':{'name':'p-going','creationTimestamp':'2026-01-03T00:00:00Z',"
             "'deletionTimestamp':'2026-01-04T00:00:00Z','labels':{'persistent-state-for':'larry'}}},"
             "{'metadata':{'name':'p-other','creationTimestamp':'2026-01-03T00:00:00Z',"
             "'labels':{'persistent-state-for':'harry'}}}]");
    g_autoptr(GPtrArray) volumes = lull_csi_volumes_of(vm, claims);
    const LullCsiVolume *last = volumes->pdata[2];

    ck_assert_uint_eq(volumes->len, 3);
    ck_assert_str_eq(((LullCsiVolume *)volumes->pdata[0])->name, "z");
    ck_assert_str_eq(((LullCsiVolume *)volumes->pdata[1])->name, "a");
    ck_assert_str_eq(last->name, "persistent-state-for-larry");
    ck_assert_str_eq(last->claim, "p-new");
    ck_assert(last->backend);
}
END_TEST

START_TEST(backend_storage_is_needed_for_what_has_to_be_kept)
{
    static const struct {
        const char *domain;
        gboolean needed;
    } cases[] = {
        {"", FALSE},
        {"'devices':{'tpm':{}}", FALSE},
        {"'devices':{'tpm':{'persistent':false}}", FALSE},
        {"'devices':{'tpm':{'persistent':true}}", TRUE},
        {"'firmware':{'bootloader':{'efi':{}}}", FALSE},
        {"'firmware':{'bootloader':{'efi':{'persistent':true}}}", TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) vm = vm_with("", cases[i].domain);

        ck_assert_int_eq(lull_csi_needs_backend(vm, TRUE), cases[i].needed);
        ck_assert_int_eq(lull_csi_needs_backend(vm, FALSE), cases[i].needed);
        lull_json_set_string(lull_json_ensure(lull_json_ensure(vm, "status"), "changedBlockTracking"),
                             "state", "Enabled");
        ck_assert(lull_csi_needs_backend(vm, TRUE));
        ck_assert_int_eq(lull_csi_needs_backend(vm, FALSE), cases[i].needed);
    }
}
END_TEST

START_TEST(why_a_volume_cannot_be_cut_is_told_in_the_words_that_clients_know)
{
    static const struct {
        const char *claim_name;
        gboolean backend;
        const char *problem, *reason;
    } cases[] = {
        {"c", FALSE, NULL, NULL},
        {"c", FALSE, "no class", "no class"},
        {NULL, FALSE, "PVC not found", "Snapshot is not supported for this volumeSource type [one]"},
        {NULL, TRUE, "PVC not found", "PVC not found"},
        {"c", TRUE, NULL, NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const LullCsiVolume volume = {
            .name = (char *)"one", .claim = (char *)cases[i].claim_name, .backend = cases[i].backend};
        g_autoptr(LullJson) status = lull_csi_volume_status(&volume, cases[i].problem);

        ck_assert_int_eq(lull_json_bool(status, "enabled", FALSE), cases[i].reason == NULL);
        ck_assert_msg(g_strcmp0(lull_json_string(status, "reason", NULL), cases[i].reason) == 0, "%s",
                      lull_json_to_line(status));
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("volumes");
    TCase *tcase = tcase_create("volumes");

    tcase_add_test(tcase, each_type_of_volume_has_the_claim_that_it_is_on);
    tcase_add_test(tcase, volumes_come_in_the_machines_order_and_backend_storage_last);
    tcase_add_test(tcase, backend_storage_is_needed_for_what_has_to_be_kept);
    tcase_add_test(tcase, why_a_volume_cannot_be_cut_is_told_in_the_words_that_clients_know);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
