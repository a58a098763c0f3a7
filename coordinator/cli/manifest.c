/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/cli/names.h"
#include "coordinator/model/meta.h"
#include "coordinator/yaml/read.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define MAX_FAULTS 20

const LullApplyScope lull_apply_host = {.ns = LULL_NAMESPACE, .group = LULL_GROUP_SNAPSHOT};

typedef struct {
    const char *file;
    const LullApplyScope *scope;
    gboolean several; /* documents: messages say which */
    GString *faults;  /* lines */
    guint n_faults;
    GPtrArray *entries;
    GHashTable *seen; /* "kind/name" to the place of the first */
} Reading;

static void
entry_free(gpointer data)
{
    LullApplyEntry *entry = data;

    json_object_put(entry->object);
    g_free(entry->place);
    g_free(entry);
}

static void
fault(Reading *self, const LullYamlDocument *document, const char *field, const char *message)
{
    if (self->n_faults++ >= MAX_FAULTS)
        return;
    g_string_append_printf(self->faults, "%s%s:%u: ", self->faults->len ? "\n" : "", self->file,
                           lull_yaml_line_of(document, field));
    if (self->several)
        g_string_append_printf(self->faults, "document %u: ", document->number);
    if (*field && !g_str_has_prefix(message, field))
        g_string_append_printf(self->faults, "%s: ", field);
    g_string_append(self->faults, message);
}

/* The object as it would be in the group that the table of kinds knows; NULL: it is of none that is here. */
static LullJson *
in_known_group(const Reading *self, LullJson *object)
{
    const char *version = lull_json_string(object, "apiVersion", NULL);
    const gsize length = strlen(self->scope->group);
    g_autofree char *known = NULL;
    LullJson *renamed;

    if (!version || strncmp(version, self->scope->group, length) != 0 || version[length] != '/')
        return NULL;
    known = g_strconcat(LULL_GROUP_SNAPSHOT, version + length, NULL);
    renamed = lull_json_dup(object);
    lull_json_set_string(renamed, "apiVersion", known);
    return renamed;
}

static const LullKind *
kind_of(Reading *self, const LullYamlDocument *document)
{
    const char *version = lull_json_string(document->value, "apiVersion", NULL);
    const char *name = lull_json_string(document->value, "kind", NULL);
    g_autoptr(LullJson) known = in_known_group(self, document->value);
    const LullKind *kind =
        known && name ? lull_kind_by_name(lull_json_string(known, "apiVersion", ""), name) : NULL;
    g_autofree char *message = NULL;

    if (kind == &lull_kind_snapshot || kind == &lull_kind_restore)
        return kind;
    if (!json_object_is_type(document->value, json_type_object))
        fault(self, document, "", "not an object with apiVersion, kind, metadata and spec");
    else if (!version || !name)
        fault(self, document, version ? "kind" : "apiVersion", "required, but missing or no text");
    else {
        message = g_strdup_printf("\"%s\" of \"%s\" cannot be applied; what can: VirtualMachineSnapshot and "
                                  "VirtualMachineRestore of %s/v1beta1%s",
                                  name, version, self->scope->group,
                                  self->scope->cluster ? "; --api-group names another group" : "");
        fault(self, document, "kind", message);
    }
    return NULL;
}

static gboolean
check_schema(Reading *self, const LullYamlDocument *document, const LullKind *kind)
{
    g_autoptr(LullJson) known = in_known_group(self, document->value);
    g_autoptr(LullJson) causes = lull_kind_check(kind, known, NULL, TRUE);
    const gsize n = causes ? json_object_array_length(causes) : 0;

    for (gsize i = 0; i < n; i++) {
        LullJson *cause = json_object_array_get_idx(causes, i);

        fault(self, document, lull_json_string(cause, "field", ""),
              lull_json_string(cause, "message", "is wrong"));
    }
    return n == 0;
}

