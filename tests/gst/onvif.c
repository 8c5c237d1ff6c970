/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* anomalyonvif, anomalyrtponvifpay, anomalyrtponvifdepay: documents, packets, and packets from anyone. */
#include <gst/rtp/gstrtpbuffer.h>
#include <string.h>

#include "tests/gst/frames.h"

#define VIDEO "video/x-raw,format=GRAY8,width=64,height=32,framerate=25/1"
#define RTP "application/x-rtp,media=application,clock-rate=90000,encoding-name=VND.ONVIF.METADATA,payload=96"
#define NAMESPACES                                  \
  "xmlns:tt=\"http://www.onvif.org/ver10/schema\" " \
  "xmlns:an=\"urn:x-gst-anomaly:metadata:1\">\n"

static GstBuffer* frame_at(GstClockTime pts) {
  GstBuffer* buffer = gst_buffer_new_allocate(NULL, 64 * 32, NULL);
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
  return buffer;
}

static gchar* text_of(GstBuffer* buffer) {
  gchar* text = g_malloc0(gst_buffer_get_size(buffer) + 1);
  gst_buffer_extract(buffer, 0, text, gst_buffer_get_size(buffer));
  return text;
}

static void well_formed(const gchar* document) {
  static const GMarkupParser parser = {NULL};
  GMarkupParseContext* context =
      g_markup_parse_context_new(&parser, G_MARKUP_TREAT_CDATA_AS_TEXT, NULL, NULL);
  GError* error = NULL;
  fail_unless(g_markup_parse_context_parse(context, document, -1, &error), "%s in %s",
              error ? error->message : "", document);
  fail_unless(g_markup_parse_context_end_parse(context, &error), "%s", error ? error->message : "");
  g_markup_parse_context_free(context);
}

static gint64 utc_of(const gchar* document) {
  const gchar* at = strstr(document, "UtcTime=\"");
  fail_unless(at != NULL);
  gchar* text = g_strndup(at + 9, strlen("2000-01-01T00:00:00.000000Z"));
  GDateTime* time = g_date_time_new_from_iso8601(text, NULL);
  fail_unless(time != NULL, "%s", text);
  const gint64 utc = g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time);
  g_date_time_unref(time);
  g_free(text);
  return utc;
}

