// SPDX-License-Identifier: LGPL-2.1-or-later
// Label maps: to another size and other ids, and to one-hot tensors straight from the ids, so that no
// full-size one-hot map is made.
#pragma once

#include "kernels/cuda/picture_kernels.h"
#include "kernels/cuda/quantize_kernel.h"

namespace anomaly::cuda {

struct LabelTable {
  uint8_t id[256];
};

struct ResizeLabelsKernel : QuadGrid {
  NearestSource source;
  LabelTable table;
  uint8_t* out;
  bool wide;

  ResizeLabelsKernel(const NearestSource& from, int batch, const LabelTable& ids, uint8_t* to)
      : QuadGrid{static_cast<int64_t>(batch) * from.out_width * from.out_height},
        source(from),
        table(ids),
        out(to),
        wide(aligned_for(to, 4)) {}

  static constexpr int kPhases = 2;
  size_t shared_bytes() const { return sizeof(LabelTable); }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float* shared) const {
    // From shared memory: threads ask for different entries.
    uint8_t* id = reinterpret_cast<uint8_t*>(shared);
    static_assert(kThreads == sizeof(LabelTable));
    if constexpr (Phase == 0) {
      id[at.thread] = table.id[at.thread];
      return;
    }
    const int64_t begin = first(at);
    if (begin >= pixels) return;
    const int here = count(begin);
    PicturePlace place(begin, source.out_width, source.out_height);
    Bytes4 word{};
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (i < here) word.v[i] = id[*source.at(place)];
      place.next(source.out_width, source.out_height);
    }
    if (here == 4 && wide) {
      *reinterpret_cast<Bytes4*>(out + begin) = word;
      return;
    }
    ANOMALY_UNROLL
    for (int i = 0; i < 4; ++i)
      if (i < here) out[begin + i] = word.v[i];
  }
};

// V neighbouring channels a thread; where pixels lie without gaps, V neighbouring elements, which may belong
// to two pixels.
template <typename T, int V>
struct OneHotKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr int kPhases = 1;
  static constexpr bool kWarpPhases = false;

  AnomalyCudaOneHot a;
  int channels;      // that are written
  int64_t elements;  // batch * out_height * out_width * channels

  explicit OneHotKernel(const AnomalyCudaOneHot& arguments)
      : a(arguments),
        channels(a.classes + (a.edges ? 1 : 0)),
        elements(static_cast<int64_t>(a.batch) * a.out_height * a.out_width * channels) {}

  Grid grid() const { return {blocks_for(elements, V * kThreads), 1}; }
  size_t shared_bytes() const { return 0; }

  template <int Phase>
  ANOMALY_HD void run(ThreadIndex at, float*) const {
    const int64_t begin = V * (static_cast<int64_t>(at.block_x) * kThreads + at.thread);
    if (begin >= elements) return;
    const int64_t pixel = begin / channels;
    int c = static_cast<int>(begin - pixel * channels);
    PicturePlace place(pixel, a.out_width, a.out_height);
    T* out = static_cast<T*>(a.out) + pixel * a.pitch + c;
    const uint8_t* here = source(place);
    Floats<V> f{};
    ANOMALY_UNROLL
    for (int i = 0; i < V; ++i) {
      if (begin + i >= elements) break;
      f.v[i] = c < a.classes ? static_cast<float>(*here == c) : static_cast<float>(on_edge(place, here));
      if (++c == channels && begin + i + 1 < elements) {
        c = 0;
        place.next(a.out_width, a.out_height);
        here = source(place);
      }
    }
    if (begin + V <= elements) {
      store<V>(out, f);
      return;
    }
    ANOMALY_UNROLL
    for (int i = 0; i < V; ++i)
      if (begin + i < elements) out[i] = anomaly::narrowed<T>(f.v[i]);
  }

 private:
  ANOMALY_HD const uint8_t* source(const PicturePlace& p) const {
    const int y = floor_index(p.y, a.in_height, a.out_height), x = floor_index(p.x, a.in_width, a.out_width);
    return a.ids + (static_cast<std::ptrdiff_t>(p.n) * a.in_height + y) * a.in_width + x;
  }
  ANOMALY_HD bool on_edge(const PicturePlace& p, const uint8_t* id) const {
    const int y = floor_index(p.y, a.in_height, a.out_height), x = floor_index(p.x, a.in_width, a.out_width);
    return (x > 0 && id[-1] != *id) || (x + 1 < a.in_width && id[1] != *id) ||
           (y > 0 && id[-a.in_width] != *id) || (y + 1 < a.in_height && id[a.in_width] != *id);
  }
};

}  // namespace anomaly::cuda
