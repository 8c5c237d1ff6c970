/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a fuzz target is without a fuzzer: a program that replays the files and folders that it is given. */
#pragma once

#include <glib.h>

#ifdef __cplusplus
extern "C" {
#endif

int LLVMFuzzerTestOneInput(const guint8* data, gsize size);

#ifndef ANOMALY_LIBFUZZER
static guint replay(const gchar* path) {
  gchar* data;
  gsize size;
  guint count = 0;
  const gchar* name;
  GDir* folder = g_dir_open(path, 0, NULL);
  if (folder != NULL) {
    while ((name = g_dir_read_name(folder)) != NULL) {
      gchar* inside = g_build_filename(path, name, NULL);
      count += replay(inside);
      g_free(inside);
    }
    g_dir_close(folder);
    return count;
  }
  if (!g_file_get_contents(path, &data, &size, NULL)) return 0;
  LLVMFuzzerTestOneInput((const guint8*)data, size);
  g_free(data);
  return 1;
}

int main(int argc, char** argv) {
  guint count = 0;
  for (int i = 1; i < argc; i++) count += replay(argv[i]);
  g_print("1..1\n%s 1 - %u inputs replayed\n", count > 0 ? "ok" : "not ok", count);
  return count > 0 ? 0 : 1;
}
#endif

#ifdef __cplusplus
}
#endif
