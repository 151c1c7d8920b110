/* events.h -- the inside of a writer of TensorBoard's event files.
 *
 * A file is a stream of records, and a record an Event, as protobuf has it. The fields that are
 * written, from tensorflow/core/util/event.proto and tensorflow/core/framework/{summary, graph,
 * node_def, attr_value, tensor_shape, versions}.proto:
 *
 *     Event            1 wall_time double  2 step int64  3 file_version string  4 graph_def bytes
 *                      5 summary  7 session_log
 *     SessionLog       1 status (START = 1)
 *     Summary          1 value, repeated
 *     Summary.Value    1 tag  2 simple_value float  5 histo
 *     HistogramProto   1 min  2 max  3 num  4 sum  5 sum_squares  6 bucket_limit  7 bucket: doubles
 *     GraphDef         1 node, repeated  4 versions
 *     VersionDef       1 producer
 *     NodeDef          1 name  2 op  3 input, repeated  4 device  5 attr, a map: 1 key  2 value
 *     AttrValue        1 list  2 s bytes;  AttrValue.ListValue  7 shape
 *     TensorShapeProto 2 dim: 1 size (-1: not known)                                       */
#ifndef AN_FRONTENDS_INSPECT_EVENTS_H
#define AN_FRONTENDS_INSPECT_EVENTS_H

#include "core/text.h"
#include "frontends/formats/crc32.h"
#include "frontends/frontends.h"

struct an_events {
    int file;         /* -1: it could not be made */
    int64_t length;   /* of the records in it */
    an_crc32 crc;     /* Castagnoli's */
    an_text path;
    an_text fields;   /* of the event that is being made, but for its time */
    an_error error;   /* the first; nothing is written behind it */
};

/* Readers forget what earlier files of the directory say from this step on: a training that was
 * cut off goes on there. */
an_status an_events_restart(an_events *e, int64_t step);

/* The fields of a HistogramProto (events_histogram.c), and of a GraphDef (events_graph.c). */
void an_events_count(an_text *histogram, const an_tensor *values);
void an_events_draw(an_text *graph, const an_graph *g);

#endif
