/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/cage.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_IN_USE (32 * 1024) /* far more than the deepest call after this */
#define PAGE_AT_MOST 4096

static const char *const allowed[] = {
    "read",         "write",        "pread64",        "pwrite64",        "poll",
    "ppoll",        "ppoll_time64", "recvmsg",        "recvfrom",        "recv",
    "sendmsg",      "sendto",       "send",           "timerfd_settime", "timerfd_settime64",
    "futex",        "futex_time64", "clock_gettime",  "clock_gettime64", "exit",
    "getpid",       "gettid",       "exit_group",     "munmap",          "restart_syscall",
    "rt_sigreturn", "sigreturn",    "rt_sigprocmask",
};

static void __attribute__((noinline)) touch_stack(void)
{
    volatile char stack[STACK_IN_USE];

    for (size_t i = 0; i < sizeof stack; i += PAGE_AT_MOST)
        stack[i] = 0;
}

bool
lull_cage_lock_memory(void)
{
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

    /* The thread that is started later needs locked memory too, when the capability is gone. */
    (void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        return false;
    touch_stack();
    return true;
}

/* FIFREEZE and FITHAW ask for CAP_SYS_ADMIN. The rest goes. */
static bool
keep_one_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    data[0].effective = data[0].permitted = 1u << CAP_SYS_ADMIN;
    return syscall(SYS_capset, &header, data) == 0;
}

static int
allow_ioctl(scmp_filter_ctx filter, uint32_t request)
{
    /* The kernel looks at 32 bits of it only. */
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, request));
}

static int
fill(scmp_filter_ctx filter, bool may_freeze)
{
    int r = allow_ioctl(filter, (uint32_t)FITHAW);

    if (r == 0 && may_freeze)
        r = allow_ioctl(filter, (uint32_t)FIFREEZE);
    /* A step that a test has armed signals its own thread. */
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    for (size_t i = 0; r == 0 && i < sizeof allowed / sizeof *allowed; i++) {
        const int number = seccomp_syscall_resolve_name(allowed[i]);

        /* Not every architecture has every one of them. A negative number is one all the same where the
         * call is made through socketcall (i386, s390x, ppc64le): adding the rule resolves it. */
        if (number != __NR_SCMP_ERROR)
            r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    }
    return r;
}

/* As many bytes as the memory file @fd has, which are the filter's. */
static bool
read_program(int fd, LullCage *ret_cage)
{
    const off_t size = lseek(fd, 0, SEEK_END);
    struct sock_filter *filter = size > 0 ? malloc((size_t)size) : NULL;

    if (!filter || pread(fd, filter, (size_t)size, 0) != size) {
        free(filter);
        return false;
    }
    ret_cage->program = (struct sock_fprog){(unsigned short)((size_t)size / sizeof *filter), filter};
    return true;
}

bool
lull_cage_build(bool may_freeze, LullCage *ret_cage)
{
    const int fd = memfd_create("lull-cage", MFD_CLOEXEC);
    /* A call that is not foreseen fails and the thread goes on: killing the process instead would take one
     * of the two dead men away at the moment they are for, to punish a mistake of our own. Whoever
     * had taken this process over could do no more than freeze and thaw with either. ENOSYS, since it is
     * what makes libc fall back to the call that it used before. */
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int r = fd < 0 ? -errno : filter ? fill(filter, may_freeze) : -ENOMEM;

    if (r == 0)
        r = seccomp_export_bpf(filter, fd);
    if (r == 0 && !read_program(fd, ret_cage))
        r = -ENOMEM;
    if (filter)
        seccomp_release(filter);
    if (fd >= 0)
        (void)close(fd);
    errno = -r;
    return r == 0;
}

bool
lull_cage_close(const LullCage *cage)
{
    return keep_one_capability() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &cage->program, 0, 0) == 0;
}
