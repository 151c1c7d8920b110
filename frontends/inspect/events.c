/* events.c -- TensorBoard's event files: records of events, written one by one.
 *
 * A record is the length of its bytes, a CRC of the length, the bytes and a CRC of them
 * (tensorflow/core/lib/io/record_writer.h). It goes to the file in one write, and what was written
 * of it in vain is cut off again; so a reader, who follows the file while it grows, and whoever
 * finds it after a crash, has whole records. A process that goes on writes a file of its own, and
 * readers take the files of a directory in the order of their names, which begin with the time. */
#include "frontends/inspect/events.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "frontends/inspect/wire.h"

enum { WALL_TIME = 1, STEP = 2, FILE_VERSION = 3, GRAPH_DEF = 4, SUMMARY = 5, SESSION_LOG = 7 };
enum { VALUE = 1, TAG = 1, SIMPLE_VALUE = 2, HISTO = 5 };

static an_status system_error(an_events *e, const char *path, const char *doing)
{
    char buffer[128];
    const char *why = strerror_r(errno, buffer, sizeof buffer);
    return an_fail(&e->error, AN_E_IO, "%s: cannot %s: %s", path, doing, why);
}

static double wall_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- records ------------------------------------------------------------- */

/* Turned and shifted, as TensorFlow does, since a CRC of bytes with their CRC in them is weak. */
static uint32_t masked(const an_events *e, const char *bytes, int64_t count)
{
    const uint32_t crc = an_crc32_add(&e->crc, 0, bytes, count);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static an_status write_whole(an_events *e, const an_text *record)
{
    for (int64_t done = 0; done < record->length;) {
        const ssize_t n = write(e->file, record->data + done, (size_t)(record->length - done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            const an_status status = system_error(e, an_text_view(&e->path), "write");
            (void)!ftruncate(e->file, e->length); /* else readers wait in front of the part */
            return status;
        }
        done += n;
    }
    e->length += record->length;
    return AN_OK;
}

/* Empty if memory is out. */
static void add_record(const an_events *e, const an_text *event, an_text *record)
{
    if (event->failed) return;
    char length[8];
    for (int i = 0; i < 8; i++) length[i] = (char)((uint64_t)event->length >> 8 * i);
    an_text_add_bytes(record, length, 8);
    an_wire_add_word(record, masked(e, length, 8), 4);
    an_text_add_bytes(record, event->data, event->length);
    an_wire_add_word(record, masked(e, event->data, event->length), 4);
}

/* The event of e->fields, as of now. */
static an_status put_event(an_events *e)
{
    an_text event = {0}, record = {0};
    an_wire_double(&event, WALL_TIME, wall_time());
    if (e->fields.failed) an_text_takes(&event, an_lost);
    else an_text_add_bytes(&event, e->fields.data, e->fields.length);
    add_record(e, &event, &record);
    const an_status status =
        event.failed || record.failed
            ? an_fail(&e->error, AN_E_MEMORY, "%s: there is no memory for an event",
                      an_text_view(&e->path))
            : write_whole(e, &record);
    an_text_free(&event);
    an_text_free(&record);
    return status;
}

/* ---- the file ------------------------------------------------------------ */

static an_status make_folders(an_events *e, const char *directory)
{
    an_text path = {0};
    an_text_add(&path, directory);
    if (path.failed) return an_fail(&e->error, AN_E_MEMORY, "%s: out of memory", directory);
    an_status status = AN_OK;
    for (char *c = path.data + 1; status == AN_OK; c++) {
        if (*c != '/' && *c) continue;
        const bool last = !*c;
        *c = 0;
        if (mkdir(path.data, 0777) != 0 && errno != EEXIST)
            status = system_error(e, directory, "make the folder");
        if (last) break;
        *c = '/';
    }
    an_text_free(&path);
    return status;
}

/* events.out.tfevents.SECONDS.PROCESS.N: no other file's name, and behind those made earlier. */
static an_status make_file(an_events *e, const char *directory)
{
    const long long seconds = (long long)time(NULL);
    for (int n = 0; n < 10000; n++) {
        an_text_clear(&e->path);
        an_text_addf(&e->path, "%s/events.out.tfevents.%010lld.%ld.%04d", directory, seconds,
                     (long)getpid(), n);
        if (e->path.failed)
            return an_fail(&e->error, AN_E_MEMORY, "%s: out of memory", directory);
        e->file = open(e->path.data, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (e->file >= 0) return AN_OK;
        if (errno != EEXIST) break;
    }
    return system_error(e, e->path.data, "make the file");
}

an_events *an_events_open(const char *directory)
{
    an_events *e = an_alloc_zeroed(sizeof *e);
    if (!e) return NULL;
    e->file = -1;
    if (!directory || !directory[0]) {
        an_fail(&e->error, AN_E_ARGUMENT, "an_events_open: there is no directory");
        return e;
    }
    an_crc32_begin(&e->crc, AN_CRC32C);
    if (make_folders(e, directory) != AN_OK || make_file(e, directory) != AN_OK) return e;
    an_text_clear(&e->fields);
    an_wire_string(&e->fields, FILE_VERSION, "brain.Event:2");
    put_event(e);
    return e;
}

an_status an_events_status(const an_events *e)
{
    return e ? e->error.status : AN_E_MEMORY;
}

const char *an_events_message(const an_events *e)
{
    return e ? e->error.text : "out of memory";
}

const char *an_events_path(const an_events *e)
{
    return e && e->file >= 0 ? an_text_view(&e->path) : NULL;
}

void an_events_close(an_events *e)
{
    if (!e) return;
    if (e->file >= 0) close(e->file);
    an_text_free(&e->path);
    an_text_free(&e->fields);
    an_free(e);
}

/* ---- events -------------------------------------------------------------- */

/* True if there is one to be made: nothing failed, and the arguments are there. */
static bool begin(an_events *e, const void *one, const void *other, const char *call)
{
    if (an_events_status(e) != AN_OK) return false;
    an_text_clear(&e->fields);
    if (one && other) return true;
    an_fail(&e->error, AN_E_ARGUMENT, "%s: an argument is NULL", call);
    return false;
}

static an_status put_value(an_events *e, int64_t step, an_text *value)
{
    an_text summary = {0};
    an_wire_put(&summary, VALUE, value);
    an_wire_integer(&e->fields, STEP, step);
    an_wire_put(&e->fields, SUMMARY, &summary);
    return put_event(e);
}

an_status an_events_scalar(an_events *e, const char *tag, int64_t step, double value)
{
    if (!begin(e, tag, tag, "an_events_scalar")) return an_events_status(e);
    an_text one = {0};
    an_wire_string(&one, TAG, tag);
    an_wire_float(&one, SIMPLE_VALUE, (float)value);
    return put_value(e, step, &one);
}

an_status an_events_histogram(an_events *e, const char *tag, int64_t step, const an_tensor *values)
{
    if (!begin(e, tag, values, "an_events_histogram")) return an_events_status(e);
    an_text one = {0}, histogram = {0};
    an_wire_string(&one, TAG, tag);
    an_events_count(&histogram, values);
    an_wire_put(&one, HISTO, &histogram);
    return put_value(e, step, &one);
}

an_status an_events_graph(an_events *e, const an_graph *g)
{
    if (!begin(e, g, g, "an_events_graph")) return an_events_status(e);
    an_text graph = {0};
    an_events_draw(&graph, g);
    an_wire_put(&e->fields, GRAPH_DEF, &graph);
    return put_event(e);
}

an_status an_events_restart(an_events *e, int64_t step)
{
    if (!begin(e, e, e, "an_events_restart")) return an_events_status(e);
    an_text log = {0};
    an_wire_integer(&log, 1, 1);
    an_wire_integer(&e->fields, STEP, step);
    an_wire_put(&e->fields, SESSION_LOG, &log);
    return put_event(e);
}
