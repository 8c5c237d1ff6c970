// SPDX-License-Identifier: LGPL-2.1-or-later
// The report as JSON and as plain text.
#include "src/eval/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace anomaly::eval {

namespace {

Json number(double value, bool defined = true) {
  return defined && std::isfinite(value) ? Json(value) : Json();
}
Json number(const std::optional<double>& value) {
  return value ? number(*value) : Json();
}

Json pixels_json(const RankingMeasures& m) {
  const bool defined = m.defined();
  return Json::object({{"average_precision", number(m.average_precision, defined)},
                       {"auroc", number(m.auroc, defined)},
                       {"fpr95", number(m.fpr95, defined)},
                       {"best_f1", number(m.best_f1, defined)},
                       {"best_f1_threshold", number(m.best_f1_threshold, defined)}});
}

Json components_json(const MethodReport& method) {
  const ComponentMeasures& c = method.components;
  Json by_threshold = Json::array();
  for (const double f1 : c.f1_at) by_threshold.push(number(f1, c.truths > 0));
  return Json::object({{"threshold", number(method.component_threshold, c.truths > 0)},
                       {"siou", number(c.siou, c.truths > 0)},
                       {"ppv", number(c.ppv, c.truths > 0 && c.predictions > 0)},
                       {"f1", number(c.f1, c.truths > 0)},
                       {"f1_by_threshold", by_threshold},
                       {"true_components", c.truths},
                       {"predicted_components", c.predictions}});
}

Json method_json(const MethodReport& method) {
  Json json = Json::object({{"method", method.name},
                            {"description", method.what},
                            {"milliseconds", number(method.milliseconds)},
                            {"pixels", pixels_json(method.pixels)},
                            {"components", components_json(method)}});
  Json curve = Json::array();
  for (const CurvePoint& point : method.pixels.curve)
    curve.push(Json::array({point.recall, point.precision, static_cast<double>(point.threshold)}));
  json.set("curve", curve);
  if (method.video) {
    const VideoMeasures& v = *method.video;
    json.set("video", Json::object({{"flicker", number(v.flicker)},
                                    {"temporal_consistency", number(v.temporal_consistency)},
                                    {"latency_ms", number(1000 * v.latency)},
                                    {"maps_arrived", v.arrived},
                                    {"on_arrival", pixels_json(v.on_arrival)}}));
  }
  if (method.alarms) {
    const AlarmMeasures& a = *method.alarms;
    json.set("false_alarms", Json::object({{"threshold", a.threshold},
                                           {"frames", a.frames},
                                           {"frames_with_false_region", a.frames_with_alarm},
                                           {"false_regions", a.regions},
                                           {"false_alarms", a.alarms},
                                           {"per_minute", number(a.per_minute)}}));
  }
  return json;
}

std::string text(const char* format, double value, bool defined = true) {
  if (!defined || !std::isfinite(value)) return "-";
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}
std::string text(const char* format, const std::optional<double>& value) {
  return value ? text(format, *value) : "-";
}

// The first column to the left, the others to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string out;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - row[c].size(), ' ');
      out += c == 0 ? row[c] + space : "  " + space + row[c];
    }
    out += '\n';
  }
  return out;
}

std::string alarm_table(const Report& report) {
  std::string out;
  for (const MethodReport& method : report.methods) {
    if (!method.alarms) continue;
    const AlarmMeasures& a = *method.alarms;
    out += method.name + " at the threshold " + text("%.3f", a.threshold) + ": ";
    if (a.per_minute)
      out += std::to_string(a.alarms) + " false alarms (" + text("%.2f", a.per_minute) + " a minute), ";
    out += std::to_string(a.regions) + " false regions, in " + std::to_string(a.frames_with_alarm) + " of " +
           std::to_string(a.frames) + " frames\n";
  }
  return out;
}

}  // namespace

std::string Report::undefined() const {
  if (labelled == 0) return "no frame has a mask: only what needs none was measured";
  if (positives == 0)
    return "no labelled pixel is anomalous: average precision, AUROC, FPR95 and the component measures are "
           "undefined";
  if (negatives == 0) return "no labelled pixel is normal: average precision, AUROC and FPR95 are undefined";
  return {};
}

