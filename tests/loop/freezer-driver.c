/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Stands in for the agent: drives one freezer client from lines on standard input, and tells what comes
 * back as one JSON object a line.
 *
 *   freezer-driver PROGRAM MARKER|- MOUNTPOINT[=COUNTER]...
 *
 *   freeze LEASE-MS [strict]    renew LEASE-MS    remaining    thaw [REASON]    free    quit
 *
 * The device of each mount point is looked up here, before the start; MOUNTPOINT=wrong plans another
 * one than is there. */

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "agent/freezer/client.h"
#include "protocol/error.h"

typedef struct {
    LullFreezer *freezer;
    GMainLoop *loop;
} Driver;

static const char *
kind_to_string(LullFreezerEventKind kind)
{
    switch (kind) {
    case LULL_FREEZER_PREPARED:
        return "prepared";
    case LULL_FREEZER_FROZEN:
        return "frozen";
    case LULL_FREEZER_FREEZE_FAILED:
        return "freeze-failed";
    case LULL_FREEZER_THAWED:
        return "thawed";
    case LULL_FREEZER_LOST:
        break;
    }
    return "lost";
}

static const char *
result_to_string(LullFreezerResult result)
{
    switch (result) {
    case LULL_FREEZER_RESULT_FROZEN:
        return "frozen";
    case LULL_FREEZER_RESULT_SKIPPED:
        return "skipped";
    case LULL_FREEZER_RESULT_FAILED:
        return "failed";
    case LULL_FREEZER_RESULT_NONE:
        break;
    }
    return "none";
}

static const char *
truth(gboolean value)
{
    return value ? "true" : "false";
}

static void
on_event(LullFreezer *freezer, const LullFreezerEvent *event, gpointer data)
{
    printf("{\"event\": \"%s\", \"broken\": ", kind_to_string(event->kind));
    if (event->broken)
        printf("\"%s\"", event->broken);
    else
        printf("null");
    printf(", \"timed_out\": %s, \"freeze_usec\": %lld, \"window_usec\": %lld, \"thaw_usec\": %lld, "
           "\"outcomes\": [",
           truth(event->timed_out), (long long)event->freeze_usec, (long long)event->window_usec,
           (long long)event->thaw_usec);
    for (guint i = 0; i < event->n_mounts; i++) {
        const LullFreezerOutcome *outcome = &event->outcomes[i];

        printf("%s{\"result\": \"%s\", \"error\": %d, \"foreign\": %s, \"writes_frozen\": %lld, "
               "\"writes_thaw\": %lld, \"thawed\": %s, \"thaw_failed\": %s}",
               i ? ", " : "", result_to_string(outcome->result), outcome->error, truth(outcome->foreign),
               (long long)outcome->writes_frozen, (long long)outcome->writes_thaw, truth(outcome->thawed),
               truth(outcome->thaw_failed));
    }
    printf("]}\n");
    fflush(stdout);
}

static void
obey(Driver *self, char *line)
{
    g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", 2);
    const gint64 number = words[0] && words[1] ? g_ascii_strtoll(words[1], NULL, 10) : 0;

    if (!words[0]) {
        return;
    } else if (g_str_equal(words[0], "freeze")) {
        lull_freezer_freeze(self->freezer, number, number / 2, strstr(words[1], "strict") != NULL);
    } else if (g_str_equal(words[0], "renew")) {
        printf("{\"renewed\": %s}\n", truth(lull_freezer_renew(self->freezer, number)));
    } else if (g_str_equal(words[0], "remaining")) {
        printf("{\"remaining\": %lld}\n", (long long)lull_freezer_remaining_msec(self->freezer));
    } else if (g_str_equal(words[0], "thaw")) {
        lull_freezer_thaw(self->freezer, words[1]);
    } else if (g_str_equal(words[0], "free")) {
        g_clear_pointer(&self->freezer, lull_freezer_free);
        printf("{\"freed\": true}\n");
    } else if (g_str_equal(words[0], "quit")) {
        g_main_loop_quit(self->loop);
    }
    fflush(stdout);
}

static gboolean
on_input(GIOChannel *channel, GIOCondition condition, gpointer data)
{
    Driver *self = data;
    g_autofree char *line = NULL;

    if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(self->loop);
        return G_SOURCE_REMOVE;
    }
    obey(self, line);
    return G_SOURCE_CONTINUE;
}

/* "MOUNTPOINT[=COUNTER]", taken apart in place. */
static LullFreezerMount
parse_mount(char *text)
{
    char *counter = strchr(text, '=');
    LullFreezerMount mount = {.mountpoint = text};
    struct stat st;

    if (counter)
        *counter++ = 0;
    if (stat(text, &st) == 0)
        mount.device = st.st_dev;
    if (counter && g_str_equal(counter, "wrong"))
        mount.device++;
    else
        mount.counter = counter;
    return mount;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GIOChannel) input = g_io_channel_unix_new(0);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Driver self = {.loop = loop};
    g_autofree LullFreezerMount *mounts = g_new0(LullFreezerMount, MAX(argc, 3));
    guint n_mounts = 0;
    guint level = 0;
    int marker;

    if (argc < 3) {
        fprintf(stderr, "freezer-driver PROGRAM MARKER|- MOUNTPOINT[=COUNTER]... [+ the next level's]...\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        if (g_str_equal(argv[i], "+")) {
            level++;
            continue;
        }
        mounts[n_mounts] = parse_mount(argv[i]);
        mounts[n_mounts++].level = level;
    }
    marker = g_str_equal(argv[2], "-") ? -1 : open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    self.freezer = lull_freezer_start(argv[1], mounts, n_mounts, marker, on_event, &self, &error);
    if (!self.freezer) {
        printf("{\"error\": \"%s\"}\n", error->message);
        return 1;
    }
    (void)g_io_channel_set_flags(input, G_IO_FLAG_NONBLOCK, NULL);
    (void)g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, &self);
    g_main_loop_run(self.loop);
    lull_freezer_free(self.freezer);
    return 0;
}
