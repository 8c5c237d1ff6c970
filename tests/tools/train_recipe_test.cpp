// SPDX-License-Identifier: LGPL-2.1-or-later
// What the stages train on and how: objects, composites, drives of the procedural scene, the discriminator,
// the schedule that follows the validation loss, and the fit to a camera.
#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <set>

#include "src/bundle/bundle.h"
#include "src/error.h"
#include "src/train/adapt.h"
#include "src/train/augment.h"
#include "src/train/checkpoint.h"
#include "src/train/composites.h"
#include "src/train/discriminator.h"
#include "src/train/measures.h"
#include "src/train/objects.h"
#include "src/train/shapes.h"
#include "src/train/weather.h"
#include "tests/check.h"
#include "tests/tools/drawn_data.h"

using namespace anomaly;
using namespace anomaly::train;

namespace {

void same_checkpoint(const Session& a, const Session& b, const std::string& stage) {
  const auto left = read_stage(a.checkpoint(stage), "", true),
             right = read_stage(b.checkpoint(stage), "", true);
  CHECK_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i)
    if (!left[i].second.equal(right[i].second))
      check::fail(__FILE__, __LINE__, stage, ": ", left[i].first, " differs");
}

// The drawn data's configuration, changed by `members`.
Config changed(const DrawnData& data, const std::string& members) {
  const std::string path = data.folder + "/changed.json";
  std::ofstream(path) << R"({"base": "config.json", )" << members << "}";
  return Config::read(path);
}

}  // namespace

TEST(resumed_stages_equal_uninterrupted_ones) {
  const Aside aside;
  at::set_num_threads(1);
  const DrawnData data;
  Session whole = data.session("whole");
  train_segmentation(whole);
  train_synthesis(whole);
  train_dissimilarity(whole);
  std::filesystem::copy(data.folder + "/whole/segmentation.checkpoint.safetensors",
                        data.session("parts").checkpoint("segmentation"));
  for (int part = 0; part < 2; ++part) {
    Session session = data.session("parts", part == 0 ? 2 : 0);
    train_synthesis(session);
  }
  // The discriminator and its optimizer are in the checkpoint, and have been at work.
  const auto opponent = read_stage(whole.checkpoint("synthesis"), "opponent.adam.first.", true);
  CHECK(!opponent.empty());
  CHECK(opponent[0].second.abs().sum().item<double>() > 0);
  same_checkpoint(whole, data.session("parts"), "synthesis");
  // Interrupted before and after hard negatives were found, at half of the steps.
  for (const int64_t stop_after : {2, 3, 0}) {
    Session session = data.session("parts", stop_after);
    train_dissimilarity(session);
  }
  same_checkpoint(whole, data.session("parts"), "dissimilarity");
  const auto mined = read_stage(whole.checkpoint("dissimilarity"), "mined", true);
  CHECK_EQ(mined.at(0).second.numel(), 2);
  CHECK(mined.at(0).second.ge(0).all().item<bool>());
  CHECK(mined.at(0).second.lt(8).all().item<bool>());
}

TEST(plateau_halves_the_rate) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  train_segmentation(session);
  train_synthesis(session);
  // A rate of nearly nothing: the loss cannot fall, and with a patience of one epoch each epoch halves.
  Json stages = session.config.stages, stage = stages.at("dissimilarity");
  stage.set("learning_rate", 1e-30);
  stage.set("average_decay", 0);
  stages.set("dissimilarity", stage);
  session.config.stages = stages;
  train_dissimilarity(session);
  const auto plateau = read_stage(session.checkpoint("dissimilarity"), "plateau", true).at(0).second;
  CHECK(plateau[0].item<double>() < 1);
}

TEST(objects_by_kind_and_category) {
  const DrawnData data;
  Session session = data.session("work");
  ObjectsConfig config = session.config.objects;
  CHECK_EQ(read_objects(data.folder, config, false).size(), size_t{1});
  CHECK(read_objects(data.folder, config, false, ObjectKind::Street).empty());
  config.held_out_categories = {"toaster"};
  CHECK_THROWS(read_objects(data.folder, config, false), Error, "no objects");
  CHECK_EQ(read_objects(data.folder, config, true).size(), size_t{1});  // for evaluation it stays
}

