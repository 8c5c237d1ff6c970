// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/gstanomalydetectconfig.h"

#include <charconv>
#include <cmath>

#include "gst/plugin/propertyvalues.h"

namespace anomaly {

namespace {

constexpr int kBundlesMethod = -1;
constexpr int kSegmentationMin = 32, kSegmentationMax = 8192;
constexpr int kInFlightMax = 64;

GType method_type() {
  static const GEnumValue values[] = {
      {kBundlesMethod, "The bundle's default method", "bundle"},
      {static_cast<int>(Method::Synboost), "Ensemble of dissimilarity and uncertainty maps", "synboost"},
      {static_cast<int>(Method::Resynthesis), "Image resynthesis: dissimilarity without uncertainty maps",
       "resynthesis"},
      {static_cast<int>(Method::SoftmaxEntropy), "Entropy of the class probabilities", "softmax-entropy"},
      {static_cast<int>(Method::SoftmaxDistance), "Distance of the two highest class probabilities",
       "softmax-distance"},
      {static_cast<int>(Method::PerceptualDifference), "Perceptual difference of frame and synthesis",
       "perceptual-difference"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalyDetectMethod", values));
  return type;
}

GType normalization_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Normalization::Frame), "Each frame's own bounds, as published", "frame"},
      {static_cast<int>(Normalization::Fixed), "Bounds from the bundle: scores of different frames compare",
       "fixed"},
      {static_cast<int>(Normalization::Temporal),
       "Bounds smoothed over the stream, begun anew at cuts: less flicker", "temporal"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalyDetectNormalization", values));
  return type;
}

GType latent_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Latent::Mean), "The encoder's mean: the same at every run", "mean"},
      {static_cast<int>(Latent::Draw), "Drawn from the encoder's distribution", "draw"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalyDetectLatent", values));
  return type;
}

GType precision_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Precision::Auto), "bfloat16 or float16 on a GPU made for it, else float32", "auto"},
      {static_cast<int>(Precision::Float32), "32-bit numbers", "float32"},
      {static_cast<int>(Precision::Float16), "16-bit numbers, GPUs alone", "float16"},
      {static_cast<int>(Precision::BFloat16), "16-bit numbers with float32's range, GPUs alone", "bfloat16"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalyDetectPrecision", values));
  return type;
}

GType trunk_precision_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(TrunkPrecision::Same), "The numbers of all other networks", "same"},
      {static_cast<int>(TrunkPrecision::Fp8), "8-bit numbers, on GPUs that multiply them; slow on the CPU",
       "fp8"},
      {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_enum_register_static("GstAnomalyDetectTrunkPrecision", values));
  return type;
}

GType maps_type() {
  static const GFlagsValue values[] = {{kMapLabels, "Class of each pixel (train ids)", "labels"},
                                       {kMapEntropy, "Softmax entropy", "entropy"},
                                       {kMapDistance, "Softmax distance", "distance"},
                                       {kMapPerceptual, "Perceptual difference", "perceptual"},
                                       {kMapDissimilarity, "Dissimilarity", "dissimilarity"},
                                       {kMapSynthesis, "The picture that the labels would make", "synthesis"},
                                       {0, nullptr, nullptr}};
  static const GType type = plugin_type(g_flags_register_static("GstAnomalyDetectMaps", values));
  return type;
}

// The numbers of a GstValueArray, which its param spec lets hold doubles only; false where they are not four
// finite ones.
bool parse_weights(const GValue* value, std::vector<double>& weights) {
  weights.clear();
  for (guint i = 0; i < gst_value_array_get_size(value); ++i) {
    weights.push_back(g_value_get_double(gst_value_array_get_value(value, i)));
    if (!std::isfinite(weights.back())) return false;
  }
  return weights.empty() || weights.size() == 4;
}

}  // namespace

bool parse_roi(const std::string& text, Rect& roi) {
  roi = {};
  if (text.empty()) return true;
  int numbers[4];
  const char* at = text.data();
  const char* end = at + text.size();
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      if (at == end || *at++ != ',') return false;
    }
    while (at != end && *at == ' ') ++at;
    const auto [stop, status] = std::from_chars(at, end, numbers[i]);
    if (status != std::errc() || numbers[i] < (i < 2 ? 0 : 1)) return false;
    at = stop;
  }
  if (at != end) return false;
  roi = {numbers[0], numbers[1], numbers[2], numbers[3]};
  return true;
}

