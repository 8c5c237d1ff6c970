// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect's region-of-interest metas: one for each region, in the form that DL Streamer's elements
// read, and never more than those.
#include "tests/gst/standard_common.h"

namespace {

double number_in(const GstStructure* structure, const char* field) {
  double value = -1;
  fail_unless(gst_structure_get_double(structure, field, &value), "no double %s", field);
  return value;
}

int integer_in(const GstStructure* structure, const char* field) {
  int value = -2;
  fail_unless(gst_structure_get_int(structure, field, &value), "no int %s", field);
  return value;
}

// A meta for each region of the frame, in their order, and no other.
void metas_tell_regions(GstBuffer* buffer, int width = kFrameWidth, int height = kFrameHeight) {
  const auto regions = regions_of(buffer);
  const auto metas = rois_of(buffer);
  fail_unless_equals_int(metas.size(), regions.size());
  for (size_t i = 0; i < metas.size(); ++i) {
    GstVideoRegionOfInterestMeta* meta = metas[i];
    const GstAnomalyRegion& region = regions[i];
    fail_unless_equals_string(g_quark_to_string(meta->roi_type), region.label ? region.label : "anomaly");
    fail_unless_equals_int(meta->x, region.x);
    fail_unless_equals_int(meta->y, region.y);
    fail_unless_equals_int(meta->w, region.width);
    fail_unless_equals_int(meta->h, region.height);
    fail_unless(meta->id != 0);
    for (size_t j = 0; j < i; ++j) fail_unless(metas[j]->id != meta->id, "two regions of id %d", meta->id);

    fail_unless_equals_int(g_list_length(meta->params), 2);
    const GstStructure* detection = gst_video_region_of_interest_meta_get_param(meta, "detection");
    fail_unless(detection != nullptr);
    fail_unless_equals_float(number_in(detection, "x_min") * width, region.x);
    fail_unless_equals_float(number_in(detection, "x_max") * width, region.x + region.width);
    fail_unless_equals_float(number_in(detection, "y_min") * height, region.y);
    fail_unless_equals_float(number_in(detection, "y_max") * height, region.y + region.height);
    fail_unless_equals_float(number_in(detection, "confidence"), CLAMP(region.max, 0, 1));
    const int label_id = integer_in(detection, "label_id");
    fail_unless((label_id >= 0) == (region.label != nullptr));
    fail_unless_equals_string(gst_structure_get_string(detection, "model_name"), meta_of(buffer)->model);
    const GstStructure* object = gst_video_region_of_interest_meta_get_param(meta, "object_id");
    fail_unless(object != nullptr);
    fail_unless_equals_int(integer_in(object, "id"), region.id);
  }
}

// Somebody else's, as gvadetect adds it.
GstVideoRegionOfInterestMeta* add_foreign(GstBuffer* buffer) {
  GstVideoRegionOfInterestMeta* meta =
      gst_buffer_add_video_region_of_interest_meta(buffer, "car", 1, 2, 3, 4);
  meta->id = 1;
  gst_video_region_of_interest_meta_add_param(
      meta, gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, 0.5, nullptr));
  return meta;
}

GstBuffer* copy_of(GstBuffer* buffer) {
  GstBuffer* copy = gst_buffer_copy(buffer);
  gst_buffer_unref(buffer);
  return copy;
}

}  // namespace

