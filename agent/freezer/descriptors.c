/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(LULL_WIRE_BATCH * sizeof(int))];
} Control;

static bool
send_batch(int socket, const int *fds, uint32_t first, uint32_t count)
{
    LullWireMessage message = {.kind = LULL_WIRE_DESCRIPTORS, .first = first, .count = count};
    struct iovec iov = {.iov_base = &message, .iov_len = sizeof message};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    Control control = {0};
    int sent[LULL_WIRE_BATCH];
    size_t n_sent = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (fds[first + i] < 0)
            continue;
        message.present[i / 8] |= (uint8_t)(1u << (i % 8));
        sent[n_sent++] = fds[first + i];
    }
    if (n_sent > 0) {
        struct cmsghdr *cmsg;

        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(n_sent * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n_sent * sizeof(int));
        memcpy(CMSG_DATA(cmsg), sent, n_sent * sizeof(int));
    }
    return sendmsg(socket, &header, MSG_NOSIGNAL) == (ssize_t)sizeof message;
}

bool
lull_descriptors_send(int socket, const int *fds, uint32_t n)
{
    for (uint32_t first = 0; first < n; first += LULL_WIRE_BATCH) {
        const uint32_t left = n - first;

        if (!send_batch(socket, fds, first, left < LULL_WIRE_BATCH ? left : LULL_WIRE_BATCH))
            return false;
    }
    return true;
}

/* Puts the @n_came descriptors of one message into their places; closes what has none. */
static void
put_in_place(const LullWireMessage *message, const int *came, size_t n_came, int *fds, uint32_t n)
{
    size_t used = 0;

    for (uint32_t i = 0; i < message->count && i < LULL_WIRE_BATCH && used < n_came; i++) {
        const uint64_t index = (uint64_t)message->first + i;

        if ((message->present[i / 8] & 1u << i % 8) && index < n && fds[index] < 0)
            fds[index] = came[used++];
    }
    while (used < n_came)
        (void)close(came[used++]);
}

int
lull_descriptors_receive(int socket, LullWireMessage *ret_message, int *fds, uint32_t n)
{
    struct iovec iov = {.iov_base = ret_message, .iov_len = sizeof *ret_message};
    Control control;
    struct msghdr header = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    const struct cmsghdr *cmsg;
    int came[LULL_WIRE_BATCH];
    size_t n_came = 0;
    ssize_t size;

    *ret_message = (LullWireMessage){0};
    size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size <= 0)
        return (int)size;
    cmsg = CMSG_FIRSTHDR(&header);
    if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
        n_came = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(came, CMSG_DATA(cmsg), n_came * sizeof(int));
    }
    if (size != (ssize_t)sizeof *ret_message || ret_message->kind != LULL_WIRE_DESCRIPTORS)
        n = 0;
    put_in_place(ret_message, came, n_came, fds, n);
    if (size == (ssize_t)sizeof *ret_message)
        return 1;
    errno = EPROTO;
    return -1;
}
