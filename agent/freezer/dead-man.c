/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/dead-man.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/freezer/client.h"
#include "agent/freezer/descriptors.h"
#include "agent/freezer/expedite.h"
#include "agent/freezer/table.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define GRACE_USEC    LULL_MSEC(LULL_AGENT_GRACE_MS)
#define RETRY_USEC    LULL_MSEC(100)
#define PATIENCE_USEC LULL_MSEC(200) /* for a mount that is stuck in the kernel, before the end is told */
#define STACK_IN_USE  (32 * 1024)
#define THREAD_STACK  (256 * 1024)
#define SPARE_FILES   256

/* Set before the thread starts and constant; or atomic; or the thread's own. The memory lives as long as
 * the longer of owner and thread: a freezer may be stuck in the kernel long after its owner has gone on. */
struct _LullDeadMan {
    LullHold *hold;
    int socket;
    int wake;   /* eventfd: owner to thread */
    int notify; /* eventfd: thread to owner */
    int timer;
    int marker;   /* -1: none */
    int expedite; /* -1: none */
    pid_t pid;

    atomic_int refs;
    atomic_uint pending; /* bit a LullFreezerEventKind */
    _Atomic gint64 freeze_asked_at;
    atomic_bool thaw_asked;
    atomic_bool released;
    atomic_uint refusal; /* LullWireRefusal */
    atomic_int refusal_errno;

    /* the thread's */
    int *mounts; /* descriptors, -1: none */
    gboolean eof;
    gboolean owns_marker;
    gboolean freeze_answered;
    gboolean was_frozen;
    gboolean finished; /* THAWED or LOST was told */
    gint64 takeover_at;
    gint64 kill_at;
};

static void
self_unref(LullDeadMan *self)
{
    const int fds[] = {self->socket, self->wake, self->notify, self->timer, self->marker, self->expedite};

    if (atomic_fetch_sub(&self->refs, 1) != 1)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    lull_table_unmap(self->hold);
    g_free(self->mounts);
    g_free(self);
}

/* -- the thread --------------------------------------------------------------------------------- */

static gint64
op_now(void *context)
{
    return lull_clock_boottime();
}

static int
op_freeze(void *context, uint32_t index)
{
    return EPERM; /* this side never freezes */
}

static int
op_thaw(void *context, uint32_t index)
{
    const LullDeadMan *self = context;

    return ioctl(self->mounts[index], FITHAW, 0) == 0 ? 0 : errno;
}

/* The record is its lock holder's: this side writes only when it has inherited that. */
static void
op_mark(void *context, uint32_t index, LullHoldMark mark)
{
    const LullDeadMan *self = context;
    const char byte = (char)('0' + mark);

    if (self->owns_marker)
        (void)!pwrite(self->marker, &byte, 1, index);
}

static void
op_expedite(void *context, bool on)
{
    const LullDeadMan *self = context;

    lull_expedite_set(self->expedite, on);
    op_mark(context, self->hold->n_mounts, LULL_MARK_FREE);
}

static const LullHoldOps ops = {
    .now = op_now,
    .freeze = op_freeze,
    .thaw = op_thaw,
    .mark = op_mark,
    .expedite = op_expedite,
};

static void
emit(LullDeadMan *self, LullFreezerEventKind kind)
{
    const guint64 one = 1;

    (void)atomic_fetch_or(&self->pending, 1u << kind);
    (void)!write(self->notify, &one, sizeof one);
}

static void
answer_freeze(LullDeadMan *self, gboolean frozen)
{
    if (self->freeze_answered)
        return;
    self->freeze_answered = TRUE;
    self->was_frozen = frozen;
    emit(self, frozen ? LULL_FREEZER_FROZEN : LULL_FREEZER_FREEZE_FAILED);
}

static void
finish(LullDeadMan *self, LullFreezerEventKind kind)
{
    if (self->finished)
        return;
    self->finished = TRUE;
    emit(self, kind);
}

/* What the table says, told to the owner: for when the freezer does not. */
static void
finish_by_table(LullDeadMan *self)
{
    if (atomic_load(&self->freeze_asked_at))
        answer_freeze(self, lull_hold_went_through(self->hold));
    if (self->was_frozen || atomic_load(&self->thaw_asked))
        finish(self, LULL_FREEZER_THAWED);
}

