// SPDX-License-Identifier: LGPL-2.1-or-later
// anomalydetect's findings as metadata of GStreamer's analytics library: they tell the regions, are related
// to each other, replace their like and leave that of others alone; GStreamer's own overlay draws them.
#include "tests/gst/analytics_common.h"

GST_START_TEST(test_objects) {
  Detect detect(with_threshold(middle_threshold()));
  tells_several_regions(detect, [](GstBuffer* out, GstClockTime computed_at) {
    objects_tell_regions(out, computed_at);
    // Region-of-interest metas are told to belong to objects by their ids.
    const auto ids = objects_of(out);
    const auto metas = rois_of(out);
    fail_unless_equals_int(metas.size(), ids.size());
    for (size_t j = 0; j < ids.size(); ++j) fail_unless_equals_int(metas[j]->id, ids[j]);
    return ids.size();
  });
}
GST_END_TEST

GST_START_TEST(test_without_regions) {
  Detect detect("threshold=1000");
  GstBuffer* out = detect.through(detect.frame(0));
  // What was looked at says so: the frame's score, and the mark of ours.
  fail_unless_equals_int(objects_of(out).size(), 0);
  fail_unless_equals_int(all_of(out).size(), 2);
  fail_unless_equals_int(ids_of(out, gst_analytics_cls_mtd_get_mtd_type()).size(), 1);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(test_repeated_maps) {
  tells_repeated_maps([](GstBuffer* out, GstClockTime computed_at) {
    objects_tell_regions(out, computed_at);
    fail_unless_equals_int(objects_of(out).size(), 1);
  });
}
GST_END_TEST

GST_START_TEST(test_frames_come_again) {
  Detect detect("threshold=0");
  GstBuffer* frame = detect.through(detect.frame(0));
  const size_t entries = all_of(frame).size();
  fail_unless(entries >= 5);
  for (int round = 0; round < 3; ++round) {
    GstBuffer* copy = gst_buffer_copy(frame);
    gst_buffer_unref(frame);
    fail_unless_equals_int(all_of(copy).size(), entries);
    objects_tell_regions(copy, 0);
    frame = detect.through(copy);
    fail_unless_equals_int(all_of(frame).size(), entries);
    objects_tell_regions(frame, 0);
  }
  gst_buffer_unref(frame);
}
GST_END_TEST

GST_START_TEST(test_others_stay) {
  Detect detect("threshold=0");
  GstBuffer* frame = detect.frame(0);
  add_foreign(frame);
  frame = detect.through(frame);
  const size_t entries = all_of(frame).size();
  foreign_is_there(frame);
  fail_unless_equals_int(objects_of(frame).size(), 2);
  // Behind ours, too.
  add_foreign(frame);
  for (int round = 0; round < 3; ++round) {
    frame = detect.through(frame);
    fail_unless_equals_int(all_of(frame).size(), entries + 2);
    fail_unless_equals_int(objects_of(frame).size(), 3);
    foreign_is_there(frame);
    const auto ids = objects_of(frame);
    const auto metas = rois_of(frame);
    fail_unless_equals_int(metas.size(), 1);
    fail_unless_equals_int(metas[0]->id, ids[2]);  // ours come last now
  }
  g_object_set(detect.element, "standard-metadata", 0u, nullptr);
  frame = detect.through(frame);
  fail_unless_equals_int(all_of(frame).size(), 4);
  fail_unless_equals_int(rois_of(frame).size(), 0);
  foreign_is_there(frame);
  gst_buffer_unref(frame);
}
GST_END_TEST

// A second detector behind a copy or a scaler, which drops the parameters of region-of-interest metas.
GST_START_TEST(test_chained) {
  for (const char* between : {"identity", "videoconvert ! capsfilter caps=video/x-raw,format=BGR",
                              "videoscale ! capsfilter caps=video/x-raw,width=192,height=108"}) {
    Detect before("threshold=0 roi=0,0,48,20"), behind("threshold=0 roi=0,22,40,20");
    GstBuffer* frame = before.through(before.frame(0));
    GstBuffer* out = through(between, gst_buffer_copy(frame));
    const int scale = strstr(between, "192") ? 2 : 1;
    GstAnalyticsODMtd object;
    gint x, y, width, height;
    gfloat level;
    fail_unless_equals_int(objects_of(out).size(), 1);
    fail_unless(gst_analytics_relation_meta_get_od_mtd(relations_of(out), objects_of(out)[0], &object));
    fail_unless(gst_analytics_od_mtd_get_location(&object, &x, &y, &width, &height, &level));
    fail_unless_equals_int(width, 48 * scale);
    gst_buffer_unref(out);
    out = through(between, frame, behind);
    objects_tell_regions(out, 0);
    fail_unless_equals_int(objects_of(out).size(), 1);
    fail_unless_equals_int(rois_of(out).size(), 1);
    fail_unless_equals_int(rois_of(out)[0]->y, 22);
    gst_buffer_unref(out);
  }
}
GST_END_TEST

GST_START_TEST(test_many_regions) {
  const std::string mask = dotted_mask();
  Detect detect("threshold=0 ignore-mask=" + mask);
  GstBuffer* out = detect.through(detect.frame(0));
  fail_unless_equals_int(gst_anomaly_meta_n_regions(meta_of(out)), 1000);
  fail_unless_equals_int(rois_of(out).size(), 1000);
  objects_tell_regions(out, 0, 255);
#ifdef HAVE_ANALYTICS_MAPS
  mask_tells_regions(out, kFrameWidth, kFrameHeight);
#endif
  // No two of the same id.
  std::vector<gint> ids;
  for (const auto* meta : rois_of(out)) ids.push_back(meta->id);
  std::sort(ids.begin(), ids.end());
  fail_unless(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  // Nothing of them is left behind.
  g_object_set(detect.element, "ignore-mask", "", nullptr);
  out = detect.through(out);
  fail_unless_equals_int(rois_of(out).size(), 1);
  fail_unless_equals_int(objects_of(out).size(), 1);
  gst_buffer_unref(out);
  unlink(mask.c_str());
}
GST_END_TEST

GST_START_TEST(test_switched) {
  Detect detect("threshold=0 standard-metadata=objects");
  GstBuffer* frame = detect.through(detect.frame(0));
  fail_unless_equals_int(objects_of(frame).size(), 1);
  fail_unless_equals_int(count_metas(frame), 2);
  gst_util_set_object_arg(G_OBJECT(detect.element), "standard-metadata", "regions");
  frame = detect.through(frame);
  fail_unless(gst_buffer_get_analytics_relation_meta(frame) == nullptr);
  fail_unless_equals_int(rois_of(frame).size(), 1);
  fail_unless_equals_int(count_metas(frame), 2);
#ifdef HAVE_ANALYTICS_MAPS
  gst_util_set_object_arg(G_OBJECT(detect.element), "standard-metadata", "tensor");
  frame = detect.through(frame);
  fail_unless_equals_int(count_metas(frame), 2);
  fail_unless(tensor_of(frame, "gst-anomaly-scores") != nullptr);
  gst_util_set_object_arg(G_OBJECT(detect.element), "standard-metadata", "segmentation");
  frame = detect.through(frame);
  fail_unless_equals_int(count_metas(frame), 2);
  fail_unless_equals_int(objects_of(frame).size(), 0);
  mask_tells_regions(frame, kFrameWidth, kFrameHeight);
#endif
  gst_util_set_object_arg(G_OBJECT(detect.element), "standard-metadata", "0");
  frame = detect.through(frame);
  fail_unless_equals_int(count_metas(frame), 1);
  gst_buffer_unref(frame);
}
GST_END_TEST

#ifdef HAVE_ANALYTICS_MAPS
GST_START_TEST(test_segmentation) {
  // Rows of 97 pixels: the mask's are padded.
  const char* caps = "video/x-raw,format=RGB,width=97,height=55,framerate=25/1";
  Detect detect(with_threshold(middle_threshold()) + "interval=1", caps);
  GstBuffer* out = detect.through(detect.frame(0));
  fail_unless(regions_of(out).size() > 1);
  mask_tells_regions(out, 97, 55);
  objects_tell_regions(out, 0);
  // Every frame of the same map shares the mask; copies do.
  GstBuffer *next = detect.through(detect.frame(1)), *copy = gst_buffer_copy(next);
  GstAnalyticsSegmentationMtd of_out = segmentation_of(out), of_next = segmentation_of(next),
                              of_copy = segmentation_of(copy);
  GstBuffer* masks[] = {
      gst_analytics_segmentation_mtd_get_mask(&of_out, nullptr, nullptr, nullptr, nullptr),
      gst_analytics_segmentation_mtd_get_mask(&of_next, nullptr, nullptr, nullptr, nullptr),
      gst_analytics_segmentation_mtd_get_mask(&of_copy, nullptr, nullptr, nullptr, nullptr)};
  fail_unless(masks[0] == masks[1] && masks[1] == masks[2]);
  mask_tells_regions(next, 97, 55);
  gst_buffer_unref(out);
  gst_buffer_unref(next);
  mask_tells_regions(copy, 97, 55);
  gst_buffer_unref(copy);
  for (GstBuffer* mask : masks) gst_buffer_unref(mask);
}
GST_END_TEST

// Where a segmentation of somebody else's is copied, its mask gains an owner.
GST_START_TEST(test_other_segmentation_stays) {
  Detect detect("threshold=0");
  GstBuffer *frame = detect.frame(0), *mask = gst_buffer_new_allocate(nullptr, 8, nullptr);
  gst_buffer_memset(mask, 0, 7, 8);
  gst_buffer_add_video_meta(mask, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 4, 2);
  guint id = 7;
  GstAnalyticsSegmentationMtd other;
  fail_unless(gst_analytics_relation_meta_add_segmentation_mtd(
      gst_buffer_add_analytics_relation_meta(frame), gst_buffer_ref(mask), GST_SEGMENTATION_TYPE_SEMANTIC, 1,
      &id, 0, 0, 4, 2, &other));
  for (int round = 0; round < 3; ++round) frame = detect.through(frame);
  const auto ids = ids_of(frame, gst_analytics_segmentation_mtd_get_mtd_type());
  fail_unless_equals_int(ids.size(), 2);
  fail_unless(gst_analytics_relation_meta_get_segmentation_mtd(relations_of(frame), ids[0], &other));
  GstBuffer* same = gst_analytics_segmentation_mtd_get_mask(&other, nullptr, nullptr, nullptr, nullptr);
  fail_unless(same == mask);
  gst_buffer_unref(same);
  gst_buffer_unref(frame);
  fail_unless_equals_int(GST_MINI_OBJECT_REFCOUNT_VALUE(mask), 1);
  gst_buffer_unref(mask);
}
GST_END_TEST

GST_START_TEST(test_tensor) {
  Detect detect("threshold=1000");
  GstBuffer* frame = detect.frame(0);
  gsize size[] = {2, 3};
  auto** others = g_new(GstTensor*, 1);
  others[0] = gst_tensor_new_simple(g_quark_from_static_string("other"), GST_TENSOR_DATA_TYPE_UINT8,
                                    gst_buffer_new_allocate(nullptr, 6, nullptr),
                                    GST_TENSOR_DIM_ORDER_ROW_MAJOR, 2, size);
  gst_tensor_meta_set(gst_buffer_add_tensor_meta(frame), 1, others);
  for (int round = 0; round < 3; ++round) {
    frame = detect.through(frame);
    fail_unless_equals_int(gst_buffer_get_tensor_meta(frame)->num_tensors, 2);
    const GstTensor *tensor = tensor_of(frame, "gst-anomaly-scores"), *other = tensor_of(frame, "other");
    fail_unless(tensor != nullptr && other != nullptr);
    fail_unless_equals_int(gst_buffer_get_size(other->data), 6);
    const GstAnomalyPlane& map = meta_of(frame)->map;
    fail_unless_equals_int(tensor->data_type, GST_TENSOR_DATA_TYPE_FLOAT32);
    fail_unless_equals_int(tensor->dims_order, GST_TENSOR_DIM_ORDER_ROW_MAJOR);
    fail_unless_equals_int(tensor->num_dims, 2);
    fail_unless_equals_int(tensor->dims[0], map.height);
    fail_unless_equals_int(tensor->dims[1], map.width);
    fail_unless(tensor->data == map.data, "the map was copied");
  }
  gst_util_set_object_arg(G_OBJECT(detect.element), "standard-metadata", "regions+objects+segmentation");
  frame = detect.through(frame);
  fail_unless_equals_int(gst_buffer_get_tensor_meta(frame)->num_tensors, 1);
  fail_unless(tensor_of(frame, "gst-anomaly-scores") == nullptr && tensor_of(frame, "other") != nullptr);
  gst_buffer_unref(frame);
}
GST_END_TEST
#endif

// What GStreamer carries along, as docs/metadata.md says.
GST_START_TEST(test_downstream) {
  Detect detect("threshold=0 roi=20,12,40,24");
  const auto found = [&] { return detect.through(detect.frame(0)); };
  GstBuffer* out = through("videoconvert ! capsfilter caps=video/x-raw,format=I420", found());
  objects_tell_regions(out, 0);
  fail_unless_equals_int(rois_of(out).size(), 1);
#ifdef HAVE_ANALYTICS_MAPS
  mask_tells_regions(out, kFrameWidth, kFrameHeight);
  // Copied where GStreamer's release can.
  const bool copied = gst_tensor_meta_get_info()->transform_func != nullptr;
  GstBuffer *plain = found(), *copy = gst_buffer_copy(plain);
  fail_unless(tensor_of(plain, "gst-anomaly-scores") != nullptr);
  fail_unless((tensor_of(copy, "gst-anomaly-scores") != nullptr) == copied);
  gst_buffer_unref(copy);
  gst_buffer_unref(plain);
#endif
  gst_buffer_unref(out);

  out = through("videoscale ! capsfilter caps=video/x-raw,width=192,height=108", found());
  GstAnalyticsODMtd object;
  gint x, y, width, height;
  gfloat level;
  fail_unless_equals_int(objects_of(out).size(), 1);
  fail_unless(gst_analytics_relation_meta_get_od_mtd(relations_of(out), objects_of(out)[0], &object));
  fail_unless(gst_analytics_od_mtd_get_location(&object, &x, &y, &width, &height, &level));
  fail_unless(x == 40 && y == 24 && width == 80 && height == 48);
  fail_unless_equals_int(rois_of(out)[0]->x, 40);
  fail_unless_equals_int(rois_of(out)[0]->h, 48);
#ifdef HAVE_ANALYTICS_MAPS
  GstAnalyticsSegmentationMtd segmentation = segmentation_of(out);
  guint covered_width, covered_height;
  gst_buffer_unref(
      gst_analytics_segmentation_mtd_get_mask(&segmentation, &x, &y, &covered_width, &covered_height));
  fail_unless(x == 0 && y == 0 && covered_width == 192 && covered_height == 108);
#endif
  gst_buffer_unref(out);

  guint major, minor, micro, nano;
  gst_version(&major, &minor, &micro, &nano);
  if (minor >= 27) return;  // from then on, metadata is told of crops
  out = through("videocrop left=8", found());
  fail_unless_equals_int(rois_of(out).size(), 0);
  fail_unless_equals_int(all_of(out).size(), 0);
  gst_buffer_unref(out);
}
GST_END_TEST

// What objectdetectionoverlay draws: an outline at the regions' boxes, and nothing elsewhere.
GST_START_TEST(test_gstreamers_overlay) {
  GstElementFactory* factory = gst_element_factory_find("objectdetectionoverlay");
  if (factory == nullptr) {
    g_print("skipped: no element objectdetectionoverlay here\n");
    return;
  }
  gst_object_unref(factory);
  const char* caps = "video/x-raw,format=BGRx,width=96,height=54,framerate=25/1";
  Detect detect("threshold=0 roi=20,12,40,25", caps);
  GstHarness* overlay = gst_harness_new_parse(
      "objectdetectionoverlay draw-labels=false object-detection-outline-color=4294901760");
  gst_harness_set_src_caps(overlay, gst_caps_from_string(caps));
  for (guint i = 0; i < 3; ++i) {
    if (i == 2) g_object_set(detect.element, "threshold", 1000., nullptr);  // the box of before is gone
    GstBuffer* plain = detect.frame(i);
    GstMapInfo before, after;
    fail_unless(gst_buffer_map(plain, &before, GST_MAP_READ));
    GstBuffer* drawn = gst_harness_push_and_pull(overlay, detect.through(gst_buffer_copy_deep(plain)));
    fail_unless(drawn != nullptr && gst_buffer_map(drawn, &after, GST_MAP_READ));
    fail_unless_equals_int(after.size, before.size);
    int changed = 0, kept_on_edge = 0;
    for (int y = 0; y < kFrameHeight; ++y)
      for (int x = 0; x < kFrameWidth; ++x) {
        const gsize at = 4 * (static_cast<gsize>(y) * kFrameWidth + x);
        const bool differs = memcmp(before.data + at, after.data + at, 3) != 0;
        // The line is two pixels wide, around the box's edges.
        const bool near = x >= 19 && x <= 60 && y >= 11 && y <= 37;
        const bool inside = x >= 21 && x <= 58 && y >= 13 && y <= 35;
        changed += differs;
        fail_unless(!differs || (near && !inside && i < 2), "frame %u changed at %d,%d", i, x, y);
        const bool edge = near && !inside && (x == 20 || x == 59 || y == 12 || y == 36) && x >= 20 &&
                          x <= 59 && y >= 12 && y <= 36;
        kept_on_edge += edge && !differs;
      }
    if (i < 2) {
      fail_unless(changed > 200, "%d pixels changed", changed);
      fail_unless_equals_int(kept_on_edge, 0);
    }
    gst_buffer_unmap(drawn, &after);
    gst_buffer_unmap(plain, &before);
    gst_buffer_unref(drawn);
    gst_buffer_unref(plain);
  }
  gst_harness_teardown(overlay);
}
GST_END_TEST

static Suite* analytics_suite() {
  Suite* suite = suite_create("analytics");
  TCase* tests = tcase_create("general");
  suite_add_tcase(suite, tests);
  test_load_plugin();
  tcase_add_test(tests, test_objects);
  tcase_add_test(tests, test_without_regions);
  tcase_add_test(tests, test_repeated_maps);
  tcase_add_test(tests, test_frames_come_again);
  tcase_add_test(tests, test_others_stay);
  tcase_add_test(tests, test_chained);
  tcase_add_test(tests, test_many_regions);
  tcase_add_test(tests, test_switched);
#ifdef HAVE_ANALYTICS_MAPS
  tcase_add_test(tests, test_segmentation);
  tcase_add_test(tests, test_other_segmentation_stays);
  tcase_add_test(tests, test_tensor);
#endif
  tcase_add_test(tests, test_downstream);
  tcase_add_test(tests, test_gstreamers_overlay);
  return suite;
}

GST_CHECK_MAIN(analytics)
