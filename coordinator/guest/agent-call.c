/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/agent-call.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "coordinator/guest/agent-reply.h"
#include "coordinator/guest/agent-socket.h"
#include "coordinator/guest/dial.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define MAX_REPLY  (1024 * 1024)
#define MAX_VALUES 32768 /* thousands of file systems */

/* Newer libvirts have codes of their own; older ones give AGENT_UNRESPONSIVE and INTERNAL_ERROR. */
#define CODE_AGENT_TIMEOUT 112
#define CODE_AGENT_FAILED  113

/* Codes and texts differ between versions and languages; what never does is the command's name in what the
 * agent refused, and that a time-out takes its time. */
static void
explain(const char *command, gboolean late, GError **error)
{
    const virErrorPtr last = virGetLastError();
    g_autofree char *message = lull_reply_words(last && last->message ? last->message : "unknown error");
    g_autofree char *quoted = g_strdup_printf("'%s'", command);
    const char *words = strstr(message, quoted);

    switch (last ? last->code : VIR_ERR_OK) {
    case VIR_ERR_INTERNAL_ERROR:
    case CODE_AGENT_FAILED:
        if (words)
            words += strlen(quoted);
        if (words && g_str_has_prefix(words, ": "))
            words += 2;
        g_set_error(error, LULL_ERROR, words ? LULL_ERROR_FAILED : LULL_ERROR_LOST, "%s: %s", command,
                    words ? words : message);
        return;
    case VIR_ERR_AGENT_UNRESPONSIVE:
    case CODE_AGENT_TIMEOUT:
        g_set_error(error, LULL_ERROR, late ? LULL_ERROR_TIMED_OUT : LULL_ERROR_LOST, "%s: %s", command,
                    message);
        return;
    case VIR_ERR_OPERATION_INVALID: /* the guest is not running */
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "%s: %s", command, message);
        return;
    default:
        lull_link_error(error, command);
    }
}

/* Where the hypervisor has the guest's port, if libvirt leaves it to others. */
static char *
socket_of(LullDomain *domain)
{
    char *xml = lull_libvirt_is_launcher(virDomainGetConnect(domain)) ? NULL : virDomainGetXMLDesc(domain, 0);
    g_autoptr(LullVm) vm = xml ? lull_vm_from_xml(xml, LULL_VM_RUNNING, NULL) : NULL;

    free(xml);
    return vm ? g_steal_pointer(&vm->agent_socket) : NULL;
}

/* The reply as it came; free(). */
static char *
ask(LullDomain *domain, const char *command, const char *request, int seconds, GError **error)
{
    const gint64 start = lull_clock_boottime();
    char *reply = virDomainQemuAgentCommand(domain, request, seconds, 0);
    g_autofree char *path = NULL;

    if (reply)
        return reply;
    path = virGetLastErrorCode() == VIR_ERR_NO_SUPPORT ? socket_of(domain) : NULL;
    if (path)
        return lull_agent_socket_call(path, request, LULL_SEC(seconds), error);
    /* a little less: their clock is not ours */
    explain(command, lull_clock_boottime() - start >= LULL_SEC(seconds) - LULL_MSEC(50), error);
    return NULL;
}

/* Of what a guest sends no more is kept than its own answers need. */
static LullJson *
parse(const char *command, const char *text, GError **error)
{
    const gsize length = strlen(text);

    if (length > MAX_REPLY) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: the agent's answer has %zu bytes, too many",
                    command, length);
        return NULL;
    }
    if (lull_json_weigh(text, length) > MAX_VALUES) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "%s: the agent's answer has more than %d values, too many", command, MAX_VALUES);
        return NULL;
    }
    return lull_json_parse(text, (gssize)length, error);
}

/* libvirt says this itself. */
static gboolean
is_refusal(const char *command, LullJson *reply, GError **error)
{
    LullJson *refusal = lull_json_object(reply, "error");

    g_autofree char *why = lull_reply_words(lull_json_string(refusal, "desc", "the agent does not say why"));

    if (refusal)
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s: %s", command, why);
    return refusal != NULL;
}

LullJson *
lull_agent_call(LullDomain *domain, const char *command, LullJson *take_arguments, gint64 timeout_usec,
                GError **error)
{
    g_autoptr(LullJson) request = json_object_new_object();
    g_autoptr(LullJson) reply = NULL;
    const gint64 seconds = CLAMP((timeout_usec + LULL_SEC(1) - 1) / LULL_SEC(1), 1, 60);
    LullJson *value = NULL;
    char *text;

    lull_json_set_string(request, "execute", command);
    if (take_arguments)
        lull_json_take(request, "arguments", take_arguments);
    text = ask(domain, command, lull_json_to_line(request), (int)seconds, error);
    if (!text)
        return NULL;
    reply = parse(command, text, error);
    free(text);
    if (!reply)
        return NULL;
    if (!json_object_is_type(reply, json_type_object)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: the agent's answer is no object", command);
        return NULL;
    }
    if (is_refusal(command, reply, error))
        return NULL;
    if (!json_object_object_get_ex(reply, "return", &value) || !value) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: the agent's answer has no return value",
                    command);
        return NULL;
    }
    return json_object_get(value);
}
