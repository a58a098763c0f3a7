/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/annotation.h"
#include "coordinator/model/check.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* What a table of fields cannot say: names, references, overrides, patches. Where the kinds' first
 * implementation has a text for a rule, ours begins with it. */

#define LABEL_MAX_LENGTH          63
#define ANNOTATIONS_MAX_BYTES     (256 * 1024)
#define GENERATE_NAME_PROBE_CHARS "x"

static gboolean
is_alphanumeric_with(const char *text, gsize length, const char *inner)
{
    if (length == 0 || length > LABEL_MAX_LENGTH || !g_ascii_isalnum(text[0]) ||
        !g_ascii_isalnum(text[length - 1]))
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isalnum(text[i]) && !strchr(inner, text[i]))
            return FALSE;
    return TRUE;
}

/* "prefix/name" or "name". */
static gboolean
is_qualified_name(const char *key)
{
    const char *slash = strchr(key, '/');
    g_autofree char *prefix = slash ? g_strndup(key, (gsize)(slash - key)) : NULL;
    const char *name = slash ? slash + 1 : key;

    return (!prefix || lull_name_is_valid(prefix)) && is_alphanumeric_with(name, strlen(name), "-_.");
}

static void
check_keys(LullCheck *check, const char *path, LullJson *map)
{
    if (!map)
        return;
    json_object_object_foreach(map, key, value)
    {
        (void)value;
        if (is_qualified_name(key))
            continue;
        g_autofree char *quoted = lull_check_quote(key);
        lull_check_add(check, LULL_CAUSE_INVALID, path,
                       "%s is no key: expected [prefix/]name of letters, digits, '-', '_' and '.'", quoted);
    }
}

static void
check_labels(LullCheck *check, const char *path, LullJson *labels)
{
    check_keys(check, path, labels);
    if (!labels)
        return;
    json_object_object_foreach(labels, key, value)
    {
        const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
        if (!*text || is_alphanumeric_with(text, strlen(text), "-_."))
            continue;
        g_autofree char *quoted = lull_check_quote(text);
        lull_check_add(check, LULL_CAUSE_INVALID, path,
                       "%s is no value of label %s: expected at most %d letters, digits, '-', '_' and '.'",
                       quoted, key, LABEL_MAX_LENGTH);
    }
}

static void
check_annotations(LullCheck *check, const char *path, LullJson *annotations)
{
    gsize total = 0;

    check_keys(check, path, annotations);
    if (!annotations)
        return;
    json_object_object_foreach(annotations, key, value)
    {
        total += strlen(key);
        if (json_object_is_type(value, json_type_string))
            total += (gsize)json_object_get_string_len(value);
    }
    if (total > ANNOTATIONS_MAX_BYTES)
        lull_check_add(check, LULL_CAUSE_INVALID, path, "%" G_GSIZE_FORMAT " bytes are too many: at most %d",
                       total, ANNOTATIONS_MAX_BYTES);
}

static void
check_finalizers(LullCheck *check, LullJson *list)
{
    const size_t count = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++) {
        LullJson *entry = json_object_array_get_idx(list, i);
        if (!json_object_is_type(entry, json_type_string) || is_qualified_name(json_object_get_string(entry)))
            continue;
        g_autofree char *quoted = lull_check_quote(json_object_get_string(entry));
        lull_check_add(check, LULL_CAUSE_INVALID, "metadata.finalizers",
                       "%s is no finalizer: expected a name such as \"example.org/protection\"", quoted);
    }
}

static void
add_no_name(LullCheck *check, const char *field, const char *name)
{
    g_autofree char *quoted = lull_check_quote(name);

    lull_check_add(check, LULL_CAUSE_INVALID, field,
                   "%s is no name (DNS-1123 subdomain): expected lower case letters, digits, '-' and '.', a "
                   "letter or digit at each end, at most 253 in all",
                   quoted);
}

