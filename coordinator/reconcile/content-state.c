/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-state.h"

#include "coordinator/model/meta.h"
#include "coordinator/model/words.h"
#include "protocol/clock.h"

#define MAX_ERROR 4096                /* bytes: an object that is too large is never written */
#define MAX_QUEUE LULL_SEC(24 * 3600) /* anybody can write one */

static const char *const stages[] = {
    [LULL_CONTENT_NEW] = "new",         [LULL_CONTENT_BEGUN] = "begun",
    [LULL_CONTENT_FAILED] = "failed",   [LULL_CONTENT_GIVEN_UP] = "given-up",
    [LULL_CONTENT_REFUSED] = "refused", [LULL_CONTENT_CUT] = "cut",
    [LULL_CONTENT_SEALED] = "sealed",   [LULL_CONTENT_BROKEN] = "broken",
};

void
lull_content_state_free(LullContentState *self)
{
    if (!self)
        return;
    g_free(self->life);
    g_free(self->content);
    g_free(self->error);
    lull_json_put(self->cuts);
    g_free(self);
}

static gboolean
is_sealed(const LullContentState *self, LullJson *content)
{
    return lull_json_bool(lull_json_object(content, "status"), "readyToUse", FALSE) ||
           (*self->content && g_strcmp0(self->content, lull_meta_uid(content)) != 0);
}

LullContentState *
lull_content_state_of(LullJson *content)
{
    LullContentState *self = g_new0(LullContentState, 1);
    const char *text = lull_meta_annotation(content, LULL_ANNOTATION_ATTEMPT);
    g_autoptr(LullJson) json = text ? lull_json_parse(text, -1, NULL) : NULL;
    const char *stage = lull_json_string(json, "stage", "");

    for (gsize i = 0; i < G_N_ELEMENTS(stages); i++)
        if (g_str_equal(stage, stages[i]))
            self->stage = (LullContentStage)i;
    self->number = (guint)CLAMP(lull_json_int(json, "number", 0), 0, G_MAXINT);
    self->quiesced = (guint)CLAMP(lull_json_int(json, "quiesced", 0), 0, G_MAXINT);
    self->unquiesced = lull_json_bool(json, "unquiesced", FALSE);
    self->refused = lull_json_bool(json, "refused", FALSE);
    self->queue = CLAMP(lull_json_int(json, "queueUsec", 0), 0, MAX_QUEUE);
    self->failed_cuts = (guint)CLAMP(lull_json_int(json, "failedCuts", 0), 0, G_MAXINT);
    self->life = g_strdup(lull_json_string(json, "life", ""));
    lull_clock_parse(lull_json_string(json, "time", NULL), &self->time);
    self->error = g_strdup(lull_json_string(json, "error", NULL));
    self->cuts = lull_json_dup(lull_json_object(json, "cuts"));
    self->content = g_strdup(lull_json_string(json, "content", ""));
    self->unwritten = self->stage == LULL_CONTENT_CUT && is_sealed(self, content);
    if (self->unwritten)
        self->stage = LULL_CONTENT_SEALED;
    return self;
}

char *
lull_content_state_to_annotation(const LullContentState *self)
{
    g_autoptr(LullJson) json = json_object_new_object();
    g_autofree char *error = self->error ? lull_words(self->error, MAX_ERROR) : NULL;

    lull_json_set_string(json, "stage", stages[self->stage]);
    lull_json_set_int(json, "number", self->number);
    if (self->quiesced)
        lull_json_set_int(json, "quiesced", self->quiesced);
    if (self->unquiesced)
        lull_json_set_bool(json, "unquiesced", TRUE);
    if (self->refused)
        lull_json_set_bool(json, "refused", TRUE);
    if (self->queue)
        lull_json_set_int(json, "queueUsec", self->queue);
    if (self->failed_cuts)
        lull_json_set_int(json, "failedCuts", self->failed_cuts);
    lull_json_set_string(json, "life", self->life);
    lull_json_set_string(json, "content", *self->content ? self->content : NULL);
    if (self->time) {
        g_autofree char *when = lull_clock_format(self->time);

        lull_json_set_string(json, "time", when);
    }
    lull_json_set_string(json, "error", error);
    if (self->cuts)
        lull_json_take(json, "cuts", lull_json_dup(self->cuts));
    return g_strdup(lull_json_to_line(json));
}

void
lull_content_trim(LullJson *content)
{
    LullJson *spec = lull_json_object(content, "spec");
    LullJson *vm = lull_json_at(spec, "source", "virtualMachine", NULL);
    LullJson *annotations = lull_json_at(content, "metadata", "annotations", NULL);

    if (json_object_is_type(vm, json_type_object))
        lull_meta_trim(vm);
    if (spec)
        json_object_object_del(spec, "volumeBackups");
    if (json_object_is_type(annotations, json_type_object))
        json_object_object_del(annotations, LULL_ANNOTATION_REPORT);
}
