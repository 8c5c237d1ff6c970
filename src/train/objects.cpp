// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/objects.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>
#include <sstream>

#include "src/error.h"
#include "src/train/frames.h"

namespace anomaly::train {

namespace {

// What streets hold anyway, by COCO's names; riders' and pedestrians' belongings included.
const std::set<std::string> kStreetCategories = {
    "person",   "bicycle",       "car",       "motorcycle",    "bus",          "train",
    "truck",    "traffic light", "stop sign", "parking meter", "fire hydrant", "handbag",
    "backpack", "tie",           "umbrella",  "potted plant",  "bench"};

const std::set<std::string> kAnimals = {"bird", "cat",      "dog",  "horse", "sheep",
                                        "cow",  "elephant", "bear", "zebra", "giraffe"};

// Those of them that every street set labels, as things that stand and move on their own.
const std::set<std::string> kStreetThings = {"person", "bicycle", "car", "motorcycle", "bus", "truck"};

constexpr int kSmallestArea = 900;  // pixels: less holds too little detail to be enlarged

Json read_json(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorKind::NotFound, path + ": no such file; see --data and the configuration");
  std::ostringstream text;
  text << file.rdbuf();
  try {
    return Json::parse(text.str());
  } catch (const JsonError& problem) {
    throw Error(ErrorKind::BadSettings, path + ": " + problem.what());
  }
}

// A name that is misspelt would hold nothing out, and training would see what it is measured on.
void check_known(const std::vector<std::string>& held_out, const std::map<int64_t, std::string>& categories,
                 const std::string& path) {
  std::set<std::string> known;
  for (const auto& entry : categories) known.insert(entry.second);
  const auto unknown = std::find_if(held_out.begin(), held_out.end(),
                                    [&](const std::string& name) { return known.count(name) == 0; });
  if (unknown == held_out.end()) return;
  std::string list;
  for (const std::string& one : known) list.append(list.empty() ? "" : ", ").append(one);
  throw Error(ErrorKind::BadSettings,
              path + ": has no category of things \"" + *unknown +
                  "\", which the configuration's held_out_categories name; known are " + list);
}

void cut_objects(const std::string& root, const ObjectsConfig& config, const Json& annotation,
                 const std::function<bool(const std::string&)>& wanted,
                 const std::map<int64_t, std::string>& categories, std::vector<PastedObject>& objects) {
  const std::string map_path = root + "/" + config.panoptic + "/" + annotation.at("file_name").as_string();
  const std::string stem = stem_of(map_path);
  const cv::Mat rgb = read_rgb(root + "/" + config.images + "/" + stem + ".jpg");
  const cv::Mat map = read_rgb(map_path);
  if (map.size() != rgb.size())
    throw Error(ErrorKind::Io, map_path + ": its size differs from its picture's");
  for (const Json& segment : annotation.at("segments_info").items()) {
    const auto category = categories.find(segment.at("category_id").as_int());
    if (category == categories.end() || !wanted(category->second)) continue;
    if (segment.int_or("iscrowd", 0) != 0) continue;
    const int64_t id = segment.at("id").as_int();
    cv::Mat mask;
    cv::inRange(map,
                cv::Scalar(static_cast<double>(id & 255), static_cast<double>(id >> 8 & 255),
                           static_cast<double>(id >> 16 & 255)),
                cv::Scalar(static_cast<double>(id & 255), static_cast<double>(id >> 8 & 255),
                           static_cast<double>(id >> 16 & 255)),
                mask);
    if (cv::countNonZero(mask) < kSmallestArea) continue;
    const cv::Rect box = cv::boundingRect(mask);
    objects.push_back({category->second, stem, rgb(box).clone(), mask(box).clone()});
  }
}

}  // namespace

bool is_animal(const std::string& category) {
  return kAnimals.count(category) > 0;
}

std::vector<PastedObject> read_objects(const std::string& root, const ObjectsConfig& config, bool held_out,
                                       ObjectKind kind) {
  const auto wanted = [&](const std::string& category) {
    if (kind == ObjectKind::Street) return kStreetThings.count(category) > 0;
    const auto& names = config.held_out_categories;
    const bool left_out = std::find(names.begin(), names.end(), category) != names.end();
    if (kind == ObjectKind::LeftOut) return left_out;
    return kStreetCategories.count(category) == 0 && (held_out || !left_out);
  };
  const std::string path = root + "/" + config.json;
  const Json json = read_json(path);
  std::vector<PastedObject> objects;
  try {
    std::map<int64_t, std::string> categories;
    for (const Json& category : json.at("categories").items())
      if (category.int_or("isthing", 0) == 1)
        categories[category.at("id").as_int()] = category.at("name").as_string();
    check_known(config.held_out_categories, categories, path);
    std::vector<const Json*> annotations;
    for (const Json& annotation : json.at("annotations").items()) annotations.push_back(&annotation);
    std::sort(annotations.begin(), annotations.end(), [](const Json* a, const Json* b) {
      return a->at("file_name").as_string() < b->at("file_name").as_string();
    });
    const size_t kept =
        annotations.size() - std::min<size_t>(annotations.size(), static_cast<size_t>(config.held_out));
    const bool all = kind == ObjectKind::LeftOut;
    for (size_t i = held_out && !all ? kept : 0; i < (held_out || all ? annotations.size() : kept); ++i)
      cut_objects(root, config, *annotations[i], wanted, categories, objects);
  } catch (const JsonError& problem) {
    throw Error(ErrorKind::BadSettings, path + ": " + problem.what());
  }
  if (objects.empty() && kind == ObjectKind::Foreign)
    throw Error(ErrorKind::BadSettings, path + ": holds no objects to paste");
  return objects;
}

