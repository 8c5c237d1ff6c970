// SPDX-License-Identifier: LGPL-2.1-or-later
// The report as one page: no script, no font, no picture from anywhere else.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "src/eval/report.h"

namespace anomaly::eval {

namespace {

// Okabe and Ito's colours, told apart by the colour-blind; the dashes help in print.
struct Stroke {
  const char* colour;
  const char* dashes;
};
constexpr std::array<Stroke, 8> kStrokes = {{{"#d55e00", ""},
                                             {"#0072b2", ""},
                                             {"#009e73", "7 3"},
                                             {"#cc79a7", "7 3"},
                                             {"#56b4e9", ""},
                                             {"#e69f00", "2 3"},
                                             {"#444444", "2 3"},
                                             {"#8a6d00", "9 3 2 3"}}};

constexpr const char* kStyle = R"(
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1d1f23; background: #fff;
  max-width: 1080px; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; max-width: 76ch; } .quiet { color: #5c6270; font-size: .9em; }
.warning { background: #fff4d6; border-left: 4px solid #e0a800; padding: .5rem .8rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .75rem; text-align: right; border-bottom: 1px solid #e4e7ec; white-space: nowrap; }
th { font-weight: 600; border-bottom: 2px solid #c4c9d4; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.best { font-weight: 700; } td .what { color: #5c6270; font-size: .85em; display: block; }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #333; }
.figure { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
ul.legend { list-style: none; margin: .5rem 0; padding: 0; } ul.legend li { margin: .2rem 0; }
ul.legend svg { vertical-align: middle; margin-right: .5rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .4rem; margin: 0 0 .3rem; }
.pair img { width: 100%; height: auto; display: block; }
figure { margin: 0 0 1.2rem; } figcaption { font-size: .9em; color: #5c6270; }
.scale { height: .8rem; width: 240px; display: inline-block; vertical-align: middle; margin: 0 .5rem;
  background: linear-gradient(90deg, #30123b, #4669e0, #1bcfd5, #61fc6c, #d1e834, #fe9b2d, #d93806, #7a0403); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; } dt { color: #5c6270; } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
)";

std::string escaped(const std::string& raw) {
  std::string out;
  for (const char c : raw) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(const std::string& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t b = 0; b < 3; ++b) group = group << 8 | (b < count ? static_cast<uint8_t>(bytes[i + b]) : 0u);
    for (size_t d = 0; d < 4; ++d) out += d <= count ? kDigits[group >> (18 - 6 * d) & 63] : '=';
  }
  return out;
}

std::string text(const char* format, double value, bool defined = true) {
  if (!defined || !std::isfinite(value)) return "–";
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}
std::string text(const char* format, const std::optional<double>& value) {
  return value ? text(format, *value) : "–";
}

std::string thousands(int64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, "\u202f");
  return digits;
}

std::string stroke(size_t method) {
  const Stroke& s = kStrokes[method % kStrokes.size()];
  std::string out = std::string("stroke=\"") + s.colour + "\"";
  if (*s.dashes) out += std::string(" stroke-dasharray=\"") + s.dashes + "\"";
  return out;
}

// A column of figures; the best of those that are defined is set in bold.
struct Column {
  const char* title;
  const char* meaning;
  const char* format;
  int better;  // 1: high, -1: low, 0: neither
  std::vector<std::optional<double>> values;
};

std::string table(const Report& report, const std::vector<Column>& columns) {
  std::string out = "<div class=\"scroll\"><table>\n<tr><th>method</th>";
  for (const Column& column : columns)
    out += std::string("<th title=\"") + escaped(column.meaning) + "\">" + escaped(column.title) + "</th>";
  out += "</tr>\n";
  for (size_t m = 0; m < report.methods.size(); ++m) {
    out += "<tr><td>" + escaped(report.methods[m].name) + "<span class=\"what\">" +
           escaped(report.methods[m].what) + "</span></td>";
    for (const Column& column : columns) {
      const auto& value = column.values[m];
      bool best = value && column.better != 0 && report.methods.size() > 1;
      for (const auto& other : column.values)
        if (best && other && (*other - *value) * column.better > 0) best = false;
      out += std::string(best ? "<td class=\"best\">" : "<td>") + text(column.format, value) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

template <typename Get>
std::vector<std::optional<double>> column_of(const Report& report, Get get) {
  std::vector<std::optional<double>> values;
  for (const MethodReport& method : report.methods) values.push_back(get(method));
  return values;
}

std::optional<double> where(bool defined, double value) {
  return defined ? std::optional<double>(value) : std::nullopt;
}

std::string method_table(const Report& report) {
  using M = const MethodReport&;
  return table(
      report, {{"AP", "average precision: higher is better", "%.4f", 1,
                column_of(report, [](M m) { return where(m.pixels.defined(), m.pixels.average_precision); })},
               {"AUROC", "area under the ROC curve: higher is better", "%.4f", 1,
                column_of(report, [](M m) { return where(m.pixels.defined(), m.pixels.auroc); })},
               {"FPR95", "false-positive rate at 95 % true positives: lower is better", "%.4f", -1,
                column_of(report, [](M m) { return where(m.pixels.defined(), m.pixels.fpr95); })},
               {"F1*", "component-wise F1, mean over 11 thresholds: higher is better", "%.4f", 1,
                column_of(report, [](M m) { return where(m.components.truths > 0, m.components.f1); })},
               {"sIoU", "mean over the true components: higher is better", "%.4f", 1,
                column_of(report, [](M m) { return where(m.components.truths > 0, m.components.siou); })},
               {"PPV", "mean over the predicted components: higher is better", "%.4f", 1,
                column_of(report,
                          [](M m) {
                            return where(m.components.truths > 0 && m.components.predictions > 0,
                                         m.components.ppv);
                          })},
               {"threshold", "of the component measures", "%.3f", 0,
                column_of(report, [](M m) { return where(m.components.truths > 0, m.component_threshold); })},
               {"ms", "median time of a frame, all steps that the method needs", "%.1f", 0,
                column_of(report, [](M m) { return where(true, m.milliseconds); })}});
}

std::string video_table(const Report& report) {
  using M = const MethodReport&;
  return table(
      report,
      {{"flicker", "mean change of a pixel's score between frames: lower is better", "%.5f", -1,
        column_of(report, [](M m) { return m.video->flicker; })},
       {"consistency", "1 - mean change where the picture stays: higher is better", "%.5f", 1,
        column_of(report, [](M m) { return m.video->temporal_consistency; })},
       {"latency ms", "of one frame", "%.1f", 0,
        column_of(report, [](M m) { return where(true, 1000 * m.video->latency); })},
       {"AP on arrival", "against the frame that is current when the map is finished", "%.4f", 1,
        column_of(
            report,
            [](M m) { return where(m.video->on_arrival.defined(), m.video->on_arrival.average_precision); })},
       {"FPR95 on arrival", "lower is better", "%.4f", -1, column_of(report, [](M m) {
          return where(m.video->on_arrival.defined(), m.video->on_arrival.fpr95);
        })}});
}

std::string curves(const Report& report) {
  constexpr double kLeft = 52, kTop = 14, kWidth = 560, kHeight = 380;
  const auto x = [&](double recall) { return text("%.1f", kLeft + kWidth * recall); };
  const auto y = [&](double precision) { return text("%.1f", kTop + kHeight * (1 - precision)); };
  std::ostringstream svg;
  svg << "<div class=\"figure\"><svg viewBox=\"0 0 630 440\" width=\"630\" height=\"440\" role=\"img\" "
         "aria-label=\"Precision over recall\">\n";
  for (int i = 0; i <= 5; ++i) {
    const double v = i / 5.0;
    svg << "<path d=\"M" << x(v) << ' ' << y(0) << 'V' << y(1) << 'M' << x(0) << ' ' << y(v) << 'H' << x(1)
        << "\" stroke=\"#e4e7ec\" fill=\"none\"/><text x=\"" << x(v) << "\" y=\"" << kTop + kHeight + 18
        << "\" text-anchor=\"middle\">" << text("%.1f", v) << "</text><text x=\"" << kLeft - 8 << "\" y=\""
        << y(v) << "\" text-anchor=\"end\" dominant-baseline=\"middle\">" << text("%.1f", v) << "</text>\n";
  }
  const double chance =
      static_cast<double>(report.positives) / static_cast<double>(report.positives + report.negatives);
  svg << "<path d=\"M" << x(0) << ' ' << y(chance) << 'H' << x(1)
      << "\" stroke=\"#888\" stroke-dasharray=\"1 4\" fill=\"none\"><title>chance</title></path>\n";
  for (size_t m = report.methods.size(); m-- > 0;) {  // the first method on top
    char command = 'M';
    svg << "<path fill=\"none\" stroke-width=\"2\" " << stroke(m) << " d=\"";
    for (const CurvePoint& point : report.methods[m].pixels.curve) {
      svg << command << x(point.recall) << ' ' << y(point.precision);
      command = 'L';
    }
    svg << "\"><title>" << escaped(report.methods[m].name) << "</title></path>\n";
  }
  svg << "<text x=\"" << kLeft + kWidth / 2 << "\" y=\"434\" text-anchor=\"middle\">recall</text>"
      << "<text transform=\"translate(14 " << kTop + kHeight / 2
      << ") rotate(-90)\" text-anchor=\"middle\">precision</text>\n</svg>\n<ul class=\"legend\">\n";
  const auto key = [&](const std::string& line, const std::string& name) {
    svg << "<li><svg width=\"34\" height=\"10\"><path d=\"M1 5H33\" stroke-width=\"3\" " << line << "/></svg>"
        << escaped(name) << "</li>\n";
  };
  for (size_t m = 0; m < report.methods.size(); ++m) key(stroke(m), report.methods[m].name);
  key("stroke=\"#888\" stroke-dasharray=\"1 4\"", "chance (" + text("%.4f", chance) + ")");
  svg << "</ul></div>\n";
  return svg.str();
}

std::string examples(const Report& report, bool best) {
  std::string out;
  for (const Example& e : report.examples) {
    if (e.best != best) continue;
    const std::string size =
        " width=\"" + std::to_string(e.width) + "\" height=\"" + std::to_string(e.height) + "\"";
    const auto picture = [&](const std::string& alt, const std::string& jpeg) {
      out.append("<img").append(size).append(" alt=\"").append(alt);
      out.append("\" src=\"data:image/jpeg;base64,").append(base64(jpeg)).append("\">");
    };
    const std::string name = escaped(e.name);
    out += "<figure><div class=\"pair\">";
    picture(name, e.picture);
    picture("scores of " + name, e.heatmap);
    out.append("</div><figcaption>").append(name).append(": ").append(escaped(e.figure));
    out += "</figcaption></figure>\n";
  }
  if (out.empty()) return out;
  return std::string("<h2>") + (best ? "Best" : "Worst") + " frames of " + escaped(report.example_method) +
         "</h2>\n" + out;
}

std::string fact(const std::string& name, const std::string& value) {
  return "<dt>" + escaped(name) + "</dt><dd>" + escaped(value) + "</dd>\n";
}

}  // namespace

std::string to_html(const Report& report) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      escaped(report.bundle + " on " + report.input) + "</title>\n<style>" + kStyle +
      "</style></head><body>\n";
  page += "<h1>" + escaped(report.bundle) +
          "</h1>\n<p class=\"quiet\">Pixel-wise anomaly detection, measured by "
          "anomaly-eval</p>\n<dl>\n";
  page += fact("Bundle", report.bundle_path) + fact("Input", report.input);
  page += fact("Frames", thousands(report.frames) + ", " + thousands(report.labelled) + " labelled" +
                             (report.fps > 0 ? ", " + text("%.3g", report.fps) + " a second" : ""));
  page += fact("Pixels", thousands(report.positives) + " anomalous, " + thousands(report.negatives) +
                             " normal, " + thousands(report.ignored) + " ignored");
  page += fact("Settings", "normalization " + report.normalization + ", device " + report.device +
                               ", trunk precision " + report.trunk_precision) +
          "</dl>\n";
  if (!report.undefined().empty()) page += "<p class=\"warning\">" + escaped(report.undefined()) + "</p>\n";

  page += "<h2>Methods</h2>\n" + method_table(report);
  page +=
      "<p class=\"quiet\">Over all labelled pixels. F1*, sIoU and PPV count components, 8-connected, of at "
      "least " +
      std::to_string(report.component_options.min_prediction) + " (predicted) and " +
      std::to_string(report.component_options.min_truth) + " (true) pixels, as SegmentMeIfYouCan does.</p>\n";
  if (report.positives > 0 && report.negatives > 0)
    page += "<h2>Precision over recall</h2>\n" + curves(report);

  if (report.fps > 0) page += "<h2>As video</h2>\n" + video_table(report);
  for (const MethodReport& m : report.methods) {
    if (!m.alarms) continue;
    page += "<p>" + escaped(m.name) + " at the threshold " + text("%.3f", m.alarms->threshold) + ": ";
    if (m.alarms->per_minute)
      page += "<b>" + text("%.2f", m.alarms->per_minute) + "</b> false alarms a minute, " +
              thousands(m.alarms->alarms) + " in all, from ";
    page += thousands(m.alarms->regions) + " false regions in " + thousands(m.alarms->frames_with_alarm) +
            " of " + thousands(m.alarms->frames) + " frames.</p>\n";
  }
  if (report.segmentation) {
    page += "<h2>Segmentation</h2>\n<p>Mean IoU <b>" + text("%.4f", report.segmentation->mean_iou) +
            "</b></p>\n<table>\n<tr><th>label value: classes</th><th>IoU</th></tr>\n";
    for (size_t i = 0; i < report.segmentation->names.size(); ++i)
      page += "<tr><td>" + escaped(report.segmentation->names[i]) + "</td><td>" +
              text("%.4f", report.segmentation->iou[i]) + "</td></tr>\n";
    page += "</table>\n";
  }
  if (!report.examples.empty())
    page +=
        "<p class=\"quiet\" style=\"margin-top:2.2rem\">Left the frame: true anomalies outlined in magenta, "
        "what "
        "is ignored dimmed. Right the scores: 0<span class=\"scale\"></span>1</p>\n";
  page += examples(report, true) + examples(report, false);
  if (!report.license.empty())
    page += "<p class=\"quiet\">Terms of the weights: " + escaped(report.license) + "</p>\n";
  return page + "</body></html>\n";
}

}  // namespace anomaly::eval
