// SPDX-License-Identifier: LGPL-2.1-or-later
// Trees and bushes: painted once a drive, leaf by leaf, into sprites that frames scale down.
#pragma once

#include <vector>

#include "src/scene/stage.h"

namespace anomaly::scene {

class Foliage {
 public:
  explicit Foliage(const Drive& drive);

  enum Kind { kTree, kConifer, kBush };
  // Stands at `pose`; `height` metres in all. `key` picks the sprite.
  void draw(const Stage& stage, const Pose& pose, Kind kind, float height, uint64_t key) const;

 private:
  // Red, green, blue, opacity in one word, the lowest byte first; colours multiplied by the opacity.
  using Texel = uint32_t;
  struct Sprite {
    Kind kind;
    float aspect;  // width / height
    struct Level {
      int width, height;
      std::vector<Texel> texels;
      std::vector<int> first, last;  // of each row, the texels that are not clear: [first, last)
    };
    std::vector<Level> levels;
  };
  static Sprite grow(const Drive& drive, Kind kind, uint64_t key);
  std::vector<Sprite> sprites_;
};

}  // namespace anomaly::scene
