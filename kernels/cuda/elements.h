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

// What V elements are in memory.
template <typename T, int V>
struct alignas(sizeof(T) * V) Pack {
  T v[V];
};

template <int V, typename T>
ANOMALY_HD inline Floats<V> widened(const Pack<T, V>& pack) {
  Floats<V> f;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < V; ++i) f.v[i] = anomaly::widened(pack.v[i]);
  return f;
}
template <typename T, int V>
ANOMALY_HD inline Pack<T, V> narrowed(const Floats<V>& f) {
  Pack<T, V> pack;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < V; ++i) pack.v[i] = anomaly::narrowed<T>(f.v[i]);
  return pack;
}

#if defined(__CUDA_ARCH__)
// The machine word of so many bytes.
template <size_t Bytes>
struct WordOf;
template <>
struct WordOf<16> {
  using type = uint4;
};
template <>
struct WordOf<8> {
  using type = uint2;
};
template <>
struct WordOf<4> {
  using type = unsigned int;
};
template <>
struct WordOf<2> {
  using type = unsigned short;
};
template <>
struct WordOf<1> {
  using type = unsigned char;
};
template <typename P>
using Word = typename WordOf<sizeof(P)>::type;

template <typename To, typename From>
__device__ inline To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}
#endif

// V elements at p, which lies at a multiple of their size.
template <int V, typename T>
ANOMALY_HD inline Floats<V> load(const T* p) {
#if defined(__CUDA_ARCH__)
  using P = Pack<T, V>;
  return widened(same_bits<P>(*reinterpret_cast<const Word<P>*>(p)));
#else
  return widened(*reinterpret_cast<const Pack<T, V>*>(p));
#endif
}
template <int V, typename T>
ANOMALY_HD inline void store(T* p, const Floats<V>& value) {
  const Pack<T, V> pack = narrowed<T, V>(value);
#if defined(__CUDA_ARCH__)
  using P = Pack<T, V>;
  *reinterpret_cast<Word<P>*>(p) = same_bits<Word<P>>(pack);
#else
  *reinterpret_cast<Pack<T, V>*>(p) = pack;
#endif
}

// For what is read or written once: leaves the caches to what is read again.
template <int V, typename T>
ANOMALY_HD inline Floats<V> load_once(const T* p) {
#if defined(__CUDA_ARCH__)
  using P = Pack<T, V>;
  return widened(same_bits<P>(__ldcs(reinterpret_cast<const Word<P>*>(p))));
#else
  return load<V>(p);
#endif
}
template <int V, typename T>
ANOMALY_HD inline void store_once(T* p, const Floats<V>& value) {
#if defined(__CUDA_ARCH__)
  using P = Pack<T, V>;
  __stcs(reinterpret_cast<Word<P>*>(p), same_bits<Word<P>>(narrowed<T, V>(value)));
#else
  store<V>(p, value);
#endif
}

inline bool aligned_for(const void* p, size_t bytes) {
  return reinterpret_cast<uintptr_t>(p) % bytes == 0;
}

}  // namespace anomaly::cuda
