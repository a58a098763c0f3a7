/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/outcome.h"

#include <string.h>

#include "coordinator/cli/report-read.h"
#include "coordinator/model/meta.h"

static const char *const steps[] = {"preparing", "frozen", "queued", "copying", "restoring", NULL};

/* Is a level asked for, and not reached? */
static gboolean
is_below(LullJson *snapshot)
{
    const char *require = lull_meta_annotation(snapshot, LULL_ANNOTATION_REQUIRE);
    g_autoptr(LullReport) report = NULL;

    if (lull_level_rank(require) <= lull_level_rank("crash"))
        return FALSE;
    report = lull_report_of(snapshot, NULL);
    return lull_level_rank(report ? report->level : NULL) < lull_level_rank(require);
}

static const char *
error_message(LullJson *object)
{
    const char *message = lull_json_string(lull_json_at(object, "status", "error", NULL), "message", NULL);

    return message && *message ? message : NULL;
}

static const char *
failure_reason(LullJson *object)
{
    const char *reason = lull_condition_reason(object, "Failure");
    const char *error = error_message(object);

    if (!reason || !*reason)
        return error ? error : "no reason was given";
    return reason;
}

static gboolean
is_failed(LullJson *object)
{
    return lull_condition_is(object, "Failure", TRUE) ||
           g_strcmp0(lull_json_string(lull_json_object(object, "status"), "phase", NULL), "Failed") == 0;
}

static gboolean
is_done(const LullKind *kind, LullJson *object)
{
    LullJson *status = lull_json_object(object, "status");

    if (kind == &lull_kind_restore)
        return lull_json_bool(status, "complete", FALSE);
    return lull_json_bool(status, "readyToUse", FALSE) && lull_condition_is(object, "Ready", TRUE);
}

LullOutcome
lull_outcome_of(const LullKind *kind, LullJson *object, const char **ret_reason)
{
    LullOutcome outcome = LULL_OUTCOME_PENDING;
    const char *reason = NULL;

    if (is_failed(object)) {
        outcome = LULL_OUTCOME_FAILED;
        reason = failure_reason(object);
    } else if (is_done(kind, object)) {
        outcome = LULL_OUTCOME_DONE;
        if (kind == &lull_kind_snapshot && is_below(object)) {
            outcome = LULL_OUTCOME_BELOW;
            reason = "the level asked for was not reached";
        }
    } else if (lull_meta_is_deleting(object)) {
        outcome = LULL_OUTCOME_FAILED;
        reason = "it is being deleted";
    }
    if (ret_reason)
        *ret_reason = reason;
    return outcome;
}

static const char *
known_step(const char *word)
{
    for (const char *const *step = steps; *step; step++)
        if (g_strcmp0(*step, word) == 0)
            return *step;
    return NULL;
}

static const char *
guess_step(const LullKind *kind, LullJson *object)
{
    const char *phase = lull_json_string(lull_json_object(object, "status"), "phase", "");

    if (kind == &lull_kind_restore)
        return "restoring";
    return g_str_equal(phase, "Succeeded") ? "copying" : "preparing";
}

/* NULL: for nothing but time. @step: as told. The bare "Source not locked" is how every snapshot begins. */
static const char *
waits_for(LullJson *object, const char *step)
{
    const char *phase = lull_json_string(lull_json_object(object, "status"), "phase", "");
    const char *error = error_message(object);
    const char *reason = lull_condition_reason(object, "Progressing");

    if (error)
        return error;
    if (g_strcmp0(step, "queued") == 0)
        return "others are copied first";
    if (g_str_equal(phase, "Succeeded") || !lull_condition_is(object, "Progressing", FALSE) ||
        g_strcmp0(reason, "Source not locked") == 0)
        return NULL;
    return reason;
}

LullProgress
lull_progress_of(const LullKind *kind, LullJson *object)
{
    const char *text = lull_meta_annotation(object, LULL_ANNOTATION_PROGRESS);
    g_autoptr(LullJson) told = text && strlen(text) < 1024 ? lull_json_parse(text, -1, NULL) : NULL;
    const char *step = known_step(lull_json_string(told, "step", NULL));
    const gint64 permille = lull_json_int(told, "permille", -1);
    const gint64 bytes = lull_json_int(told, "bytes", -1);
    const gint64 of_bytes = lull_json_int(told, "ofBytes", -1);
    const gboolean sized = bytes >= 0 && bytes <= of_bytes;
    const LullProgress progress = {
        .step = step ? step : guess_step(kind, object),
        .waiting = waits_for(object, step),
        .permille = permille >= 0 && permille <= 1000 ? (gint)permille : -1,
        .bytes = sized ? (guint64)bytes : 0,
        .of_bytes = sized ? (guint64)of_bytes : 0,
    };

    return progress;
}