GST_START_TEST(test_document) {
  GstHarness* harness = gst_harness_new("anomalyonvif");
  gst_harness_set_src_caps_str(harness, VIDEO);
  GstBuffer* buffer = frame_at(GST_SECOND);
  test_meta_add(buffer, 64, 32);
  const gint64 before = g_get_real_time();
  GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
  const gint64 after = g_get_real_time();
  fail_unless_equals_uint64(GST_BUFFER_PTS(out), GST_SECOND);
  fail_unless_equals_uint64(GST_BUFFER_DURATION(out), 40 * GST_MSECOND);
  gchar* document = text_of(out);
  well_formed(document);
  const gint64 utc = utc_of(document);
  fail_unless(utc >= before && utc <= after);
  gchar* rest = strstr(document, "Z\" Source");
  *rest = 0;
  fail_unless(g_str_has_prefix(document,
                               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt:MetadataStream " NAMESPACES
                               "<tt:VideoAnalytics>\n<tt:Frame UtcTime=\""));
  fail_unless_equals_string(
      rest + 1,
      "\" Source=\"anomalydetect\" an:Score=\"0.875\" an:Max=\"0.9375\" an:Mean=\"0.4375\" "
      "an:Share=\"0.0625\" "
      "an:Threshold=\"0.5\" an:Age=\"3\" an:Method=\"synboost\" an:Model=\"test-bundle\">\n"
      "<tt:Object ObjectId=\"1\" an:Area=\"128\" an:Mean=\"0.625\" an:Max=\"0.75\" an:Beneath=\"road\">"
      "<tt:Appearance><tt:Shape><tt:BoundingBox left=\"-0.5\" top=\"0\" right=\"0\" bottom=\"-0.5\"/>"
      "<tt:CenterOfGravity x=\"-0.25\" y=\"-0.25\"/></tt:Shape>"
      "<tt:Class><tt:Type Likelihood=\"0.75\">Anomaly</tt:Type></tt:Class></tt:Appearance></tt:Object>\n"
      "<tt:Object ObjectId=\"2\" an:Area=\"32\" an:Mean=\"0.5\" an:Max=\"0.5\">"
      "<tt:Appearance><tt:Shape><tt:BoundingBox left=\"0.5\" top=\"1\" right=\"1\" bottom=\"0.75\"/>"
      "<tt:CenterOfGravity x=\"0.75\" y=\"0.875\"/></tt:Shape>"
      "<tt:Class><tt:Type Likelihood=\"0.5\">Anomaly</tt:Type></tt:Class></tt:Appearance></tt:Object>\n"
      "</tt:Frame>\n</tt:VideoAnalytics>\n</tt:MetadataStream>\n");
  g_free(document);
  gst_buffer_unref(out);

  /* A frame that nobody looked at is a gap; one on which nothing was found is a document without objects, and
   * as far from the first in UTC as in the stream. */
  while (gst_harness_events_in_queue(harness) > 0) gst_event_unref(gst_harness_pull_event(harness));
  fail_unless_equals_int(gst_harness_push(harness, frame_at(2 * GST_SECOND)), GST_FLOW_OK);
  fail_unless_equals_int(gst_harness_buffers_in_queue(harness), 0);
  GstEvent* event = gst_harness_pull_event(harness);
  fail_unless_equals_int(GST_EVENT_TYPE(event), GST_EVENT_GAP);
  gst_event_unref(event);
  buffer = frame_at(3 * GST_SECOND);
  gst_buffer_add_anomaly_meta(buffer);
  out = gst_harness_push_and_pull(harness, buffer);
  document = text_of(out);
  well_formed(document);
  fail_unless(strstr(document, "<tt:Frame ") != NULL && strstr(document, "<tt:Object") == NULL);
  fail_unless_equals_int64(utc_of(document) - utc, 2 * G_USEC_PER_SEC);
  g_free(document);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}
GST_END_TEST;

