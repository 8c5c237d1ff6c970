// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-anomalyoverlay
 * @title: anomalyoverlay
 *
 * Draws what anomalydetect found, in the frame's own format: a heatmap whose opacity follows the score, an
 * outline of every region with its score and class, and, if asked for, a bar with the frame's score. A frame
 * on which nothing is to be drawn passes as it is, without a copy. Frames in a GPU's memory
 * (`memory:CUDAMemory`, `memory:NVMM`) are drawn on there.
 *
 * ## Example
 * |[
 * gst-launch-1.0 filesrc location=drive.mp4 ! decodebin ! videoconvert ! anomalydetect !
 *     anomalyoverlay colormap=inferno opacity=0.8 ! videoconvert ! autovideosink
 * ]|
 */
#include "gst/plugin/gstanomalyoverlay.h"

#include <exception>
#include <vector>

#include "gst/lib/gstanomalymeta.h"
#include "gst/plugin/cudacontext.h"
#include "gst/plugin/devicebuffer.h"
#include "gst/plugin/gstanomalydetecterror.h"
#include "gst/plugin/overlaydraw.h"
#include "gst/plugin/overlaypainter.h"
#include "gst/plugin/overlayproperties.h"
#include "gst/plugin/overlaysides.h"
#include "src/error.h"

GST_DEBUG_CATEGORY_STATIC(anomalyoverlay_debug);
#define GST_CAT_DEFAULT anomalyoverlay_debug

struct _GstAnomalyOverlay {
  GstVideoFilter parent;

  anomaly::OverlaySettings* settings;  // under the object lock
  anomaly::CudaElementContext* cuda;

  // Of the streaming thread: what the current frame is drawn with.
  anomaly::OverlayStyle* style;
  gint style_colormap;  // that style->colors was made from, -1 = none
  bool draws;
  anomaly::BufferKind kind;  // as negotiated
  bool sides;                // as negotiated: the output is twice as wide
  anomaly::OverlayPainter* painter;
};

G_DEFINE_TYPE(GstAnomalyOverlay, gst_anomaly_overlay, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(anomalyoverlay, "anomalyoverlay", GST_RANK_NONE,
                                      GST_TYPE_ANOMALY_OVERLAY,
                                      GST_DEBUG_CATEGORY_INIT(anomalyoverlay_debug, "anomalyoverlay", 0,
                                                              "Drawing of anomalies"))

// Fixes what the frame is drawn with, so that it is decided once and a property changed meanwhile waits for
// the next.
static void update_style(GstAnomalyOverlay* self, GstBuffer* buffer) {
  GstBaseTransform* trans = GST_BASE_TRANSFORM(self);
  if (trans->segment.format == GST_FORMAT_TIME) {
    const GstClockTime time =
        gst_segment_to_stream_time(&trans->segment, GST_FORMAT_TIME, GST_BUFFER_TIMESTAMP(buffer));
    if (GST_CLOCK_TIME_IS_VALID(time)) gst_object_sync_values(GST_OBJECT(self), time);
  }
  GST_OBJECT_LOCK(self);
  const gint colormap = self->settings->colormap;
  anomaly::OverlayStyle style = self->settings->style;
  GST_OBJECT_UNLOCK(self);
  style.colors = colormap == self->style_colormap ? self->style->colors : anomaly::color_table(colormap);
  *self->style = style;
  self->style_colormap = colormap;
}

// Compositors carry the metadata of every picture over, hence all of them.
template <typename Visit>
static void for_each_meta(GstBuffer* buffer, const Visit& visit) {
  gpointer state = nullptr;
  while (GstMeta* meta = gst_buffer_iterate_meta_filtered(buffer, &state, GST_ANOMALY_META_API_TYPE))
    visit(*reinterpret_cast<GstAnomalyMeta*>(meta));
}

// Exceptions stop here.
static GstFlowReturn refuse(GstAnomalyOverlay* self, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const anomaly::Error&) {
    anomaly::post_failure(GST_ELEMENT(self), failure);
  } catch (const std::exception& other) {
    GST_ELEMENT_ERROR(self, STREAM, FAILED, ("Could not draw on a frame: %s.", other.what()), (nullptr));
  }
  return GST_FLOW_ERROR;
}

static bool wants_sides(GstAnomalyOverlay* self) {
  GST_OBJECT_LOCK(self);
  const anomaly::OverlayMode mode = self->settings->style.mode;
  GST_OBJECT_UNLOCK(self);
  return mode == anomaly::OverlayMode::SideBySide;
}

