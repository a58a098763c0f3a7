/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/instances.h"
#include "coordinator/guest/link.h"

G_BEGIN_DECLS

/* Between host.c, launchers.c, events.c, link.c, line.c, hold*.c and vm-mark.c. */

/* The host that has the machine @uid, held until lull_host_let_go(), which takes NULL too: of a node it is
 * its launcher's, opened where that is not yet; any other is it itself. A line or hold has one. */
LullHost *lull_host_reach(LullHost *self, const char *uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_host_let_go(LullHost *reached);

/* The domain's uuid, of the machine whose uid is @uid. */
const char *lull_host_domain_uuid(const LullHost *self, const char *uid);

const LullFreezeApi *lull_host_freeze_api(const LullHost *self); /* NULL: none was set */

gboolean lull_host_is_launcher(const LullHost *self);

/* Of a node: @over is cancelled as soon as @vm is about to leave the place that it was found at, or has.
 * NULL: nobody tells that. */
LullStay *
lull_host_watch_stay(LullHost *self, const LullVm *vm, GCancellable *over) G_GNUC_WARN_UNUSED_RESULT;

/* Of a node: where the kubelet has the pod that @vm was found in. NULL: it is none, or the machine is off. */
char *lull_host_pod_directory(const LullHost *self, const LullVm *vm) G_GNUC_WARN_UNUSED_RESULT;

/* UNSUPPORTED: it is a node, with as many libvirts as machines. */
gboolean lull_host_check_single(const LullHost *self, GError **error);

/* Of launchers.c: a libvirt that must have one domain and is there for that only, called so (NULL: any name)
 * and with that uuid (NULL: any). DENIED: it has another one. @keeper is told when it is reached and let go.
 */
typedef struct _LullLaunchers LullLaunchers;
LullHost *lull_host_open_launcher(const char *uri, const char *domain, const char *domain_uuid,
                                  LullLaunchers *keeper, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The VM of such a libvirt's domain, as it runs: what it is defined as, a cluster knows. Read is no more than
 * a machine with hundreds of disks has, since a document takes many times its room where it is read. */
#define LULL_LAUNCHER_XML_MAX (256 * 1024)
LullVm *lull_vm_from_launcher(LullDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Opens a connection with keep-alive. */
virConnectPtr lull_host_connect(LullHost *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lull_host_close_idle(LullHost *self);

/* The pool: NULL where nothing is idle; FALSE where there are @max already. */
virConnectPtr lull_host_take_idle(LullHost *self);
gboolean lull_host_give_idle(LullHost *self, virConnectPtr connection, guint max);

LullHost *lull_host_ref(LullHost *self);
void lull_host_unref(gpointer self);

/* How often libvirt was found, at the start and whenever it came back; 0 while it is away. */
guint64 lull_host_times_found(LullHost *self);

/* Told by libvirt's callbacks, on the event loop's thread: they must not block. */
typedef enum { LULL_NOTE_CHANGED = 0, LULL_NOTE_LIFECYCLE, LULL_NOTE_AGENT } LullNote;
void lull_host_note(LullHost *self, virDomainPtr domain, LullNote note);
void lull_host_note_terminated(LullHost *self, virDomainPtr domain, gboolean terminated);
void lull_host_note_closed(LullHost *self);

/* One that runs loses the mark of lull_domain_mark_restored(): its disks are its own again. Returns at once,
 * since the change waits for whatever else is done to the domain; where it fails, it is asked for again with
 * the domain's next event, and meanwhile the domain is only trusted less. */
void lull_host_unmark(LullHost *self, const char *uid);
/* Around that. FALSE: somebody does it already, and the domain is looked at again when he is done. */
gboolean lull_host_note_unmarking(LullHost *self, const char *uid);
void lull_host_note_unmarked(LullHost *self, const char *uid);

/* Starts libvirt's event loop on a thread of its own, once for the process: libvirt has only one. Before the
 * first connection. */
gboolean lull_events_start(GError **error);

/* Subscribes @host to everything it wants to know from @connection; callbacks hold references on it.
 * @ids takes what unsubscribing needs: a connection with callbacks is never freed. */
gboolean lull_events_subscribe(LullHost *host, virConnectPtr connection, GArray *ids, GError **error);
void lull_events_unsubscribe(virConnectPtr connection, GArray *ids);

G_END_DECLS
