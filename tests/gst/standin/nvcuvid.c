/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for NVIDIA's decoder library, libnvcuvid.so.1, without which GStreamer registers none of its CUDA
 * elements: it decodes nothing. */
#define NOT_SUPPORTED 801
#define UNSUPPORTED(name)                                \
  __attribute__((visibility("default"))) int name(void); \
  int name(void) {                                       \
    return NOT_SUPPORTED;                                \
  }

UNSUPPORTED(cuvidCtxLockCreate)
UNSUPPORTED(cuvidCtxLockDestroy)
UNSUPPORTED(cuvidCtxLock)
UNSUPPORTED(cuvidCtxUnlock)
UNSUPPORTED(cuvidCreateDecoder)
UNSUPPORTED(cuvidDestroyDecoder)
UNSUPPORTED(cuvidDecodePicture)
UNSUPPORTED(cuvidCreateVideoParser)
UNSUPPORTED(cuvidParseVideoData)
UNSUPPORTED(cuvidDestroyVideoParser)
UNSUPPORTED(cuvidMapVideoFrame64)
UNSUPPORTED(cuvidUnmapVideoFrame64)
UNSUPPORTED(cuvidGetDecoderCaps)
