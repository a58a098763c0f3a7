/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/reconcile/trial.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>

#include "protocol/names.h"
#include "tests/lib/check-main.h"

Trial trial;

void
trial_setup(void)
{
    fake_reset();
    trial = (Trial){.dir = g_dir_make_tmp("lull-attempt-XXXXXX", NULL),
                    .claims = lull_claims_new(),
                    .cancel = g_cancellable_new(),
                    .waits = g_string_new(NULL)};
    trial.intents = lull_intents_open(trial.dir, NULL);
}

void
trial_teardown(void)
{
    g_clear_pointer(&trial.intents, lull_intents_free);
    g_clear_pointer(&trial.claims, lull_claims_free);
    g_clear_object(&trial.cancel);
    g_string_free(trial.waits, TRUE);
    g_rmdir(trial.dir);
    g_clear_pointer(&trial.dir, g_free);
}

void
fill_disk(void)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void
empty_disk(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

guint
count_intents(void)
{
    g_autoptr(GPtrArray) list = lull_intents_list(trial.intents);

    return list->len;
}

static void
note_wait(const char *what, gpointer waits)
{
    g_string_append_printf(waits, "%s;", what ? what : "-");
}

LullAttemptOutcome *
attempt(LullLevel require, GError **error)
{
    const LullAttemptTools tools = {NULL, fake_storage(), trial.intents, trial.claims, 0, trial.metrics};
    g_autoptr(LullAttemptOrder) order = g_new0(LullAttemptOrder, 1);
    LullAttemptOutcome *outcome = NULL;

    order->vm_uid = g_strdup("v1");
    order->content_uid = g_strdup("c1");
    order->owner = g_strdup("snapshot s");
    order->number = 1;
    order->unquiesced = trial.earlier != NULL;
    order->earlier = trial.earlier ? lull_json_dup(trial.earlier) : NULL;
    order->require = require;
    order->deadline = trial.deadline;
    order->tell_wait = note_wait;
    order->tell_data = trial.waits;
    order->by_claim = trial.by_claim;
    order->volumes = trial.promised ? g_strsplit(trial.promised, ",", 0) : NULL;
    order->exclude = trial.excluded ? g_strsplit(trial.excluded, ",", 0) : NULL;
    outcome = lull_attempt_run(&tools, order, trial.cancel, error);
    empty_disk();
    ck_assert(!fake_is_frozen() || fake.unconfirmed);
    ck_assert_uint_eq(count_intents(), fake.unconfirmed ? 1 : 0);
    ck_assert(lull_claims_take(trial.claims, "v1", "test", NULL));
    lull_claims_release(trial.claims, "v1");
    return outcome;
}

void
block_removal(void)
{
    g_autoptr(GPtrArray) list = lull_intents_list(trial.intents);

    for (guint i = 0; i < list->len; i++) {
        g_autofree char *name = g_strconcat(((LullIntent *)list->pdata[i])->op, ".json", NULL);
        g_autofree char *path = g_build_filename(trial.dir, name, NULL);

        g_unlink(path);
        g_mkdir(path, 0700);
    }
}

void
drop_notes(void)
{
    g_autoptr(GDir) entries = g_dir_open(trial.dir, 0, NULL);
    const char *name = NULL;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(trial.dir, name, NULL);

        (void)g_remove(path);
    }
}
