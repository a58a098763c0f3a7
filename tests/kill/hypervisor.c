/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <linux/fs.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What libvirt's mock host lacks of a hypervisor, loaded in front of libvirt (LD_PRELOAD) by a coordinator
 * that is otherwise as it ships: the size of disks, their write counters, and backup jobs. A "guest" is
 * whatever has the disks' images mounted from loop devices; its counters are the kernel's. As with a real
 * one, the cut is the return of virDomainBackupBegin(), and what shows the disks as they were then is another
 * process, QEMU's own storage daemon, which outlives the coordinator.
 *
 * Of each machine there is a folder $LULL_HYPERVISOR/NAME:
 *   disks      lines "TARGET FILE", the kernel's figures of a block device being in FILE
 *   wait       while it is there, a cut waits (a while), with all that it has to do still before it
 *   waiting    there while one waits
 *   job.xml    there while a job runs
 *   job.pid    its process
 *   cuts       a line for each cut: begin and end on the boot clock, in microseconds
 *   TARGET.cut what is shown */

#define WRITTEN_FIELD 7 /* of the kernel's figures of a block device */

#define WAIT_USEC  (30 * G_USEC_PER_SEC) /* at most, for a test that went */
#define PAUSE_USEC 2000

typedef struct {
    char *target; /* "vda" */
    char *source; /* its image */
    char *backup; /* what is said of it in a backup job: "yes"; NULL: nothing */
} Disk;

__attribute__((constructor)) static void
stay_out_of_children(void)
{
    (void)unsetenv("LD_PRELOAD");
}

static char *
path_of(virDomainPtr domain, const char *name)
{
    return g_build_filename(g_getenv("LULL_HYPERVISOR"), virDomainGetName(domain), name, NULL);
}

