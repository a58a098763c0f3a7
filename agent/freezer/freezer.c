/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* lull-freezer: opens what is to be frozen, gives the agent the same descriptors, locks itself up, and
 * then freezes and thaws on the agent's word. The main thread is the watcher, which listens to the agent and
 * the clock and can always thaw since it never issues FIFREEZE; the freezing thread freezes and verifies,
 * and may be stuck in the kernel for as long as a disk likes. Its hands freeze with it, each another file
 * system: most of a FIFREEZE is waiting for a disk. See README.md beside this file. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/freezer/cage.h"
#include "agent/freezer/counter.h"
#include "agent/freezer/descriptors.h"
#include "agent/freezer/expedite.h"
#include "agent/freezer/prepare.h"
#include "agent/freezer/sync.h"
#include "agent/freezer/table.h"
#include "agent/freezer/wire.h"
#include "protocol/boot-clock.h"
#include "protocol/step.h"

#define WORKER_STACK (128 * 1024)
#define HANDS        3
#define PATIENCE_USEC                                                                    \
    200000 /* for a mount that is stuck in the kernel, before the end is told without it \
            */
#define RETRY_USEC        100000 /* of a FITHAW that failed */
#define STAND_IN_USEC     100000 /* after which the watcher helps a freezing thread that is slow to thaw */
#define MARKER_WAIT_USEC  1000000
#define MARKER_PAUSE_USEC 10000

typedef struct {
    LullHold *hold;
    LullPrepared prepared;
    int socket;
    int marker;   /* -1: none */
    int expedite; /* -1: none */
    int timer;
    int work; /* eventfd: watcher to freezing thread */
    int done; /* eventfd: back */
    int call; /* eventfd, counting: freezing thread to its hands */
    int back; /* eventfd: back */
    int cage; /* eventfd, counting: the cage is there to be closed */
    LullSync sync;
    LullCage freezing; /* for the freezing thread and its hands; set before they are told of it */
    uint64_t n_hands;
    uint32_t level; /* at which the hands are to freeze; set before they are called */
    _Atomic uint64_t kicked;
    _Atomic uint64_t handled;
    _Atomic int worker_error;

    /* the watcher's own */
    bool peer_gone;
    bool freeze_asked;
    bool freeze_answered;
    bool was_frozen;
    bool thaw_asked;
    bool thaw_answered;
} Freezer;

/* -- what the hold asks of the world ------------------------------------------------------------ */

static int64_t
op_now(void *context)
{
    return lull_clock_boottime();
}

static int
op_freeze(void *context, uint32_t index)
{
    const Freezer *self = context;

    return ioctl(self->prepared.mounts[index], FIFREEZE, 0) == 0 ? 0 : errno;
}

static int
op_thaw(void *context, uint32_t index)
{
    const Freezer *self = context;

    return ioctl(self->prepared.mounts[index], FITHAW, 0) == 0 ? 0 : errno;
}

static int64_t
op_writes(void *context, uint32_t index)
{
    const Freezer *self = context;

    return lull_counter_read(self->prepared.counters[index]);
}

