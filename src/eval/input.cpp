// SPDX-License-Identifier: LGPL-2.1-or-later
// Folders of pictures with masks and label maps of the same stem.
#include "src/eval/input.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include "src/error.h"
#include "src/eval/ranking.h"
#include "src/tools/pictures.h"

namespace anomaly::eval {

namespace {

namespace fs = std::filesystem;

std::string stem_of(const std::string& path) {
  return fs::path(path).stem().string();
}

std::map<std::string, std::string> by_stem(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const std::string& path : list_picture_files(folder)) {
    const auto [other, fresh] = files.emplace(stem_of(path), path);
    if (!fresh)
      throw Error(ErrorKind::Io, other->second + " and " + path + " have one stem: keep one of them");
  }
  return files;
}

class FolderInput final : public Input {
 public:
  explicit FolderInput(const InputOptions& options) : options_(options) {
    const auto pictures = by_stem(options.path);
    const auto masks = options.masks.empty() ? pictures : by_stem(options.masks);
    const auto labels = options.labels.empty() ? pictures : by_stem(options.labels);
    require(pictures, masks, options.masks, "mask");
    require(pictures, labels, options.labels, "label map");
    for (const auto& [stem, path] : pictures)
      items_.push_back(
          {path, options.masks.empty() ? "" : masks.at(stem), options.labels.empty() ? "" : labels.at(stem)});
    surplus_ = static_cast<int64_t>(masks.size() - pictures.size());
  }

  bool next(EvalFrame& frame) override {
    if (next_ == items_.size()) return false;
    const Item& item = items_[next_++];
    Picture picture = read_picture(item.picture);
    frame.name = fs::path(item.picture).filename().string();
    frame.width = picture.width;
    frame.height = picture.height;
    for (size_t i = 0; i < picture.bgr.size(); i += 3) std::swap(picture.bgr[i], picture.bgr[i + 2]);
    frame.rgb = std::move(picture.bgr);
    read_targets(item.mask, options_, frame);
    frame.labels.clear();
    if (item.labels.empty()) return true;
    GreyMap labels = read_grey8(item.labels);
    if (labels.width != frame.width || labels.height != frame.height)
      throw Error(ErrorKind::Io, item.labels + ": " + std::to_string(labels.width) + "x" +
                                     std::to_string(labels.height) + " pixels, its picture has " +
                                     std::to_string(frame.width) + "x" + std::to_string(frame.height));
    frame.labels = std::move(labels.values);
    return true;
  }

  int64_t frames() const override { return static_cast<int64_t>(items_.size()); }
  double fps() const override { return 0; }
  int64_t surplus() const override { return surplus_; }

 private:
  struct Item {
    std::string picture, mask, labels;
  };

  static void require(const std::map<std::string, std::string>& pictures,
                      const std::map<std::string, std::string>& others, const std::string& folder,
                      const std::string& what) {
    std::string first;
    size_t missing = 0;
    for (const auto& [stem, path] : pictures)
      if (!others.contains(stem) && missing++ == 0) first = path;
    if (missing == 0) return;
    throw Error(ErrorKind::NotFound, first + " has no " + what + ": " + folder + " holds no picture named " +
                                         stem_of(first) + " (" + std::to_string(missing) + " of " +
                                         std::to_string(pictures.size()) + " are missing)");
  }

  InputOptions options_;
  std::vector<Item> items_;
  size_t next_ = 0;
  int64_t surplus_ = 0;
};

}  // namespace

std::vector<std::string> list_picture_files(const std::string& folder) {
  static const std::set<std::string> known = {".jpg", ".jpeg", ".png", ".bmp", ".webp",
                                              ".ppm", ".pgm",  ".tif", ".tiff"};
  std::vector<std::string> paths;
  std::error_code problem;
  if (!fs::is_directory(folder, problem)) throw Error(ErrorKind::NotFound, folder + ": no such folder");
  for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    std::string extension = entry->path().extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (known.contains(extension)) paths.push_back(entry->path().string());
  }
  if (problem) throw Error(ErrorKind::Io, folder + ": cannot be read: " + problem.message());
  if (paths.empty()) throw Error(ErrorKind::NotFound, folder + ": no pictures there (.jpg, .png, ...)");
  std::sort(paths.begin(), paths.end());
  return paths;
}

void read_targets(const std::string& path, const InputOptions& options, EvalFrame& frame) {
  const auto columns = static_cast<size_t>(frame.width), rows = static_cast<size_t>(frame.height);
  frame.targets.clear();
  if (path.empty()) {
    if (!options.normal) return;
    frame.targets.assign(columns * rows, kNormal);
  } else {
    GreyMap mask = read_grey8(path);
    if (mask.width != frame.width || mask.height != frame.height)
      throw Error(ErrorKind::Io, path + ": " + std::to_string(mask.width) + "x" +
                                     std::to_string(mask.height) + " pixels, its picture has " +
                                     std::to_string(frame.width) + "x" + std::to_string(frame.height));
    constexpr uint8_t kMeaningless = 2;
    std::array<uint8_t, 256> meaning;
    meaning.fill(kMeaningless);
    constexpr std::array<uint8_t, 3> kMeanings = {kNormal, kAnomalous, kIgnored};
    for (size_t i = 0; i < kMeanings.size(); ++i)
      if (options.mask_values[i] >= 0) meaning.at(static_cast<size_t>(options.mask_values[i])) = kMeanings[i];
    for (uint8_t& value : mask.values) {
      if (meaning[value] == kMeaningless)
        throw Error(ErrorKind::Io, path + ": holds the value " + std::to_string(value) +
                                       ", which means nothing: say with --mask-values what normal, anomalous "
                                       "and ignored pixels are");
      value = meaning[value];
    }
    frame.targets = std::move(mask.values);
  }
  const Rect& roi = options.roi;
  if (roi.width == 0 || roi.height == 0) return;
  for (int y = 0; y < frame.height; ++y)
    for (int x = 0; x < frame.width; ++x)
      if (x < roi.x || y < roi.y || x - roi.x >= roi.width || y - roi.y >= roi.height)
        frame.targets[static_cast<size_t>(y) * columns + static_cast<size_t>(x)] = kIgnored;
}

std::unique_ptr<Input> Input::open(const InputOptions& options) {
  std::error_code problem;
  if (fs::is_directory(options.path, problem)) return std::make_unique<FolderInput>(options);
  if (!fs::exists(options.path, problem))
    throw Error(ErrorKind::NotFound, options.path + ": no such folder or video file");
  return open_video(options);
}

}  // namespace anomaly::eval
