/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/store/kube/config.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define PEM_BASE64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==" /* -----BEGIN CERTIFICATE----- */

static void
kubeconfig_free(gpointer data)
{
    LullKubeconfig *file = data;

    g_free(file->path);
    json_object_put(file->document);
    g_free(file);
}

static GPtrArray *
files_new(const char *first, const char *second)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(kubeconfig_free);
    const char *const texts[] = {first, second};

    for (guint i = 0; i < G_N_ELEMENTS(texts) && texts[i]; i++) {
        LullKubeconfig *file = g_new0(LullKubeconfig, 1);
        file->path = g_strdup_printf("/etc/%u/config", i);
        file->document = json(texts[i]);
        g_ptr_array_add(files, file);
    }
    return files;
}

/* One context `c` of a cluster and a user with these members. */
static LullKubeConfig *
choose(const char *cluster, const char *user, GError **error)
{
    g_autofree char *text = g_strdup_printf(
        "{'current-context':'c','contexts':[{'name':'c','context':{'cluster':'k','user':'u'}}],"
        "'clusters':[{'name':'k','cluster':%s}],'users':[{'name':'u','user':%s}]}",
        cluster, user);
    g_autoptr(GPtrArray) files = files_new(text, NULL);

    return lull_kube_config_choose(files, NULL, error);
}

START_TEST(a_context_names_its_cluster_and_its_user)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullKubeConfig) config =
        choose("{'server':'Https://api.example:6443/prefix//','certificate-authority':'pki/ca.crt',"
               "'tls-server-name':'inner','proxy-url':'http://proxy:1'}",
               "{'client-certificate-data':'" PEM_BASE64 "','client-key':'/abs/key','token':'tok'}", &error);

    ck_assert_no_error(error);
    ck_assert_str_eq(config->server, "https://api.example:6443/prefix");
    ck_assert_str_eq(config->ca.path, "/etc/0/pki/ca.crt");
    ck_assert_str_eq(config->tls_name, "inner");
    ck_assert_str_eq(config->proxy, "http://proxy:1");
    ck_assert_str_eq(config->certificate.bytes, "-----BEGIN CERTIFICATE-----\n");
    ck_assert_str_eq(config->key.path, "/abs/key");
    ck_assert_str_eq(config->token.bytes, "tok");
    ck_assert_str_eq(config->ns, "default");
}
END_TEST

START_TEST(a_token_file_counts_more_than_a_token)
{
    g_autoptr(LullKubeConfig) config =
        choose("{'server':'https://a'}", "{'token':'old','tokenFile':'token'}", NULL);

    ck_assert_str_eq(config->token.path, "/etc/0/token");
    ck_assert_ptr_null(config->token.bytes);
}
END_TEST