static void
arm(Freezer *self, int64_t deadline)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = deadline / 1000000, .tv_nsec = deadline % 1000000 * 1000},
    };

    /* Never disarmed: the watcher may look at a hold that the freezing thread is just beginning, and a turn
     * too many costs nothing. */
    if (deadline > 0)
        (void)timerfd_settime(self->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
op_mark(void *context, uint32_t index, LullHoldMark mark)
{
    const Freezer *self = context;
    const char byte = (char)('0' + mark);

    if (self->marker >= 0)
        (void)!pwrite(self->marker, &byte, 1, index);
}

/* The record of it stands behind those of the mounts, and is there whenever the switch may be on. */
static void
op_expedite(void *context, bool on)
{
    Freezer *self = context;

    if (self->expedite < 0)
        return;
    if (on)
        op_mark(self, self->hold->n_mounts, LULL_MARK_FREEZING);
    lull_expedite_set(self->expedite, on);
    if (!on)
        op_mark(self, self->hold->n_mounts, LULL_MARK_FREE);
}

/* What the agent has thawed is written down here, since it does not hold the lock. */
static void
mark_free(Freezer *self)
{
    for (uint32_t i = 0; i < self->hold->n_mounts; i++)
        op_mark(self, i, LULL_MARK_FREE);
}

static void
op_armed(void *context)
{
    Freezer *self = context;

    arm(self, lull_hold_deadline(self->hold));
}

static void op_spread(void *context, uint32_t level);

static const LullHoldOps ops = {
    .now = op_now,
    .freeze = op_freeze,
    .thaw = op_thaw,
    .writes = op_writes,
    .armed = op_armed,
    .mark = op_mark,
    .step = lull_step,
    .expedite = op_expedite,
    .spread = op_spread,
};

/* -- freezing thread and its hands --------------------------------------------------------------- */

static void
sync_one(void *context, uint32_t index)
{
    const Freezer *self = context;

    lull_prepare_sync(self->hold, &self->prepared, index);
}

/* How each of them begins: syncing, until all is, and then behind bars. */
static void
start_caged(Freezer *self)
{
    const uint64_t one = 1;
    uint64_t built;

    lull_sync_run(&self->sync);
    while (read(self->cage, &built, sizeof built) != (ssize_t)sizeof built)
        continue;
    if (!lull_cage_close(&self->freezing))
        atomic_store(&self->worker_error, errno);
    (void)!write(self->done, &one, sizeof one);
}

static void
op_spread(void *context, uint32_t level)
{
    Freezer *self = context;
    uint64_t back = 0;

    self->level = level;
    if (self->n_hands)
        (void)!write(self->call, &self->n_hands, sizeof self->n_hands);
    lull_hold_freeze_level(self->hold, level, &ops, self);
    for (uint64_t some; back < self->n_hands; back += some) {
        if (read(self->back, &some, sizeof some) != (ssize_t)sizeof some)
            some = 0;
    }
}

static void *
hand_main(void *data)
{
    Freezer *self = data;
    const uint64_t one = 1;
    uint64_t call;

    start_caged(self);
    for (;;) {
        if (read(self->call, &call, sizeof call) != (ssize_t)sizeof call)
            continue;
        lull_hold_freeze_level(self->hold, self->level, &ops, self);
        (void)!write(self->back, &one, sizeof one);
    }
    return NULL;
}

static void *
worker_main(void *data)
{
    Freezer *self = data;
    const uint64_t one = 1;
    uint64_t kicks;

    start_caged(self);
    for (;;) {
        if (read(self->work, &kicks, sizeof kicks) != (ssize_t)sizeof kicks)
            continue;
        lull_hold_freeze(self->hold, &ops, self);
        lull_hold_verify(self->hold, &ops, self);
        atomic_fetch_add(&self->handled, kicks);
        (void)!write(self->done, &one, sizeof one);
    }
    return NULL;
}

static void
kick(Freezer *self)
{
    const uint64_t one = 1;

    atomic_fetch_add(&self->kicked, 1);
    (void)!write(self->work, &one, sizeof one);
}

static bool
worker_is_idle(Freezer *self)
{
    return atomic_load(&self->kicked) == atomic_load(&self->handled);
}

/* -- watcher ------------------------------------------------------------------------------------ */

static void
tell(Freezer *self, LullWireMessage message)
{
    /* Never waits: an agent that does not read finds the same in the table. */
    (void)!send(self->socket, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
tell_kind(Freezer *self, LullWireKind kind)
{
    tell(self, (LullWireMessage){.kind = kind});
}

static int64_t
patience_ends(Freezer *self)
{
    const int64_t ended = atomic_load(&self->hold->ended_at);
    const int64_t thawed = atomic_load(&self->hold->thawed_at);

    return (thawed > ended ? thawed : ended) + PATIENCE_USEC;
}

/* It is over: everything thawed, or only what the kernel does not give back yet is missing. */
static bool
is_over(Freezer *self, int64_t now)
{
    return lull_hold_phase(self->hold) == LULL_HOLD_ENDED &&
           (lull_hold_settled(self->hold) || now >= patience_ends(self));
}

static void
report(Freezer *self, int64_t now)
{
    if (self->freeze_asked && !self->freeze_answered) {
        if (lull_hold_went_through(self->hold)) {
            self->freeze_answered = self->was_frozen = true;
            tell_kind(self, LULL_WIRE_FROZEN);
        } else if (is_over(self, now)) {
            self->freeze_answered = true;
            tell_kind(self, LULL_WIRE_FREEZE_FAILED);
        }
    }
    if (!self->thaw_answered && (self->was_frozen || self->thaw_asked) && is_over(self, now)) {
        self->thaw_answered = true;
        tell_kind(self, LULL_WIRE_THAWED);
    }
}

static void
obey(Freezer *self, const LullWireMessage *message)
{
    switch ((LullWireKind)message->kind) {
    case LULL_WIRE_FREEZE:
        if (self->freeze_asked)
            break;
        self->freeze_asked = true;
        atomic_store(&self->hold->strict, message->strict);
        atomic_store(&self->hold->lease_usec, message->lease_usec);
        atomic_store(&self->hold->within_usec, message->within_usec);
        kick(self);
        break;
    case LULL_WIRE_THAW:
        self->thaw_asked = true;
        (void)lull_hold_end(self->hold, LULL_HOLD_REASON_ASKED, lull_clock_boottime());
        kick(self);
        break;
    case LULL_WIRE_RENEWED: /* the turn that follows looks at the lease */
    case LULL_WIRE_NONE:
    case LULL_WIRE_DESCRIPTORS:
    case LULL_WIRE_PREPARED:
    case LULL_WIRE_FROZEN:
    case LULL_WIRE_FREEZE_FAILED:
    case LULL_WIRE_THAWED:
    case LULL_WIRE_REFUSED:
        break;
    }
}

static void
listen_to_agent(Freezer *self)
{
    LullWireMessage message;
    const ssize_t n = recv(self->socket, &message, sizeof message, MSG_DONTWAIT);

    if (n == (ssize_t)sizeof message)
        obey(self, &message);
    else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        self->peer_gone = true;
}

/* It has verified and is thawing. Two at it would only double the number of file systems that a kill could
 * hit in the middle of a FITHAW, which btrfs does not survive (README.md). */
static bool
worker_thaws(Freezer *self, int64_t now)
{
    return lull_hold_phase(self->hold) == LULL_HOLD_ENDED &&
           lull_hold_reason(self->hold) == LULL_HOLD_REASON_NONE && !worker_is_idle(self) &&
           now < atomic_load(&self->hold->ended_at) + STAND_IN_USEC;
}

/* One look at everything; true when there is nothing left to live for. */
static bool
turn(Freezer *self)
{
    const int64_t now = lull_clock_boottime();
    int64_t deadline;

    if (self->peer_gone)
        (void)lull_hold_end(self->hold, LULL_HOLD_REASON_AGENT, now);
    if (lull_hold_watch(self->hold, now)) {
        if (!worker_thaws(self, now))
            lull_hold_release(self->hold, LULL_HOLD_SIDE_FREEZER, self->peer_gone, &ops, self);
        if (lull_hold_settled(self->hold))
            mark_free(self);
    }
    report(self, lull_clock_boottime());
    if (self->peer_gone && lull_hold_settled(self->hold) && worker_is_idle(self))
        return true;

    deadline = lull_hold_deadline(self->hold);
    if (lull_hold_phase(self->hold) == LULL_HOLD_ENDED && !lull_hold_settled(self->hold))
        deadline = is_over(self, now) ? now + RETRY_USEC : patience_ends(self);
    if (worker_thaws(self, now))
        deadline = atomic_load(&self->hold->ended_at) + STAND_IN_USEC;
    arm(self, deadline);
    return false;
}

static void
watch(Freezer *self)
{
    uint64_t count;

    do {
        struct pollfd fds[] = {
            {.fd = self->peer_gone ? -1 : self->socket, .events = POLLIN},
            {.fd = self->timer, .events = POLLIN},
            {.fd = self->done, .events = POLLIN},
        };

        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[1].revents)
            (void)!read(self->timer, &count, sizeof count);
        if (fds[2].revents)
            (void)!read(self->done, &count, sizeof count);
        if (fds[0].revents)
            listen_to_agent(self);
    } while (!turn(self));
}

/* -- start -------------------------------------------------------------------------------------- */

static void
refuse(Freezer *self, LullWireRefusal what, int error)
{
    tell(self, (LullWireMessage){.kind = LULL_WIRE_REFUSED, .what = what, .error = error});
    _exit(EXIT_FAILURE);
}

static void
close_inherited(void)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    DIR *open_now = opendir("/proc/self/fd");

    for (int fd = 0; fd < LULL_WIRE_FD_SOCKET && null >= 0; fd++)
        (void)dup2(null, fd);
    for (const struct dirent *entry = open_now ? readdir(open_now) : NULL; entry; entry = readdir(open_now)) {
        const int fd = atoi(entry->d_name);

        if (fd >= LULL_WIRE_FD_FIRST_FREE && fd != dirfd(open_now))
            (void)close(fd);
    }
    if (open_now)
        (void)closedir(open_now);
}

static void
leave_the_crowd(void)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGQUIT};

    /* A service manager or a terminal that ends the agent signals its whole group. What ends this process is
     * the agent's end of file, after the thaw. */
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_IGN);
    (void)setsid();
    (void)!chdir("/");
}