GST_START_TEST(test_awkward_values) {
  GstHarness* harness = gst_harness_new("anomalyonvif");
  gst_harness_set_src_caps_str(harness, VIDEO);
  GstBuffer* buffer = frame_at(GST_CLOCK_TIME_NONE);
  GstAnomalyMeta* meta = gst_buffer_add_anomaly_meta(buffer);
  const GstAnomalyRegion region = {.id = G_MAXUINT,
                                   .x = G_MAXINT,
                                   .width = G_MAXINT,
                                   .area = G_MAXUINT64,
                                   .mean = 0.0 / 0.0,
                                   .max = 7,
                                   .label = "<a href=\"x\">&'\n\x01\xff\xef\xbf\xbf"};
  gst_anomaly_meta_add_region(meta, &region);
  gst_anomaly_meta_set_names(meta, "]]>",
                             "stra\xc3\x9f"
                             "e");
  meta->score = 1.0 / 0.0;
  GstBuffer* out = gst_harness_push_and_pull(harness, buffer);
  gchar* document = text_of(out);
  well_formed(document);
  fail_unless(g_utf8_validate(document, -1, NULL));
  fail_unless(strstr(document, "an:Score") == NULL);
  fail_unless(strstr(document,
                     "an:Method=\"]]&gt;\" an:Model=\"stra\xc3\x9f"
                     "e\"") != NULL,
              "%s", document);
  fail_unless(strstr(document,
                     "ObjectId=\"4294967295\" an:Area=\"18446744073709551615\" an:Max=\"7\" "
                     "an:Beneath=\"&lt;a href=&quot;x&quot;&gt;&amp;'&#10;"
                     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") != NULL,
              "%s", document);
  fail_unless(strstr(document, "Likelihood=\"1\"") != NULL);
  g_free(document);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* A document of `size` bytes whose every byte tells where it stood. */
static GstBuffer* document_new(gsize size, GstClockTime pts) {
  GString* text = g_string_new("<?xml version=\"1.0\"?><t:MetadataStream xmlns:t=\"x\">");
  while (text->len + 20 < size) g_string_append_c(text, (gchar)('a' + text->len % 23));
  while (text->len < size) g_string_append_c(text, '>');
  GstBuffer* buffer = gst_buffer_new_memdup(text->str, size);
  GST_BUFFER_PTS(buffer) = pts;
  g_string_free(text, TRUE);
  return buffer;
}

static void same_bytes(GstBuffer* a, GstBuffer* b) {
  GstMapInfo info;
  fail_unless_equals_int(gst_buffer_get_size(a), gst_buffer_get_size(b));
  fail_unless(gst_buffer_map(b, &info, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_memcmp(a, 0, info.data, info.size), 0);
  gst_buffer_unmap(b, &info);
}

GST_START_TEST(test_packets) {
  const gsize sizes[] = {1, 187, 188, 189, 376, 5000};
  GstHarness* pay =
      gst_harness_new_parse("anomalyrtponvifpay mtu=200 seqnum-offset=65534 timestamp-offset=7 pt=98");
  GstHarness* depay = gst_harness_new("anomalyrtponvifdepay");
  gst_harness_set_src_caps_str(pay, "application/x-onvif-metadata");
  gst_harness_set_src_caps_str(depay, RTP);
  guint16 seq = 65534;
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    GstBuffer* document = document_new(sizes[i], i * GST_SECOND);
    fail_unless_equals_int(gst_harness_push(pay, gst_buffer_ref(document)), GST_FLOW_OK);
    const guint count = (guint)((sizes[i] + 187) / 188);
    fail_unless_equals_int(gst_harness_buffers_in_queue(pay), count);
    for (guint n = 0; n < count; n++) {
      GstBuffer* packet = gst_harness_pull(pay);
      GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
      fail_unless(gst_buffer_get_size(packet) <= 200);
      fail_unless(gst_rtp_buffer_map(packet, GST_MAP_READ, &rtp));
      fail_unless_equals_int(gst_rtp_buffer_get_marker(&rtp), n == count - 1);
      fail_unless_equals_int(gst_rtp_buffer_get_timestamp(&rtp), 7 + i * 90000);
      fail_unless_equals_int(gst_rtp_buffer_get_seq(&rtp), seq++);
      fail_unless_equals_int(gst_rtp_buffer_get_payload_type(&rtp), 98);
      gst_rtp_buffer_unmap(&rtp);
      fail_unless_equals_uint64(GST_BUFFER_PTS(packet), i * GST_SECOND);
      fail_unless_equals_int(gst_harness_push(depay, packet), GST_FLOW_OK);
      /* The first document is no more than one "<", which nothing tells to be a beginning. */
      fail_unless_equals_int(gst_harness_buffers_in_queue(depay), n == count - 1 && i > 0);
    }
    if (i > 0) {
      GstBuffer* out = gst_harness_pull(depay);
      fail_unless_equals_uint64(GST_BUFFER_PTS(out), i * GST_SECOND);
      same_bytes(out, document);
      gst_buffer_unref(out);
    }
    gst_buffer_unref(document);
  }
  GstCaps* caps = gst_pad_get_current_caps(pay->sinkpad);
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  fail_unless_equals_string(gst_structure_get_string(structure, "encoding-name"), "VND.ONVIF.METADATA");
  fail_unless_equals_string(gst_structure_get_string(structure, "media"), "application");
  gst_caps_unref(caps);
  /* Nothing is no document. */
  fail_unless_equals_int(gst_harness_push(pay, gst_buffer_new()), GST_FLOW_OK);
  fail_unless_equals_int(gst_harness_buffers_in_queue(pay), 0);
  gst_harness_teardown(pay);
  gst_harness_teardown(depay);
}
GST_END_TEST;

static GstBuffer* packet_new(guint16 seq, guint32 timestamp, gboolean marker, const gchar* payload) {
  const gsize size = strlen(payload);
  GstBuffer* packet = gst_rtp_buffer_new_allocate((guint)size, 0, 0);
  GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
  fail_unless(gst_rtp_buffer_map(packet, GST_MAP_WRITE, &rtp));
  gst_rtp_buffer_set_seq(&rtp, seq);
  gst_rtp_buffer_set_timestamp(&rtp, timestamp);
  gst_rtp_buffer_set_marker(&rtp, marker);
  gst_rtp_buffer_set_payload_type(&rtp, 96);
  if (size > 0) memcpy(gst_rtp_buffer_get_payload(&rtp), payload, size);
  gst_rtp_buffer_unmap(&rtp);
  GST_BUFFER_PTS(packet) = gst_util_uint64_scale(timestamp, GST_SECOND, 90000);
  return packet;
}

/* Packets, and the documents that come of them, joined by "|". */
static const struct {
  const gchar* what;
  struct {
    guint16 seq;
    guint32 timestamp;
    gboolean marker;
    const gchar* payload;
  } packets[8];
  const gchar* documents;
} streams[] = {
    {"in one packet", {{1, 9, TRUE, "<?xml?><a/>"}}, "<?xml?><a/>"},
    {"joined in the middle",
     {{1, 9, FALSE, "<b/>"}, {2, 9, TRUE, "</a>"}, {3, 18, FALSE, "<a>"}, {4, 18, TRUE, "</a>"}},
     "<a></a>"},
    {"the root's tag with a prefix", {{1, 9, TRUE, " \n<x:MetadataStream/>"}}, " \n<x:MetadataStream/>"},
    {"the root's tag without one, after a mark",
     {{1, 9, TRUE, "\xef\xbb\xbf<MetadataStream/>"}},
     "\xef\xbb\xbf<MetadataStream/>"},
    {"another root", {{1, 9, TRUE, "<x:MetadataStreams/>"}}, ""},
    {"cut short in the tag", {{1, 9, TRUE, "<"}, {3, 18, TRUE, "<Meta"}, {5, 27, TRUE, ""}}, ""},
    {"a packet lost in the middle",
     {{1, 9, FALSE, "<?xml?><a>"}, {3, 9, TRUE, "</a>"}, {4, 18, TRUE, "<b/>"}},
     "<b/>"},
    {"the last packet lost",
     {{1, 9, FALSE, "<?xml?><a>"}, {3, 18, FALSE, "<?xml?><b>"}, {4, 18, TRUE, "</b>"}},
     "<?xml?><b></b>"},
    {"the first packet lost",
     {{1, 9, TRUE, "<?xml?><a/>"}, {3, 18, TRUE, "</b>"}, {4, 27, TRUE, "<c/>"}},
     "<?xml?><a/>|<c/>"},
    {"no marker before another time",
     {{1, 9, FALSE, "<?xml?><a>"}, {2, 18, TRUE, "</a>"}, {3, 27, TRUE, "<b/>"}},
     "<b/>"},
    {"empty packets",
     {{1, 9, FALSE, "<?xml?>"},
      {2, 9, FALSE, ""},
      {3, 9, FALSE, "<a/>"},
      {4, 9, TRUE, ""},
      {5, 18, TRUE, ""}},
     "<?xml?><a/>"},
    {"no UTF-8", {{1, 9, TRUE, "<?xml?>\xff"}, {2, 18, TRUE, "<b/>"}}, "<b/>"},
    {"larger than max-size",
     {{1, 9, FALSE, "<?xml?>45678901234567890123456789012345"},
      {2, 9, FALSE, "and"},
      {3, 9, TRUE, "more"},
      {4, 18, TRUE, "<b/>"}},
     "<b/>"},
    {"larger by one byte, in two",
     {{1, 9, FALSE, "<?xml?>890123456789012345678901"}, {2, 9, TRUE, "23"}, {3, 18, TRUE, "<b/>"}},
     "<b/>"},
    {"as large as max-size",
     {{1, 9, FALSE, "<?xml?>890123456789012345678901"}, {2, 9, TRUE, "2"}},
     "<?xml?>8901234567890123456789012"},
};

static void check_stream(gsize i) {
  GstHarness* harness = gst_harness_new_parse("anomalyrtponvifdepay max-size=32");
  GString* documents = g_string_new(NULL);
  gst_harness_set_src_caps_str(harness, RTP);
  for (gsize n = 0; n < G_N_ELEMENTS(streams[i].packets) && streams[i].packets[n].payload; n++)
    fail_unless_equals_int(
        gst_harness_push(harness, packet_new(streams[i].packets[n].seq, streams[i].packets[n].timestamp,
                                             streams[i].packets[n].marker, streams[i].packets[n].payload)),
        GST_FLOW_OK);
  while (gst_harness_buffers_in_queue(harness) > 0) {
    GstBuffer* out = gst_harness_pull(harness);
    gchar* text = text_of(out);
    if (documents->len > 0) g_string_append_c(documents, '|');
    g_string_append(documents, text);
    g_free(text);
    gst_buffer_unref(out);
  }
  fail_unless(strcmp(documents->str, streams[i].documents) == 0, "%s: \"%s\", not \"%s\"", streams[i].what,
              documents->str, streams[i].documents);
  g_string_free(documents, TRUE);
  gst_harness_teardown(harness);
}

GST_START_TEST(test_hostile_packets) {
  for (gsize i = 0; i < G_N_ELEMENTS(streams); i++) check_stream(i);
}
GST_END_TEST;

/* Bytes that are no RTP, or say that they hold more than they do. */
GST_START_TEST(test_no_packets) {
  GstHarness* harness = gst_harness_new("anomalyrtponvifdepay");
  GRand* rand = g_rand_new_with_seed(7);
  gst_harness_set_src_caps_str(harness, RTP);
  for (guint i = 0; i < 2000; i++) {
    guint8 bytes[64] = {0};
    const gsize size = (gsize)g_rand_int_range(rand, 1, sizeof bytes);
    for (gsize n = 0; n < size; n++) bytes[n] = (guint8)g_rand_int(rand);
    if (i % 2 == 0) bytes[0] = (guint8)(0x80 | (bytes[0] & 0x3f));
    fail_unless_equals_int(gst_harness_push(harness, gst_buffer_new_memdup(bytes, size)), GST_FLOW_OK);
  }
  fail_unless_equals_int(gst_harness_buffers_in_queue(harness), 0);
  g_rand_free(rand);
  gst_harness_teardown(harness);
}
GST_END_TEST;

/* What has come before a flush is forgotten. */
GST_START_TEST(test_flush) {
  GstHarness* harness = gst_harness_new("anomalyrtponvifdepay");
  GstSegment segment;
  gst_harness_set_src_caps_str(harness, RTP);
  gst_harness_push(harness, packet_new(1, 9, FALSE, "<?xml?><a>"));
  fail_unless(gst_harness_push_event(harness, gst_event_new_flush_start()));
  fail_unless(gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE)));
  gst_segment_init(&segment, GST_FORMAT_TIME);
  fail_unless(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
  gst_harness_push(harness, packet_new(2, 9, TRUE, "</a>"));
  fail_unless_equals_int(gst_harness_buffers_in_queue(harness), 0);
  gst_harness_push(harness, packet_new(3, 18, TRUE, "<b/>"));
  fail_unless_equals_int(gst_harness_buffers_in_queue(harness), 1);
  gst_harness_teardown(harness);
}
GST_END_TEST;

static Suite* onvif_suite(void) {
  Suite* suite = suite_create("onvif");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_document);
  tcase_add_test(tests, test_awkward_values);
  tcase_add_test(tests, test_packets);
  tcase_add_test(tests, test_hostile_packets);
  tcase_add_test(tests, test_no_packets);
  tcase_add_test(tests, test_flush);
  return suite;
}

GST_CHECK_MAIN(onvif);
