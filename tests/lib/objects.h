/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <check.h>

#include "protocol/error.h"
#include "protocol/json.h"

/* Objects for tests, written as JSON with ' for ". */
static inline LullJson *
json(const char *text)
{
    g_autofree char *copy = g_strdelimit(g_strdup(text), "'", '"');
    g_autoptr(GError) error = NULL;
    LullJson *value = lull_json_parse(copy, -1, &error);

    ck_assert_msg(value != NULL, "%s: %s", text, error ? error->message : "");
    return value;
}

/* A VirtualMachineSnapshot; @more: further members of metadata, each with a comma before it. */
static inline LullJson *
snapshot_json(const char *name, const char *more)
{
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshot',"
                        "'metadata':{'name':'%s'%s},'spec':{'source':{'apiGroup':'kubevirt.io',"
                        "'kind':'VirtualMachine','name':'larry'}}}",
                        name, more);

    return json(text);
}

#define ck_assert_no_error(error) ck_assert_msg((error) == NULL, "%s", (error) ? (error)->message : "")
#define ck_assert_error(error, expected)                                                           \
    ck_assert_msg(lull_error_is((error), (expected)), "expected code %d, got %s", (int)(expected), \
                  (error) ? (error)->message : "no error")