TEST(labels_of_a_crop_lie_where_its_picture_does) {
  // Both say where they are: red and the label are twice the column, green is twice the row.
  cv::Mat picture(120, 120, CV_8UC3), columns(120, 120, CV_8UC1);
  for (int y = 0; y < 120; ++y)
    for (int x = 0; x < 120; ++x) {
      picture.at<cv::Vec3b>(y, x) = {static_cast<uchar>(2 * x), static_cast<uchar>(2 * y), 0};
      columns.at<uchar>(y, x) = static_cast<uchar>(2 * x);
    }
  for (const int step : {1, 2}) {
    const Geometry geometry{100, 140, 64, 96, 0.7, 1.8, 0.2, step};
    double apart = 0;
    int64_t compared = 0;
    for (uint64_t i = 0; i < 40; ++i) {
      Random random({i});
      cv::Mat rgb = picture.clone(), labels = columns.clone();
      random_crop(geometry, random, rgb, labels);
      CHECK_EQ(rgb.rows, 64);
      CHECK_EQ(rgb.cols, 96);
      CHECK_EQ(labels.rows, 64 / step);
      CHECK_EQ(labels.cols, 96 / step);
      if (rgb.at<cv::Vec3b>(32, 10)[0] > rgb.at<cv::Vec3b>(32, 80)[0]) continue;  // mirrored
      for (int y = 0; y < labels.rows; ++y)
        for (int x = 0; x < labels.cols; ++x) {
          const int label = labels.at<uchar>(y, x);
          if (label == 255) continue;
          double red = 0;
          for (int k = 0; k < step * step; ++k)
            red += rgb.at<cv::Vec3b>(y * step + k / step, x * step + k % step)[0];
          apart += red / (step * step) - label;
          ++compared;
        }
    }
    CHECK(compared > 10000);
    // Nearest labels are up to half a column off, to either side alike: a column is 2.
    CHECK_NEAR(apart / static_cast<double>(compared), 0, 0.2);
  }
}

TEST(pasted_things_are_marked_with_their_value) {
  const DrawnData data;
  const auto objects = read_objects(data.folder, data.session("work").config.objects, false);
  PasteOptions options;
  options.height_low = 20;
  options.height_high = 30;
  int marked = 0, changed = 0;
  for (uint64_t i = 0; i < 20; ++i) {
    cv::Mat rgb(120, 200, CV_8UC3, cv::Scalar(90, 100, 110)), mask = cv::Mat::zeros(rgb.size(), CV_8UC1);
    const cv::Mat before = rgb.clone();
    Random random({1, i});
    paste(objects[0], options, random, rgb, mask, 7);
    marked += cv::countNonZero(mask == 7) > 0;
    CHECK_EQ(cv::countNonZero(mask), cv::countNonZero(mask == 7));
    cv::Mat difference;
    cv::absdiff(rgb, before, difference);
    cv::transform(difference, difference, cv::Matx13f(1, 1, 1));
    // Nearly every marked pixel is the object's.
    changed += cv::countNonZero((mask == 7) & (difference > 3)) * 10 >= cv::countNonZero(mask == 7) * 9;
  }
  CHECK(marked >= 18);
  CHECK(changed >= 16);
}

TEST(ordinary_drives_need_no_labels) {
  const DrawnData data;
  Session session = data.session("work");
  DatasetConfig config;
  config.name = "drive";
  config.images = "images";
  config.held_out_share = 0.5;
  config.weight = 1e6;
  CHECK(!config.labelled() && session.datasets[0].config.labelled());
  session.datasets.push_back(read_dataset_frames(data.folder, config, 0.1, session.groups));
  const Dataset& drive = session.datasets.back();
  CHECK_EQ(drive.training.size(), size_t{3});
  CHECK_EQ(drive.held_out.size(), size_t{3});
  CHECK_EQ(cv::countNonZero(drive.training[0].groups != Groups::kOrdinary), 0);
  config.every = 4;
  config.held_out_share.reset();
  const Dataset sparse = read_dataset_frames(data.folder, config, 0.5, session.groups);
  CHECK_EQ(sparse.training.at(0).name, "0.png");
  CHECK_EQ(sparse.held_out.at(0).name, "4.png");
  config.images = "nowhere.mp4";
  CHECK_THROWS(read_dataset_frames(data.folder, config, 0.5, session.groups), Error, "nowhere.mp4");
  // Drawn by weight, but never where a label is needed.
  for (uint64_t i = 0; i < 40; ++i) {
    Random one({i}), other({i});
    const Frame* any = &draw_frame(session.datasets, false, one);
    CHECK(any >= drive.training.data() && any < drive.training.data() + drive.training.size());
    CHECK_EQ(cv::countNonZero(draw_frame(session.datasets, true, other).groups == Groups::kOrdinary), 0);
  }
}

