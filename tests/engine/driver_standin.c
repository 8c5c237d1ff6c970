/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for the NVIDIA driver: two GPUs that nobody can compute on. */
int cuInit(unsigned flags);
int cuDeviceGetCount(int* count);

int cuInit(unsigned flags) {
  (void)flags;
  return 0;
}

int cuDeviceGetCount(int* count) {
  *count = 2;
  return 0;
}
