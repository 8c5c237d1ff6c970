// SPDX-License-Identifier: LGPL-2.1-or-later
// The whole CUDA module, its sources unchanged, compiled for the CPU: cuda_runtime.h and launch.cuh are this
// folder's.
#define ANOMALY_CUDA_EMULATED 1

#include "kernels/cuda/module.cpp"
#include "kernels/cuda/bicubic.cu"
#include "kernels/cuda/bounds.cu"
#include "kernels/cuda/channel_difference.cu"
#include "kernels/cuda/contours.cu"
#include "kernels/cuda/depthwise_backward.cu"
#include "kernels/cuda/depthwise_forward.cu"
#include "kernels/cuda/device.cpp"
#include "kernels/cuda/ensemble.cu"
#include "kernels/cuda/gate.cu"
#include "kernels/cuda/ingest.cu"
#include "kernels/cuda/labels.cu"
#include "kernels/cuda/modulate.cu"
#include "kernels/cuda/paint.cu"
#include "kernels/cuda/paint_program.cpp"
#include "kernels/cuda/painter.cpp"
#include "kernels/cuda/perceptual.cu"
#include "kernels/cuda/picture.cu"
#include "kernels/cuda/quantize.cu"
#include "kernels/cuda/resampler.cpp"
#include "kernels/cuda/resize.cu"
#include "kernels/cuda/statistics.cu"
#include "kernels/cuda/statistics_workspace.cpp"
#include "kernels/cuda/uncertainty.cu"