TEST(a_data_set_may_be_kept_from_segmentation) {
  const DrawnData data;
  Session session = data.session("work");
  session.datasets.push_back(session.datasets[0]);
  session.datasets[1] = session.datasets[2];
  session.datasets[0].config.segmentation_weight = 0;
  const auto& kept = session.datasets[0].training;
  bool drawn = false;
  for (uint64_t i = 0; i < 40; ++i) {
    Random one({i}), other({i});
    const Frame* frame = &draw_frame(session.datasets, true, one);
    CHECK(frame < kept.data() || frame >= kept.data() + kept.size());
    const Frame* any = &draw_frame(session.datasets, false, other);
    drawn = drawn || (any >= kept.data() && any < kept.data() + kept.size());
  }
  CHECK(drawn);
  for (Dataset& dataset : session.datasets) dataset.config.segmentation_weight = 0;
  Random random({1});
  CHECK_THROWS(draw_frame(session.datasets, true, random), Error, "no data set");
}

TEST(invented_shapes) {
  Random random({5});
  const std::vector<PastedObject> surfaces = {
      {"toaster", "", cv::Mat(40, 50, CV_8UC3, cv::Scalar(9, 9, 9)), {}}};
  int plain = 0, borrowed = 0;
  for (int i = 0; i < 60; ++i) {
    const PastedObject shape = random_shape(i % 2 ? surfaces : std::vector<PastedObject>{}, random);
    CHECK(shape.rgb.size() == shape.mask.size() && shape.rgb.type() == CV_8UC3 &&
          shape.mask.type() == CV_8UC1);
    CHECK(shape.mask.cols >= 8 && shape.mask.cols <= 160 && shape.mask.rows >= 8 && shape.mask.rows <= 160);
    const double share = cv::countNonZero(shape.mask) / static_cast<double>(shape.mask.total());
    CHECK(share > 0.15 && share <= 1);
    double low, high;
    cv::minMaxLoc(shape.rgb.reshape(1), &low, &high);
    (high < 16 ? borrowed : plain) += 1;
  }
  CHECK(plain >= 35 && borrowed >= 8);
  Random one({7, 1}), same({7, 1});
  const PastedObject a = random_shape({}, one), b = random_shape({}, same);
  CHECK(a.rgb.size() == b.rgb.size());
  CHECK_EQ(cv::norm(a.rgb, b.rgb, cv::NORM_INF), 0.0);

  CHECK_THROWS(CompositeOptions::from_json(Json::parse(R"({"shapes": 2})")), Error,
               "shapes, decoys and appearance must be 0 to 1");
}

TEST(a_configuration_may_change_another) {
  const DrawnData data;
  std::ofstream(data.folder + "/other.json") << R"({"base": "config.json", "name": "other",
    "objects": {"held_out_categories": ["toaster"]}, "datasets": {"drive": null, "drawn": {"weight": 3}}})";
  const Config base = Config::read(data.folder + "/config.json"),
               other = Config::read(data.folder + "/other.json");
  CHECK_EQ(other.name, "other");
  CHECK_EQ(other.seed, base.seed);
  CHECK_EQ(other.datasets.size(), size_t{1});
  CHECK_EQ(other.datasets[0].weight, 3);
  CHECK_EQ(other.datasets[0].images, "images");
  CHECK_EQ(other.networks.dump(), base.networks.dump());
  // Objects of a category that is left out: in no stage, and all of them for evaluation.
  CHECK_EQ(read_objects(data.folder, base.objects, false).size(), size_t{1});
  CHECK_THROWS(read_objects(data.folder, other.objects, false), Error, "no objects");
  CHECK_EQ(read_objects(data.folder, other.objects, true, ObjectKind::LeftOut).size(), size_t{2});
  CHECK(read_objects(data.folder, base.objects, true, ObjectKind::LeftOut).empty());

  std::ofstream(data.folder + "/round.json") << R"({"base": "round.json"})";
  CHECK_THROWS(Config::read(data.folder + "/round.json"), Error, "leads on and on");
  std::ofstream(data.folder + "/lost.json") << R"({"base": "nowhere.json"})";
  CHECK_THROWS(Config::read(data.folder + "/lost.json"), Error, "nowhere.json");
}