Json to_json(const Report& report) {
  Json json = Json::object(
      {{"schema", 1},
       {"bundle", report.bundle},
       {"bundle_path", report.bundle_path},
       {"input", report.input},
       {"device", report.device},
       {"trunk_precision", report.trunk_precision},
       {"normalization", report.normalization},
       {"frames", report.frames},
       {"labelled_frames", report.labelled},
       {"fps", number(report.fps, report.fps > 0)},
       {"pixels",
        Json::object(
            {{"anomalous", report.positives}, {"normal", report.negatives}, {"ignored", report.ignored}})},
       {"component_options", Json::object({{"min_prediction", report.component_options.min_prediction},
                                           {"min_truth", report.component_options.min_truth}})},
       {"min_area", report.min_area}});
  Json methods = Json::array();
  for (const MethodReport& method : report.methods) methods.push(method_json(method));
  json.set("methods", methods);
  if (report.segmentation) {
    Json iou = Json::object();
    for (size_t i = 0; i < report.segmentation->names.size(); ++i)
      iou.set(report.segmentation->names[i], number(report.segmentation->iou[i]));
    json.set("segmentation", Json::object({{"mean_iou", report.segmentation->mean_iou}, {"iou", iou}}));
  }
  Json examples = Json::array();
  for (const Example& example : report.examples)
    examples.push(
        Json::object({{"frame", example.name}, {"figure", example.figure}, {"best", example.best}}));
  json.set("examples", Json::object({{"method", report.example_method}, {"frames", examples}}));
  return json;
}

std::string to_table(const Report& report) {
  std::string out = report.bundle + " on " + report.input + ": " + std::to_string(report.frames) +
                    " frames, " + std::to_string(report.labelled) +
                    " labelled; pixels: " + std::to_string(report.positives) + " anomalous, " +
                    std::to_string(report.negatives) + " normal, " + std::to_string(report.ignored) +
                    " ignored\n";
  if (!report.undefined().empty()) out += report.undefined() + '\n';
  out += '\n';
  std::vector<std::vector<std::string>> rows = {
      {"method", "AP", "AUROC", "FPR95", "F1*", "sIoU", "PPV", "threshold", "ms"}};
  for (const MethodReport& m : report.methods) {
    const bool pixels = m.pixels.defined(), components = m.components.truths > 0;
    rows.push_back({m.name, text("%.4f", m.pixels.average_precision, pixels),
                    text("%.4f", m.pixels.auroc, pixels), text("%.4f", m.pixels.fpr95, pixels),
                    text("%.4f", m.components.f1, components), text("%.4f", m.components.siou, components),
                    text("%.4f", m.components.ppv, components && m.components.predictions > 0),
                    text("%.4f", m.component_threshold, components), text("%.1f", m.milliseconds)});
  }
  out += aligned(rows);
  if (report.fps > 0) {
    rows = {{"method", "flicker", "consistency", "latency ms", "maps", "AP on arrival", "FPR95 on arrival"}};
    for (const MethodReport& m : report.methods) {
      if (!m.video) continue;
      const bool defined = m.video->on_arrival.defined();
      rows.push_back({m.name, text("%.5f", m.video->flicker), text("%.5f", m.video->temporal_consistency),
                      text("%.1f", 1000 * m.video->latency), std::to_string(m.video->arrived),
                      text("%.4f", m.video->on_arrival.average_precision, defined),
                      text("%.4f", m.video->on_arrival.fpr95, defined)});
    }
    out += '\n' + aligned(rows);
  }
  const std::string alarms = alarm_table(report);
  if (!alarms.empty()) out += '\n' + alarms;
  if (report.segmentation) {
    out += "\nsegmentation: mean IoU " + text("%.4f", report.segmentation->mean_iou) + '\n';
    rows = {{"label value", "IoU"}};
    for (size_t i = 0; i < report.segmentation->names.size(); ++i)
      rows.push_back({report.segmentation->names[i], text("%.4f", report.segmentation->iou[i])});
    out += aligned(rows);
  }
  return out;
}

}  // namespace anomaly::eval
