/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/doctor/facts.h"
#include "coordinator/store/client/client.h"

G_BEGIN_DECLS

/* Gathers facts, and changes nothing: not on the host, not in a guest. A guest that an operation is under way
 * in is not asked anything. */

typedef struct {
    const char *socket;    /* of the coordinator */
    const char *uri;       /* of libvirt; NULL: the coordinator's, else the usual one */
    const char *usual_uri; /* of libvirt, where nobody says another */
    const char *state_dir; /* of the coordinator */
    char *const *vms;      /* by the API's names, NULL-terminated; NULL: all */
} LullDoctorPlaces;

/* NOT_FOUND: a machine that was named is not there. Everything else that goes wrong is a fact. */
LullFacts *lull_doctor_look(const LullDoctorPlaces *places, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Its part in libvirt and the guests. @objects: VirtualMachines as the coordinator has them, NULL where it
 * does not answer. */
void lull_doctor_look_at_libvirt(LullFacts *facts, const LullDoctorPlaces *places, LullJson *objects);

G_END_DECLS
