// SPDX-License-Identifier: LGPL-2.1-or-later
// churn [--rounds N] [--seed S] [CASE]: drives real pipelines around anomalydetect through seeks, changes of
// state, of caps, and ends, at random moments, and looks at every frame and event that comes out. N: how
// often each is done, 10 for a minute of everything, 1000 for a night. S: of the moments and values. CASE:
// part of a name.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "tests/gst/churn_common.h"

using churn::Stream;
using churn::Watchdog;

namespace {

int rounds = 10;
std::mt19937 random_numbers(1);

int below(int limit) {
  return std::uniform_int_distribution<int>(0, limit - 1)(random_numbers);
}
void pause_somewhere() {
  g_usleep(static_cast<gulong>(below(20000)));
}

constexpr GstClockTime kFrame = 40 * GST_MSECOND;
constexpr int kFrames = 250;  // of every source here: 10 s

const std::string kTestSource =
    "anomalytestsrc num-buffers=250 ! video/x-raw,format=I420,width=96,height=54,framerate=25/1";

// Two ways through the element: a frame at a time, and several at once with repeated maps.
const char* const kWays[] = {"max-in-flight=1", "max-in-flight=3 interval=1"};

// A recording of the test source, in a folder of its own, until it goes.
struct Recording {
  std::string folder, path;
  Recording() {
    gchar* made = g_dir_make_tmp("anomaly-XXXXXX", nullptr);
    CHECK(made != nullptr);
    folder = made;
    g_free(made);
    path = folder + "/drive.mkv";
    for (const char* needed : {"jpegenc", "matroskamux", "matroskademux", "jpegdec"}) {
      GstElementFactory* factory = gst_element_factory_find(needed);
      if (!factory) SKIP(std::string("no element ") + needed);
      gst_object_unref(factory);
    }
    GstElement* pipeline = gst_parse_launch(
        (kTestSource + " ! jpegenc ! matroskamux ! filesink location=" + path).c_str(), nullptr);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus* bus = gst_element_get_bus(pipeline);
    GstMessage* message = gst_bus_timed_pop_filtered(
        bus, churn::kPatience * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    const bool ended = message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
    if (message) gst_message_unref(message);
    gst_object_unref(bus);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    CHECK(ended);
  }
  ~Recording() {
    unlink(path.c_str());
    rmdir(folder.c_str());
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
};

GstSeekFlags flags(int one, int other = 0) {
  return static_cast<GstSeekFlags>(one | other);
}

// Flushing seeks of every kind, forwards and backwards, at random moments. exact: the source has a frame
// wherever it is sent.
void seek_about(Stream& stream, bool exact) {
  stream.state(GST_STATE_PLAYING);
  for (int i = 0; i < 2 * rounds; ++i) {
    const int kinds[] = {0, GST_SEEK_FLAG_ACCURATE, GST_SEEK_FLAG_KEY_UNIT,
                         GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_NEAREST};
    const gdouble rates[] = {1, 2, 0.5, -1, -2};
    const int kind = kinds[below(4)];
    const gdouble rate = rates[below(5)];
    const GstClockTime start = static_cast<GstClockTime>(below(kFrames / 2)) * kFrame,
                       stop = start + static_cast<GstClockTime>(20 + below(kFrames / 2 - 20)) * kFrame;
    stream.seek(rate, flags(GST_SEEK_FLAG_FLUSH, kind), start, stop);
    stream.wait_for_frames(static_cast<guint>(1 + below(5)));
    const auto times = stream.timestamps();
    CHECK(!times.empty());
    if (exact || kind == GST_SEEK_FLAG_ACCURATE) {
      if (rate > 0)
        CHECK_EQ(times.front(), start);
      else
        CHECK_EQ(times.front(), stop - kFrame);
    }
    stream.check();
  }
  // And to the end, both ways.
  for (const gdouble rate : {1.0, -1.0}) {
    stream.seek(rate, flags(GST_SEEK_FLAG_FLUSH, GST_SEEK_FLAG_ACCURATE), 100 * kFrame, 130 * kFrame);
    stream.wait_for(GST_MESSAGE_EOS);
    const auto times = stream.timestamps();
    CHECK_EQ(times.size(), size_t{30});
    CHECK_EQ(times.front(), (rate > 0 ? 100 : 129) * kFrame);
    CHECK_EQ(times.back(), (rate > 0 ? 129 : 100) * kFrame);
    stream.check();
  }
}

}  // namespace

TEST(seeks_in_a_test_source) {
  for (const char* way : kWays) {
    Stream stream(kTestSource, way);
    seek_about(stream, true);
  }
}

TEST(seeks_in_a_file) {
  const Recording recording;
  for (const char* way : kWays) {
    Stream stream("filesrc location=" + recording.path + " ! matroskademux ! jpegdec", way);
    seek_about(stream, false);
  }
}

// Segment seeks: the end of one is a message, and the next begins without a flush.
TEST(segments_in_a_loop) {
  for (const char* way : kWays) {
    Stream stream(kTestSource, way);
    stream.state(GST_STATE_PAUSED);
    stream.seek(1, flags(GST_SEEK_FLAG_FLUSH, GST_SEEK_FLAG_SEGMENT), 0, 12 * kFrame);
    stream.state(GST_STATE_PLAYING);
    for (int i = 0; i < rounds; ++i) {
      stream.wait_for(GST_MESSAGE_SEGMENT_DONE);
      // The message comes from the source: frames may still be on their way.
      stream.wait_for_frames(12);
      CHECK_EQ(stream.timestamps().size(), size_t{12});
      stream.seek(i % 2 ? 1 : -1, GST_SEEK_FLAG_SEGMENT, 0, 12 * kFrame);
    }
    stream.check();
  }
}

// From NULL to PLAYING and back, stopped while frames flow; sometimes by a detour.
TEST(states_up_and_down) {
  const char* const source = "videotestsrc ! video/x-raw,format=I420,width=96,height=54,framerate=25/1";
  for (const char* way : kWays) {
    Stream stream(source, way);
    for (int i = 0; i < 5 * rounds; ++i) {
      const GstState detours[] = {GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_NULL};
      stream.state(GST_STATE_PLAYING);
      if (below(2)) stream.wait_for_frames(static_cast<guint>(below(4)));
      pause_somewhere();
      stream.state(detours[below(3)]);
      if (below(3) == 0) {
        stream.state(GST_STATE_PLAYING);
        stream.wait_for_frames(1);
      }
      stream.state(GST_STATE_NULL);
    }
    CHECK(stream.frames_out() > 0);
  }
}

// The element itself, stopped and started in a pipeline that plays: behind a blocked pad, as applications do.
TEST(one_element_restarts) {
  for (const char* way : kWays) {
    Stream stream("videotestsrc is-live=true ! video/x-raw,format=I420,width=96,height=54,framerate=200/1",
                  way);
    stream.state(GST_STATE_PLAYING);
    GstElement* detect = stream.element("detect");
    GstPad* pad = gst_element_get_static_pad(detect, "sink");
    GstPad* peer = gst_pad_get_peer(pad);
    for (int i = 0; i < 3 * rounds; ++i) {
      const Watchdog dog("a restart of the element");
      std::atomic<bool> blocked{false};
      const gulong block = gst_pad_add_probe(
          peer, GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM,
          [](GstPad*, GstPadProbeInfo*, gpointer flag) {
            *static_cast<std::atomic<bool>*>(flag) = true;
            return GST_PAD_PROBE_OK;
          },
          &blocked, nullptr);
      while (!blocked) g_usleep(200);
      CHECK(gst_pad_unlink(peer, pad));
      CHECK(gst_element_set_state(detect, below(2) ? GST_STATE_NULL : GST_STATE_READY) !=
            GST_STATE_CHANGE_FAILURE);
      CHECK(gst_element_set_state(detect, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
      CHECK(gst_pad_link(peer, pad) == GST_PAD_LINK_OK);
      gst_pad_remove_probe(peer, block);
      const guint64 seen = stream.frames_out();
      while (stream.frames_out() < seen + 2) g_usleep(500);
      stream.check();
    }
    gst_object_unref(peer);
    gst_object_unref(pad);
    gst_object_unref(detect);
  }
}

// Sizes, formats and frame rates change while frames flow.
TEST(renegotiation) {
  for (const char* way : kWays) {
    Stream stream(
        "videotestsrc ! capsfilter name=filter caps=video/x-raw,format=I420,width=96,height=54,"
        "framerate=25/1",
        way);
    GstElement* filter = stream.element("filter");
    stream.state(GST_STATE_PLAYING);
    for (int i = 0; i < 2 * rounds; ++i) {
      const char* formats[] = {"I420", "NV12", "RGB", "BGRx", "GRAY8", "YUY2", "P010_10LE"};
      const int rates[] = {1, 25, 60};
      const int width = 1 + below(200), height = 1 + below(120);
      GstCaps* caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, formats[below(7)], "width",
                                          G_TYPE_INT, width, "height", G_TYPE_INT, height, "framerate",
                                          GST_TYPE_FRACTION, rates[below(3)], 1, nullptr);
      g_object_set(filter, "caps", caps, nullptr);
      gst_caps_unref(caps);
      // Until frames of that size come; every frame is held against its caps as it passes.
      const Watchdog dog("waiting for new caps");
      GstPad* pad = gst_element_get_static_pad(filter, "src");
      for (bool there = false; !there; g_usleep(1000)) {
        stream.check();
        GstCaps* now = gst_pad_get_current_caps(pad);
        int w = 0, h = 0;
        there = now && gst_structure_get_int(gst_caps_get_structure(now, 0), "width", &w) &&
                gst_structure_get_int(gst_caps_get_structure(now, 0), "height", &h) && w == width &&
                h == height;
        gst_clear_caps(&now);
      }
      gst_object_unref(pad);
      const guint64 seen = stream.frames_out();
      while (stream.frames_out() < seen + static_cast<guint64>(below(4))) g_usleep(500);
    }
    stream.state(GST_STATE_NULL);
    gst_object_unref(filter);
  }
}

// The end at any time: what went in comes out before it, and the pipeline plays again.
TEST(ends) {
  for (const char* way : kWays) {
    Stream stream("videotestsrc name=source ! video/x-raw,format=I420,width=96,height=54,framerate=25/1",
                  way);
    for (int i = 0; i < 2 * rounds; ++i) {
      stream.state(GST_STATE_PLAYING);
      if (below(4)) stream.wait_for_frames(static_cast<guint>(below(6)));
      CHECK(gst_element_send_event(stream.pipeline(), gst_event_new_eos()));
      stream.wait_for(GST_MESSAGE_EOS);
      CHECK_EQ(stream.frames_in(), stream.frames_out());
      stream.check();
      // Up again from the start, or by a seek behind the end.
      if (below(2)) {
        stream.seek(1, GST_SEEK_FLAG_FLUSH, 0, 100000 * kFrame);
        stream.wait_for_frames(1);
      }
      stream.state(GST_STATE_READY);
      const guint64 lost = stream.frames_in() - stream.frames_out();
      CHECK(lost <= 64);
      // Start even: frames that were inside when it was stopped are gone.
      stream.forget_counts();
    }
  }
}

// A camera into a sink that keeps time: every frame arrives, and the pipeline knows how long frames are held.
TEST(live) {
  Stream stream(
      "anomalytestsrc is-live=true num-buffers=40 ! video/x-raw,format=I420,width=96,height=54,"
      "framerate=50/1",
      "max-in-flight=3", "sync=true");
  CHECK(gst_element_set_state(stream.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_ASYNC ||
        gst_element_get_state(stream.pipeline(), nullptr, nullptr, 0) == GST_STATE_CHANGE_NO_PREROLL);
  stream.wait_for_frames(20);
  GstElement* sink = stream.element("sink");
  GstPad* pad = gst_element_get_static_pad(sink, "sink");
  GstQuery* query = gst_query_new_latency();
  CHECK(gst_pad_peer_query(pad, query));
  gboolean is_live = FALSE;
  GstClockTime min = 0, max = 0;
  gst_query_parse_latency(query, &is_live, &min, &max);
  CHECK(is_live);
  CHECK(min > 20 * GST_MSECOND);  // the source's own frame, and more
  CHECK(max >= min);
  gst_query_unref(query);
  gst_object_unref(pad);
  gst_object_unref(sink);
  stream.wait_for(GST_MESSAGE_EOS);
  CHECK_EQ(stream.timestamps().size(), size_t{40});
  stream.check();
}

// The same frame through a file, a pipe and a live source gives the same map.
TEST(paths_agree) {
  constexpr gsize size = 96 * 54 * 3;
  std::vector<guint8> pixels(3 * size);
  for (gsize i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<guint8>(i * 31 + i / 251);
  gchar* made = g_dir_make_tmp("anomaly-XXXXXX", nullptr);
  const std::string folder = made, path = folder + "/frames.rgb";
  g_free(made);
  CHECK(g_file_set_contents(path.c_str(), reinterpret_cast<const gchar*>(pixels.data()),
                            static_cast<gssize>(pixels.size()), nullptr));
  const std::string parse = " ! rawvideoparse format=rgb width=96 height=54 framerate=25/1";
  const std::string from_file = "filesrc location=" + path + parse,
                    converted = from_file + " ! videoconvert ! video/x-raw,format=RGB";
  std::vector<std::vector<GBytes*>> found;
  for (const int way : {0, 1, 2, 3}) {
    int pipe_ends[2] = {-1, -1};
    CHECK(pipe2(pipe_ends, O_CLOEXEC) == 0);
    std::string from_pipe = "fdsrc blocksize=1000 fd=";
    from_pipe.append(std::to_string(pipe_ends[0])).append(parse);
    const std::string sources[] = {from_file, from_pipe,
                                   "appsrc name=live is-live=true format=time do-timestamp=true "
                                   "caps=video/x-raw,format=RGB,width=96,height=54,framerate=25/1",
                                   converted};
    std::vector<GBytes*> maps;
    {
      Stream stream(sources[way], way == 2 ? "max-in-flight=3" : "max-in-flight=1",
                    "sync=false signal-handoffs=true");
      GstElement* sink = stream.element("sink");
      g_signal_connect(
          sink, "handoff", G_CALLBACK(+[](GstElement*, GstBuffer* buffer, GstPad*, gpointer data) {
            const GstAnomalyMeta* meta = gst_buffer_get_anomaly_meta(buffer);
            if (meta)
              static_cast<std::vector<GBytes*>*>(data)->push_back(gst_anomaly_plane_dup_bytes(&meta->map));
          }),
          &maps);
      gst_object_unref(sink);
      CHECK(gst_element_set_state(stream.pipeline(), GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
      if (way == 1) {
        CHECK(write(pipe_ends[1], pixels.data(), pixels.size()) == static_cast<ssize_t>(pixels.size()));
        close(pipe_ends[1]);
        pipe_ends[1] = -1;
      }
      if (way == 2) {
        GstElement* live = stream.element("live");
        for (int i = 0; i < 3; ++i) {
          GstBuffer* buffer = gst_buffer_new_memdup(pixels.data() + i * size, size);
          GstFlowReturn flow = GST_FLOW_OK;
          g_signal_emit_by_name(live, "push-buffer", buffer, &flow);
          gst_buffer_unref(buffer);
          CHECK(flow == GST_FLOW_OK);
          g_usleep(10000);
        }
        GstFlowReturn flow = GST_FLOW_OK;
        g_signal_emit_by_name(live, "end-of-stream", &flow);
        gst_object_unref(live);
      }
      stream.wait_for(GST_MESSAGE_EOS);
      stream.state(GST_STATE_NULL);
    }
    for (const int end : pipe_ends)
      if (end >= 0) close(end);
    found.push_back(maps);
  }
  unlink(path.c_str());
  rmdir(folder.c_str());
  for (const auto& maps : found) {
    CHECK_EQ(maps.size(), size_t{3});
    for (size_t i = 0; i < maps.size(); ++i) CHECK(g_bytes_equal(maps[i], found[0][i]));
  }
  CHECK(!g_bytes_equal(found[0][0], found[0][1]));  // frames that differ: the comparison can fail
  for (const auto& maps : found)
    for (GBytes* map : maps) g_bytes_unref(map);
}

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  std::vector<char*> rest = {argv[0]};
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
      rounds = std::max(1, std::atoi(argv[++i]));
    else if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
      random_numbers.seed(static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10)));
    else
      rest.push_back(argv[i]);
  }
  const int failed = check::run(static_cast<int>(rest.size()), rest.data());
  gst_deinit();  // where the leaks tracer tells what it found
  return failed;
}