// Why frames of these caps, which may be null, cannot be shown twice beside each other; null where they can.
static const gchar* no_sides(GstCaps* caps) {
  if (!caps) return nullptr;
  if (anomaly::buffer_kind(caps) == anomaly::BufferKind::Nvmm)
    return "NVMM buffers cannot be shown side by side, which takes buffers twice as wide, and this element "
           "makes none: use mode=blend or mode=map, or copy frames to system memory before this element "
           "(nvvideoconvert)";
  GstCaps* other = anomaly::side_by_side_caps(caps, false);
  const bool fit = !gst_caps_is_empty(other);
  gst_caps_unref(other);
  return fit ? nullptr
             : "Frames of an odd width are shown side by side only in formats whose pixels share no chroma, "
               "such as RGB";
}

static GstCaps* gst_anomaly_overlay_transform_caps(GstBaseTransform* trans, GstPadDirection direction,
                                                   GstCaps* caps, GstCaps* filter) {
  GstCaps* other = wants_sides(GST_ANOMALY_OVERLAY(trans))
                       ? anomaly::side_by_side_caps(caps, direction == GST_PAD_SRC)
                       : gst_caps_ref(caps);
  if (!filter) return other;
  GstCaps* both = gst_caps_intersect_full(filter, other, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(other);
  return both;
}

static gboolean gst_anomaly_overlay_accept_caps(GstBaseTransform* trans, GstPadDirection direction,
                                                GstCaps* caps) {
  if (const gchar* problem =
          direction == GST_PAD_SINK && wants_sides(GST_ANOMALY_OVERLAY(trans)) ? no_sides(caps) : nullptr)
    GST_WARNING_OBJECT(trans, "%s: not %" GST_PTR_FORMAT, problem, caps);
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)->accept_caps(trans, direction, caps);
}

static gboolean gst_anomaly_overlay_set_caps(GstBaseTransform* trans, GstCaps* in, GstCaps* out) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(trans);
  if (!GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)->set_caps(trans, in, out)) return FALSE;
  const GstVideoFilter* filter = GST_VIDEO_FILTER(self);
  self->kind = anomaly::buffer_kind(in);
  self->sides = GST_VIDEO_INFO_WIDTH(&filter->in_info) != GST_VIDEO_INFO_WIDTH(&filter->out_info);
  if (self->sides && self->kind == anomaly::BufferKind::Nvmm) {
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("%s.", no_sides(in)), (nullptr));
    return FALSE;
  }
  gst_base_transform_set_in_place(trans, !self->sides);
  return TRUE;
}

// The left half is the frame that the metadata tells of.
static gboolean gst_anomaly_overlay_transform_meta(GstBaseTransform* trans, GstBuffer* output, GstMeta* meta,
                                                   GstBuffer* input) {
  if (meta->info->api == GST_ANOMALY_META_API_TYPE) return TRUE;
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)
      ->transform_meta(trans, output, meta, input);
}

static GstFlowReturn gst_anomaly_overlay_prepare_output_buffer(GstBaseTransform* trans, GstBuffer* input,
                                                               GstBuffer** output) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(trans);
  self->draws = false;
  try {
    update_style(self, input);
    for_each_meta(input,
                  [&](const GstAnomalyMeta& meta) { self->draws |= anomaly::draws(meta, *self->style); });
  } catch (...) {
    return refuse(self, std::current_exception());
  }
  if (!self->draws && !self->sides) {
    *output = input;  // even where it is shared: nothing will touch it
    return GST_FLOW_OK;
  }
  // A copy of such a buffer shows the same surfaces.
  if (self->kind == anomaly::BufferKind::Nvmm &&
      (!gst_buffer_is_writable(input) || !gst_buffer_is_all_memory_writable(input))) {
    GST_ELEMENT_ERROR(self, STREAM, FAILED,
                      ("An NVMM buffer that others hold, too, cannot be drawn on: put nvvideoconvert, which "
                       "copies, between them and this element."),
                      (nullptr));
    return GST_FLOW_ERROR;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)
      ->prepare_output_buffer(trans, input, output);
}

// Paints what the buffer's metadata tells of each picture.
static void paint(GstAnomalyOverlay* self, GstBuffer* buffer, const std::vector<anomaly::Picture>& pictures) {
  try {
    for_each_meta(buffer, [&](const GstAnomalyMeta& meta) {
      // Only NVMM buffers hold several.
      const guint index = self->kind == anomaly::BufferKind::Nvmm ? meta.surface : 0;
      if (index >= pictures.size()) return;
      const anomaly::Picture& picture = pictures[index];
      anomaly::PaintList list(picture.view.width, picture.view.height);
      anomaly::Scores scores(meta);
      anomaly::draw(list, meta, scores, *self->style);
      self->painter->paint(picture, list, scores);
    });
    self->painter->finish();
  } catch (...) {
    self->painter->abandon();
    throw;
  }
}

