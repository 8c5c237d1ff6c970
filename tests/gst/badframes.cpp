// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect on frames that are not as they should be: metas that lie or crop, memory of other kinds or
// that cannot be had, scans and transfer functions that the networks do not know.
// Before gst-check, whose macro `fail` the standard headers do not expect.
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>

#ifdef HAVE_GST_ALLOCATORS
#include <gst/allocators/gstdmabuf.h>
#endif

#include "tests/gst/detect_common.h"

// The allocations that LibTorch makes for its tensors, made to fail on demand. Not GLib's slices, which it
// aligns to their own size: it ends the program without them.
#ifdef FAILING_ALLOCATIONS
static std::atomic<bool> allocations_fail{false};

extern "C" __attribute__((visibility("default"))) int posix_memalign(void** out, size_t alignment,
                                                                     size_t size) {
  if (allocations_fail && size >= 1024 && alignment < 1024) return ENOMEM;
  *out = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  return *out ? 0 : ENOMEM;
}
#endif

namespace {

struct Layout {
  GstVideoFormat format = GST_VIDEO_FORMAT_RGB;
  guint width = 96, height = 54, planes = 1;
  gsize offset = 0;
  gint stride = 96 * 3;
};

GstBuffer* with_video_meta(GstBuffer* buffer, const Layout& layout) {
  gsize offsets[GST_VIDEO_MAX_PLANES] = {layout.offset};
  gint strides[GST_VIDEO_MAX_PLANES] = {layout.stride};
  gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, layout.format, layout.width,
                                 layout.height, layout.planes, offsets, strides);
  return buffer;
}

GstBuffer* with_crop(GstBuffer* buffer, guint x, guint y, guint width, guint height) {
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer);
  crop->x = x;
  crop->y = y;
  crop->width = width;
  crop->height = height;
  return buffer;
}

void refuses_frame(const char* what, const std::function<GstBuffer*(Detect&)>& make) {
  Detect detect;
  gst_buffer_unref(detect.through(detect.frame(0)));
  fail_unless(gst_harness_push(detect.harness, make(detect)) == GST_FLOW_ERROR, "%s", what);
  bus_text(detect.bus, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
  fail_unless_equals_int(gst_harness_buffers_in_queue(detect.harness), 0);
  // The element goes on behind a flush.
  detect.flush();
  gst_buffer_unref(detect.through(detect.frame(1)));
}

void fail_unless_same_map(GstBuffer* a, GstBuffer* b) {
  test_planes_equal(&meta_of(a)->map, &meta_of(b)->map);
  test_rectangle_equals(meta_of(a), meta_of(b)->x, meta_of(b)->y, meta_of(b)->width, meta_of(b)->height);
  gst_buffer_unref(a);
  gst_buffer_unref(b);
}

// Copies a frame into the middle of a larger one; both packed by GStreamer's rules.
GstBuffer* embedded(GstBuffer* frame, const GstVideoInfo* info, gint x, gint y, guint width, guint height) {
  GstVideoInfo larger;
  gst_video_info_set_format(&larger, GST_VIDEO_INFO_FORMAT(info), width, height);
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&larger), nullptr);
  gst_buffer_memset(buffer, 0, 0xa5, gst_buffer_get_size(buffer));
  GstVideoFrame from, to;
  fail_unless(gst_video_frame_map(&from, info, frame, GST_MAP_READ) &&
              gst_video_frame_map(&to, &larger, buffer, GST_MAP_WRITE));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&from); ++c) {
    const GstVideoFormatInfo* format = from.info.finfo;
    const gint left = x >> GST_VIDEO_FORMAT_INFO_W_SUB(format, c),
               top = y >> GST_VIDEO_FORMAT_INFO_H_SUB(format, c);
    const gint step = GST_VIDEO_FRAME_COMP_PSTRIDE(&from, c),
               bytes =
                   (GST_VIDEO_FORMAT_INFO_DEPTH(format, c) + GST_VIDEO_FORMAT_INFO_SHIFT(format, c) + 7) / 8;
    const auto* source = static_cast<const guint8*>(GST_VIDEO_FRAME_COMP_DATA(&from, c));
    auto* target = static_cast<guint8*>(GST_VIDEO_FRAME_COMP_DATA(&to, c));
    for (gint row = 0; row < GST_VIDEO_FRAME_COMP_HEIGHT(&from, c); ++row)
      for (gint column = 0; column < GST_VIDEO_FRAME_COMP_WIDTH(&from, c); ++column)
        memcpy(target + (top + row) * GST_VIDEO_FRAME_COMP_STRIDE(&to, c) + (left + column) * step,
               source + row * GST_VIDEO_FRAME_COMP_STRIDE(&from, c) + column * step, bytes);
  }
  gst_video_frame_unmap(&from);
  gst_video_frame_unmap(&to);
  gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&larger), width,
                                 height, GST_VIDEO_INFO_N_PLANES(&larger), larger.offset, larger.stride);
  return buffer;
}

