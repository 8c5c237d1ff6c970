// SPDX-License-Identifier: LGPL-2.1-or-later
// Bytes that the CUDA kernels move, counted from their code. `least`: each input read once and each output
// written once. `asked`: what is asked of the GPU's memory where the caches hold what neighbouring threads
// and blocks have just read: what lies between two kernels is written and read, overlapping tiles are read
// twice.
#pragma once

#include <cstdint>

namespace cuda_bytes {

struct Bytes {
  double least = 0, asked = 0;

  Bytes& operator+=(const Bytes& other) {
    least += other.least;
    asked += other.asked;
    return *this;
  }
};

inline Bytes once(double bytes) {
  return {bytes, bytes};
}

// frame: bytes of all planes. element: bytes of a tensor's element, 0 where none is made; rgb: bytes are
// made.
inline Bytes ingest(double frame, int in_width, int in_height, int width, int height, int element, bool rgb) {
  const double out = 3.0 * width * height * ((rgb ? 1 : 0) + element);
  Bytes b = once(frame + out);
  // One word a pixel between the passes, written and read.
  if (in_width != width)
    b.asked += 2 * 4.0 * width * in_height;
  else if (in_height != height)
    b.asked += 2 * 4.0 * in_width * in_height;
  return b;
}

// Nearest: a shrunk picture is not read whole, but in sectors of 32 bytes.
inline Bytes nearest(int batch, int in_width, int in_height, int channels, int width, int height,
                     double out_bytes) {
  const double in = static_cast<double>(batch) * in_width * in_height * channels;
  const double looked_at = static_cast<double>(batch) * width * height * channels;
  const double rows = in_height < height ? in_height : height;
  const double out = static_cast<double>(batch) * width * height * out_bytes;
  return {(looked_at < in ? looked_at : in) + out,
          static_cast<double>(batch) * rows * in_width * channels + out};
}

inline Bytes to_picture(double pixels, int element, bool rgb, bool tensor) {
  return once(3 * pixels * (element + (rgb ? 1 : 0) + (tensor ? element : 0)));
}

inline Bytes one_hot(int batch, int in_width, int in_height, int width, int height, int channels,
                     int element) {
  return nearest(batch, in_width, in_height, 1, width, height, static_cast<double>(channels) * element);
}

// Labels, entropy, distance. A block of 32 x 8 pixels reads one sample more than its share on either side.
inline Bytes uncertainty(int batch, int classes, int in_width, int in_height, int width, int height,
                         int element) {
  const double in = static_cast<double>(batch) * in_width * in_height * classes * element;
  const double out = static_cast<double>(batch) * width * height * (1 + 4 + 4);
  if (in_width == width && in_height == height) return once(in + out);
  const double across = 32.0 * in_width / width, down = 8.0 * in_height / height;
  return {in + out, in * ((across + 1) / across) * ((down + 1) / down) + out};
}

// The rows above and below come from the caches.
inline Bytes depthwise(double pixels, int channels, int element) {
  return once(pixels * channels * element * (9 + 1 + 1));
}

inline Bytes gate(double pixels, int channels, int element, bool residual) {
  return once(pixels * channels * element * (residual ? 4 : 3));
}

inline Bytes modulate(double pixels, int channels, int element) {
  return once(pixels * channels * element * 4);
}
// Sums of strips of 512 pixels, two doubles a channel, written and read.
inline Bytes instance_norm(double pixels, int channels, int element) {
  const double in = pixels * channels * element;
  return {in, in + 2 * 16 * channels * (pixels / 512)};
}

// The largest of each pixel's channels.
inline Bytes channel_peaks(double pixels, int channels, int element) {
  return once(pixels * (channels * element + 4));
}
// Taps beside each other in the input come from the caches. A byte a value, a scale a row.
inline Bytes fp8_patches(double pixels, double rows, int channels, int taps, int element) {
  return once(pixels * (channels * element + 4) + rows * (channels * taps + 4));
}

inline Bytes correlation(double pixels, int channels, int element) {
  return once(pixels * (2.0 * channels + 1) * element);
}
inline Bytes channel_difference(double pixels, int channels, int element) {
  return once(pixels * (2.0 * channels * element + 4));
}
// The upsampled sum of levels whose differences were just written.
inline Bytes upsampled(double differences, double pixels) {
  return {4 * pixels, 4 * differences + 4 * pixels};
}

inline Bytes bounds(double values) {
  return once(4 * values);
}
inline Bytes quantize(double values) {
  return once(5 * values);
}

// Two logits a pixel, `maps` bytes a pixel, one or two floats written.
inline Bytes ensemble(double pixels, int element, double maps, bool dissimilarity) {
  return once(pixels * (2 * element + maps + (dissimilarity ? 8 : 4)));
}

// Without a mask, few pixels over the threshold. Asked: the map after the horizontal pass, written
// and read; four passes over the map for its figures; a count a row of the frame.
// With classes: a mark a pixel, cleared, read and written.
inline Bytes statistics(int map_width, int map_height, int frame_width, int frame_height, double labels,
                        bool classes) {
  const double map = 4.0 * map_width * map_height;
  const double marks = classes ? 3.0 * frame_width * frame_height : 0;
  return {map + labels,
          map + 2 * 4.0 * map_height * frame_width + 4 * map + 4.0 * frame_height + labels + marks};
}

// changed: bytes of the frame that change, read and written. program: what is copied for the launch; its
// bytes cross the bus and are read. Contours, of so many pixels: marks, distances, coverages of rim and line,
// each plane of a byte a pixel written and read.
inline Bytes paint(double changed, double map, double program, double contour_pixels) {
  const double least = 2 * changed + map;
  return {least, least + 2 * program + 2 * 4 * contour_pixels};
}
// A step is 64 bytes, a tile of 64 x 16 pixels 12, a step on a tile 4; the heatmap's colours are 2 KiB.
inline double paint_program(double steps, double tiles, double steps_on_tiles, double heatmaps) {
  return 64 * steps + 12 * tiles + 4 * steps_on_tiles + 2048 * heatmaps;
}

}  // namespace cuda_bytes