/* What stands beside the schema. */
static gboolean
check_namespace(Reading *self, const LullYamlDocument *document)
{
    const char *ns = lull_meta_namespace(document->value);

    g_autofree char *message = NULL;

    if (!ns || g_str_equal(ns, self->scope->ns))
        return TRUE;
    message = self->scope->cluster
                  ? g_strdup_printf("\"%s\", and this is for %s; say -n %s", ns, self->scope->ns, ns)
                  : g_strdup("a plain host has one namespace only, " LULL_NAMESPACE);
    fault(self, document, "metadata.namespace", message);
    return FALSE;
}

static gboolean
check_unique(Reading *self, const LullYamlDocument *document, const LullKind *kind, const char *place)
{
    const char *name = lull_meta_name(document->value);
    g_autofree char *key = g_strdup_printf("%s/%s", lull_names_word(kind), name ? name : "");
    const char *first = g_hash_table_lookup(self->seen, key);
    g_autofree char *message = NULL;

    if (!name)
        return TRUE; /* the server makes one from generateName */
    if (!first) {
        g_hash_table_insert(self->seen, g_steal_pointer(&key), g_strdup(place));
        return TRUE;
    }
    message = g_strdup_printf("%s is there already, at %s", key, first);
    fault(self, document, "metadata.name", message);
    return FALSE;
}

static void
take_document(Reading *self, const LullYamlDocument *document)
{
    const LullKind *kind = kind_of(self, document);
    g_autofree char *place = g_strdup_printf("%s:%u", self->file, document->line);
    LullApplyEntry *entry;

    if (!kind || !check_schema(self, document, kind) || !check_namespace(self, document) ||
        !check_unique(self, document, kind, place))
        return;
    entry = g_new0(LullApplyEntry, 1);
    entry->kind = kind;
    entry->object = json_object_get(document->value);
    entry->place = g_steal_pointer(&place);
    g_ptr_array_add(self->entries, entry);
}

GPtrArray *
lull_apply_parse(const char *name, const char *text, gsize length, const LullApplyScope *scope,
                 GError **error)
{
    GError *problem = NULL;
    g_autoptr(GPtrArray) documents = lull_yaml_read(text, length, &problem);
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);
    g_autoptr(GString) faults = g_string_new(NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Reading self = {.file = name, .scope = scope, .faults = faults, .entries = entries, .seen = seen};

    if (problem) {
        /* "line 3: ..." becomes "FILE:3: ..." */
        const char *message = problem->message;
        const gboolean line = g_str_has_prefix(message, "line ");

        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s:%s%s", name, line ? "" : " ",
                    line ? message + strlen("line ") : message);
        g_error_free(problem);
        return NULL;
    }
    if (!documents->len) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: there is no object in it", name);
        return NULL;
    }
    self.several = documents->len > 1;
    for (guint i = 0; i < documents->len; i++)
        take_document(&self, documents->pdata[i]);
    if (self.n_faults > MAX_FAULTS)
        g_string_append_printf(faults, "\n%s: and %u more", name, self.n_faults - MAX_FAULTS);
    if (self.n_faults) {
        g_set_error_literal(error, LULL_ERROR, LULL_ERROR_INVALID, faults->str);
        return NULL;
    }
    return g_steal_pointer(&entries);
}

/* At most one byte more than what may be. */
static GString *
slurp(int fd, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    while (text->len <= LULL_YAML_MAX_BYTES) {
        char piece[65536];
        const ssize_t n = read(fd, piece, sizeof piece);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "reading: %s", g_strerror(errno));
            return NULL;
        }
        if (n == 0)
            break;
        g_string_append_len(text, piece, n);
    }
    return g_steal_pointer(&text);
}

GPtrArray *
lull_apply_read(const char *path, const LullApplyScope *scope, GError **error)
{
    const gboolean standard = g_str_equal(path, "-");
    const char *name = standard ? "<stdin>" : path;
    const int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    GString *text;
    GPtrArray *entries = NULL;

    if (fd < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s: cannot be opened: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    text = slurp(fd, error);
    if (!standard)
        (void)close(fd);
    if (!text) {
        g_prefix_error(error, "%s: ", name);
        return NULL;
    }
    entries = lull_apply_parse(name, text->str, text->len, scope, error);
    g_string_free(text, TRUE);
    return entries;
}