static GstFlowReturn gst_anomaly_overlay_transform_ip(GstBaseTransform* trans, GstBuffer* buffer) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(trans);
  if (!self->draws) return GST_FLOW_OK;
  const GstVideoFilter* filter = GST_VIDEO_FILTER(self);
  if (!filter->negotiated) return GST_FLOW_NOT_NEGOTIATED;
  try {
    const auto frame =
        anomaly::map_pictures(self->kind, filter->in_info, buffer, anomaly::Access::ReadWrite, {});
    paint(self, buffer, frame->pictures());
  } catch (const anomaly::Error& failure) {
    if (failure.kind() != anomaly::ErrorKind::Io) return refuse(self, std::current_exception());
    // The buffer is not what it claims to be.
    anomaly::post_warning(GST_ELEMENT(self), std::current_exception(), "The frame passes as it is.");
  } catch (...) {
    return refuse(self, std::current_exception());
  }
  return GST_FLOW_OK;
}

static GstFlowReturn gst_anomaly_overlay_transform(GstBaseTransform* trans, GstBuffer* input,
                                                   GstBuffer* output) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(trans);
  const GstVideoFilter* filter = GST_VIDEO_FILTER(self);
  if (!filter->negotiated) return GST_FLOW_NOT_NEGOTIATED;
  try {
    const auto in = anomaly::map_pictures(self->kind, filter->in_info, input, anomaly::Access::Read, {});
    const auto out =
        anomaly::map_pictures(self->kind, filter->out_info, output, anomaly::Access::ReadWrite, {});
    const anomaly::Picture right =
        self->painter->copy_to_both_sides(in->pictures().front(), out->pictures().front());
    paint(self, input, {right});
  } catch (...) {
    self->painter->abandon();
    return refuse(self, std::current_exception());
  }
  return GST_FLOW_OK;
}

// A pool of CUDA memory, at the front, where downstream brought none and there is a context to make it of.
static void add_cuda_pool(GstAnomalyOverlay* self, GstQuery* query, guint min, bool make_context) {
  try {
    if (!self->cuda->find() && make_context) self->cuda->ensure(0);
    const guint there = gst_query_get_n_allocation_pools(query);
    anomaly::offer_cuda_pool(*self->cuda, query, min);
    if (there == 0 || gst_query_get_n_allocation_pools(query) == there) return;
    GstBufferPool* pool = nullptr;
    guint size = 0, most = 0;
    gst_query_parse_nth_allocation_pool(query, there, &pool, &size, &min, &most);
    gst_query_set_nth_allocation_pool(query, 0, pool, size, min, most);
    gst_clear_object(&pool);
  } catch (const std::exception& failure) {
    GST_WARNING_OBJECT(self, "no pool of CUDA memory: %s", failure.what());
  }
}

static anomaly::BufferKind kind_of(GstQuery* query) {
  GstCaps* caps = nullptr;
  gst_query_parse_allocation(query, &caps, nullptr);
  return anomaly::buffer_kind(caps);
}

// Drawing in place, the element passes on what downstream says. GstVideoFilter adds a pool of system memory
// otherwise.
static gboolean gst_anomaly_overlay_propose_allocation(GstBaseTransform* trans, GstQuery* decide_query,
                                                       GstQuery* query) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(trans);
  if (kind_of(query) == anomaly::BufferKind::System)
    return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)
        ->propose_allocation(trans, decide_query, query);
  auto* base = static_cast<GstBaseTransformClass*>(g_type_class_peek(GST_TYPE_BASE_TRANSFORM));
  const gboolean answered = base->propose_allocation(trans, decide_query, query);
  if (decide_query) gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  if (kind_of(query) == anomaly::BufferKind::Cuda) add_cuda_pool(self, query, 0, false);
  return answered || gst_query_get_n_allocation_pools(query) > 0;
}

// For frames side by side, the only ones that are made here.
static gboolean gst_anomaly_overlay_decide_allocation(GstBaseTransform* trans, GstQuery* query) {
  if (kind_of(query) == anomaly::BufferKind::Cuda) add_cuda_pool(GST_ANOMALY_OVERLAY(trans), query, 2, true);
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)->decide_allocation(trans, query);
}

static gboolean gst_anomaly_overlay_query(GstBaseTransform* trans, GstPadDirection direction,
                                          GstQuery* query) {
  if (GST_QUERY_TYPE(query) == GST_QUERY_CONTEXT && GST_ANOMALY_OVERLAY(trans)->cuda->answer(query))
    return TRUE;
  return GST_BASE_TRANSFORM_CLASS(gst_anomaly_overlay_parent_class)->query(trans, direction, query);
}