namespace {

// A soft dark ellipse under the foot of what `place` will hold.
void cast_shadow(const cv::Rect& place, Random& random, cv::Mat& rgb) {
  const int reach = std::max(2, static_cast<int>(place.width * random.uniform(0.45, 0.75))),
            depth = std::max(1, static_cast<int>(place.height * random.uniform(0.03, 0.12)));
  const cv::Point foot(place.x + place.width / 2 + static_cast<int>(random.uniform(-0.2, 0.2) * place.width),
                       place.y + place.height - depth / 2);
  const cv::Rect around =
      cv::Rect(foot.x - 2 * reach, foot.y - 4 * depth, 4 * reach, 8 * depth) & cv::Rect({0, 0}, rgb.size());
  if (around.empty()) return;
  cv::Mat dark = cv::Mat::zeros(around.size(), CV_32FC1);
  cv::ellipse(dark, foot - around.tl(), {reach, depth}, 0, 0, 360, cv::Scalar(random.uniform(0.2, 0.6)), -1);
  cv::GaussianBlur(dark, dark, {}, std::max(0.5, depth * 0.7));
  cv::Mat part = rgb(around);
  for (int y = 0; y < part.rows; ++y)
    for (int x = 0; x < part.cols; ++x) part.at<cv::Vec3b>(y, x) *= 1 - dark.at<float>(y, x);
}

}  // namespace

void paste(const PastedObject& object, const PasteOptions& options, Random& random, cv::Mat& rgb,
           cv::Mat& mask, uint8_t value) {
  const double height = random.log_uniform(options.height_low, options.height_high);
  // Frames are stretched to 2:1 from 4:3 to 2:1; an object's own proportions vary as much.
  const double width = height * object.rgb.cols / object.rgb.rows * random.log_uniform(0.9, 1.5);
  const int h = std::max(6, static_cast<int>(height));
  const int w = std::clamp(static_cast<int>(width), 6, rgb.cols * 3 / 4);
  cv::Mat picture, cover;
  const int filter = h < object.rgb.rows ? cv::INTER_AREA : cv::INTER_LINEAR;
  cv::resize(object.rgb, picture, {w, h}, 0, 0, filter);
  cv::resize(object.mask, cover, {w, h}, 0, 0, filter);
  if (random.chance(0.5)) {
    cv::flip(picture, picture, 1);
    cv::flip(cover, cover, 1);
  }
  // From a hard cut to a soft one; a cut a pixel inside leaves no rim of the object's own background.
  if (h > 24 && random.chance(0.5)) cv::erode(cover, cover, cv::Mat::ones(3, 3, CV_8U));
  if (random.chance(0.85)) {
    const double sigma = random.uniform(0.3, 1.8);
    cv::GaussianBlur(cover, cover, {}, sigma, sigma, cv::BORDER_CONSTANT);
  }
  if (random.chance(0.3)) cv::GaussianBlur(picture, picture, {}, random.uniform(0.3, 1.2));

  const int foot = static_cast<int>(random.uniform(options.top, 1.02) * rgb.rows);
  const int left = static_cast<int>(random.uniform(-0.2 * w, rgb.cols - 0.8 * w));
  const cv::Rect place(left, foot - h, w, h);
  const cv::Rect seen = place & cv::Rect(0, 0, rgb.cols, rgb.rows);
  if (seen.empty()) return;
  const cv::Rect part = seen - place.tl();

  if (random.chance(options.shadow)) cast_shadow(place, random, rgb);
  // Part of the way towards the brightness and the tint of what it stands before.
  const cv::Scalar mine = cv::mean(picture, cover > 127), theirs = cv::mean(rgb(seen));
  const double share = random.uniform(0, 0.7);
  const double my_light = (mine[0] + mine[1] + mine[2]) / 3 + 1,
               their_light = (theirs[0] + theirs[1] + theirs[2]) / 3 + 1;
  const double light = std::clamp(std::pow(their_light / my_light, share), 0.3, 2.5);
  const double tint = random.uniform(0, 0.6);
  cv::Scalar gain;
  for (int c = 0; c < 3; ++c) {
    const double wanted = (theirs[c] + 1) / their_light, own = (mine[c] + 1) / my_light;
    gain[c] = light * std::clamp(std::pow(wanted / own, tint), 0.5, 2.0);
  }
  cv::multiply(picture, gain, picture);

  for (int y = 0; y < seen.height; ++y)
    for (int x = 0; x < seen.width; ++x) {
      const int alpha = cover.at<uint8_t>(part.y + y, part.x + x);
      if (alpha == 0) continue;
      cv::Vec3b& pixel = rgb.at<cv::Vec3b>(seen.y + y, seen.x + x);
      const cv::Vec3b& own = picture.at<cv::Vec3b>(part.y + y, part.x + x);
      for (int c = 0; c < 3; ++c)
        pixel[c] = static_cast<uint8_t>((own[c] * alpha + pixel[c] * (255 - alpha) + 127) / 255);
      if (alpha > 127) mask.at<uint8_t>(seen.y + y, seen.x + x) = value;
    }
}

}  // namespace anomaly::train
