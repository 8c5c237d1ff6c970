// SPDX-License-Identifier: LGPL-2.1-or-later
// Neighbouring elements of a tensor in one load or store, float32 in registers whatever they are in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/half_math.h"
#include "kernels/portable.h"

namespace anomaly::cuda {

// Elements of one load of 16 bytes, the widest there is.
template <typename T>
inline constexpr int kWide = static_cast<int>(16 / sizeof(T));

template <int V>
struct alignas(sizeof(float) * V < 16 ? sizeof(float) * V : 16) Floats {
  float v[V];
};

// What is loaded or stored at once, 2, 4, 8 or 16 bytes, as 32-bit words. (A copy into a structure of
// elements would be taken apart into loads of single bytes by nvcc.)
template <int Bytes>
struct Words {
  uint32_t w[Bytes < 4 ? 1 : Bytes / 4];
};

// `p` lies at a multiple of Bytes. Once: leaves the caches to what is read again.
template <int Bytes, bool Once>
ANOMALY_HD inline Words<Bytes> read_words(const void* p) {
#if defined(__CUDA_ARCH__)
  if constexpr (Bytes == 16) {
    const uint4* from = static_cast<const uint4*>(p);
    const uint4 v = Once ? __ldcs(from) : *from;
    return {{v.x, v.y, v.z, v.w}};
  } else if constexpr (Bytes == 8) {
    const uint2* from = static_cast<const uint2*>(p);
    const uint2 v = Once ? __ldcs(from) : *from;
    return {{v.x, v.y}};
  } else if constexpr (Bytes == 4) {
    const unsigned int* from = static_cast<const unsigned int*>(p);
    return {{Once ? __ldcs(from) : *from}};
  } else {
    const unsigned short* from = static_cast<const unsigned short*>(p);
    return {{Once ? __ldcs(from) : *from}};
  }
#else
  Words<Bytes> words{};
  std::memcpy(&words, p, Bytes);
  return words;
#endif
}
template <int Bytes, bool Once>
ANOMALY_HD inline void write_words(void* p, const Words<Bytes>& words) {
#if defined(__CUDA_ARCH__)
  if constexpr (Bytes == 16) {
    uint4* to = static_cast<uint4*>(p);
    const uint4 v = make_uint4(words.w[0], words.w[1], words.w[2], words.w[3]);
    if constexpr (Once)
      __stcs(to, v);
    else
      *to = v;
  } else if constexpr (Bytes == 8) {
    uint2* to = static_cast<uint2*>(p);
    const uint2 v = make_uint2(words.w[0], words.w[1]);
    if constexpr (Once)
      __stcs(to, v);
    else
      *to = v;
  } else if constexpr (Bytes == 4) {
    unsigned int* to = static_cast<unsigned int*>(p);
    if constexpr (Once)
      __stcs(to, words.w[0]);
    else
      *to = words.w[0];
  } else {
    unsigned short* to = static_cast<unsigned short*>(p);
    const auto v = static_cast<unsigned short>(words.w[0]);
    if constexpr (Once)
      __stcs(to, v);
    else
      *to = v;
  }
#else
  std::memcpy(p, &words, Bytes);
#endif
}

template <typename T, int V>
inline constexpr int kBytesOf = V* static_cast<int>(sizeof(T));

template <typename T, int V>
ANOMALY_HD inline Floats<V> unpacked(const Words<kBytesOf<T, V>>& words) {
  Floats<V> f;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < V; ++i) {
    if constexpr (sizeof(T) == 4)
      f.v[i] = bits_float(static_cast<int32_t>(words.w[i]));
    else
      f.v[i] = anomaly::widened(T{static_cast<uint16_t>(words.w[i / 2] >> (16 * (i % 2)))});
  }
  return f;
}
template <typename T, int V>
ANOMALY_HD inline Words<kBytesOf<T, V>> packed(const Floats<V>& f) {
  Words<kBytesOf<T, V>> words{};
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < V; ++i) {
    if constexpr (sizeof(T) == 4)
      words.w[i] = static_cast<uint32_t>(float_bits(f.v[i]));
    else
      words.w[i / 2] |= static_cast<uint32_t>(anomaly::narrowed<T>(f.v[i]).bits) << (16 * (i % 2));
  }
  return words;
}

// V elements at p, which lies at a multiple of their size.
template <int V, typename T>
ANOMALY_HD inline Floats<V> load(const T* p) {
  return unpacked<T, V>(read_words<kBytesOf<T, V>, false>(p));
}
template <int V, typename T>
ANOMALY_HD inline void store(T* p, const Floats<V>& value) {
  write_words<kBytesOf<T, V>, false>(p, packed<T, V>(value));
}

// V of the float32 parameters that stand beside elements of any type, one a channel: four at a time. `p` lies
// at a multiple of 16 bytes where V is above 1.
template <int V>
ANOMALY_HD inline Floats<V> load_parameters(const float* p) {
  constexpr int kPart = V < 4 ? V : 4;
  Floats<V> f;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < V; i += kPart) {
    const Floats<kPart> part = load<kPart>(p + i);
    for (int j = 0; j < kPart; ++j) f.v[i + j] = part.v[j];
  }
  return f;
}

// For what is read or written once: leaves the caches to what is read again.
template <int V, typename T>
ANOMALY_HD inline Floats<V> load_once(const T* p) {
  return unpacked<T, V>(read_words<kBytesOf<T, V>, true>(p));
}
template <int V, typename T>
ANOMALY_HD inline void store_once(T* p, const Floats<V>& value) {
  write_words<kBytesOf<T, V>, true>(p, packed<T, V>(value));
}

inline bool aligned_for(const void* p, size_t bytes) {
  return reinterpret_cast<uintptr_t>(p) % bytes == 0;
}

}  // namespace anomaly::cuda