static gboolean
is_there(virDomainPtr domain, const char *name)
{
    g_autofree char *path = path_of(domain, name);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void
unlink_named(virDomainPtr domain, const char *name)
{
    g_autofree char *path = path_of(domain, name);

    (void)g_unlink(path);
}

/* Errors of libvirt can be made by libvirt only: one is, and says something else then. */
static int
fail(virErrorNumber code, const char *message)
{
    virErrorPtr error;

    (void)virConnectGetVersion(NULL, NULL);
    error = virGetLastError();
    if (error) {
        error->code = code;
        free(error->message);
        error->message = strdup(message);
    }
    return -1;
}

static gint64
boottime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void
disk_free(gpointer data)
{
    Disk *disk = data;

    g_free(disk->target);
    g_free(disk->source);
    g_free(disk->backup);
    g_free(disk);
}

/* One string out of an XML document; NULL: not in it. */
static char *
evaluate(xmlXPathContext *context, const char *before, const char *target, const char *after)
{
    g_autofree char *expression = g_strconcat(before, "'", target, "'", after, NULL);
    xmlXPathObject *object = xmlXPathEvalExpression((const xmlChar *)expression, context);
    xmlChar *text = object ? xmlXPathCastToString(object) : NULL;
    char *found = text && *text ? g_strdup((const char *)text) : NULL;

    xmlFree(text);
    xmlXPathFreeObject(object);
    return found;
}

static xmlXPathContext *
context_of(const char *xml, xmlDoc **ret_doc)
{
    *ret_doc = xmlReadMemory(xml, (int)strlen(xml), "xml", NULL, XML_PARSE_NONET);
    return xmlXPathNewContext(*ret_doc);
}

static GPtrArray *
read_disks(virDomainPtr domain, const char *backup_xml)
{
    GPtrArray *disks = g_ptr_array_new_with_free_func(disk_free);
    char *xml = virDomainGetXMLDesc(domain, 0);
    xmlDoc *docs[2];
    xmlXPathContext *context = context_of(xml, &docs[0]);
    xmlXPathContext *backup = context_of(backup_xml ? backup_xml : "<none/>", &docs[1]);

    for (char letter = 'a'; letter <= 'z'; letter++) {
        Disk *disk = g_new0(Disk, 1);

        disk->target = g_strdup_printf("vd%c", letter);
        disk->source = evaluate(context, "//disk[target/@dev=", disk->target, "]/source/@file");
        disk->backup = evaluate(backup, "//disk[@name=", disk->target, "]/@backup");
        g_ptr_array_add(disks, disk);
        if (!disk->source)
            g_ptr_array_set_size(disks, (int)disks->len - 1);
    }
    xmlXPathFreeContext(context);
    xmlXPathFreeContext(backup);
    xmlFreeDoc(docs[0]);
    xmlFreeDoc(docs[1]);
    free(xml);
    return disks;
}

int
virDomainGetBlockInfo(virDomainPtr domain, const char *name, virDomainBlockInfoPtr info, unsigned int flags)
{
    g_autoptr(GPtrArray) disks = read_disks(domain, NULL);

    for (guint i = 0; i < disks->len; i++) {
        const Disk *disk = disks->pdata[i];
        struct stat st;

        if (!g_str_equal(disk->target, name) || stat(disk->source, &st) < 0)
            continue;
        *info = (virDomainBlockInfo){(guint64)st.st_size, (guint64)st.st_blocks * 512, (guint64)st.st_size};
        return 0;
    }
    return fail(VIR_ERR_INVALID_ARG, "no such disk");
}

/* The sectors written to a device. The kernel counts them before it tells the writer; requests it counts
 * after that, so that the last one may seem to have come while all was frozen. */
static gboolean
add_sectors(const char *path, guint64 *ret_sum)
{
    g_autofree char *text = NULL;
    guint64 sectors = 0;
    char *at = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    at = text;
    for (guint i = 0; i < WRITTEN_FIELD; i++)
        sectors = g_ascii_strtoull(at, &at, 10);
    *ret_sum += sectors;
    return TRUE;
}

int
virDomainBlockStatsFlags(virDomainPtr domain, const char *disk, virTypedParameterPtr params, int *nparams,
                         unsigned int flags)
{
    static const char *const names[] = {VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES,
                                        VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ};
    g_autofree char *path = path_of(domain, "disks");
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    guint64 sum = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL) || *nparams < 3)
        return fail(VIR_ERR_OPERATION_FAILED, "no counters");
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 2);

        if ((!*disk || g_str_equal(disk, words[0])) && !add_sectors(words[1], &sum))
            return fail(VIR_ERR_OPERATION_FAILED, "no counters");
    }
    for (guint i = 0; i < 3; i++) {
        g_strlcpy(params[i].field, names[i], VIR_TYPED_PARAM_FIELD_LENGTH);
        params[i].type = VIR_TYPED_PARAM_LLONG;
        params[i].value.l = i == 2 ? 0 : (long long)sum;
    }
    *nparams = 3;
    return 0;
}

/* As it is at one instant, whoever writes to it. */
static gboolean
clone_image(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const gboolean ok = in >= 0 && out >= 0 && ioctl(out, FICLONE, in) == 0;

    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return ok;
}

/* And what the daemon is told of it. */
static gboolean
cut_disk(virDomainPtr domain, const Disk *disk, GPtrArray *argv)
{
    g_autofree char *name = g_strconcat(disk->target, ".cut", NULL);
    g_autofree char *path = path_of(domain, name);

    g_ptr_array_add(argv, g_strdup("--blockdev"));
    g_ptr_array_add(argv,
                    g_strdup_printf("driver=file,node-name=%s,filename=%s,read-only=on", disk->target, path));
    g_ptr_array_add(argv, g_strdup("--export"));
    g_ptr_array_add(argv, g_strdup_printf("type=nbd,id=%s,node-name=%s,name=%s", disk->target, disk->target,
                                          disk->target));
    return clone_image(disk->source, path);
}