GST_START_TEST(test_one_for_each_region) {
  const double threshold = middle_threshold();
  Detect detect(with_threshold(threshold));
  tells_several_regions(detect, [](GstBuffer* out, GstClockTime) {
    metas_tell_regions(out);
    return rois_of(out).size();
  });
  // What is left out of the regions is left out of the metas.
  g_object_set(detect.element, "min-area", guint64{100}, "roi", "0,0,60,54", nullptr);
  GstBuffer* out = detect.through(detect.frame(4));
  metas_tell_regions(out);
  for (const auto* meta : rois_of(out)) fail_unless(meta->x + meta->w <= 60);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(test_the_rectangle) {
  Detect detect("threshold=0 roi=24,27,48,9");
  GstBuffer* out = detect.through(detect.frame(0));
  metas_tell_regions(out);
  fail_unless_equals_int(rois_of(out).size(), 1);
  const GstStructure* detection = gst_video_region_of_interest_meta_get_param(rois_of(out)[0], "detection");
  fail_unless_equals_float(number_in(detection, "x_min"), 0.25);
  fail_unless_equals_float(number_in(detection, "x_max"), 0.75);
  fail_unless_equals_float(number_in(detection, "y_min"), 0.5);
  fail_unless_equals_float(number_in(detection, "y_max"), 36. / 54);
  // Train ids are the places of the classes in the bundle.
  const char* classes[] = {"road", "sidewalk", "building", "wall", "fence", "pole", "traffic light"};
  const int label_id = integer_in(detection, "label_id");
  if (label_id >= 0 && label_id < static_cast<int>(G_N_ELEMENTS(classes)))
    fail_unless_equals_string(g_quark_to_string(rois_of(out)[0]->roi_type), classes[label_id]);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(test_without_regions) {
  Detect detect("threshold=1000");
  GstBuffer* out = detect.through(detect.frame(0));
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 0);
  fail_unless_equals_int(rois_of(out).size(), 0);
  gst_buffer_unref(out);
  // A gap is nobody's business: what is on it stays.
  GstBuffer* gap = detect.frame(1);
  GST_BUFFER_FLAG_SET(gap, GST_BUFFER_FLAG_GAP);
  add_foreign(gap);
  out = detect.through(gap);
  fail_unless(out == gap);
  fail_unless_equals_int(count_metas(out), 1);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(test_repeated_maps) {
  int id = -1;
  tells_repeated_maps([&](GstBuffer* out, GstClockTime) {
    metas_tell_regions(out);
    fail_unless_equals_int(rois_of(out).size(), 1);
    const GstStructure* object = gst_video_region_of_interest_meta_get_param(rois_of(out)[0], "object_id");
    if (id < 0) id = integer_in(object, "id");
    fail_unless_equals_int(integer_in(object, "id"), id);
  });
}
GST_END_TEST

GST_START_TEST(test_frames_come_again) {
  Detect detect("threshold=0");
  GstBuffer* frame = detect.frame(0);
  for (int round = 0; round < 3; ++round) {
    frame = detect.through(frame);
    metas_tell_regions(frame);
    frame = copy_of(frame);
    metas_tell_regions(frame);
  }
  gst_buffer_unref(frame);
}
GST_END_TEST

// The second detector's regions take the place of the first one's, whatever stands between the two.
GST_START_TEST(test_chained) {
  for (const char* between : {"identity", "queue", "videoconvert ! capsfilter caps=video/x-raw,format=BGR",
                              "videoscale ! capsfilter caps=video/x-raw,width=192,height=108"}) {
    Detect before("threshold=0 roi=0,0,48,20"), behind("threshold=0 roi=0,22,40,20");
    GstBuffer* frame = before.frame(0);
    add_foreign(frame);
    frame = before.through(frame);
    fail_unless_equals_int(rois_of(frame).size(), 2);
    GstBuffer* copy = through(between, gst_buffer_copy(frame));
    fail_unless(rois_of(copy).size() == 2, "%s lost metas", between);
    gst_buffer_unref(copy);
    GstBuffer* out = through(between, frame, behind);
    // The foreign one, and one for the second's region.
    const auto metas = rois_of(out);
    fail_unless_equals_int(metas.size(), 2);
    fail_unless_equals_string(g_quark_to_string(metas[0]->roi_type), "car");
    fail_unless_equals_int(metas[0]->id, 1);
    fail_unless_equals_int(metas[1]->y, 22);
    fail_unless_equals_int(metas[1]->w, 40);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(test_switched) {
  Detect detect("threshold=0 standard-metadata=0");
  GstBuffer* frame = detect.frame(0);
  add_foreign(frame);
  frame = detect.through(frame);
  fail_unless_equals_int(count_metas(frame), 2);  // ours, and somebody else's
  g_object_set(detect.element, "standard-metadata", 1u, nullptr);
  frame = detect.through(frame);
  fail_unless_equals_int(rois_of(frame).size(), 2);
  fail_unless_equals_int(count_metas(frame), 3);
  // A detector that attaches none takes away what would no longer be true.
  gst_util_set_object_arg(G_OBJECT(detect.element), "standard-metadata", "0");
  frame = detect.through(frame);
  fail_unless_equals_int(count_metas(frame), 2);
  fail_unless_equals_string(g_quark_to_string(rois_of(frame)[0]->roi_type), "car");
  gst_util_set_object_arg(G_OBJECT(detect.element), "standard-metadata", "regions+objects");
  guint flags = 0;
  g_object_get(detect.element, "standard-metadata", &flags, nullptr);
  fail_unless_equals_int(flags, 3);
  gst_buffer_unref(frame);
}
GST_END_TEST

// A frame that somebody else holds keeps its metadata; its pixels are not copied.
GST_START_TEST(test_held_frames) {
  Detect detect("threshold=0");
  GstBuffer* frame = gst_buffer_ref(detect.frame(0));
  GstBuffer* out = detect.through(frame);
  fail_unless(out != frame);
  fail_unless_equals_int(count_metas(frame), 0);
  metas_tell_regions(out);
  fail_unless_equals_int(rois_of(out).size(), 1);
  fail_unless(gst_buffer_peek_memory(out, 0) == gst_buffer_peek_memory(frame, 0));
  gst_buffer_unref(out);
  gst_buffer_unref(frame);
}
GST_END_TEST

static Suite* detectstandard_suite() {
  Suite* suite = suite_create("detectstandard");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_one_for_each_region);
  tcase_add_test(tests, test_the_rectangle);
  tcase_add_test(tests, test_without_regions);
  tcase_add_test(tests, test_repeated_maps);
  tcase_add_test(tests, test_frames_come_again);
  tcase_add_test(tests, test_chained);
  tcase_add_test(tests, test_switched);
  tcase_add_test(tests, test_held_frames);
  return suite;
}

GST_CHECK_MAIN(detectstandard)
