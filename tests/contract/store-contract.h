/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/model/meta.h"
#include "coordinator/store/store.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* What the contract of store.h is tested with: a store of each kind in a directory of its own, and short
 * words for what the tests do to it. Add a factory to run the contract against another store. */

#define KIND        (&lull_kind_snapshot)
#define NS          "default"
#define LOG_EVENTS  64 /* every store of our own forgets events beyond this */
#define MAX_PENDING 32 /* and cuts a watch off beyond this */
#define DEADLINE_S  30

typedef struct {
    const char *name;
    LullStore *(*open)(const char *dir);
} Factory;

/* Those that there are; where LULL_CONTRACT_KUBECONFIG names a cluster, that alone. */
extern const Factory *factories;
extern int n_factories;

extern LullStore *store; /* a test opens it; freed after each */
extern char *dir;

/* The suite of these tests, each run with each factory. @own: only those of our own stores. */
Suite *contract_suite(const char *name, gboolean own, const TTest *const *tests, gsize n_tests);

LullStore *open_local(const char *directory);

/* A local store, served over REST, as a cluster's client sees it. */
LullStore *open_served(const char *directory);

/* A cluster that the definitions of the kinds were given, and the namespaces that tests use; emptied. */
LullStore *open_cluster(const char *directory);

/* Each fails the test where the store gives an error; objects are of KIND in NS. @more: as snapshot_json().
 */
LullJson *create(const char *name, const char *more);
LullJson *patch(const char *name, LullPatchTarget target, const char *text);
LullJson *try_patch(const char *name, LullPatchTarget target, const char *text, GError **error);
LullJson *get(const char *name);
gboolean exists(const char *name);
LullJson *list(const LullListOptions *options);
char *names_of(LullJson *result); /* "a b c" */

/* What a watch told: "+name", "~name", "-name", "!code", each with a blank before it. */
typedef struct {
    GString *events;
    guint count;
    char *version; /* of the last object */
    LullWatch *watch;
    guint stop_after; /* 0: never */
} Log;

void log_event(LullWatchType type, LullJson *object, gpointer user_data);
void log_start(Log *log, const char *since);
void log_stop(Log *log);
void log_wait(Log *log, guint count); /* until it has so many events */
void log_drain(void); /* what is there to deliver is delivered; nothing more comes by itself */