guint warnings(Detect& detect) {
  guint count = 0;
  while (GstMessage* message = gst_bus_pop_filtered(detect.bus, GST_MESSAGE_WARNING)) {
    ++count;
    gst_message_unref(message);
  }
  return count;
}

}  // namespace

GST_START_TEST(test_video_metas_that_lie) {
  const auto lie = [](const char* what, const Layout& layout) {
    refuses_frame(what, [&](Detect& detect) { return with_video_meta(detect.frame(1), layout); });
  };
  const Layout good;
  Layout layout = good;
  layout.format = GST_VIDEO_FORMAT_BGR;
  lie("another format", layout);
  layout = good;
  layout.format = GST_VIDEO_FORMAT_I420;
  layout.planes = 3;
  lie("a format of more planes", layout);
  layout = good;
  layout.width = 95;
  lie("narrower than the caps", layout);
  layout = good;
  layout.height = 53;
  lie("lower than the caps", layout);
  layout = good;
  layout.width = 97;
  lie("wider than its stride", layout);
  layout = good;
  layout.width = layout.height = 0x7fffffff;
  lie("as wide as numbers go", layout);
  layout = good;
  layout.stride = 0;
  lie("one row for all", layout);
  layout = good;
  layout.stride = 96 * 3 - 1;
  lie("rows that overlap", layout);
  layout = good;
  layout.stride = G_MAXINT;
  lie("a stride beyond the buffer", layout);
  layout = good;
  layout.stride = -96 * 3;
  lie("upwards from the first row", layout);
  layout = good;
  layout.stride = G_MININT;
  lie("upwards without an end", layout);
  layout = good;
  layout.offset = 1;
  lie("one byte too far", layout);
  layout = good;
  layout.offset = G_MAXSIZE;
  lie("an offset beyond memory", layout);
  refuses_frame("no bytes", [](Detect&) { return gst_buffer_new(); });
}
GST_END_TEST

// Rows from the bottom up are no lie.
GST_START_TEST(test_bottom_up_rows) {
  Detect detect;
  GstBuffer* tight = detect.frame(2);
  GstBuffer* flipped = gst_buffer_new_allocate(nullptr, 96 * 54 * 3, nullptr);
  GstMapInfo from, to;
  fail_unless(gst_buffer_map(tight, &from, GST_MAP_READ) && gst_buffer_map(flipped, &to, GST_MAP_WRITE));
  for (int y = 0; y < 54; ++y) memcpy(to.data + (53 - y) * 96 * 3, from.data + y * 96 * 3, 96 * 3);
  gst_buffer_unmap(tight, &from);
  gst_buffer_unmap(flipped, &to);
  Layout layout;
  layout.offset = 53 * 96 * 3;
  layout.stride = -96 * 3;
  with_video_meta(flipped, layout);
  fail_unless_same_map(detect.through(tight), detect.through(flipped));
}
GST_END_TEST

