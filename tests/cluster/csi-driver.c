/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <gio/gio.h>
#include <stdio.h>

#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/csi.h"
#include "coordinator/store/kube/kube.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* usage: csi-driver KUBECONFIG
 *
 * Does what it reads, a JSON array a line, with the storage of a cluster, and says what came of it, an object
 * a line; each order in the table below on a thread of its own that does one after the other, but "cancel",
 * which is for the one under way. */

typedef struct {
    LullStore *store;
    LullStorage *storage;
    LullCut *cut;
    GCancellable *cancel;
    GAsyncQueue *orders; /* of LullJson */
} Driver;

typedef gboolean (*OrderFunc)(Driver *self, LullJson *order, LullJson *answer, GError **error);

static const char *
word(LullJson *order, gsize i)
{
    return json_object_get_string(json_object_array_get_idx(order, i));
}

static gint64
number(LullJson *order, gsize i)
{
    return json_object_get_int64(json_object_array_get_idx(order, i));
}

static gboolean
do_introduce(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    self->storage->ops->introduce(self->storage, json_object_array_get_idx(order, 1), (guint)number(order, 2),
                                  json_object_array_get_idx(order, 3));
    return TRUE;
}

static gboolean
do_prepare(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    g_autoptr(LullVm) vm = lull_vm_from_xml("<domain type='qemu'><name>shop_larry</name>"
                                            "<uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid></domain>",
                                            LULL_VM_RUNNING, error);

    g_clear_pointer(&self->cut, lull_cut_free);
    if (vm)
        self->cut =
            self->storage->ops->prepare(self->storage, vm, word(order, 1), (guint)number(order, 2), error);
    return self->cut != NULL;
}

static gboolean
do_forecast(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    LullCutForecast forecast = {0};

    self->storage->ops->forecast(self->cut, &forecast);
    lull_json_set_int(answer, "alone", forecast.alone);
    lull_json_set_int(answer, "behind", forecast.behind);
    lull_json_set_int(answer, "others", forecast.others);
    lull_json_set_string(answer, "by", forecast.by);
    return TRUE;
}

static gboolean
do_cut(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    const gint64 begun = lull_clock_boottime();
    const LullCutTerms terms = {.until = number(order, 1) ? begun + LULL_MSEC(number(order, 1)) : 0,
                                .held = json_object_get_boolean(json_object_array_get_idx(order, 2)),
                                .cancel = self->cancel};
    const gboolean good = self->storage->ops->cut(self->cut, &terms, error);

    lull_json_set_double(answer, "ms", (double)(lull_clock_boottime() - begun) / 1000.0);
    lull_json_take(answer, "volumes", lull_json_dup(self->storage->ops->cut_volumes(self->cut)));
    if (good) /* an attempt is over before anybody asks what became of its cuts */
        g_clear_pointer(&self->cut, lull_cut_free);
    return good;
}

static gboolean
do_free(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    g_clear_pointer(&self->cut, lull_cut_free);
    return TRUE;
}

static gboolean
do_poll(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    static const char *const states[] = {"running", "done", "failed", "absent"};
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};

    if (!self->storage->ops->poll(self->storage, "", word(order, 1), (guint)number(order, 2), &progress,
                                  error))
        return FALSE;
    lull_json_set_string(answer, "state", states[progress.state]);
    lull_json_set_int(answer, "permille", progress.permille);
    lull_json_set_string(answer, "problem", progress.problem);
    lull_json_set_bool(answer, "sealed", progress.sealed);
    return TRUE;
}

static gboolean
do_seal(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    return self->storage->ops->seal(self->storage, word(order, 1), (guint)number(order, 2), NULL, NULL,
                                    error);
}

static gboolean
do_remove(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    return self->storage->ops->remove(self->storage, "", word(order, 1), (guint)number(order, 2), NULL,
                                      error);
}

static gboolean
do_check(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    g_autoptr(GPtrArray) volumes = NULL;
    const gboolean good = self->storage->ops->check(self->storage, word(order, 1), &volumes, error);
    LullJson *names = json_object_new_array();

    for (guint i = 0; volumes && i < volumes->len; i++)
        lull_json_append_string(names, volumes->pdata[i]);
    lull_json_take(answer, "volumes", names);
    return good;
}

static gboolean
do_verify(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    g_autoptr(LullJson) result = NULL;

    return self->storage->ops->verify(self->storage, word(order, 1), NULL, &result, error);
}

static gboolean
do_restore(Driver *self, LullJson *order, LullJson *answer, GError **error)
{
    return self->storage->ops->restore(self->storage, word(order, 1), "", "restore", NULL, NULL, NULL, error);
}

static const struct {
    const char *name;
    OrderFunc run;
} orders[] = {
    {"introduce", do_introduce}, /* CONTENT, ATTEMPT, CUTS or none */
    {"prepare", do_prepare},     /* UID, ATTEMPT */
    {"forecast", do_forecast},   /* of what is prepared: usec, and volumes of others */
    {"cut", do_cut},             /* MS or 0, HELD */
    {"free", do_free},           /* what was prepared */
    {"poll", do_poll},           /* UID, ATTEMPT */
    {"seal", do_seal},           /* UID, ATTEMPT */
    {"remove", do_remove},       /* UID, ATTEMPT or 0 */
    {"check", do_check},         /* UID */
    {"verify", do_verify},       /* UID */
    {"restore", do_restore},     /* UID */
};

static void
obey(Driver *self, LullJson *order)
{
    const char *verb = word(order, 0);
    g_autoptr(LullJson) answer = json_object_new_object();
    g_autoptr(GError) error = NULL;
    gboolean good = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++)
        if (g_strcmp0(orders[i].name, verb) == 0)
            good = orders[i].run(self, order, answer, &error);
    lull_json_set_bool(answer, "ok", good);
    if (error) {
        lull_json_set_string(answer, "error", lull_error_code_to_string(error->code));
        lull_json_set_string(answer, "message", error->message);
    }
    puts(lull_json_to_line(answer));
    (void)fflush(stdout);
}

/* An order that is no array is the last. */
static gpointer
work(gpointer data)
{
    Driver *self = data;

    for (;;) {
        g_autoptr(LullJson) order = g_async_queue_pop(self->orders);

        if (!json_object_is_type(order, json_type_array))
            return NULL;
        obey(self, order);
    }
}

static void
read_orders(Driver *self)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        LullJson *order = lull_json_parse(line, -1, NULL);

        if (g_strcmp0(word(order, 0), "cancel") == 0)
            g_cancellable_cancel(self->cancel);
        if (g_strcmp0(word(order, 0), "cancel") == 0)
            lull_json_put(order);
        else
            g_async_queue_push(self->orders, order);
    }
    free(line);
    g_async_queue_push(self->orders, json_object_new_object());
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullStore) store = NULL;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    LullKubeConfig *config = argc == 2 ? lull_kube_config_find(argv[1], NULL, &error) : NULL;
    Driver driver = {.cancel = cancel};
    GThread *thread;

    store = config ? lull_store_kube_new(config, &error) : NULL;
    if (!store) {
        (void)fprintf(stderr, "%s\n", error ? error->message : "usage: csi-driver KUBECONFIG");
        return 1;
    }
    driver.store = store;
    driver.storage = lull_storage_csi_new(store);
    driver.orders = g_async_queue_new();
    thread = g_thread_new("orders", work, &driver);
    read_orders(&driver);
    g_thread_join(thread);
    g_clear_pointer(&driver.cut, lull_cut_free);
    lull_storage_free(driver.storage);
    g_async_queue_unref(driver.orders);
    return 0;
}