void install_detect_properties(GObjectClass* klass) {
  const auto ready =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  const auto playing =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
  const auto install = [klass](guint id, GParamSpec* spec) {
    g_object_class_install_property(klass, id, spec);
  };

  install(PROP_MODEL, g_param_spec_string("model", "Model",
                                          "Bundle of weights (a safetensors file); empty = the built-in one",
                                          "", playing));
  install(PROP_DEVICE,
          g_param_spec_string("device", "Device",
                              "What computes: auto (a GPU where one can be used, else the CPU), cpu, cuda, "
                              "cuda:N. A named device that is missing is an error",
                              "auto", ready));
  install(PROP_PRECISION,
          g_param_spec_enum(
              "precision", "Precision",
              "The numbers that networks compute with. One that the device does not have is an error",
              precision_type(), static_cast<int>(Precision::Auto), ready));
  install(
      PROP_TRUNK_PRECISION,
      g_param_spec_enum("trunk-precision", "Trunk precision",
                        "What the segmentation's trunk multiplies. One that the device or the bundle does "
                        "not have is an error",
                        trunk_precision_type(), static_cast<int>(TrunkPrecision::Same), ready));
  install(PROP_METHOD, g_param_spec_enum("method", "Method", "How pixels are scored", method_type(),
                                         kBundlesMethod, ready));
  install(PROP_ENSEMBLE_WEIGHTS,
          gst_param_spec_array(
              "ensemble-weights", "Ensemble weights",
              "Weights of dissimilarity, entropy, perceptual difference and distance in method synboost, "
              "\"<0.75,0.25,0,0>\"; empty = the bundle's",
              g_param_spec_double("weight", "Weight", "Weight of one map", -G_MAXDOUBLE, G_MAXDOUBLE, 0,
                                  static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS)),
              ready));
  install(PROP_NORMALIZATION,
          g_param_spec_enum("normalization", "Normalization",
                            "Between which bounds the uncertainty maps are scaled", normalization_type(),
                            static_cast<int>(Normalization::Frame), ready));
  install(PROP_SEGMENTATION_HEIGHT,
          g_param_spec_int("segmentation-height", "Segmentation height",
                           "Height that frames are resized to for segmentation, from 32; 0 = the bundle's", 0,
                           kSegmentationMax, 0, ready));
  install(PROP_SEGMENTATION_WIDTH,
          g_param_spec_int("segmentation-width", "Segmentation width",
                           "Width that frames are resized to for segmentation, from 32; 0 = the bundle's", 0,
                           kSegmentationMax, 0, ready));
  install(PROP_LATENT, g_param_spec_enum("latent", "Latent", "Which latent vector the synthesis starts from",
                                         latent_type(), static_cast<int>(Latent::Mean), ready));
  install(PROP_SEED, g_param_spec_uint64("seed", "Seed", "Seed of latent=draw", 0, G_MAXUINT64, 0, ready));
  install(PROP_INTERVAL,
          g_param_spec_int("interval", "Interval",
                           "Frames to skip after each computed one; they carry the last map "
                           "with its age. 0 = compute every frame, -1 = as many as it takes to "
                           "keep the pace of the frames' times",
                           -1, G_MAXINT, 0, playing));
  install(PROP_THRESHOLD,
          g_param_spec_double("threshold", "Threshold",
                              "Score from which a pixel counts as anomalous; below 0 = the bundle's", -1,
                              G_MAXDOUBLE, -1, playing));
  install(PROP_MIN_AREA,
          g_param_spec_uint64("min-area", "Minimum area", "Regions of fewer frame pixels are left out", 0,
                              G_MAXINT64, 0, playing));
  install(PROP_ROI,
          g_param_spec_string("roi", "Region of interest",
                              "x,y,w,h in frame pixels: nothing outside it counts; empty = the whole frame",
                              "", playing));
  install(PROP_ATTACH,
          g_param_spec_flags("attach", "Attach", "Further maps to attach, as far as the method computes them",
                             maps_type(), 0, playing));
  install(PROP_THREADS,
          g_param_spec_int("threads", "Threads", "Threads that compute; 0 = all cores", 0, 1024, 0, ready));
  install(PROP_MAX_IN_FLIGHT,
          g_param_spec_int("max-in-flight", "Maximum in flight",
                           "Frames that wait for their results in the element; 1 = each is waited for", 1,
                           kInFlightMax, 1, ready));
  install(PROP_STATS,
          g_param_spec_boxed(
              "stats", "Statistics", "What was done since the start, and which bundle on which device did it",
              GST_TYPE_STRUCTURE, static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

bool set_detect_property(DetectConfig& config, guint id, const GValue* value, std::string& problem) {
  switch (id) {
    case PROP_MODEL:
      config.model = text_of(value);
      return true;
    case PROP_DEVICE:
      config.device = text_of(value);
      return true;
    case PROP_PRECISION:
      config.precision = g_value_get_enum(value);
      return true;
    case PROP_TRUNK_PRECISION:
      config.trunk_precision = g_value_get_enum(value);
      return true;
    case PROP_METHOD:
      config.method = g_value_get_enum(value);
      return true;
    case PROP_ENSEMBLE_WEIGHTS: {
      std::vector<double> weights;
      if (!parse_weights(value, weights))
        problem = "Property ensemble-weights takes four finite numbers: \"<0.75,0.25,0,0>\".";
      config.ensemble_problem = problem;
      config.ensemble = problem.empty() ? weights : std::vector<double>();
      return true;
    }
    case PROP_NORMALIZATION:
      config.normalization = g_value_get_enum(value);
      return true;
    case PROP_SEGMENTATION_HEIGHT:
      config.segmentation_height = g_value_get_int(value);
      return true;
    case PROP_SEGMENTATION_WIDTH:
      config.segmentation_width = g_value_get_int(value);
      return true;
    case PROP_LATENT:
      config.latent = g_value_get_enum(value);
      return true;
    case PROP_SEED:
      config.seed = g_value_get_uint64(value);
      return true;
    case PROP_INTERVAL:
      config.interval = g_value_get_int(value);
      return true;
    case PROP_THRESHOLD:
      config.threshold = g_value_get_double(value);
      return true;
    case PROP_MIN_AREA:
      config.min_area = g_value_get_uint64(value);
      return true;
    case PROP_ROI: {
      const std::string text = text_of(value);
      Rect roi;
      if (!parse_roi(text, roi))
        problem =
            "Property roi takes \"x,y,w,h\" in frame pixels, x and y from 0, w and h from 1, or an empty "
            "text; not \"" +
            text + "\".";
      config.roi_problem = problem;
      if (problem.empty()) config.roi_text = text, config.roi = roi;
      return true;
    }
    case PROP_ATTACH:
      config.attach = g_value_get_flags(value);
      return true;
    case PROP_THREADS:
      config.threads = g_value_get_int(value);
      return true;
    case PROP_MAX_IN_FLIGHT:
      config.max_in_flight = g_value_get_int(value);
      return true;
    default:
      return false;
  }
}

bool get_detect_property(const DetectConfig& config, guint id, GValue* value) {
  switch (id) {
    case PROP_MODEL:
      g_value_set_string(value, config.model.c_str());
      return true;
    case PROP_DEVICE:
      g_value_set_string(value, config.device.c_str());
      return true;
    case PROP_PRECISION:
      g_value_set_enum(value, config.precision);
      return true;
    case PROP_TRUNK_PRECISION:
      g_value_set_enum(value, config.trunk_precision);
      return true;
    case PROP_METHOD:
      g_value_set_enum(value, config.method);
      return true;
    case PROP_ENSEMBLE_WEIGHTS:
      for (const double weight : config.ensemble) {
        GValue item = G_VALUE_INIT;
        g_value_init(&item, G_TYPE_DOUBLE);
        g_value_set_double(&item, weight);
        gst_value_array_append_and_take_value(value, &item);
      }
      return true;
    case PROP_NORMALIZATION:
      g_value_set_enum(value, config.normalization);
      return true;
    case PROP_SEGMENTATION_HEIGHT:
      g_value_set_int(value, config.segmentation_height);
      return true;
    case PROP_SEGMENTATION_WIDTH:
      g_value_set_int(value, config.segmentation_width);
      return true;
    case PROP_LATENT:
      g_value_set_enum(value, config.latent);
      return true;
    case PROP_SEED:
      g_value_set_uint64(value, config.seed);
      return true;
    case PROP_INTERVAL:
      g_value_set_int(value, config.interval);
      return true;
    case PROP_THRESHOLD:
      g_value_set_double(value, config.threshold);
      return true;
    case PROP_MIN_AREA:
      g_value_set_uint64(value, config.min_area);
      return true;
    case PROP_ROI:
      g_value_set_string(value, config.roi_text.c_str());
      return true;
    case PROP_ATTACH:
      g_value_set_flags(value, config.attach);
      return true;
    case PROP_THREADS:
      g_value_set_int(value, config.threads);
      return true;
    case PROP_MAX_IN_FLIGHT:
      g_value_set_int(value, config.max_in_flight);
      return true;
    default:
      return false;
  }
}

Settings detect_settings(const DetectConfig& config, const ModelInfo& model) {
  for (const std::string* problem : {&config.roi_problem, &config.ensemble_problem})
    if (!problem->empty()) throw Error(ErrorKind::BadSettings, *problem);
  for (const int size : {config.segmentation_height, config.segmentation_width})
    if (size != 0 && size < kSegmentationMin)
      throw Error(ErrorKind::BadSettings, "A segmentation size of " + std::to_string(size) +
                                              " is too small: use " + std::to_string(kSegmentationMin) +
                                              " or more, or 0 for the bundle's.");
  Settings settings;
  settings.method = config.method == kBundlesMethod ? method_from_string(model.default_method)
                                                    : static_cast<Method>(config.method);
  for (size_t i = 0; i < settings.ensemble.size(); ++i)
    settings.ensemble[i] = config.ensemble.empty() ? model.ensemble[i] : config.ensemble[i];
  settings.normalization = static_cast<Normalization>(config.normalization);
  settings.latent = static_cast<Latent>(config.latent);
  settings.seed = config.seed;
  return settings;
}

}  // namespace anomaly