// A frame within a larger one, named by a crop meta, is looked at as the same frame alone.
GST_START_TEST(test_crop) {
  for (const char* format : {"RGB", "NV12", "I420", "YUY2", "Y444_10LE", "GRAY8"}) {
    Detect detect("threshold=0.1",
                  (std::string("video/x-raw,width=60,height=40,framerate=25/1,format=") + format).c_str());
    GstBuffer* alone = detect.frame(1);
    GstBuffer* inside = with_crop(embedded(alone, &detect.info, 10, 6, 96, 54), 10, 6, 60, 40);
    GstBuffer *a = detect.through(alone), *b = detect.through(inside);
    test_rectangle_equals(meta_of(b), 0, 0, 60, 40);
    fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(a)), gst_anomaly_meta_n_regions(meta_of(b)));
    fail_unless_same_map(a, b);
    // Without the crop meta, what the caps promise is the first corner.
    GstBuffer* corner = detect.frame(2);
    gst_buffer_unref(detect.through(embedded(corner, &detect.info, 0, 0, 96, 54)));
    gst_buffer_unref(corner);
  }
  // Between two chroma samples: whole ones are read.
  Detect detect("threshold=0.1", "video/x-raw,width=60,height=40,framerate=25/1,format=I420");
  GstBuffer* frame = detect.frame(1);
  GstBuffer* out = detect.through(with_crop(embedded(frame, &detect.info, 10, 6, 96, 54), 11, 7, 60, 40));
  test_rectangle_equals(meta_of(out), 0, 0, 60, 40);
  gst_buffer_unref(out);
  gst_buffer_unref(frame);
}
GST_END_TEST

GST_START_TEST(test_crops_that_lie) {
  const struct {
    guint x, y, width, height;
  } table[] = {{96, 0, 10, 10}, {0, 54, 10, 10},        {0, 0, 0, 10},
               {0, 0, 10, 0},   {G_MAXUINT, 0, 10, 10}, {5, G_MAXUINT - 3, 10, 10}};
  for (const auto& row : table)
    refuses_frame("crop", [&](Detect& detect) {
      return with_crop(detect.frame(1), row.x, row.y, row.width, row.height);
    });
  // One that reaches over the edge ends there.
  Detect detect;
  GstBuffer* out = detect.through(with_crop(detect.frame(1), 90, 50, G_MAXUINT, G_MAXUINT));
  test_rectangle_equals(meta_of(out), 0, 0, 6, 4);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(test_largest_frames) {
  Detect detect("threshold=0", "video/x-raw,format=NV12,width=8192,height=8192,framerate=25/1");
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&detect.info), nullptr);
  gst_buffer_memset(buffer, 0, 0x55, gst_buffer_get_size(buffer));
  GstBuffer* out = detect.through(buffer);
  test_rectangle_equals(meta_of(out), 0, 0, 8192, 8192);
  fail_unless_equals_float(meta_of(out)->share, 1);
  test_region_equals(gst_anomaly_meta_get_region(meta_of(out), 0), 1, 0, 0, 8192, 8192,
                     G_GUINT64_CONSTANT(8192) * 8192);
  gst_buffer_unref(out);
}
GST_END_TEST

// Everything is in pixels: their shape plays no part.
GST_START_TEST(test_pixel_aspect_ratio) {
  Detect detect;
  GstBuffer* square = detect.through(detect.frame(1));
  detect.set_caps("video/x-raw,format=RGB,width=96,height=54,framerate=25/1,pixel-aspect-ratio=64/45");
  fail_unless_same_map(detect.through(detect.frame(1)), square);
}
GST_END_TEST