TEST(members_that_nothing_reads_are_refused_by_name) {
  const DrawnData data;
  for (const auto& [members, part] : std::vector<std::pair<const char*, const char*>>{
           {R"("held_out": 0.1)", ": held_out: no such member; known are name, seed, "},
           {R"("stages": {"dissimilarity": {"hard_negative": 3}})",
            ": stages.dissimilarity: hard_negative: no such member; known are steps, batch, "},
           {R"("stages": {"ensemble": {"steps": 3}})",
            "stages.ensemble: steps: no such member; known are samples, criterion, false_positive_rate"},
           {R"("stages": {"segmentation": {"coarse_every": 3}})",
            "stages.segmentation: coarse_every: no such"},
           {R"("stages": {"synthesys": {}})",
            "stages: synthesys: no such member; known are segmentation, synthesis, dissimilarity, "
            "baseline, "},
           {R"("datasets": {"drawn": {"label": "x"}})",
            "datasets.drawn: label: no such member; known are images, labels, groups, weight, "},
           {R"("datasets": {"drawn": {"every": 2}})", "datasets.drawn: every: no such"},  // of drives alone
           {R"("datasets": {"drive": {"groups": [[0]]}})", "datasets.drive: groups: no such"},
           {R"("datasets": {"more": {"scenes": {"drives": 1}, "images": "x"}})", "datasets.more: images: no"},
           {R"("datasets": {"more": {"scenes": {"drives": 1, "seed": 2}}})",
            "datasets.more.scenes: seed: no such member; known are drives, "},
           {R"("objects": {"held_out_category": ["cow"]})", "objects: held_out_category: no such"},
           {R"("test": {"weight": 2})", "test: weight: no such member; known are images, labels, groups"},
       })
    CHECK_THROWS(changed(data, members), Error, part);
  // All that there are are known, the published configurations' among them.
  changed(data, R"("provenance": {"any": 1}, "license": "any", "stages": {
    "segmentation": {"weight_decay": 0.1, "beta1": 0.5, "other_sizes": [[32, 96]], "aspect": 0.1},
    "dissimilarity": {"shadow": 0.5, "object_top": 0.3, "void_is_anomaly": true, "shapes": 0.2, "appearance": 0,
      "most_zoom": 1}},
    "datasets": {"more": {"scenes": {"drives": 1, "height": 64, "width": 64}, "segmentation_weight": 0}})");
  const char* root = std::getenv("ANOMALY_SOURCE_ROOT");
  int published = 0;
  for (const auto& file : std::filesystem::directory_iterator(std::string(root ? root : ".") + "/models"))
    if (file.path().extension() == ".json") {
      CHECK(!Config::read(file.path().string()).datasets.empty());
      ++published;
    }
  CHECK(published >= 4);
}

TEST(numbers_out_of_their_range_are_refused_by_name) {
  const DrawnData data;
  for (const auto& [stage, setting, part] : std::vector<std::array<const char*, 3>>{
           {"segmentation", R"("steps": 0)", "steps: must be a whole number from 1 to 1000000000, not 0"},
           {"segmentation", R"("batch": 0)", "batch: must be a whole number from 1 to 4096, not 0"},
           {"segmentation", R"("batch": 2.5)", "batch: expected an integer"},
           {"segmentation", R"("mix": 1.5)", "mix: must be a number from 0 to 1, not 1.5"},
           {"segmentation", R"("crop_height": 4294967328)", "crop_height: must be a whole number from 32"},
           {"segmentation", R"("precision": "float16")",
            "precision: must be float32 or bfloat16, not \"float16\""},
           {"segmentation", R"("other_sizes": [[32, 40]])", "other_sizes: a size is not a multiple of 32"},
           {"synthesis", R"("coarse_every": 0)", "coarse_every: must be a whole number from 1"},
           {"synthesis", R"("coarse_every": -3)", "coarse_every: must be a whole number from 1"},
           {"synthesis", R"("discriminator_width": 0)", "discriminator_width: must be a whole number from 1"},
           {"dissimilarity", R"("samples": 0)", "samples: must be a whole number from 1"},
           {"dissimilarity", R"("validation_samples": 0)",
            "validation_samples: must be a whole number from 1"},
           {"dissimilarity", R"("void_is_anomaly": 1)", "void_is_anomaly: expected a boolean"},
           {"baseline", R"("samples": -1)", "samples: must be a whole number from 1"},
           {"ensemble", R"("samples": 0)", "samples: must be a whole number from 1"},
       })
    CHECK_THROWS(changed(data, R"("stages": {")" + std::string(stage) + R"(": {)" + setting + "}}"), Error,
                 "changed.json: stages." + std::string(stage) + ": " + part);
  for (const char* share : {"-0.1", "1", "2"}) {
    const std::string member = R"("held_out_share": )" + std::string(share);
    CHECK_THROWS(changed(data, member), Error,
                 "the held_out_share of the configuration is " + std::string(share) + ", and must be at");
    CHECK_THROWS(changed(data, R"("datasets": {"drive": {)" + member + "}}"), Error,
                 "the held_out_share of data set drive is " + std::string(share) + ", and must be at");
  }
  CHECK_EQ(changed(data, R"("held_out_share": 0)").held_out_share, 0.0);
  CHECK_THROWS(changed(data, R"("objects": {"held_out": -1})"), Error,
               "objects: held_out must be at least 0");
}

