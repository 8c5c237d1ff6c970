// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/overlaydraw.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gst/plugin/overlaytext.h"

namespace anomaly {
namespace {

constexpr int kLongestLabel = 64;  // letters; class names are words
constexpr size_t kMostLabels = 200;
constexpr int kFarthest = 1 << 28;  // so that sums of lengths fit an int; nothing near it lies in a frame

float threshold_of(const GstAnomalyMeta& meta, const OverlayStyle& style) {
  return style.threshold < 0 ? static_cast<float>(meta.threshold) : style.threshold;
}

// Regions were found with the metadata's threshold; a higher one leaves those that still reach it.
bool shown(const GstAnomalyRegion& region, float threshold) {
  const auto sane = [](int at, int size) {
    return at > -kFarthest && at < kFarthest && size > 0 && size < kFarthest;
  };
  return region.max >= threshold && sane(region.x, region.width) && sane(region.y, region.height);
}

int line_width(const PaintList& list) {
  return std::max(1, static_cast<int>(std::lround(std::min(list.width(), list.height()) / 270.0)));
}

double label_capital(const PaintList& list) {
  return list.height() / 45.0;
}

int even(int value) {
  return value & ~1;
}

std::string two_digits(double value) {
  gchar number[G_ASCII_DTOSTR_BUF_SIZE];
  return g_ascii_formatd(number, sizeof number, "%.2f", value);
}

std::string label_of(const GstAnomalyRegion& region) {
  std::string text = two_digits(region.max);
  if (region.label) text.append(" ").append(region.label, strnlen(region.label, kLongestLabel));
  return text;
}

void fill(PaintList& list, const Rect& area, Color color) {
  list.box(area, 0, color.r, color.g, color.b);
}

// Darkens what lies under a figure, so that the figure stands out.
void shade(PaintList& list, const Rect& area) {
  list.shade(area, 150, 0, 0, 0);
}

// A line of the region's colour and, where lines are wide enough to have one, a rim around it that is dark at
// a light colour and light at a dark one: one of the two is seen on every ground.
void draw_outline(PaintList& list, const GstAnomalyRegion& region, Color color, int line) {
  const Rect box = {region.x, region.y, region.width, region.height};
  const int rim = line / 2;
  const Color edge = contrast(color);
  if (rim > 0)
    list.box({box.x - rim, box.y - rim, box.width + 2 * rim, box.height + 2 * rim}, rim, edge.r, edge.g,
             edge.b);
  list.box(box, line, color.r, color.g, color.b);
}

// The largest first, so that what lies inside it stays visible.
void draw_outlines(PaintList& list, const GstAnomalyMeta& meta, const OverlayStyle& style, float threshold) {
  const int line = line_width(list);
  for (guint i = 0; i < gst_anomaly_meta_n_regions(&meta); ++i) {
    const GstAnomalyRegion& region = *gst_anomaly_meta_get_region(&meta, i);
    if (shown(region, threshold)) draw_outline(list, region, color_at(style.colors, region.max), line);
  }
}

// The highest scores first; a label that finds no free place is left out.
void draw_labels(PaintList& list, const GstAnomalyMeta& meta, const OverlayStyle& style, float threshold,
                 Occupied occupied) {
  const double capital = label_capital(list);
  if (!readable(capital)) return;
  std::vector<const GstAnomalyRegion*> regions;
  for (guint i = 0; i < gst_anomaly_meta_n_regions(&meta) && regions.size() < kMostLabels; ++i) {
    const GstAnomalyRegion* region = gst_anomaly_meta_get_region(&meta, i);
    if (shown(*region, threshold)) regions.push_back(region);
  }
  std::stable_sort(regions.begin(), regions.end(),
                   [](const GstAnomalyRegion* a, const GstAnomalyRegion* b) { return a->max > b->max; });
  const int line = line_width(list);
  for (const GstAnomalyRegion* region : regions) {
    const TextPlate plate(label_of(*region), capital);
    const std::optional<Rect> place =
        place_beside({region->x, region->y, region->width, region->height}, line, plate.width(),
                     plate.height(), list.width(), list.height(), occupied);
    if (!place) continue;
    plate.draw(list, place->x, place->y, color_at(style.colors, region->max));
    occupied.add({place->x - 1, place->y - 1, place->width + 2, place->height + 2});
  }
}

// The frame's score: its part of the frame's width, and as a number above that. Returns what it covers.
Rect draw_score_bar(PaintList& list, double score, const OverlayStyle& style) {
  const int height = std::max(1, list.height() / 90), top = list.height() - height;
  const double part = std::isfinite(score) ? std::clamp(score, 0.0, 1.0) : 0;
  const int length = static_cast<int>(std::lround(part * list.width()));
  const Color color = color_at(style.colors, score);
  shade(list, {0, top, list.width(), height});
  fill(list, {0, top, length, height}, color);
  const double capital = label_capital(list);
  if (!readable(capital)) return {0, top, list.width(), height};
  const TextPlate plate("score " + two_digits(score), capital);
  plate.draw(list, 0, top - plate.height(), color);
  return {0, top - plate.height(), plate.width(), plate.height() + height};
}

// 1 at the top, 0 at the bottom, and a white line at the threshold. On even pixels, which chroma is shared
// by. Returns what it covers.
Rect draw_legend(PaintList& list, const OverlayStyle& style, float threshold) {
  const int width = even(list.width() / 60) + 2, height = even(list.height() / 3) + 2;
  const int x = even(list.width() - 2 * width), y = even((list.height() - height) / 2);
  const auto row_of = [=](double score) {
    return y + even(static_cast<int>(std::lround((1 - score) * (height - 2))));
  };
  const int rim = std::max(1, line_width(list) / 2);
  fill(list, {x - rim, y - rim, width + 2 * rim, height + 2 * rim}, kBlack);
  for (int row = 0; row < height; row += 2)
    fill(list, {x, y + row, width, 2},
         color_at(style.colors, 1 - static_cast<double>(row) / (height - 2 > 0 ? height - 2 : 1)));
  const bool marked = threshold >= 0 && threshold <= 1;
  const int mark = std::max(2, even(line_width(list) / 2));
  if (marked) {
    fill(list, {x - width / 2, row_of(threshold) - mark, width + width / 2, 3 * mark}, kBlack);
    fill(list, {x - width / 2, row_of(threshold), width + width / 2, mark}, kWhite);
  }
  const double capital = list.height() / 54.0;
  if (!readable(capital)) return {x - rim, y - rim, width + 2 * rim, height + 2 * rim};
  Rect covered = {x - rim, y - rim, width + 2 * rim, height + 2 * rim};
  const auto write = [&](const std::string& text, int right, int middle) {
    const TextPlate plate(text, capital);
    const int left = right - plate.width();
    plate.draw(list, left, middle - plate.height() / 2, kBlack);
    const int end = std::max(covered.y + covered.height, middle + (plate.height() + 1) / 2);
    covered.width += std::max(covered.x - left, 0);
    covered.x = std::min(covered.x, left);
    covered.y = std::min(covered.y, middle - plate.height() / 2);
    covered.height = end - covered.y;
  };
  write("1", x - rim, y);
  write("0", x - rim, y + height);
  // Where the threshold's number would cover one of the others, the line says enough.
  if (marked && std::abs(row_of(threshold) - y) > 2 * capital &&
      std::abs(row_of(threshold) - y - height) > 2 * capital)
    write(two_digits(threshold), x - width / 2, row_of(threshold) + 1);
  return covered;
}

void draw_heatmap(PaintList& list, const Rect& rectangle, const OverlayStyle& style, float threshold) {
  HeatmapStyle heatmap;
  heatmap.lut = style.colors.data();
  heatmap.opacity = style.opacity;
  heatmap.threshold = threshold;
  if (style.mode == OverlayMode::Map) {
    heatmap.opacity = 1;
    heatmap.opacity_follows_score = false;  // so that its colours are those of the legend
    heatmap.threshold = -std::numeric_limits<float>::infinity();
  }
  list.heatmap(rectangle, heatmap);
}

// White with a dark rim: seen on every ground and in every colour map.
ContourStyle contours_at(float threshold, int line) {
  ContourStyle style;
  style.threshold = threshold;
  style.line = line;
  style.rim = std::max(1, line / 2);
  style.r = kWhite.r, style.g = kWhite.g, style.b = kWhite.b;
  style.rim_r = kBlack.r, style.rim_g = kBlack.g, style.rim_b = kBlack.b;
  return style;
}

}  // namespace

bool draws(const GstAnomalyMeta& meta, const OverlayStyle& style) {
  const float threshold = threshold_of(meta, style);
  if (style.mode == OverlayMode::Map || style.legend || (style.score_bar && meta.score > 0)) return true;
  if (style.boxes) {
    for (guint i = 0; i < gst_anomaly_meta_n_regions(&meta); ++i)
      if (shown(*gst_anomaly_meta_get_region(&meta, i), threshold)) return true;
  }
  return (style.opacity > 0 || style.contours) && Scores(meta).reach(threshold);
}

void draw(PaintList& list, const GstAnomalyMeta& meta, const Scores& scores, const OverlayStyle& style) {
  const float threshold = threshold_of(meta, style);
  const bool whole = meta.width < 1 || meta.height < 1;
  const Rect rectangle =
      whole ? Rect{0, 0, list.width(), list.height()} : Rect{meta.x, meta.y, meta.width, meta.height};
  const bool map_only = style.mode == OverlayMode::Map;
  const bool reached = (map_only || style.opacity > 0 || style.contours) && scores.reach(threshold);
  if (map_only) fill(list, {0, 0, list.width(), list.height()}, kBlack);
  if (scores.there() && (map_only || (reached && style.opacity > 0)))
    draw_heatmap(list, rectangle, style, threshold);
  if (style.contours && reached) list.contours(rectangle, contours_at(threshold, line_width(list)));
  if (style.boxes) draw_outlines(list, meta, style, threshold);
  Occupied occupied;
  if (style.score_bar && meta.score > 0) occupied.add(draw_score_bar(list, meta.score, style));
  if (style.legend) occupied.add(draw_legend(list, style, threshold));
  if (style.boxes && style.labels) draw_labels(list, meta, style, threshold, std::move(occupied));
}

}  // namespace anomaly
