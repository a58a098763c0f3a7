/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The guest channel and the storage back end on a lead: `hold-driver URI DIRECTORY` reads one command a line
 * on standard input and answers each with one line of JSON, {"ok", "usec", "error"?, ...}. As the coordinator
 * does, it serves as the host dead man when it is called so. `hold-driver node:NAME DIRECTORY` is one on a
 * node of a cluster, with the kubelet's directory of pods, and without storage. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/guest/host-dead-man.h"
#include "coordinator/guest/hold.h"
#include "coordinator/guest/instance.h"
#include "coordinator/storage/libvirt-backup.h"
#include "coordinator/storage/pull/guard.h"
#include "coordinator/storage/pull/watchdog.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step-init.h"

#define NODE "node:"

typedef struct {
    LullHost *host;
    LullStorage *storage;
    LullVm *vm;
    LullGuestHold *hold;
    LullWitness *witness;
    LullCut *cut;
} Driver;

typedef gboolean (*CommandFunc)(Driver *driver, char **words, LullJson *answer, GError **error);

static guint
number(const char *word)
{
    return word ? (guint)g_ascii_strtoull(word, NULL, 10) : 0;
}

/* vm NAME */
static gboolean
do_vm(Driver *driver, char **words, LullJson *answer, GError **error)
{
    LullVm *vm = lull_host_find_vm(driver->host, words[1], error);

    if (!vm)
        return FALSE;
    g_clear_pointer(&driver->vm, lull_vm_free);
    driver->vm = vm;
    lull_json_take(answer, "vm", lull_vm_to_json(vm));
    lull_json_set_string(answer, "place", vm->place);
    return TRUE;
}

/* instance added|modified|deleted FILE */
static gboolean
do_instance(Driver *driver, char **words, LullJson *answer, GError **error)
{
    static const char *const types[] = {"added", "modified", "deleted"};
    g_autofree char *text = NULL;
    g_autoptr(LullJson) instance = NULL;

    if (g_file_get_contents(words[2], &text, NULL, error))
        instance = lull_json_parse(text, -1, error);
    for (guint i = 0; instance && i < G_N_ELEMENTS(types); i++)
        if (g_str_equal(words[1], types[i]))
            lull_host_hear_instance((LullWatchType)i, instance, driver->host);
    return instance != NULL;
}

typedef struct {
    LullHost *host;
    const char *name;
    GError *error;
    gint over; /* atomic */
} Search;

static gpointer
find_slowly(gpointer data)
{
    Search *search = data;

    lull_vm_free(lull_host_find_vm(search->host, search->name, &search->error));
    g_atomic_int_set(&search->over, 1);
    return NULL;
}

/* While SLOW is looked for, NAME is, and how long that takes: beside SLOW NAME */
static gboolean
do_beside(Driver *driver, char **words, LullJson *answer, GError **error)
{
    Search search = {.host = driver->host, .name = words[1]};
    GThread *thread = g_thread_new("search", find_slowly, &search);
    const gint64 start = lull_clock_boottime();
    g_autoptr(LullVm) vm = NULL;

    g_usleep(G_USEC_PER_SEC / 5); /* let it be in the midst */
    vm = lull_host_find_vm(driver->host, words[2], error);
    lull_json_set_bool(answer, "first", !g_atomic_int_get(&search.over));
    lull_json_set_int(answer, "found", lull_clock_boottime() - start);
    g_thread_join(thread);
    lull_json_set_string(answer, "slow", search.error ? search.error->message : "");
    g_clear_error(&search.error);
    return vm != NULL;
}

static void
add_facts(const LullGuestHoldFacts *facts, LullJson *answer)
{
    static const char *const kinds[] = {"none", "stock", "lull"};

    lull_json_set_string(answer, "agent", kinds[facts->agent]);
    lull_json_set_string(answer, "agentName", facts->agent_name);
    lull_json_set_string(answer, "agentProblem", facts->agent_problem);
    lull_json_set_bool(answer, "attempted", facts->attempted);
    lull_json_set_bool(answer, "frozen", facts->frozen);
    lull_json_set_bool(answer, "timedOut", facts->timed_out);
    lull_json_set_string(answer, "problem", facts->problem);
    lull_json_set_bool(answer, "held", facts->held);
    lull_json_set_string(answer, "broken", facts->broken);
    lull_json_set_int(answer, "prepareUsec", facts->prepare_usec);
    lull_json_set_int(answer, "freezeUsec", facts->freeze_usec);
    lull_json_set_int(answer, "thawUsec", facts->thaw_usec);
    lull_json_set_int(answer, "windowUsec", facts->window_usec);
    lull_json_set_bool(answer, "windowMeasured", facts->window_measured);
    lull_json_take(answer, "filesystems", lull_json_dup(facts->filesystems));
}