START_TEST(of_several_files_the_first_that_says_it_counts)
{
    g_autoptr(GPtrArray) files = files_new(
        "{'contexts':[{'name':'a','context':{'cluster':'k','namespace':'mine'}}],"
        "'clusters':[{'name':'k','cluster':{'server':'https://first','certificate-authority':'ca'}}]}",
        "{'current-context':'a','contexts':[{'name':'a','context':{'cluster':'other'}},"
        "{'name':'b','context':{'cluster':'j'}}],'clusters':[{'name':'k','cluster':{'server':'https://"
        "second'}},"
        "{'name':'j','cluster':{'server':'https://third','certificate-authority':'ca'}}]}");
    g_autoptr(LullKubeConfig) current = lull_kube_config_choose(files, NULL, NULL);
    g_autoptr(LullKubeConfig) named = lull_kube_config_choose(files, "b", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_str_eq(current->server, "https://first");
    ck_assert_str_eq(current->ns, "mine");
    ck_assert_str_eq(current->ca.path, "/etc/0/ca");
    ck_assert_str_eq(named->server, "https://third");
    ck_assert_str_eq(named->ca.path, "/etc/1/ca");
    ck_assert_ptr_null(lull_kube_config_choose(files, "nothing", &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error->message, "nothing"));
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *cluster, *user;
        LullError code;
        const char *word;
    } cases[] = {
        {"{}", "{}", LULL_ERROR_INVALID, "server"},
        {"7", "{}", LULL_ERROR_INVALID, "cluster"},
        {"{'server':7}", "{}", LULL_ERROR_INVALID, "server"},
        {"{'server':'ftp://a'}", "{}", LULL_ERROR_INVALID, "server"},
        {"{'server':'https://'}", "{}", LULL_ERROR_INVALID, "server"},
        {"{'server':'api.example'}", "{}", LULL_ERROR_INVALID, "server"},
        {"{'server':'https://me:pw@a'}", "{}", LULL_ERROR_INVALID, "server"},
        {"{'server':'https://a?x=y'}", "{}", LULL_ERROR_INVALID, "server"},
        {"{'server':'https://a\\nHost: b'}", "{}", LULL_ERROR_INVALID, "server"},
        {"{'server':'https://a','certificate-authority-data':'!'}", "{}", LULL_ERROR_INVALID,
         "certificate-authority-data"},
        {"{'server':'https://a','certificate-authority-data':'AAAA'}", "{}", LULL_ERROR_INVALID,
         "certificate-authority-data"},
        {"{'server':'https://a','certificate-authority':'x','insecure-skip-tls-verify':true}", "{}",
         LULL_ERROR_INVALID, "insecure-skip-tls-verify"},
        {"{'server':'https://a'}", "{'token':'a\\r\\nX: y'}", LULL_ERROR_INVALID, "token"},
        {"{'server':'https://a'}", "{'token':['a']}", LULL_ERROR_INVALID, "token"},
        {"{'server':'https://a'}", "{'client-certificate':'x'}", LULL_ERROR_INVALID, "client-key"},
        {"{'server':'https://a'}", "{'client-key':'x'}", LULL_ERROR_INVALID, "client-certificate"},
        {"{'server':'http://a'}", "{'token':'x'}", LULL_ERROR_INVALID, "clear"},
        {"{'server':'HTTP://a'}", "{'token':'x'}", LULL_ERROR_INVALID, "clear"},
        {"{'server':'https://a'}", "{'exec':{'command':'aws'}}", LULL_ERROR_UNSUPPORTED, "exec"},
        {"{'server':'https://a'}", "{'username':'me','password':'x'}", LULL_ERROR_UNSUPPORTED, "username"},
        {"{'server':'https://a'}", "{'as':'root'}", LULL_ERROR_UNSUPPORTED, ": as is"},
        {"{'server':'https://a'}", "{'as-uid':'7'}", LULL_ERROR_UNSUPPORTED, ": as-uid is"},
        {"{'server':'https://a'}", "{'as-groups':['a']}", LULL_ERROR_UNSUPPORTED, ": as-groups is"},
        {"{'server':'https://a'}", "{'as-user-extra':{}}", LULL_ERROR_UNSUPPORTED, ": as-user-extra is"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(choose(cases[i].cluster, cases[i].user, &error));
        ck_assert_error(error, cases[i].code);
        ck_assert_msg(strstr(error->message, cases[i].word) != NULL, "%s", error->message);
    }
}
END_TEST

START_TEST(files_that_are_no_kubeconfig_have_no_context)
{
    static const char *const texts[] = {
        "[]",
        "{}",
        "{'current-context':7}",
        "{'current-context':'c'}",
        "{'current-context':'c','contexts':{}}",
        "{'current-context':'c','contexts':[7,{'name':7},{'name':'c'}]}",
        "{'current-context':'c','contexts':[{'name':'c','context':{}}]}",
        "{'current-context':'c','contexts':[{'name':'c','context':{'cluster':'k','user':'u'}}],"
        "'clusters':[{'name':'k','cluster':{'server':'https://a'}}]}",
        "{'current-context':'c','contexts':[{'name':'c','context':{'cluster':'k','namespace':'A b'}}],"
        "'clusters':[{'name':'k','cluster':{'server':'https://a'}}]}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GPtrArray) files = files_new(texts[i], NULL);
        g_autoptr(GError) error = NULL;
        ck_assert_msg(lull_kube_config_choose(files, NULL, &error) == NULL, "%s", texts[i]);
        ck_assert_ptr_nonnull(error);
    }
}
END_TEST

START_TEST(a_pod_has_its_service_account)
{
    static const struct {
        const char *host, *port, *server;
    } cases[] = {
        {"10.0.0.1", "443", "https://10.0.0.1:443"},
        {"fd00::1", "6443", "https://[fd00::1]:6443"},
        {"[fd00::1]", "6443", "https://[fd00::1]:6443"},
        {NULL, "443", NULL},
        {"10.0.0.1", NULL, NULL},
        {"10.0.0.1", "443/x?y", NULL},
        {"10.0.0.1", "port", NULL},
        {"a b", "443", NULL},
        {"user@a", "443", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullKubeConfig) config =
            lull_kube_config_of_pod(cases[i].host, cases[i].port, "/sa", "there\n", &error);
        ck_assert_int_eq(config != NULL, cases[i].server != NULL);
        if (!config) {
            ck_assert_ptr_nonnull(error);
            continue;
        }
        ck_assert_str_eq(config->server, cases[i].server);
        ck_assert_str_eq(config->ns, "there");
        ck_assert_str_eq(config->token.path, "/sa/token");
        ck_assert_str_eq(config->ca.path, "/sa/ca.crt");
    }
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        a_context_names_its_cluster_and_its_user,       a_token_file_counts_more_than_a_token,
        of_several_files_the_first_that_says_it_counts, what_is_wrong_is_named,
        files_that_are_no_kubeconfig_have_no_context,   a_pod_has_its_service_account,
    };
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("all");

    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