static void
check_name(LullCheck *check, LullJson *metadata)
{
    const char *name = lull_json_string(metadata, "name", NULL);
    const char *prefix = lull_json_string(metadata, "generateName", NULL);
    const char *field = "metadata.name";
    gboolean valid = lull_name_is_valid(name);

    if ((!name || !*name) && prefix && *prefix) {
        /* What follows the prefix are letters and digits. */
        g_autofree char *probe = g_strconcat(prefix, GENERATE_NAME_PROBE_CHARS, NULL);
        field = "metadata.generateName";
        name = prefix;
        valid = lull_name_is_valid(probe);
    }
    if (!name || !*name) {
        if (!lull_json_at(metadata, "name", NULL) || name)
            lull_check_add(check, LULL_CAUSE_REQUIRED, field, "name or generateName is required");
    } else if (!valid) {
        add_no_name(check, field, name);
    }
}

/* What is there already was taken once: an object that has it can be changed, deleted and sent back. */
static void
check_own_annotations(LullCheck *check, const LullKind *kind, LullJson *annotations, LullJson *before)
{
    LullJson *old = lull_json_at(before, "metadata", "annotations", NULL);

    if (!annotations)
        return;
    json_object_object_foreach(annotations, key, value)
    {
        const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

        if (!g_str_has_prefix(key, LULL_ANNOTATION_PREFIX) ||
            g_strcmp0(lull_json_string(old, key, NULL), text) == 0)
            continue;
        g_autofree char *fault = lull_annotation_fault(kind, key, text);
        g_autofree char *shown = lull_check_join("", key);
        g_autofree char *path = g_strdup_printf("metadata.annotations[%s]", shown);
        if (fault)
            lull_check_add(check, LULL_CAUSE_INVALID, path, "%s", fault);
    }
}

static void
check_metadata(LullCheck *check, const LullKind *kind, LullJson *object, LullJson *before)
{
    LullJson *metadata = lull_json_at(object, "metadata", NULL);
    const char *ns = lull_json_string(metadata, "namespace", NULL);

    if (!metadata) {
        lull_check_add(check, LULL_CAUSE_REQUIRED, "metadata", "required, but missing");
        return;
    }
    lull_check_fields(check, "metadata", lull_kind_meta_fields, metadata);
    check_name(check, metadata);
    if (ns && *ns && (!lull_name_is_valid(ns) || strchr(ns, '.') || strlen(ns) > LABEL_MAX_LENGTH)) {
        g_autofree char *quoted = lull_check_quote(ns);
        lull_check_add(check, LULL_CAUSE_INVALID, "metadata.namespace",
                       "%s is no namespace (DNS-1123 label): expected lower case letters, digits and '-'",
                       quoted);
    }
    check_labels(check, "metadata.labels", lull_json_object(metadata, "labels"));
    check_annotations(check, "metadata.annotations", lull_json_object(metadata, "annotations"));
    check_own_annotations(check, kind, lull_json_object(metadata, "annotations"), before);
    check_finalizers(check, lull_json_array(metadata, "finalizers"));
}

/* @path: "spec.source" or "spec.target". A missing name or kind the table has reported already. */
static void
check_reference(LullCheck *check, const char *path, LullJson *reference)
{
    const char *group = lull_json_string(reference, "apiGroup", NULL);
    const char *kind = lull_json_string(reference, "kind", NULL);
    g_autofree char *group_path = g_strconcat(path, ".apiGroup", NULL);
    g_autofree char *kind_path = g_strconcat(path, ".kind", NULL);

    if (!json_object_is_type(reference, json_type_object))
        return;
    if (!lull_json_at(reference, "apiGroup", NULL))
        lull_check_add(check, LULL_CAUSE_NOT_FOUND, group_path, LULL_FAULT_NO_GROUP);
    else if (group && !g_str_equal(group, LULL_GROUP_VM))
        lull_check_add(check, LULL_CAUSE_INVALID, group_path, LULL_FAULT_GROUP);
    if (kind && *kind && !g_str_equal(kind, lull_kind_vm.kind))
        lull_check_add(check, LULL_CAUSE_INVALID, kind_path, LULL_FAULT_KIND);
}

