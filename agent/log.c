/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/error.h"

static struct {
    GMutex lock;
    int fd;
    gboolean verbose;
    guint holds;
    GQueue kept; /* of char * */
    gsize kept_bytes;
    guint dropped;
} sink = {.fd = STDERR_FILENO};

static const char *
level_word(GLogLevelFlags level)
{
    if (level & G_LOG_LEVEL_ERROR)
        return "error";
    if (level & G_LOG_LEVEL_CRITICAL)
        return "critical";
    if (level & G_LOG_LEVEL_WARNING)
        return "warning";
    if (level & G_LOG_LEVEL_MESSAGE)
        return "message";
    return level & G_LOG_LEVEL_INFO ? "info" : "debug";
}

static void
write_line(const char *line)
{
    /* a log that cannot be written must not stop anything */
    if (write(sink.fd, line, strlen(line)) < 0)
        sink.dropped++;
}

static char *
take_kept(void)
{
    char *line = g_queue_pop_head(&sink.kept);

    sink.kept_bytes -= strlen(line);
    return line;
}

static void
keep_line(char *take)
{
    g_queue_push_tail(&sink.kept, take);
    sink.kept_bytes += strlen(take);
    while (g_queue_get_length(&sink.kept) > LULL_LOG_KEPT || sink.kept_bytes > LULL_LOG_KEPT_BYTES) {
        g_free(take_kept());
        sink.dropped++;
    }
}

/* One message is one line, whoever gave the words in it. */
static char *
one_line(const char *text)
{
    GString *line = g_string_new(NULL);

    for (const char *at = text; *at; at++) {
        if (*at == '\n')
            g_string_append(line, "\\n");
        else if (g_ascii_iscntrl(*at))
            g_string_append_printf(line, "\\x%02x", (guint)*at);
        else
            g_string_append_c(line, *at);
    }
    return g_string_free(line, FALSE);
}

static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
    const char *text = "";
    const gint64 now = lull_clock_realtime();
    g_autofree char *words = NULL;
    char *line;

    (void)user_data;
    if (!sink.verbose && (level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)))
        return G_LOG_WRITER_HANDLED;
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            text = fields[i].value;
    words = one_line(text);
    line = g_strdup_printf("%" G_GINT64_FORMAT ".%06d: %s: %s\n", now / G_USEC_PER_SEC,
                           (int)(now % G_USEC_PER_SEC), level_word(level), words);
    g_mutex_lock(&sink.lock);
    if (sink.holds > 0) {
        keep_line(line);
    } else {
        write_line(line);
        g_free(line);
    }
    g_mutex_unlock(&sink.lock);
    return G_LOG_WRITER_HANDLED;
}

void
lull_log_init(gboolean verbose)
{
    sink.verbose = verbose;
    g_log_set_writer_func(write_log, NULL, NULL);
}

gboolean
lull_log_open(const char *path, GError **error)
{
    if (path) {
        const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        if (fd < 0) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "log file %s: %s", path, g_strerror(errno));
            return FALSE;
        }
        sink.fd = fd;
    }
    return TRUE;
}

void
lull_log_hold(gboolean hold)
{
    g_mutex_lock(&sink.lock);
    sink.holds = hold ? sink.holds + 1 : sink.holds - 1;
    while (sink.holds == 0 && !g_queue_is_empty(&sink.kept)) {
        g_autofree char *line = take_kept();

        write_line(line);
    }
    if (sink.holds == 0 && sink.dropped > 0) {
        g_autofree char *line = g_strdup_printf("(%u lines were lost while frozen)\n", sink.dropped);

        sink.dropped = 0;
        write_line(line);
    }
    g_mutex_unlock(&sink.lock);
}