TEST(categories_to_hold_out_must_be_there) {
  const DrawnData data;
  const Config config = changed(data, R"("objects": {"held_out_categories": ["toaster", "toster"]})");
  for (const ObjectKind kind : {ObjectKind::Foreign, ObjectKind::LeftOut, ObjectKind::Street})
    CHECK_THROWS(read_objects(data.folder, config.objects, true, kind), Error,
                 "panoptic.json: has no category of things \"toster\"");
}

TEST(a_class_of_two_label_values_is_refused_where_it_is_measured) {
  const DrawnData data;
  const char* part = "train id 8 stands at the label values 2 and 3";
  const std::string groups = R"("groups": [[0], [10], [2, 8], [8]])";
  CHECK_THROWS(changed(data, R"("datasets": {"drawn": {)" + groups + "}}"), Error,
               std::string("the groups of data set drawn, whose IoU is measured: ") + part);
  CHECK_THROWS(changed(data, R"("test": {)" + groups + "}"), Error, part);
  // Where it is not, one class may have several values.
  const Config config = changed(data, R"("datasets": {"drawn": {"held_out_share": 0, )" + groups + "}}");
  CHECK_EQ(config.datasets[0].groups.size(), size_t{4});
  CHECK_THROWS(IouCounter{config.datasets[0]}, Error, part);
}

TEST(a_data_set_keeps_frames_to_train_on) {
  const DrawnData data;
  Groups groups;
  DatasetConfig drives;
  drives.name = "drives";
  drives.scenes.drives = 1;
  drives.scenes.height = drives.scenes.width = 64;
  const Config config = changed(data, R"("held_out_share": 0.95)");
  for (const DatasetConfig& dataset : {config.datasets.at(0), drives})
    CHECK_THROWS(read_dataset_frames(data.folder, dataset, config.held_out_share, groups), Error,
                 "data set " + dataset.name + ": all of its ");
  DatasetConfig drive = config.datasets.at(1);
  CHECK_EQ(read_dataset_frames(data.folder, drive, config.held_out_share, groups).training.size(), size_t{3});
  drive.every = 6;  // one frame is left, and half of it is held out
  CHECK_THROWS(read_dataset_frames(data.folder, drive, 0, groups), Error, "data set drive: all of its 1 ");
  CHECK_EQ(read_dataset_frames(data.folder, config.test, 0, groups).training.size(), size_t{6});
}