/* Takes the marker over under an open file description of this process alone, so that its lock ends
 * exactly with it. */
static bool
take_marker(Freezer *self)
{
    char path[sizeof "/proc/self/fd/" + 12];
    int fd;

    if (self->marker < 0)
        return true;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", LULL_WIRE_FD_MARKER);
    fd = open(path, O_RDWR | O_CLOEXEC);
    self->marker = fd >= 0 ? fd : LULL_WIRE_FD_MARKER;

    /* The freezer of the operation before may be on its way out. */
    for (int waited = 0; flock(self->marker, LOCK_EX | LOCK_NB) < 0; waited += MARKER_PAUSE_USEC) {
        if (waited >= MARKER_WAIT_USEC)
            return false;
        (void)usleep(MARKER_PAUSE_USEC);
    }
    /* Only now is what an earlier operation wrote of no use to anybody. */
    if (ftruncate(self->marker, 0) < 0)
        return false;
    mark_free(self);
    return true;
}

static bool
start_thread(Freezer *self, void *(*thread_main)(void *))
{
    pthread_attr_t attr;
    pthread_t thread;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, WORKER_STACK);
    errno = pthread_create(&thread, &attr, thread_main, self);
    (void)pthread_attr_destroy(&attr);
    return errno == 0;
}

static bool
start_threads(Freezer *self)
{
    bool started = start_thread(self, worker_main);

    while (started && self->n_hands < HANDS && self->n_hands + 1 < self->hold->n_mounts) {
        started = start_thread(self, hand_main);
        self->n_hands += started;
    }
    return started;
}

