/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The least that a program can do that wants to know what happens to domains: libvirt's events, and nothing
 * else. What the coordinator uses while nothing happens is compared with it.
 *
 * usage: bench-events URI   says "ready" and goes on until it is killed */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>

static int
on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *opaque)
{
    return 0;
}

static void
on_agent(virConnectPtr connection, virDomainPtr domain, int state, int reason, void *opaque)
{
}

int
main(int argc, char **argv)
{
    virConnectPtr connection = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: bench-events URI\n");
        return 2;
    }
    if (virEventRegisterDefaultImpl() < 0 || !(connection = virConnectOpenReadOnly(argv[1])))
        return EXIT_FAILURE;
    if (virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL, NULL) < 0)
        return EXIT_FAILURE;
    /* Not every driver has these. */
    (void)virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
                                           VIR_DOMAIN_EVENT_CALLBACK(on_agent), NULL, NULL);
    (void)virConnectSetKeepAlive(connection, 5, 3);
    printf("ready\n");
    (void)fflush(stdout);
    while (virEventRunDefaultImpl() == 0)
        continue;
    return EXIT_FAILURE;
}
