/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/freezer/wire.h"

/* Mount points travel as descriptors, in batches of LULL_WIRE_BATCH, each with the message that says whose
 * they are. Arrays are as long as the plan, -1 where there is no descriptor. */

/* Sends all of @fds. False with errno; may wait for the reader. */
bool lull_descriptors_send(int socket, const int *fds, uint32_t n);

/* Receives one message, whatever its kind, without waiting, and puts descriptors that came with it into
 * their places in @fds. 1: a message; 0: end of file; -1 with errno (EAGAIN: none yet, EPROTO: not one of
 * ours). No allocation. */
int lull_descriptors_receive(int socket, LullWireMessage *ret_message, int *fds, uint32_t n);
