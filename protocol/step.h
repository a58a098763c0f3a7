/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#define LULL_STEP_VARIABLE "LULL_AT_STEP"

/* Every step of every machine has a name, so that a test can have a process killed or stopped exactly
 * there: LULL_AT_STEP="freezer.first-frozen=kill" (or "=stop", which is SIGSTOP to itself) in the
 * environment of that process, read once by lull_steps_init() (step-init.h).
 *
 * lull_step() is one integer comparison when nothing is armed: no lock, no allocation, no log, so
 * it may stand between FIFREEZE and FITHAW. The action fires at the first pass only.
 *
 * One row a step: identifier, name. The prefix says whose it is. */
#define LULL_STEPS(X)                                               \
    X(AGENT_PREPARE_ACCEPTED, "agent.prepare-accepted")             \
    X(AGENT_PREPARED, "agent.prepared")                             \
    X(AGENT_STATE_WRITTEN, "agent.state-written")                   \
    X(AGENT_FREEZE_SENT, "agent.freeze-sent")                       \
    X(AGENT_FROZEN, "agent.frozen")                                 \
    X(AGENT_THAW_SENT, "agent.thaw-sent")                           \
    X(AGENT_THAWED, "agent.thawed")                                 \
    X(FREEZER_OPENED, "freezer.opened")                             \
    X(FREEZER_SYNCED, "freezer.synced")                             \
    X(FREEZER_ARMED, "freezer.armed")                               \
    X(FREEZER_FIRST_FROZEN, "freezer.first-frozen")                 \
    X(FREEZER_ALL_FROZEN, "freezer.all-frozen")                     \
    X(FREEZER_VERIFIED, "freezer.verified")                         \
    X(FREEZER_FIRST_THAWED, "freezer.first-thawed")                 \
    X(FREEZER_ALL_THAWED, "freezer.all-thawed")                     \
    X(COORDINATOR_LOCKED, "coordinator.locked")                     \
    X(COORDINATOR_CONTENT_CREATED, "coordinator.content-created")   \
    X(COORDINATOR_TARGETS_MADE, "coordinator.targets-made")         \
    X(COORDINATOR_INTENT_WRITTEN, "coordinator.intent-written")     \
    X(COORDINATOR_PREPARED, "coordinator.prepared")                 \
    X(COORDINATOR_FROZEN, "coordinator.frozen")                     \
    X(COORDINATOR_CUT, "coordinator.cut")                           \
    X(COORDINATOR_WITNESSED, "coordinator.witnessed")               \
    X(COORDINATOR_THAWED, "coordinator.thawed")                     \
    X(COORDINATOR_REPORTED, "coordinator.reported")                 \
    X(COORDINATOR_COPY_BEGUN, "coordinator.copy-begun")             \
    X(COORDINATOR_COPY_READING, "coordinator.copy-reading")         \
    X(COORDINATOR_COPY_NOTED, "coordinator.copy-noted")             \
    X(COORDINATOR_DATA_COPIED, "coordinator.data-copied")           \
    X(COORDINATOR_MANIFEST_WRITTEN, "coordinator.manifest-written") \
    X(COORDINATOR_MERGE_COMMITTED, "coordinator.merge-committed")   \
    X(COORDINATOR_MERGE_MOVED, "coordinator.merge-moved")           \
    X(COORDINATOR_MERGED, "coordinator.merged")                     \
    X(COORDINATOR_RESTORE_COPIED, "coordinator.restore-copied")     \
    X(COORDINATOR_RESTORE_SWAPPED, "coordinator.restore-swapped")   \
    X(COORDINATOR_RESTORE_DEFINED, "coordinator.restore-defined")

typedef enum {
#define LULL_STEP_ENUM(id, name) LULL_STEP_##id,
    LULL_STEPS(LULL_STEP_ENUM)
#undef LULL_STEP_ENUM
        LULL_STEP_N
} LullStep;

/* Arms what @wish asks for ("STEP=kill"); nothing where it is NULL or empty. Once, before any thread. False
 * for an unknown step or action. */
bool lull_step_arm(const char *wish);

/* Marks that the calling process is at @step. May not return when a test has armed it. */
void lull_step(LullStep step);