/* hold OP */
static gboolean
do_hold(Driver *driver, char **words, LullJson *answer, GError **error)
{
    g_clear_pointer(&driver->hold, lull_guest_hold_free);
    driver->hold = lull_guest_hold_new(driver->host, driver->vm, words[1], error);
    if (driver->hold)
        add_facts(lull_guest_hold_facts(driver->hold), answer);
    return driver->hold != NULL;
}

/* prepare|thaw MS, freeze LEASE-MS [TOTAL-MS] */
static gboolean
do_prepare(Driver *driver, char **words, LullJson *answer, GError **error)
{
    const gboolean ok = lull_guest_hold_prepare(driver->hold, LULL_MSEC(number(words[1])));

    add_facts(lull_guest_hold_facts(driver->hold), answer);
    return ok;
}

static gboolean
do_freeze(Driver *driver, char **words, LullJson *answer, GError **error)
{
    const gint64 total = LULL_MSEC(words[2] ? number(words[2]) : LULL_FREEZE_MAX_MS);
    const gboolean ok = lull_guest_hold_freeze(driver->hold, LULL_MSEC(number(words[1])), total);

    add_facts(lull_guest_hold_facts(driver->hold), answer);
    return ok;
}

static gboolean
do_thaw(Driver *driver, char **words, LullJson *answer, GError **error)
{
    lull_guest_hold_thaw(driver->hold, LULL_MSEC(number(words[1])));
    add_facts(lull_guest_hold_facts(driver->hold), answer);
    return TRUE;
}

static gboolean
do_free(Driver *driver, char **words, LullJson *answer, GError **error)
{
    g_clear_pointer(&driver->cut, lull_cut_free);
    g_clear_pointer(&driver->witness, lull_witness_free);
    g_clear_pointer(&driver->hold, lull_guest_hold_free);
    return TRUE;
}

/* recover OP lull|stock MS [PLACE [NAMESPACE NAME]] */
static gboolean
do_recover(Driver *driver, char **words, LullJson *answer, GError **error)
{
    LullGuestLeft left = {.op = words[1],
                          .where = words[4] ? words[4] : driver->vm->uid,
                          .agent = g_str_equal(words[2], "lull") ? LULL_AGENT_LULL : LULL_AGENT_STOCK};

    if (words[4] && words[5]) {
        left.ns = words[5];
        left.name = words[6];
    }
    return lull_guest_hold_recover(driver->host, &left, LULL_MSEC(number(words[3])), error);
}

static gboolean
do_witness(Driver *driver, char **words, LullJson *answer, GError **error)
{
    g_clear_pointer(&driver->witness, lull_witness_free);
    driver->witness = lull_witness_new(driver->host, driver->vm, error);
    return driver->witness != NULL;
}

static gboolean
do_first(Driver *driver, char **words, LullJson *answer, GError **error)
{
    return lull_witness_read_first(driver->witness, error);
}

static gboolean
do_second(Driver *driver, char **words, LullJson *answer, GError **error)
{
    return lull_witness_read_second(driver->witness, error);
}

/* verdict DISK... */
static gboolean
do_verdict(Driver *driver, char **words, LullJson *answer, GError **error)
{
    const LullWitnessVerdict verdict =
        lull_witness_verdict(driver->witness, (const char *const *)(words + 1));

    lull_json_set_string(answer, "witness", lull_witness_to_string(verdict));
    return TRUE;
}

/* target UID ATTEMPT */
static gboolean
do_target(Driver *driver, char **words, LullJson *answer, GError **error)
{
    g_clear_pointer(&driver->cut, lull_cut_free);
    driver->cut =
        driver->storage->ops->prepare(driver->storage, driver->vm, words[1], number(words[2]), error);
    return driver->cut != NULL;
}

static gboolean
do_cut(Driver *driver, char **words, LullJson *answer, GError **error)
{
    return driver->storage->ops->cut(driver->cut, &(LullCutTerms){.held = TRUE}, error);
}

/* poll UID ATTEMPT */
static gboolean
do_poll(Driver *driver, char **words, LullJson *answer, GError **error)
{
    static const char *const states[] = {"running", "done", "failed", "absent"};
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};

    if (!driver->storage->ops->poll(driver->storage, driver->vm->uid, words[1], number(words[2]), &progress,
                                    error))
        return FALSE;
    lull_json_set_string(answer, "state", states[progress.state]);
    lull_json_set_int(answer, "permille", progress.permille);
    lull_json_set_string(answer, "problem", progress.problem);
    return TRUE;
}

/* seal UID ATTEMPT */
static gboolean
do_seal(Driver *driver, char **words, LullJson *answer, GError **error)
{
    g_autoptr(LullJson) content = json_object_new_object();

    lull_json_set_string(lull_json_ensure(lull_json_ensure(content, "metadata"), "annotations"),
                         "lull.dev/quiesce-report", "{\"version\":1}");
    return driver->storage->ops->seal(driver->storage, words[1], number(words[2]), content, NULL, error);
}

