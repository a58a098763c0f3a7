/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/agent-reply.h"
#include "coordinator/guest/vm.h"

G_BEGIN_DECLS

/* What was seen of a host and its machines, before anything is made of it. What could not be seen is the
 * enumerations' zero, -1 or NULL, and no check may take it for a fault. */

typedef enum {
    LULL_SERVICE_UNKNOWN = 0,
    LULL_SERVICE_WORKS,
    LULL_SERVICE_ABSENT, /* nobody is there */
    LULL_SERVICE_DENIED, /* somebody is, but not for us */
    LULL_SERVICE_SILENT, /* somebody is, and does not answer */
} LullServiceState;

typedef struct {
    gboolean root;  /* who looks */
    gboolean local; /* this machine's own libvirt: files can be looked at */
    LullServiceState coordinator;
    char *socket;
    char *socket_group; /* that owns it; NULL: not known */
    gboolean in_group;  /* the user is a member by now, but was not when he logged in */
    LullServiceState libvirt;
    char *uri;              /* that was looked at */
    char *coordinator_uri;  /* that the coordinator works with; NULL: it does not say */
    char *usual_uri;        /* that tools take where nothing else is said; NULL: the user said else */
    char *libvirt_problem;  /* what it said, where it does not work; NULL */
    gulong libvirt_version; /* as libvirt counts, 8000000 is 8.0.0; 0: not known */
    gboolean no_backups;    /* it says that it cannot do backup jobs */
    char *state_dir;
    char *closed;       /* the first directory on the way to it that QEMU's user cannot pass; NULL: none */
    gint64 room;        /* bytes for snapshots; < 0: not known */
    GPtrArray *intents; /* names of machines that may be frozen still, char * */
} LullHostFacts;

typedef enum {
    LULL_ANSWER_UNKNOWN = 0, /* not asked */
    LULL_ANSWER_GIVEN,
    LULL_ANSWER_NONE,
    LULL_ANSWER_NONSENSE,
} LullAnswer;

typedef struct {
    LullVm *vm;
    char *shell_name;         /* libvirt's name, quoted for a shell */
    gboolean busy;            /* a snapshot or restore of it is under way */
    gboolean io_error;        /* it is paused for one */
    LullAnswer answer;        /* of its agent */
    LullAgentInfo agent;      /* where it was given */
    gboolean frozen;          /* by its agent */
    gboolean foreign_job;     /* somebody else's backup job */
    char *foreign_checkpoint; /* the name of one; NULL: there is none */
    gint64 need;              /* bytes that a full snapshot may take; < 0: not known */
    char *missing;            /* the target of a disk whose file is not there; NULL */
} LullVmFacts;

typedef struct {
    LullHostFacts host;
    GPtrArray *vms; /* of LullVmFacts, by name */
} LullFacts;

LullFacts *lull_facts_new(void) G_GNUC_WARN_UNUSED_RESULT;
LullVmFacts *lull_facts_add_vm(LullFacts *self, LullVm *take_vm);
void lull_facts_free(LullFacts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullFacts, lull_facts_free)

G_END_DECLS