TEST(drives_of_the_scene_are_data) {
  DatasetConfig config;
  config.name = "drives";
  config.scenes.drives = 4;
  config.scenes.frames_per_drive = 2;
  config.scenes.height = 90;
  config.scenes.width = 160;
  config.scenes.anomalies = true;
  Groups groups;
  const Dataset dataset = read_dataset_frames("", config, 0.25, groups);
  CHECK_EQ(dataset.training.size(), size_t{6});
  CHECK_EQ(dataset.held_out.size(), size_t{2});
  int anomalous = 0;
  std::set<uint8_t> seen;
  for (const Frame& frame : dataset.training) {
    CHECK(frame.rgb.size() == cv::Size(160, 90));
    anomalous += cv::countNonZero(frame.groups == Groups::kAnomaly) > 0;
    for (int y = 0; y < frame.groups.rows; ++y)
      for (int x = 0; x < frame.groups.cols; ++x) seen.insert(frame.groups.at<uint8_t>(y, x));
  }
  CHECK(anomalous >= 3);
  config.scenes.first_seed = 1;
  const Dataset later = read_dataset_frames("", config, 0.25, groups);
  const cv::Mat &a = later.training[0].rgb, &b = dataset.training[2].rgb;
  CHECK_EQ(std::memcmp(a.data, b.data, a.total() * 3), 0);
  config.scenes.first_seed = 0;
  CHECK(seen.count(0) && seen.count(10) && seen.size() > 5);  // road, sky, and more
  const Dataset again = read_dataset_frames("", config, 0.25, groups);
  CHECK_EQ(cv::norm(again.training[3].rgb, dataset.training[3].rgb, cv::NORM_INF), 0.0);
}

TEST(weather_changes_light_and_not_size) {
  for (const auto paint : {paint_night, paint_rain, paint_fog}) {
    cv::Mat rgb(96, 160, CV_8UC3, cv::Scalar(120, 130, 90));
    rgb.rowRange(0, 48) = cv::Scalar(200, 210, 220);
    const cv::Mat before = rgb.clone();
    Random random({4, 2});
    paint(random, rgb);
    CHECK(rgb.size() == before.size() && rgb.type() == before.type());
    CHECK(cv::norm(rgb, before, cv::NORM_L1) / static_cast<double>(rgb.total()) > 5);
  }
  cv::Mat night(96, 160, CV_8UC3, cv::Scalar(120, 130, 90));
  Random random({4, 3});
  paint_night(random, night);
  CHECK(cv::mean(night)[1] < 90);
}

TEST(hinge_losses) {
  const auto answers = [](double verdict, double feature) {
    return std::vector<PatchAnswers>{{at::zeros({1, 2, 2, 2}) + feature, at::zeros({1, 1, 2, 2}) + verdict}};
  };
  CHECK_NEAR(discriminator_loss(answers(0.25, 0), answers(-0.5, 0)).item<double>(), 0.75 + 0.5, 1e-6);
  CHECK_NEAR(discriminator_loss(answers(3, 0), answers(-2, 0)).item<double>(), 0, 1e-6);
  CHECK_NEAR(adversarial_loss(answers(0.25, 0)).item<double>(), -0.25, 1e-6);
  CHECK_NEAR(matching_loss(answers(0, 2), answers(5, 0.5)).item<double>(), 1.5, 1e-6);
}

TEST(a_camera_is_learnt) {
  const Aside aside;
  const DrawnData data;
  Session session = data.session("work");
  train_segmentation(session);
  train_synthesis(session);
  train_dissimilarity(session);
  train_baseline(session);
  const std::string path = session.work + "/tiny.safetensors";
  finish_ensemble(session, path);
  const std::string camera = data.folder + "/camera";
  std::filesystem::create_directory(camera);
  for (int i = 0; i < 12; ++i)
    std::filesystem::copy(data.folder + "/images/" + std::to_string(i % 6) + ".png",
                          camera + "/" + std::to_string(10 + i) + ".png");
  AdaptOptions options;
  options.bundle = path;
  options.frames = camera;
  options.output = session.work + "/adapted.safetensors";
  options.json = session.work + "/adapted.json";
  options.steps = 10;
  adapt(options);
  const auto before = Bundle::open(path), after = Bundle::open(options.output);
  CHECK_EQ(before->file().tensors().size(), after->file().tensors().size());
  bool learnt = false;
  for (const auto& [name, tensor] : before->file().tensors()) {
    const bool same = after->file().tensor(name).equal(before->file().tensor(name));
    if (name.starts_with("dissimilarity."))
      learnt = learnt || !same;
    else
      CHECK(same);
  }
  CHECK(learnt);
  CHECK_EQ(after->info().provenance.at("adapted").at("held_out_frames").as_int(), 3);
  CHECK(std::filesystem::file_size(options.json) > 50);
  options.frames = data.folder + "/objects";  // two pictures
  CHECK_THROWS(adapt(options), Error, "at least 8");
}

TEST_MAIN()