static void gst_anomaly_overlay_set_context(GstElement* element, GstContext* context) {
  GST_ANOMALY_OVERLAY(element)->cuda->offer(context);
  GST_ELEMENT_CLASS(gst_anomaly_overlay_parent_class)->set_context(element, context);
}

static gboolean gst_anomaly_overlay_stop(GstBaseTransform* trans) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(trans);
  delete self->painter;  // with its memory on the GPU
  self->painter = new anomaly::OverlayPainter;
  self->cuda->forget();
  return TRUE;
}

static void gst_anomaly_overlay_set_property(GObject* object, guint id, const GValue* value,
                                             GParamSpec* spec) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(object);
  const bool had_sides = wants_sides(self);
  GstCaps* caps = gst_pad_get_current_caps(GST_BASE_TRANSFORM_SINK_PAD(self));
  const gchar* problem = no_sides(caps);
  GST_OBJECT_LOCK(self);
  anomaly::OverlaySettings settings = *self->settings;
  const bool known = anomaly::set_overlay_property(settings, id, value);
  const bool sides = settings.style.mode == anomaly::OverlayMode::SideBySide;
  const bool refused = sides && !had_sides && problem;
  if (!refused) *self->settings = settings;
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  if (refused)
    GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("%s. The mode stays as it was.", problem),
                        ("caps: %" GST_PTR_FORMAT, caps));
  gst_clear_caps(&caps);
  if (!refused && sides != had_sides) gst_base_transform_reconfigure_src(GST_BASE_TRANSFORM(self));
}

static void gst_anomaly_overlay_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstAnomalyOverlay* self = GST_ANOMALY_OVERLAY(object);
  GST_OBJECT_LOCK(self);
  const bool known = anomaly::get_overlay_property(*self->settings, id, value);
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_anomaly_overlay_finalize(GObject* object) {
  delete GST_ANOMALY_OVERLAY(object)->settings;
  delete GST_ANOMALY_OVERLAY(object)->style;
  delete GST_ANOMALY_OVERLAY(object)->painter;
  delete GST_ANOMALY_OVERLAY(object)->cuda;
  G_OBJECT_CLASS(gst_anomaly_overlay_parent_class)->finalize(object);
}

static void gst_anomaly_overlay_init(GstAnomalyOverlay* self) {
  self->settings = new anomaly::OverlaySettings;
  self->style = new anomaly::OverlayStyle;
  self->style_colormap = -1;
  self->painter = new anomaly::OverlayPainter;
  self->cuda = new anomaly::CudaElementContext(GST_ELEMENT(self));
}

static void add_pad_template(GstElementClass* klass, const gchar* name, GstPadDirection direction) {
  GstCaps* caps = anomaly::supported_memory_caps();
  gst_element_class_add_pad_template(klass, gst_pad_template_new(name, direction, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);
}

static void gst_anomaly_overlay_class_init(GstAnomalyOverlayClass* klass) {
  GObjectClass* object_class = G_OBJECT_CLASS(klass);
  GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass* transform_class = GST_BASE_TRANSFORM_CLASS(klass);

  object_class->set_property = gst_anomaly_overlay_set_property;
  object_class->get_property = gst_anomaly_overlay_get_property;
  object_class->finalize = gst_anomaly_overlay_finalize;

  anomaly::install_overlay_properties(object_class);

  gst_element_class_set_static_metadata(element_class, "Anomaly overlay", "Filter/Effect/Video",
                                        "Draws heatmap and regions of what does not belong on the road",
                                        "The gst-anomaly authors");
  add_pad_template(element_class, "sink", GST_PAD_SINK);
  add_pad_template(element_class, "src", GST_PAD_SRC);

  transform_class->accept_caps = gst_anomaly_overlay_accept_caps;
  transform_class->transform_caps = gst_anomaly_overlay_transform_caps;
  transform_class->transform_meta = gst_anomaly_overlay_transform_meta;
  transform_class->prepare_output_buffer = gst_anomaly_overlay_prepare_output_buffer;
  transform_class->transform_ip = gst_anomaly_overlay_transform_ip;
  transform_class->transform = gst_anomaly_overlay_transform;
  transform_class->set_caps = gst_anomaly_overlay_set_caps;
  transform_class->propose_allocation = gst_anomaly_overlay_propose_allocation;
  transform_class->decide_allocation = gst_anomaly_overlay_decide_allocation;
  transform_class->query = gst_anomaly_overlay_query;
  transform_class->stop = gst_anomaly_overlay_stop;
  element_class->set_context = gst_anomaly_overlay_set_context;
}