/* Comes back when all is synced and each thread stands behind its filter. */
static void
cage_threads(Freezer *self)
{
    const uint64_t n_threads = self->n_hands + 1;
    uint64_t n_caged = 0;

    (void)!write(self->cage, &n_threads, sizeof n_threads);
    for (uint64_t some; n_caged < n_threads; n_caged += some) {
        if (read(self->done, &some, sizeof some) != (ssize_t)sizeof some)
            some = 0;
    }
}

static bool
open_own(Freezer *self)
{
    self->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    self->work = eventfd(0, EFD_CLOEXEC);
    self->done = eventfd(0, EFD_CLOEXEC);
    self->call = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    self->back = eventfd(0, EFD_CLOEXEC);
    self->cage = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    return self->timer >= 0 && self->work >= 0 && self->done >= 0 && self->call >= 0 && self->back >= 0 &&
           self->cage >= 0;
}

static void
prepare(Freezer *self)
{
    LullCage watching;

    if (!take_marker(self))
        refuse(self, LULL_WIRE_REFUSED_MARKER, errno);
    if (!open_own(self))
        refuse(self, LULL_WIRE_REFUSED_THREAD, errno);

    self->expedite = lull_expedite_open(LULL_EXPEDITE_PATH);
    if (!lull_prepare_open(self->hold, &self->prepared))
        refuse(self, LULL_WIRE_REFUSED_MEMORY, ENOMEM);
    lull_step(LULL_STEP_FREEZER_OPENED);
    if (!lull_descriptors_send(self->socket, self->prepared.mounts, self->hold->n_mounts))
        _exit(EXIT_FAILURE);

    /* They wait for disks, which leaves the processor to what comes next. */
    lull_sync_init(&self->sync, self->hold, sync_one, self);
    if (!start_threads(self))
        refuse(self, LULL_WIRE_REFUSED_THREAD, errno);
    if (!lull_cage_lock_memory())
        refuse(self, LULL_WIRE_REFUSED_MEMORY, errno);
    if (!lull_cage_build(true, &self->freezing) || !lull_cage_build(false, &watching))
        refuse(self, LULL_WIRE_REFUSED_FILTER, errno);
    cage_threads(self);
    if (atomic_load(&self->worker_error))
        refuse(self, LULL_WIRE_REFUSED_FILTER, atomic_load(&self->worker_error));
    lull_step(LULL_STEP_FREEZER_SYNCED);
    if (!lull_cage_close(&watching))
        refuse(self, LULL_WIRE_REFUSED_FILTER, errno);
}

static bool
is_seqpacket(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int
main(void)
{
    Freezer self = {.socket = LULL_WIRE_FD_SOCKET};

    if (!is_seqpacket(LULL_WIRE_FD_SOCKET)) {
        (void)fprintf(stderr, "lull-freezer: it is started by lull-agent, not by hand\n");
        return 2;
    }
    if (!lull_step_arm(getenv(LULL_STEP_VARIABLE))) {
        (void)fprintf(stderr, "lull-freezer: " LULL_STEP_VARIABLE ": there is no such step\n");
        return 2;
    }
    self.hold = lull_table_map(LULL_WIRE_FD_TABLE);
    if (!self.hold) {
        (void)fprintf(stderr, "lull-freezer: the agent's table cannot be used: %s\n", strerror(errno));
        return 2;
    }
    /* Looked at before anything else here can get that number. */
    self.marker = fcntl(LULL_WIRE_FD_MARKER, F_GETFD) < 0 ? -1 : LULL_WIRE_FD_MARKER;
    close_inherited();
    leave_the_crowd();
    prepare(&self);
    tell_kind(&self, LULL_WIRE_PREPARED);
    watch(&self);
    _exit(EXIT_SUCCESS);
}
