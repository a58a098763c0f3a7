/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/pace.h"

#include "protocol/clock.h"

#define SHORTEST LULL_MSEC(4)
#define LONGEST  LULL_MSEC(250)
#define PART     4 /* of the time so far */

gint64
lull_pace_pause(gint64 waited_usec)
{
    return CLAMP(waited_usec / PART, SHORTEST, LONGEST);
}
