/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/interrupt.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM};

/* Written before the handler is there, read by it only. */
static char words[1024];
static size_t length;

static void
on_signal(int number)
{
    const ssize_t written = write(STDERR_FILENO, words, length);

    (void)written; /* the signal's end comes in any case, when this returns */
    (void)raise(number);
}

void
lull_interrupt_say(const char *format, ...)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    va_list arguments;

    lull_interrupt_forget();
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    length = strlen(words);
    (void)sigemptyset(&action.sa_mask);
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++) {
        struct sigaction old;

        /* whoever started us may want it ignored */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}

void
lull_interrupt_forget(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++) {
        struct sigaction old;

        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == on_signal)
            (void)signal(signals[i], SIG_DFL);
    }
}