static gboolean
cut_all(virDomainPtr domain, const GPtrArray *disks, GPtrArray *argv)
{
    g_autofree char *log = path_of(domain, "cuts");
    const gint64 begun = boottime();
    FILE *file = NULL;

    for (guint i = 0; i < disks->len; i++) {
        const Disk *disk = disks->pdata[i];

        if (g_strcmp0(disk->backup, "yes") == 0 && !cut_disk(domain, disk, argv))
            return FALSE;
    }
    file = fopen(log, "ae");
    if (!file)
        return FALSE;
    (void)fprintf(file, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", begun, boottime());
    return fclose(file) == 0;
}

/* Storage that takes its time. */
static void
wait_while_told(virDomainPtr domain)
{
    const gint64 until = g_get_monotonic_time() + WAIT_USEC;
    g_autofree char *waiting = path_of(domain, "waiting");

    if (is_there(domain, "wait"))
        (void)g_file_set_contents(waiting, "", 0, NULL);
    while (is_there(domain, "wait") && g_get_monotonic_time() < until)
        g_usleep(PAUSE_USEC);
    unlink_named(domain, "waiting");
}

/* Returns when it listens. */
static gboolean
show(GPtrArray *argv)
{
    int status = 0;

    g_ptr_array_add(argv, NULL);
    return g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                        &status, NULL) &&
           status == 0;
}

int
virDomainBackupBegin(virDomainPtr domain, const char *backup_xml, const char *checkpoint_xml,
                     unsigned int flags)
{
    g_autoptr(GPtrArray) disks = read_disks(domain, backup_xml);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *job = path_of(domain, "job.xml");
    g_autofree char *pid_file = path_of(domain, "job.pid");
    xmlDoc *doc;
    xmlXPathContext *context = context_of(backup_xml, &doc);
    g_autofree char *socket = evaluate(context, "//server[@transport=", "unix", "]/@socket");

    xmlXPathFreeContext(context);
    xmlFreeDoc(doc);
    if (checkpoint_xml)
        return fail(VIR_ERR_OPERATION_UNSUPPORTED, "no checkpoints here");
    if (is_there(domain, "job.xml"))
        return fail(VIR_ERR_OPERATION_INVALID, "there is a backup job already");
    g_ptr_array_add(argv, g_strdup("qemu-storage-daemon"));
    g_ptr_array_add(argv, g_strdup("--daemonize"));
    g_ptr_array_add(argv, g_strdup("--pidfile"));
    g_ptr_array_add(argv, g_strdup(pid_file));
    g_ptr_array_add(argv, g_strdup("--nbd-server"));
    g_ptr_array_add(argv, g_strdup_printf("addr.type=unix,addr.path=%s,max-connections=0", socket));
    wait_while_told(domain);
    if (!cut_all(domain, disks, argv) || !show(argv) || !g_file_set_contents(job, backup_xml, -1, NULL))
        return fail(VIR_ERR_OPERATION_FAILED, "the disks could not be cut");
    return 0;
}

char *
virDomainBackupGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    g_autofree char *path = path_of(domain, "job.xml");
    g_autofree char *text = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL))
        return strdup(text);
    fail(VIR_ERR_NO_DOMAIN_BACKUP, "there is no backup job");
    return NULL;
}

int
virDomainAbortJob(virDomainPtr domain)
{
    g_autoptr(GPtrArray) disks = read_disks(domain, NULL);
    g_autofree char *pid_file = path_of(domain, "job.pid");
    g_autofree char *text = NULL;
    GPid pid = 0;

    if (g_file_get_contents(pid_file, &text, NULL, NULL))
        pid = (GPid)g_ascii_strtoll(text, NULL, 10);
    if (pid <= 1 || !is_there(domain, "job.xml"))
        return fail(VIR_ERR_OPERATION_INVALID, "there is no job");
    (void)kill(pid, SIGKILL);
    for (guint i = 0; i < disks->len; i++) {
        g_autofree char *name = g_strconcat(((const Disk *)disks->pdata[i])->target, ".cut", NULL);

        unlink_named(domain, name);
    }
    unlink_named(domain, "job.pid");
    unlink_named(domain, "job.xml");
    return 0;
}

int
virDomainGetJobInfo(virDomainPtr domain, virDomainJobInfoPtr info)
{
    *info = (virDomainJobInfo){.type = is_there(domain, "job.xml") ? VIR_DOMAIN_JOB_UNBOUNDED
                                                                   : VIR_DOMAIN_JOB_NONE};
    return 0;
}