/* A machine may be made of that name. What is there already was taken once, as with annotations. */
static void
check_target(LullCheck *check, LullJson *target, LullJson *before)
{
    const char *name = lull_json_string(target, "name", NULL);
    const char *old = lull_json_string(lull_json_at(before, "spec", "target", NULL), "name", NULL);

    if (name && *name && !lull_name_is_valid(name) && g_strcmp0(name, old) != 0)
        add_no_name(check, "spec.target.name", name);
}

static void
check_overrides(LullCheck *check, LullJson *overrides)
{
    const size_t count = overrides ? json_object_array_length(overrides) : 0;

    for (size_t i = 0; i < count; i++) {
        LullJson *entry = json_object_array_get_idx(overrides, i);
        g_autofree char *path = g_strdup_printf("spec.volumeRestoreOverrides[%zu]", i);
        g_autofree char *name_path = g_strconcat(path, ".volumeName", NULL);
        if (!json_object_is_type(entry, json_type_object))
            continue;
        if (!*lull_json_string(entry, "volumeName", ""))
            lull_check_add(check, LULL_CAUSE_REQUIRED, name_path, LULL_FAULT_NO_VOLUME_NAME);
        if (!*lull_json_string(entry, "restoreName", "") && !lull_json_at(entry, "labels", NULL) &&
            !lull_json_at(entry, "annotations", NULL))
            lull_check_add(check, LULL_CAUSE_REQUIRED, path, LULL_FAULT_NO_OVERRIDE);
        check_labels(check, path, lull_json_object(entry, "labels"));
        check_annotations(check, path, lull_json_object(entry, "annotations"));
    }
}

static gboolean
is_patchable(const char *pointer)
{
    static const char *const roots[] = {"/spec/", "/metadata/labels/", "/metadata/annotations/"};

    for (gsize i = 0; i < G_N_ELEMENTS(roots); i++)
        if (g_str_has_prefix(pointer, roots[i]) && strlen(pointer) > strlen(roots[i]))
            return TRUE;
    return FALSE;
}

static void
check_patch(LullCheck *check, const char *field, const char *text)
{
    static const char *const operations[] = {"add", "remove", "replace", "move", "copy", "test", NULL};
    g_autoptr(LullJson) patch = lull_json_parse(text, -1, NULL);
    const char *pointers[] = {lull_json_string(patch, "path", ""), lull_json_string(patch, "from", NULL)};

    if (!json_object_is_type(patch, json_type_object)) {
        lull_check_add(check, LULL_CAUSE_INVALID, field, LULL_FAULT_PATCH);
        return;
    }
    if (!g_strv_contains(operations, lull_json_string(patch, "op", "")))
        lull_check_add(check, LULL_CAUSE_INVALID, field, LULL_FAULT_PATCH_OP);
    for (gsize i = 0; i < G_N_ELEMENTS(pointers); i++) {
        if (!pointers[i] || is_patchable(pointers[i]))
            continue;
        g_autofree char *quoted = lull_check_quote(pointers[i]);
        lull_check_add(check, LULL_CAUSE_INVALID, field, LULL_FAULT_PATCH_PATH ": %s " LULL_FAULT_PATCH_MORE,
                       quoted);
    }
}

static void
check_patches(LullCheck *check, LullJson *patches)
{
    const size_t count = patches ? json_object_array_length(patches) : 0;

    for (size_t i = 0; i < count; i++) {
        LullJson *entry = json_object_array_get_idx(patches, i);
        g_autofree char *field = g_strdup_printf("spec.patches[%zu]", i);
        if (json_object_is_type(entry, json_type_string))
            check_patch(check, field, json_object_get_string(entry));
    }
}