/* Both must hold every descriptor before anything may be frozen. */
static gboolean
all_descriptors_here(LullDeadMan *self)
{
    for (guint i = 0; i < self->hold->n_mounts; i++) {
        if (atomic_load(&self->hold->mounts[i].state) == LULL_MOUNT_PLANNED && self->mounts[i] < 0)
            return FALSE;
    }
    return TRUE;
}

static void
give_up(LullDeadMan *self, LullWireRefusal what, int error)
{
    atomic_store(&self->refusal_errno, error);
    atomic_store(&self->refusal, what);
    (void)shutdown(self->socket, SHUT_RDWR);
}

static void
on_message(LullDeadMan *self, const LullWireMessage *message)
{
    switch ((LullWireKind)message->kind) {
    case LULL_WIRE_PREPARED:
        if (!all_descriptors_here(self)) {
            give_up(self, LULL_WIRE_REFUSED_DESCRIPTORS, EMFILE);
            break;
        }
        if (!self->finished)
            emit(self, LULL_FREEZER_PREPARED);
        break;
    case LULL_WIRE_FROZEN:
        answer_freeze(self, TRUE);
        break;
    case LULL_WIRE_FREEZE_FAILED:
        answer_freeze(self, FALSE);
        break;
    case LULL_WIRE_THAWED:
        finish(self, LULL_FREEZER_THAWED);
        break;
    case LULL_WIRE_REFUSED:
        give_up(self, message->what, message->error);
        break;
    case LULL_WIRE_DESCRIPTORS: /* taken in with the message */
    case LULL_WIRE_NONE:
    case LULL_WIRE_FREEZE:
    case LULL_WIRE_RENEWED:
    case LULL_WIRE_THAW:
        break;
    }
}

/* One message, if there is one. False: no more for now. */
static gboolean
receive(LullDeadMan *self)
{
    LullWireMessage message;
    const int r = lull_descriptors_receive(self->socket, &message, self->mounts, self->hold->n_mounts);

    if (r > 0)
        on_message(self, &message);
    self->eof = r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR && errno != EPROTO);
    return r > 0;
}

/* The freezer is gone: everything that it may have left frozen is thawed here, however often it takes. */
static void
on_eof(LullDeadMan *self, gint64 now)
{
    if (!self->takeover_at)
        self->takeover_at = now;
    (void)lull_hold_end(self->hold, LULL_HOLD_REASON_FREEZER, now);
    if (!self->owns_marker && self->marker >= 0 && !lull_hold_settled(self->hold))
        self->owns_marker = flock(self->marker, LOCK_EX | LOCK_NB) == 0;
    lull_hold_release(self->hold, LULL_HOLD_SIDE_AGENT, TRUE, &ops, self);
    if (lull_hold_settled(self->hold) || now >= self->takeover_at + PATIENCE_USEC)
        finish(self, LULL_FREEZER_LOST);
}

/* The freezer lives but has let its own deadlines pass. If it was stopped, it is woken: what its FIFREEZE
 * is busy with only it can thaw. Everything else is thawed here and now. */
static void
take_over(LullDeadMan *self, gint64 now)
{
    if (!self->takeover_at)
        self->takeover_at = now;
    (void)kill(self->pid, SIGCONT); /* every time: whoever stopped it may do so again */
    lull_hold_release(self->hold, LULL_HOLD_SIDE_AGENT, FALSE, &ops, self);
    if (lull_hold_settled(self->hold) || now >= self->takeover_at + PATIENCE_USEC)
        finish_by_table(self);
}

static gint64
unanswered_by(LullDeadMan *self)
{
    const gint64 asked = atomic_load(&self->freeze_asked_at);

    return asked ? asked + atomic_load(&self->hold->within_usec) : 0;
}

static gint64
release_by(LullDeadMan *self)
{
    return MAX(atomic_load(&self->hold->ended_at), atomic_load(&self->hold->thawed_at));
}

