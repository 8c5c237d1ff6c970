// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/scene/scene.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "src/error.h"
#include "src/scene/backdrop.h"
#include "src/scene/finish.h"
#include "src/scene/ground.h"
#include "src/scene/intruders.h"
#include "src/scene/population.h"

namespace anomaly {
namespace scene {
namespace {

class DrivingScene final : public Scene {
 public:
  explicit DrivingScene(const SceneOptions& options)
      : drive_(options), backdrop_(drive_), ground_(drive_), foliage_(drive_), finish_(drive_) {}

  void render(int64_t index, SceneFrame& out) const override {
    if (index < 0)
      throw Error(ErrorKind::BadSettings,
                  "scene: there is no frame " + std::to_string(index) + ", frames are numbered from 0");
    const SceneOptions& o = drive_.options;
    const View view = drive_.view(index);
    Canvas canvas{o.width, o.height, {}};
    canvas.pixels.resize(static_cast<size_t>(o.width) * static_cast<size_t>(o.height));
    backdrop_.paint(view, canvas);
    ground_.paint(view, canvas);
    const Stage stage(drive_, view, canvas);
    std::vector<Item> items;
    add_scenery(drive_, view, foliage_, items);
    add_people(drive_, view, items);
    add_traffic(drive_, view, items);
    add_intruder(view, items);
    std::stable_sort(items.begin(), items.end(),
                     [](const Item& a, const Item& b) { return a.order > b.order; });
    for (const Item& item : items) item.paint(stage);
    finish_.develop(index, canvas, out.rgb);
    read_labels(canvas, out);
  }

 private:
  void add_intruder(const View& view, std::vector<Item>& items) const {
    const SceneOptions& o = drive_.options;
    if (!o.anomalies || view.index < o.anomaly_first) return;
    const int64_t k = (view.index - o.anomaly_first) / o.anomaly_period,
                  into = (view.index - o.anomaly_first) % o.anomaly_period;
    if (into >= o.anomaly_frames) return;
    const Stay stay = make_stay(drive_, k);
    const Pose pose = pose_of(drive_, stay, into);
    const auto seconds = static_cast<float>(static_cast<double>(into) / o.frames_per_second);
    const float z = static_cast<float>(pose.s - view.s);
    items.push_back({z, [=](const Stage& stage) { draw_intruder(stage, stay, pose, seconds, kAnomaly); }});
  }

  static void read_labels(const Canvas& canvas, SceneFrame& out) {
    const size_t n = canvas.pixels.size();
    out.labels.resize(n);
    out.mask.resize(n);
    int low_x = canvas.width, high_x = -1, low_y = canvas.height, high_y = -1;
    for (int y = 0; y < canvas.height; ++y) {
      const size_t base = static_cast<size_t>(y) * static_cast<size_t>(canvas.width);
      const Pixel* row = canvas.pixels.data() + base;
      uint8_t any = 0;
      for (int x = 0; x < canvas.width; ++x) {
        const uint8_t label = row[x].label, anomaly = label >> 7;
        out.labels[base + static_cast<size_t>(x)] = static_cast<uint8_t>(label | -anomaly);
        out.mask[base + static_cast<size_t>(x)] = anomaly;
        any |= anomaly;
      }
      if (!any) continue;
      low_y = std::min(low_y, y), high_y = y;
      for (int x = 0; x < canvas.width; ++x)
        if (row[x].label >= kAnomaly) low_x = std::min(low_x, x), high_x = std::max(high_x, x);
    }
    out.boxes.clear();
    if (high_x >= 0) out.boxes.push_back({low_x, low_y, high_x - low_x + 1, high_y - low_y + 1});
  }

  const scene::Drive drive_;
  const scene::Backdrop backdrop_;
  const scene::Ground ground_;
  const scene::Foliage foliage_;
  const scene::Finish finish_;
};

}  // namespace
}  // namespace scene

void Scene::check(const SceneOptions& o) {
  auto bad = [](const std::string& what) { throw Error(ErrorKind::BadSettings, "scene: " + what); };
  if (o.width < 16 || o.width > 8192 || o.height < 16 || o.height > 8192)
    bad("the size is " + std::to_string(o.width) + "x" + std::to_string(o.height) +
        ": width and height must be 16 to 8192 pixels");
  if (!(o.frames_per_second >= 1e-4 && o.frames_per_second <= 1e5))
    bad("frames per second must be 0.0001 to 100000");
  if (o.anomaly_first < 0)
    bad("the first anomaly cannot appear on frame " + std::to_string(o.anomaly_first) +
        ", frames are numbered from 0");
  if (o.anomaly_period < 1)
    bad("an anomaly has to appear every 1 or more frames, not every " + std::to_string(o.anomaly_period));
  if (o.anomaly_frames < 1 || o.anomaly_frames > o.anomaly_period)
    bad("an anomaly has to stay for 1 to " + std::to_string(o.anomaly_period) +
        " frames, the period from one to the next, not for " + std::to_string(o.anomaly_frames));
}

std::unique_ptr<Scene> Scene::create(const SceneOptions& options) {
  check(options);
  return std::make_unique<scene::DrivingScene>(options);
}

}  // namespace anomaly