static void
check_type(LullCheck *check, const LullKind *kind, LullJson *object)
{
    const char *api_version = lull_json_string(object, "apiVersion", NULL);
    const char *name = lull_json_string(object, "kind", NULL);
    g_autofree char *expected = lull_kind_api_version(kind);
    g_autofree char *other =
        kind->other_version ? g_strdup_printf("%s/%s", kind->group, kind->other_version) : NULL;

    if (g_strcmp0(name, kind->kind) != 0) {
        g_autofree char *quoted = lull_check_quote(name ? name : "");
        lull_check_add(check, LULL_CAUSE_INVALID, "kind", "expected %s, got %s", kind->kind, quoted);
    }
    if (g_strcmp0(api_version, expected) != 0 && (!other || g_strcmp0(api_version, other) != 0)) {
        g_autofree char *quoted = lull_check_quote(api_version ? api_version : "");
        lull_check_add(check, LULL_CAUSE_INVALID, "apiVersion", "expected %s%s%s, got %s", expected,
                       other ? " or " : "", other ? other : "", quoted);
    }
}

static void
check_members(LullCheck *check, LullJson *object)
{
    static const char *const known[] = {"apiVersion", "kind", "metadata", "spec", "status", NULL};

    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (g_strv_contains(known, key))
            continue;
        g_autofree char *path = lull_check_join("", key);
        lull_check_add(check, LULL_CAUSE_INVALID, path,
                       "unknown field: known here are metadata, spec, status");
    }
}

/* Those of a kind that has neither spec nor status. */
static void
check_own_fields(LullCheck *check, const LullKind *kind, LullJson *object)
{
    g_autoptr(LullJson) own = json_object_new_object();

    json_object_object_foreach(object, key, value)
    {
        if (!g_str_equal(key, "apiVersion") && !g_str_equal(key, "kind") && !g_str_equal(key, "metadata"))
            json_object_object_add(own, key, json_object_get(value));
    }
    lull_check_fields(check, "", kind->fields, own);
}

static void
check_parts(LullCheck *check, const LullKind *kind, LullJson *object, LullJson *before)
{
    LullJson *spec = lull_json_at(object, "spec", NULL);
    LullJson *status = lull_json_at(object, "status", NULL);

    if (kind->spec && !spec)
        lull_check_add(check, LULL_CAUSE_REQUIRED, "spec", "required, but missing");
    else if (kind->spec)
        lull_check_fields(check, "spec", kind->spec, spec);
    if (kind->status && status)
        lull_check_fields(check, "status", kind->status, status);
    if (kind->reference) {
        g_autofree char *path = g_strconcat("spec.", kind->reference, NULL);
        check_reference(check, path, lull_json_at(spec, kind->reference, NULL));
    }
    if (kind == &lull_kind_restore) {
        check_target(check, lull_json_object(spec, "target"), before);
        check_overrides(check, lull_json_array(spec, "volumeRestoreOverrides"));
        check_patches(check, lull_json_array(spec, "patches"));
    }
}

LullJson *
lull_kind_check(const LullKind *kind, LullJson *object, LullJson *before, gboolean strict)
{
    LullCheck check = {.strict = strict};

    if (!json_object_is_type(object, json_type_object)) {
        lull_check_add(&check, LULL_CAUSE_TYPE, "", "expected an object of kind %s", kind->kind);
        return check.causes;
    }
    check_type(&check, kind, object);
    if (kind->fields)
        check_own_fields(&check, kind, object);
    else if (strict)
        check_members(&check, object);
    check_metadata(&check, kind, object, before);
    check_parts(&check, kind, object, before);
    return check.causes;
}

gboolean
lull_kind_validate(const LullKind *kind, LullJson *object, LullJson *before, gboolean strict, GError **error)
{
    g_autoptr(LullJson) causes = lull_kind_check(kind, object, before, strict);
    LullJson *first = causes ? json_object_array_get_idx(causes, 0) : NULL;
    const char *field = lull_json_string(first, "field", "");

    if (!first)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s%s%s", field, *field ? ": " : "",
                lull_json_string(first, "message", ""));
    return FALSE;
}
