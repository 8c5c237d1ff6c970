// SPDX-License-Identifier: LGPL-2.1-or-later
// Random changes to a frame that a camera, a season or a lens might make.
#pragma once

#include <opencv2/core.hpp>

#include "src/train/random.h"

namespace anomaly::train {

struct Geometry {
  int full_height,
      full_width;     // the whole frame's size at scale 1 (frames are stretched to it, as in the framework)
  int height, width;  // of the crop
  double scale_low, scale_high, aspect;  // scale drawn log-uniformly; width times exp(+-aspect)
  int label_step = 1;                    // pixels a side for each label; height and width are multiples of it
};

// To `size`: the mean over areas along an axis that shrinks, bicubic along one that grows.
void resize_picture(const cv::Mat& rgb, cv::Mat& resized, cv::Size size);

// Resizes, crops, mirrors `rgb` and `labels` alike; labels are those at the middles of the pixels they are
// for. Where the crop leaves the frame: mean grey and 255. With a `focus` of at least 0 the crop holds a
// pixel with that label, if there is one.
void random_crop(const Geometry& geometry, Random& random, cv::Mat& rgb, cv::Mat& labels, int focus = -1);

// Brightness, contrast, saturation, white balance, gamma; now and then dusk, night, rain, fog, haze, blur,
// sensor noise.
void random_appearance(Random& random, cv::Mat& rgb);

}  // namespace anomaly::train