/* This side's dead man: the freezer's own deadlines, looked at with a clock held back by the grace. */
static void
dead_man(LullDeadMan *self, gint64 now)
{
    const gint64 late = now - GRACE_USEC;

    if (lull_hold_phase(self->hold) == LULL_HOLD_IDLE && unanswered_by(self) && late >= unanswered_by(self))
        (void)lull_hold_end(self->hold, LULL_HOLD_REASON_FREEZER, now);
    if (!lull_hold_watch(self->hold, late))
        return;
    if (!lull_hold_settled(self->hold)) {
        if (self->takeover_at || late >= release_by(self))
            take_over(self, now);
    } else if (!self->finished) {
        finish_by_table(self);
    }
}

static gint64
next_deadline(LullDeadMan *self, gint64 now)
{
    switch (lull_hold_phase(self->hold)) {
    case LULL_HOLD_IDLE:
        return unanswered_by(self) ? unanswered_by(self) + GRACE_USEC : 0;
    case LULL_HOLD_FREEZING:
    case LULL_HOLD_FROZEN:
    case LULL_HOLD_VERIFYING:
        return lull_hold_deadline(self->hold) + GRACE_USEC;
    case LULL_HOLD_ENDED:
        break;
    }
    if (lull_hold_settled(self->hold))
        return self->kill_at;
    return self->takeover_at ? now + RETRY_USEC : release_by(self) + GRACE_USEC;
}

static void
arm(LullDeadMan *self, gint64 deadline)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = deadline / 1000000, .tv_nsec = deadline % 1000000 * 1000},
    };

    (void)timerfd_settime(self->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* The owner has let go: end of file makes the freezer thaw and exit. One that does not is killed, but only
 * when it has nothing frozen and can no longer freeze: a thread killed in FIFREEZE leaves it frozen. */
static void
let_go(LullDeadMan *self, gint64 now)
{
    if (!self->kill_at) {
        self->finished = TRUE;
        self->kill_at = now + GRACE_USEC;
        (void)lull_hold_end(self->hold, LULL_HOLD_REASON_AGENT, now);
        (void)shutdown(self->socket, SHUT_WR);
    }
    if (now >= self->kill_at && lull_hold_settled(self->hold))
        (void)kill(self->pid, SIGKILL);
}

static void
turn(LullDeadMan *self)
{
    const gint64 now = lull_clock_boottime();
    gint64 deadline;

    while (!self->eof && receive(self))
        continue;
    if (self->eof) {
        on_eof(self, now);
        arm(self, now + RETRY_USEC);
        return;
    }
    if (atomic_load(&self->released))
        let_go(self, now);
    dead_man(self, now);

    deadline = next_deadline(self, now);
    arm(self, deadline > 0 && deadline <= now ? now + RETRY_USEC : deadline);
}

static void __attribute__((noinline)) lock_stack(void)
{
    volatile char stack[STACK_IN_USE];

    for (size_t i = 0; i < sizeof stack; i += 1024)
        stack[i] = 0;
    (void)mlock((const void *)stack, sizeof stack);
}

static void *
thread_main(void *data)
{
    LullDeadMan *self = data;
    struct pollfd fds[] = {
        {.fd = self->socket, .events = POLLIN},
        {.fd = self->wake, .events = POLLIN},
        {.fd = self->timer, .events = POLLIN},
    };
    guint64 count;

    lock_stack();
    while (!self->eof || !lull_hold_settled(self->hold)) {
        fds[0].fd = self->eof ? -1 : self->socket;
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
            continue;
        for (guint i = 1; i < G_N_ELEMENTS(fds); i++) {
            if (fds[i].revents)
                (void)!read(fds[i].fd, &count, sizeof count);
        }
        turn(self);
    }
    /* The owner's descriptor, which is the same open file, may outlive this one. */
    if (self->owns_marker)
        (void)flock(self->marker, LOCK_UN);
    for (guint i = 0; i < self->hold->n_mounts; i++) {
        if (self->mounts[i] >= 0)
            (void)close(self->mounts[i]);
    }
    (void)shutdown(self->socket, SHUT_RDWR);
    (void)waitpid(self->pid, NULL, 0);
    self_unref(self);
    return NULL;
}

/* -- the owner ---------------------------------------------------------------------------------- */

static void
poke(LullDeadMan *self)
{
    const guint64 one = 1;

    (void)!write(self->wake, &one, sizeof one);
}

static void
tell(LullDeadMan *self, LullWireMessage message)
{
    (void)!send(self->socket, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
    poke(self);
}

/* What arrives from the freezer counts against this process's limit too. */
static void
raise_descriptor_limit(guint n_mounts)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= n_mounts + SPARE_FILES)
        return;
    limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)n_mounts + SPARE_FILES);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static gboolean