GST_START_TEST(test_interlaced) {
  Detect detect("max-in-flight=1",
                "video/x-raw,format=RGB,width=96,height=54,framerate=25/1,interlace-mode=interleaved");
  gst_buffer_unref(detect.through(detect.frame(0)));
  detect.set_caps("video/x-raw,format=RGB,width=64,height=64,framerate=25/1,interlace-mode=mixed");
  gst_buffer_unref(detect.through(detect.frame(0)));
  fail_unless_contains(bus_text(detect.bus, GST_MESSAGE_WARNING, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT),
                       "interlaced");
  fail_unless_equals_int(warnings(detect), 0);  // once

  detect.set_caps("video/x-raw,format=RGB,width=64,height=64,framerate=25/1,interlace-mode=fields");
  fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(0)), GST_FLOW_NOT_NEGOTIATED);
  fail_unless_contains(bus_text(detect.bus, GST_MESSAGE_ERROR, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT),
                       "deinterlace");
}
GST_END_TEST

GST_START_TEST(test_high_dynamic_range) {
  Detect detect;
  gst_buffer_unref(detect.through(detect.frame(0)));
  fail_unless_equals_int(warnings(detect), 0);
  for (const char* colorimetry : {"bt2100-pq", "bt2100-hlg"}) {
    detect.set_caps(
        (std::string("video/x-raw,format=P010_10LE,width=64,height=64,framerate=25/1,colorimetry=") +
         colorimetry)
            .c_str());
    gst_buffer_unref(detect.through(detect.frame(0)));
  }
  fail_unless_contains(bus_text(detect.bus, GST_MESSAGE_WARNING, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT),
                       "PQ");
  fail_unless_equals_int(warnings(detect), 0);  // once
  // And once more after a restart.
  fail_unless_equals_int(gst_element_set_state(detect.element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int(gst_element_set_state(detect.element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  detect.set_caps("video/x-raw,format=P010_10LE,width=64,height=64,framerate=25/1,colorimetry=bt2100-hlg");
  gst_buffer_unref(detect.through(detect.frame(0)));
  fail_unless_contains(bus_text(detect.bus, GST_MESSAGE_WARNING, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT),
                       "HLG");
}
GST_END_TEST

// Memory that the processor cannot see: an allocator that maps nothing.
typedef struct {
  GstAllocator parent;
} TestBlindAllocator;
typedef struct {
  GstAllocatorClass parent_class;
} TestBlindAllocatorClass;
G_DEFINE_TYPE(TestBlindAllocator, test_blind_allocator, GST_TYPE_ALLOCATOR)

static void test_blind_allocator_class_init(TestBlindAllocatorClass* klass) {
  GST_ALLOCATOR_CLASS(klass)->alloc = [](GstAllocator* self, gsize size, GstAllocationParams*) {
    GstMemory* memory = g_new0(GstMemory, 1);
    gst_memory_init(memory, GST_MEMORY_FLAG_NO_SHARE, self, nullptr, size, 0, 0, size);
    return memory;
  };
  GST_ALLOCATOR_CLASS(klass)->free = [](GstAllocator*, GstMemory* memory) { g_free(memory); };
}
static void test_blind_allocator_init(TestBlindAllocator* self) {
  GstAllocator* allocator = GST_ALLOCATOR(self);
  allocator->mem_type = "blind";
  allocator->mem_map = [](GstMemory*, gsize, GstMapFlags) -> gpointer { return nullptr; };
  allocator->mem_unmap = [](GstMemory*) {};
}

GST_START_TEST(test_memory_that_cannot_be_mapped) {
  auto* allocator = static_cast<GstAllocator*>(g_object_new(test_blind_allocator_get_type(), nullptr));
  gst_object_ref_sink(allocator);
  refuses_frame("blind memory",
                [&](Detect&) { return gst_buffer_new_allocate(allocator, 96 * 54 * 3, nullptr); });
  gst_object_unref(allocator);
}
GST_END_TEST

#ifdef FAILING_ALLOCATIONS
// Tensors, and with them the map, cannot be had: an error, and behind a flush the element goes on.
GST_START_TEST(test_maps_that_cannot_be_allocated) {
  for (const char* flight : {"max-in-flight=1", "max-in-flight=3"}) {
    Detect detect(flight);
    fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(0)), GST_FLOW_OK);
    gst_buffer_unref(gst_harness_pull(detect.harness));
    allocations_fail = true;
    GstFlowReturn flow = GST_FLOW_OK;
    for (guint i = 1; i < 6 && flow == GST_FLOW_OK; ++i)
      flow = gst_harness_push(detect.harness, detect.frame(i));
    allocations_fail = false;
    fail_unless_equals_int(flow, GST_FLOW_ERROR);
    fail_unless_contains(
        bus_text(detect.bus, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT),
        "emory");
    fail_unless(gst_bus_pop_filtered(detect.bus, GST_MESSAGE_ERROR) == nullptr, "more than one error");
    detect.flush();
    fail_unless_equals_int(gst_harness_push(detect.harness, detect.frame(7)), GST_FLOW_OK);
    GstBuffer* out = gst_harness_pull(detect.harness);
    fail_unless_equals_uint64(GST_BUFFER_PTS(out), 7 * 40 * GST_MSECOND);
    meta_of(out);
    gst_buffer_unref(out);
  }
}
GST_END_TEST
#endif

#ifdef HAVE_GST_ALLOCATORS
// A dmabuf of `size` bytes, of the kernel's where it makes them; else -1.
static int udmabuf_new(int memory, gsize size) {
  const int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
  if (device < 0) return -1;
  struct udmabuf_create create = {};
  create.memfd = static_cast<__u32>(memory);
  create.size = size;
  const int dmabuf = ioctl(device, UDMABUF_CREATE, &create);
  close(device);
  return dmabuf;
}

GST_START_TEST(test_dmabuf) {
  Detect detect;
  const gsize page = static_cast<gsize>(sysconf(_SC_PAGESIZE)), bytes = 96 * 54 * 3,
              size = (bytes + page - 1) / page * page;
  const int memory = memfd_create("frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  fail_unless(memory >= 0 && ftruncate(memory, static_cast<off_t>(size)) == 0);
  fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK);
  int dmabuf = udmabuf_new(memory, size);
  if (dmabuf < 0) {
    g_printerr("# SKIP of the kernel's part: no /dev/udmabuf here; a memfd stands for the dmabuf\n");
    dmabuf = dup(memory);
  }
  GstAllocator* allocator = gst_dmabuf_allocator_new();
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_append_memory(buffer, gst_dmabuf_allocator_alloc(allocator, dmabuf, bytes));
  GstBuffer* plain = detect.frame(3);
  GstMapInfo map;
  fail_unless(gst_buffer_map(plain, &map, GST_MAP_READ));
  fail_unless_equals_int(gst_buffer_fill(buffer, 0, map.data, map.size), bytes);
  gst_buffer_unmap(plain, &map);
  GST_BUFFER_PTS(buffer) = 0;
  GstBuffer* out = detect.through(buffer);
  fail_unless(gst_is_dmabuf_memory(gst_buffer_peek_memory(out, 0)));
  fail_unless_same_map(out, detect.through(plain));
  gst_object_unref(allocator);
  close(memory);
}
GST_END_TEST
#endif

static Suite* badframes_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("bad frames");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_video_metas_that_lie);
  tcase_add_test(tc, test_bottom_up_rows);
  tcase_add_test(tc, test_crop);
  tcase_add_test(tc, test_crops_that_lie);
  tcase_add_test(tc, test_largest_frames);
  tcase_add_test(tc, test_pixel_aspect_ratio);
  tcase_add_test(tc, test_interlaced);
  tcase_add_test(tc, test_high_dynamic_range);
  tcase_add_test(tc, test_memory_that_cannot_be_mapped);
#ifdef FAILING_ALLOCATIONS
  tcase_add_test(tc, test_maps_that_cannot_be_allocated);
#endif
#ifdef HAVE_GST_ALLOCATORS
  tcase_add_test(tc, test_dmabuf);
#endif
  return suite;
}

GST_CHECK_MAIN(badframes);
