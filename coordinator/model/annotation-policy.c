/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/annotation.h"
#include "coordinator/model/manifests.h"

/* Every text of the table is made of letters, digits, '.', '/', '-' and commas, so that it can stand between
 * quotes in CEL as it is. */

#define API_VERSION "admissionregistration.k8s.io/v1"

static LullJson *
new_object(LullJson *list)
{
    LullJson *object = json_object_new_object();

    json_object_array_add(list, object);
    return object;
}

static LullJson *
add_list(LullJson *parent, const char *key)
{
    LullJson *list = json_object_new_array();

    lull_json_take(parent, key, list);
    return list;
}

static LullJson *
new_manifest(const char *kind, const LullApiGroup *group)
{
    LullJson *manifest = json_object_new_object();
    g_autofree char *name = g_strconcat("annotations.", group->name, NULL);

    lull_json_set_string(manifest, "apiVersion", API_VERSION);
    lull_json_set_string(manifest, "kind", kind);
    lull_json_set_string(lull_json_ensure(manifest, "metadata"), "name", name);
    return manifest;
}

/* Whatever else is done with an object, what it has already may stay. */
static void
add_variables(LullJson *spec)
{
    static const struct {
        const char *name, *expression;
    } rows[] = {
        {"before", "oldObject == null ? {} : oldObject.metadata.?annotations.orValue({})"},
        {"now", "object.metadata.?annotations.orValue({})"},
        {"changed", "variables.now.filter(k, k.startsWith('" LULL_ANNOTATION_PREFIX "') && "
                    "!(k in variables.before && variables.before[k] == variables.now[k]))"},
    };
    LullJson *variables = add_list(spec, "variables");

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LullJson *variable = new_object(variables);

        lull_json_set_string(variable, "name", rows[i].name);
        lull_json_set_string(variable, "expression", rows[i].expression);
    }
}

static void
add_validation(LullJson *list, const char *holds, const char *message, const char *expression)
{
    LullJson *validation = new_object(list);

    lull_json_set_string(validation, "expression", holds);
    lull_json_set_string(validation, "message", message);
    lull_json_set_string(validation, "messageExpression", expression);
}

static gboolean
is_of(const LullAnnotation *row, const LullKind *kind)
{
    for (const LullKind *const *each = row->kinds; *each; each++)
        if (*each == kind)
            return TRUE;
    return FALSE;
}

/* Only those that the kind has. */
static void
add_known(LullJson *validations, const LullKind *kind)
{
    g_autoptr(GString) known = g_string_new(NULL);
    g_autofree char *fault = lull_annotation_fault(kind, LULL_ANNOTATION_PREFIX, "");
    g_autofree char *holds = NULL;
    g_autofree char *shown = NULL;

    for (const LullAnnotation *row = lull_annotations(); row->name; row++)
        if (is_of(row, kind))
            g_string_append_printf(known, "%s'%s'", known->len ? ", " : "", row->name);
    holds = g_strdup_printf("request.kind.kind != '%s' || variables.changed.all(k, k in [%s])", kind->kind,
                            known->str);
    /* the text of the local store has an apostrophe */
    shown =
        g_strdup_printf("'metadata.annotations[' + variables.changed.filter(k, !(k in [%s]))[0] + ']: ' + "
                        "\"%s\"",
                        known->str, fault);
    add_validation(validations, holds, fault, shown);
}

/* What users may say by one. */
static void
add_values(LullJson *validations, const LullAnnotation *row)
{
    const char *name = row->name;
    g_autofree char *quoted = row->values ? g_strjoinv("', '", (char **)row->values) : NULL;
    g_autofree char *listed = row->values ? g_strjoinv(", ", (char **)row->values) : NULL;
    g_autofree char *fault = row->values
                                 ? g_strdup_printf("is none of %s", listed)
                                 : g_strdup_printf("is no list of at most %d names such as \"vdb,vdc\"",
                                                   LULL_ANNOTATION_MAX_NAMES);
    g_autofree char *right =
        row->values
            ? g_strdup_printf("variables.now['%s'] in ['%s']", name, quoted)
            : g_strdup_printf("variables.now['%s'] == '' || (variables.now['%s'].split(',').size() <= %d && "
                              "variables.now['%s'].split(',').all(part, part.trim() != ''))",
                              name, name, LULL_ANNOTATION_MAX_NAMES, name);
    g_autofree char *holds = g_strdup_printf("!('%s' in variables.changed) || %s", name, right);
    g_autofree char *message = g_strdup_printf("metadata.annotations[%s]: the value %s", name, fault);
    g_autofree char *shown =
        g_strdup_printf("'metadata.annotations[%s]: \"' + variables.now['%s'] + '\" %s'", name, name, fault);

    add_validation(validations, holds, message, shown);
}

static void
add_constraints(LullJson *spec, const LullApiGroup *group)
{
    LullJson *constraints = lull_json_ensure(spec, "matchConstraints");
    LullJson *rule = new_object(add_list(constraints, "resourceRules"));
    LullJson *resources;

    lull_json_append_string(add_list(rule, "apiGroups"), group->name);
    lull_json_append_string(add_list(rule, "apiVersions"), "*");
    resources = add_list(rule, "operations");
    lull_json_append_string(resources, "CREATE");
    lull_json_append_string(resources, "UPDATE");
    resources = add_list(rule, "resources");
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (!(*kind)->read_only)
            lull_json_append_string(resources, (*kind)->plural);
}

LullJson *
lull_annotation_policy(const LullApiGroup *group)
{
    LullJson *policy = new_manifest("ValidatingAdmissionPolicy", group);
    LullJson *spec = lull_json_ensure(policy, "spec");
    LullJson *validations;

    lull_json_set_string(spec, "failurePolicy", "Fail");
    add_constraints(spec, group);
    add_variables(spec);
    validations = add_list(spec, "validations");
    for (const LullKind *const *kind = lull_kinds(); *kind; kind++)
        if (!(*kind)->read_only)
            add_known(validations, *kind);
    for (const LullAnnotation *row = lull_annotations(); row->name; row++)
        if (row->by_user)
            add_values(validations, row);
    return policy;
}

LullJson *
lull_annotation_policy_binding(const LullApiGroup *group)
{
    LullJson *binding = new_manifest("ValidatingAdmissionPolicyBinding", group);
    LullJson *spec = lull_json_ensure(binding, "spec");
    g_autofree char *name = g_strconcat("annotations.", group->name, NULL);

    lull_json_set_string(spec, "policyName", name);
    lull_json_append_string(add_list(spec, "validationActions"), "Deny");
    return binding;
}