start_thread(LullDeadMan *self, GError **error)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, THREAD_STACK);
    (void)atomic_fetch_add(&self->refs, 1);
    r = pthread_create(&thread, &attr, thread_main, self);
    (void)pthread_attr_destroy(&attr);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r) {
        (void)atomic_fetch_sub(&self->refs, 1);
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "thread for lull-freezer: %s", g_strerror(r));
    }
    return r == 0;
}

static gboolean
open_own(LullDeadMan *self, int marker_fd, GError **error)
{
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->notify = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    self->expedite = lull_expedite_open(LULL_EXPEDITE_PATH);
    self->marker = marker_fd >= 0 ? fcntl(marker_fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (self->wake >= 0 && self->notify >= 0 && self->timer >= 0 && (marker_fd < 0 || self->marker >= 0))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "descriptors for lull-freezer: %s", g_strerror(errno));
    return FALSE;
}

static void
on_reaped(GPid pid, gint status, gpointer user_data)
{
    g_spawn_close_pid(pid);
}

LullDeadMan *
lull_dead_man_start(LullHold *hold, pid_t pid, int socket, int marker_fd, GError **error)
{
    LullDeadMan *self = g_new0(LullDeadMan, 1);

    atomic_init(&self->refs, 1);
    self->hold = hold;
    self->pid = pid;
    self->socket = socket;
    self->mounts = g_new(int, hold->n_mounts);
    for (guint i = 0; i < hold->n_mounts; i++)
        self->mounts[i] = -1;
    raise_descriptor_limit(hold->n_mounts);
    (void)mlock(self, sizeof *self);
    (void)mlock(self->mounts, hold->n_mounts * sizeof(int));

    if (open_own(self, marker_fd, error) && start_thread(self, error))
        return self;
    /* It has frozen nothing, and nobody is going to ask it to. */
    (void)kill(pid, SIGKILL);
    (void)g_child_watch_add(pid, on_reaped, NULL);
    self_unref(self);
    return NULL;
}

LullHold *
lull_dead_man_hold(LullDeadMan *self)
{
    return self->hold;
}

int
lull_dead_man_fd(LullDeadMan *self)
{
    return self->notify;
}

guint
lull_dead_man_take_events(LullDeadMan *self)
{
    guint64 count;

    (void)!read(self->notify, &count, sizeof count);
    return atomic_exchange(&self->pending, 0);
}

LullWireRefusal
lull_dead_man_refusal(LullDeadMan *self, int *ret_errno)
{
    *ret_errno = atomic_load(&self->refusal_errno);
    return (LullWireRefusal)atomic_load(&self->refusal);
}

void
lull_dead_man_freeze(LullDeadMan *self, gint64 lease_usec, gint64 within_usec, gboolean strict)
{
    atomic_store(&self->hold->lease_usec, lease_usec);
    atomic_store(&self->hold->within_usec, within_usec);
    atomic_store(&self->freeze_asked_at, lull_clock_boottime());
    tell(self, (LullWireMessage){.kind = LULL_WIRE_FREEZE,
                                 .lease_usec = lease_usec,
                                 .within_usec = within_usec,
                                 .strict = strict != FALSE});
}

gboolean
lull_dead_man_renew(LullDeadMan *self, gint64 lease_usec)
{
    if (!lull_hold_renew(self->hold, lull_clock_boottime(), lease_usec))
        return FALSE;
    tell(self, (LullWireMessage){.kind = LULL_WIRE_RENEWED});
    return TRUE;
}

void
lull_dead_man_thaw(LullDeadMan *self)
{
    atomic_store(&self->thaw_asked, true);
    /* Into the table at once, so that this side counts from here even if nobody reads the message. */
    (void)lull_hold_end(self->hold, LULL_HOLD_REASON_ASKED, lull_clock_boottime());
    tell(self, (LullWireMessage){.kind = LULL_WIRE_THAW});
}

void
lull_dead_man_release(LullDeadMan *self)
{
    atomic_store(&self->released, true);
    poke(self);
    self_unref(self);
}