/* remove UID ATTEMPT */
static gboolean
do_remove(Driver *driver, char **words, LullJson *answer, GError **error)
{
    return driver->storage->ops->remove(driver->storage, driver->vm->uid, words[1], number(words[2]), NULL,
                                        error);
}

/* check UID */
static gboolean
do_check(Driver *driver, char **words, LullJson *answer, GError **error)
{
    return driver->storage->ops->check(driver->storage, words[1], NULL, error);
}

/* restore UID RESTORE-UID */
static gboolean
do_restore(Driver *driver, char **words, LullJson *answer, GError **error)
{
    return driver->storage->ops->restore(driver->storage, words[1], driver->vm->uid, words[2], NULL, NULL,
                                         NULL, error);
}

/* Freeze, witness, cut, witness, thaw back to back: what each costs. window LEASE-MS */
static gboolean
do_window(Driver *driver, char **words, LullJson *answer, GError **error)
{
    static const char *const names[] = {"freezeCall", "firstRead", "cutCall", "secondRead", "thawCall"};
    gint64 at[6] = {lull_clock_boottime()};
    const gboolean frozen =
        lull_guest_hold_freeze(driver->hold, LULL_MSEC(number(words[1])), LULL_MSEC(LULL_FREEZE_MAX_MS));
    gboolean ok;

    at[1] = lull_clock_boottime();
    ok = frozen && lull_witness_read_first(driver->witness, error);
    at[2] = lull_clock_boottime();
    ok = ok && driver->storage->ops->cut(driver->cut, &(LullCutTerms){.held = TRUE}, error);
    at[3] = lull_clock_boottime();
    ok = ok && lull_witness_read_second(driver->witness, error);
    at[4] = lull_clock_boottime();
    lull_guest_hold_thaw(driver->hold, LULL_SEC(5));
    at[5] = lull_clock_boottime();
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        lull_json_set_int(answer, names[i], at[i + 1] - at[i]);
    add_facts(lull_guest_hold_facts(driver->hold), answer);
    return ok;
}

static const struct {
    const char *name;
    guint words;
    CommandFunc func;
} commands[] = {
    {"vm", 2, do_vm},           {"hold", 2, do_hold},       {"prepare", 2, do_prepare},
    {"freeze", 2, do_freeze},   {"thaw", 2, do_thaw},       {"free", 1, do_free},
    {"recover", 4, do_recover}, {"witness", 1, do_witness}, {"first", 1, do_first},
    {"second", 1, do_second},   {"verdict", 2, do_verdict}, {"target", 2, do_target},
    {"cut", 1, do_cut},         {"poll", 3, do_poll},       {"seal", 3, do_seal},
    {"remove", 3, do_remove},   {"check", 2, do_check},     {"restore", 3, do_restore},
    {"window", 2, do_window},   {"beside", 3, do_beside},   {"instance", 3, do_instance},
};

static CommandFunc
find_command(char **words)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        if (g_strcmp0(words[0], commands[i].name) == 0 && g_strv_length(words) >= commands[i].words)
            return commands[i].func;
    return NULL;
}

static void
obey(Driver *driver, char *line)
{
    g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", -1);
    g_autoptr(LullJson) answer = json_object_new_object();
    g_autoptr(GError) error = NULL;
    const CommandFunc func = find_command(words);
    const gint64 start = lull_clock_boottime();
    const gboolean ok = func && func(driver, words, answer, &error);

    lull_json_set_bool(answer, "ok", ok);
    lull_json_set_int(answer, "usec", lull_clock_boottime() - start);
    if (!func)
        lull_json_set_string(answer, "error", "no such command");
    if (error) {
        lull_json_set_string(answer, "error", error->message);
        lull_json_set_string(answer, "code", lull_error_code_to_string(error->code));
    }
    puts(lull_json_to_line(answer));
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Driver driver = {NULL};
    char line[1024];

    if (argc > 1 && g_str_equal(argv[1], "dead-man"))
        return lull_host_dead_man_main(argc - 1, argv + 1);
    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_GUARD_WORD))
        return lull_pull_guard_main(argc - 1, argv + 1);
    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_WATCHDOG_WORD))
        return lull_pull_watchdog_main(argc - 1, argv + 1);
    if (argc != 3 || !lull_steps_init(&error)) {
        g_printerr("usage: hold-driver URI DIRECTORY\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* as the coordinator does */
    if (g_str_has_prefix(argv[1], NODE))
        driver.host = lull_host_open_node(argv[1] + strlen(NODE), argv[2], &error);
    else if ((driver.host = lull_host_open(argv[1], &error)))
        driver.storage = lull_storage_libvirt_new(driver.host, argv[2], &error);
    if (error) {
        g_printerr("hold-driver: %s\n", error->message);
        return 1;
    }
    while (fgets(line, sizeof line, stdin))
        obey(&driver, line);
    do_free(&driver, NULL, NULL, NULL);
    lull_vm_free(driver.vm);
    lull_storage_free(driver.storage);
    lull_host_free(driver.host);
    return 0;
}
