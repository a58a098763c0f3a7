/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* The kinds of objects that the API knows, as one table: names, columns of tables, schema. REST
 * paths, validation, tables, CRDs and OpenAPI all come from it. */

typedef enum {
    LULL_FIELD_STRING = 0,
    LULL_FIELD_INT,
    LULL_FIELD_BOOL,
    LULL_FIELD_DURATION, /* "5m", "-1.5h", or a number of seconds */
    LULL_FIELD_TIME,     /* RFC 3339 */
    LULL_FIELD_OBJECT,   /* its `fields` */
    LULL_FIELD_ARRAY,    /* items described by `fields` (objects) or strings where it is NULL */
    LULL_FIELD_MAP,      /* string to string */
    LULL_FIELD_ANY,      /* kept as it is */
} LullFieldType;

/* What types and values cannot say. The local store checks it by code (validate.c), a cluster's API server by
 * this, as far as it can: it may take a little more. */
typedef struct {
    const char *holds;      /* in CEL, `self` is the value, of a list each item; NULL ends a list */
    const char *field;      /* below the value, the one that is wrong: ".apiGroup"; NULL: the value itself */
    gboolean missing;       /* what is wrong is that there is none */
    const char *message;    /* begins as the local store's */
    const char *expression; /* in CEL, a message that shows what there is; or NULL */
} LullRule;

typedef struct _LullField LullField;
struct _LullField {
    const char *name; /* NULL ends a list */
    LullFieldType type;
    gboolean required;
    const char *const *values; /* allowed strings, NULL-terminated; NULL: any */
    const LullField *fields;
    const LullRule *rules;
    gboolean own_text; /* a cluster refuses other values in our words, which clients know, not in its own */
    guint max_items;   /* of a list; 0: any number */
    guint max_length;  /* of a text, or of each that is an item, in characters; 0: any */
    const char *doc;   /* one sentence */
};

typedef struct {
    const char *name;
    const char *path; /* JSONPath of the reference: ".status.phase" */
    const char *type; /* string, integer, boolean, date; reference: an object with kind and name */
    gboolean wide;    /* only in wide tables */
} LullColumn;

/* A field that lists and watches can be selected by, besides metadata.name and metadata.namespace. */
typedef struct {
    const char *name;
    const char *path; /* as of a column; of a text that never changes */
} LullSelectable;

typedef struct {
    const char *group;
    const char *version;       /* stored and preferred */
    const char *other_version; /* served as well, or NULL */
    const char *kind;
    const char *plural;
    const char *singular;
    const char *short_names[3];
    const LullColumn *columns;      /* NULL name ends */
    const LullColumn *more_columns; /* of wide tables: paths into the report; or NULL */
    const LullField *spec;          /* fields of spec; NULL: anything */
    const LullField *status;
    const LullField *fields;          /* of the object itself, beside metadata; NULL: spec and status */
    const LullSelectable *selectable; /* NULL name ends; NULL: none */
    const char *reference;            /* the field of spec that names a virtual machine, or NULL */
    const char *doc;                  /* one sentence */
    gboolean read_only;               /* for clients: writes answer 405 */
    gboolean recorded;       /* though read-only, it is kept in the store: the coordinator writes it */
    gboolean named_last;     /* in tables, and only in wide ones */
    gboolean spec_fixed;     /* a patch that changes spec is refused */
    gboolean cluster_scoped; /* its objects are in no namespace */
} LullKind;

extern const LullKind lull_kind_snapshot; /* VirtualMachineSnapshot */
extern const LullKind lull_kind_content;  /* VirtualMachineSnapshotContent */
extern const LullKind lull_kind_restore;  /* VirtualMachineRestore */
extern const LullKind lull_kind_vm;       /* VirtualMachine: a view of the host's domains */

/* Event, of the group without a name: what became of the others. Not in the table. */
extern const LullKind lull_kind_event;

const LullKind *const *lull_kinds(void);                                      /* all four; NULL ends */
const LullKind *lull_kind_by_plural(const char *group, const char *plural);   /* NULL: unknown */
const LullKind *lull_kind_by_name(const char *api_version, const char *kind); /* either served version */

/* Checks a whole object that somebody wants to create, or to put in the place of @before: apiVersion and
 * kind, metadata.name (DNS-1123 subdomain, or generateName), types, unknown fields (`strict`), required ones,
 * enums, durations, that the source or target reference is apiGroup kubevirt.io, kind VirtualMachine, and
 * annotations (annotation.h) that @before, where that is not NULL, does not have like this.
 * LULL_ERROR_INVALID naming the field: "spec.failureDeadline: \"5 minutes\" is no duration ...". */
gboolean
lull_kind_validate(const LullKind *kind, LullJson *object, LullJson *before, gboolean strict, GError **error);

/* The same as a list: [{"reason","field","message"}], reasons as Kubernetes names them
 * ("FieldValueInvalid"), at most LULL_KIND_MAX_CAUSES. NULL: nothing is wrong. */
#define LULL_KIND_MAX_CAUSES 10
LullJson *lull_kind_check(const LullKind *kind, LullJson *object, LullJson *before,
                          gboolean strict) G_GNUC_WARN_UNUSED_RESULT;

/* Follows a column's path ".a.b.c" through objects, and at most one filter "[?(@.type=='X')]" through a list
 * on the way. Lent; NULL where nothing is there. */
LullJson *lull_kind_find(LullJson *object, const char *path);

/* What the field at such a path means; NULL: not told. Lent. */
const char *lull_kind_doc(const LullKind *kind, const char *path);

/* Fields of metadata, the same for every kind. */
extern const LullField lull_kind_meta_fields[];

/* "snapshot.kubevirt.io/v1beta1": the stored version. */
char *lull_kind_api_version(const LullKind *kind) G_GNUC_WARN_UNUSED_RESULT;

/* The same of any group, "" for the one without a name. */
char *lull_group_version(const char *group, const char *version) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
