// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/nvmmbuffer.h"

#include <string>
#include <utility>

#include "gst/plugin/nvmmegl.h"
#include "gst/plugin/nvmmformat.h"
#include "gst/plugin/nvmmlibrary.h"
#include "gst/plugin/videoview.h"
#include "kernels/pixel_format.h"
#include "src/error.h"

namespace anomaly {

namespace {

using nvmm::Layout;
using nvmm::MemoryType;
using nvmm::Surface;
using nvmm::SurfaceParams;

constexpr uint32_t kMostSurfaces = 1024;
constexpr uint32_t kMostGpus = 1024;

[[noreturn]] void lie(const std::string& what) {
  throw Error(ErrorKind::Io,
              "An NVMM buffer " + what + ": the element before gives surfaces that cannot be used.");
}

[[noreturn]] void lie(uint32_t index, const std::string& what) {
  throw Error(ErrorKind::Io, "Surface " + std::to_string(index) + " of an NVMM buffer " + what +
                                 ": the element before gives surfaces that cannot be used.");
}

std::string size_of(int64_t width, int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

bool aligned(const void* pointer, size_t to) {
  return reinterpret_cast<uintptr_t>(pointer) % to == 0;
}

// How the picture's memory is reached.
enum class Way { Device, Host, HostMapped, Egl };

Way way_of(const Surface& surface, uint32_t index, const FrameMemory& reader) {
  const bool gpu_reads = reader.kind == FrameMemory::Kind::Cuda;
  const bool block_linear = surface.surface_list[index].layout != static_cast<uint32_t>(Layout::Pitch);
  auto type = static_cast<MemoryType>(surface.mem_type);
  if (type == MemoryType::Default)
    type = nvmm::on_jetson() ? MemoryType::SurfaceArray : MemoryType::CudaDevice;
  Way way = Way::Host;
  switch (type) {
    case MemoryType::CudaDevice:
      way = Way::Device;
      break;
    case MemoryType::CudaUnified:
      way = gpu_reads ? Way::Device : Way::HostMapped;
      break;
    case MemoryType::SurfaceArray:
    case MemoryType::Handle:
      if (gpu_reads && nvmm::can_map_egl()) return Way::Egl;
      way = Way::HostMapped;
      break;
    case MemoryType::CudaPinned:
    case MemoryType::System:
      break;
    default:
      lie("is of memory type " + std::to_string(surface.mem_type) + ", which there is none of");
  }
  if (block_linear)
    throw Error(ErrorKind::Device,
                "Surface " + std::to_string(index) +
                    " of an NVMM buffer is block-linear: such surfaces can be used on a Jetson's GPU only "
                    "(device=cuda), through EGL. Have nvvidconv or nvvideoconvert make pitch-linear ones "
                    "(bl-output=false).");
  return way;
}

// What all surfaces must be, whatever their memory.
const nvmm::ColorFormat& check_picture(const SurfaceParams& params, uint32_t index, const GstVideoInfo& info,
                                       PixelFormat expected) {
  const nvmm::ColorFormat* color = nvmm::find_color_format(params.color_format);
  if (!color || color->format != expected)
    lie(index, "is of colour format " + std::to_string(params.color_format) +
                   (color ? std::string(" (") + pixel_format_info(color->format).name + ")" : std::string()) +
                   ", its caps say " + GST_VIDEO_INFO_NAME(&info));
  if (params.layout > static_cast<uint32_t>(Layout::BlockLinear))
    lie(index, "has layout " + std::to_string(params.layout) + ", which there is none of");
  if (params.width > kMaxFrameSize || params.height > kMaxFrameSize ||
      static_cast<int>(params.width) < GST_VIDEO_INFO_WIDTH(&info) ||
      static_cast<int>(params.height) < GST_VIDEO_INFO_HEIGHT(&info))
    lie(index, "is " + size_of(params.width, params.height) + ", its caps say " +
                   size_of(GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info)));
  const auto planes = static_cast<uint32_t>(pixel_format_info(expected).planes);
  if (params.plane_params.num_planes != planes)
    lie(index, "has " + std::to_string(params.plane_params.num_planes) + " planes, " +
                   GST_VIDEO_INFO_NAME(&info) + " has " + std::to_string(planes));
  return *color;
}

// Rows of the whole surface must lie in its memory, not over each other. mapped: planes have addresses, and
// so sizes, of their own.
void check_plane(const SurfaceParams& params, uint32_t index, PixelFormat format, int plane, bool mapped) {
  const PixelFormatInfo& known = pixel_format_info(format);
  const auto& planes = params.plane_params;
  const uint64_t pitch = planes.pitch[plane];
  const uint64_t rows = static_cast<uint64_t>(plane_rows(known, plane, static_cast<int>(params.height)));
  const uint64_t bytes = static_cast<uint64_t>(plane_row_bytes(known, plane, static_cast<int>(params.width)));
  const std::string which = "plane " + std::to_string(plane);
  if (pitch < bytes || pitch > INT32_MAX)
    lie(index, "has a pitch of " + std::to_string(pitch) + " bytes in " + which + ", a row of it has " +
                   std::to_string(bytes));
  const uint64_t needed = (rows - 1) * pitch + bytes;
  const uint64_t offset = mapped ? 0 : planes.offset[plane];
  const uint64_t there = mapped ? planes.psize[plane] : params.data_size;
  if (offset + needed > there)
    lie(index, which + " ends " + std::to_string(offset + needed - there) + " bytes behind its memory of " +
                   std::to_string(there) + " bytes");
}

class MappedSurfaces final : public MappedPictures {
 public:
  MappedSurfaces(const GstVideoInfo& info, GstBuffer* buffer, Access access, const FrameMemory& reader)
      : buffer_(gst_buffer_ref(buffer)), access_(access) {
    try {
      open(info, reader);
    } catch (...) {
      close();
      throw;
    }
  }
  ~MappedSurfaces() override { close(); }

 private:
  void open(const GstVideoInfo& info, const FrameMemory& reader);
  Picture picture_of(uint32_t index, const GstVideoInfo& info, const FrameMemory& reader);
  void map_for_processor(uint32_t index, PixelFormat format, int planes);
  void close() noexcept;

  GstBuffer* buffer_;
  const Access access_;
  GstMapInfo map_ = {};
  Surface* surface_ = nullptr;
  std::vector<int> mapped_;  // surfaces that the library has mapped
  std::vector<std::unique_ptr<nvmm::EglSurface>> egl_;
};

void MappedSurfaces::open(const GstVideoInfo& info, const FrameMemory& reader) {
  // Its memory holds the description of the surfaces, not pixels: reading is enough.
  if (!gst_buffer_map(buffer_, &map_, GST_MAP_READ)) {
    map_ = {};
    lie("cannot be mapped");
  }
  if (map_.size < sizeof(Surface) || !aligned(map_.data, alignof(Surface)))
    lie("of " + std::to_string(map_.size) + " bytes holds no NvBufSurface, which takes " +
        std::to_string(sizeof(Surface)));
  auto* surface = reinterpret_cast<Surface*>(map_.data);
  if (surface->num_filled < 1 || surface->num_filled > surface->batch_size ||
      surface->batch_size > kMostSurfaces)
    lie("has " + std::to_string(surface->num_filled) + " of " + std::to_string(surface->batch_size) +
        " surfaces filled, at least 1 of at most " + std::to_string(kMostSurfaces) + " can be");
  if (!surface->surface_list || !aligned(surface->surface_list, alignof(SurfaceParams)))
    lie("has no list of surfaces");
  if (surface->gpu_id >= kMostGpus) lie("names GPU " + std::to_string(surface->gpu_id));
  surface_ = surface;
  pictures_.reserve(surface->num_filled);
  for (uint32_t i = 0; i < surface->num_filled; ++i) pictures_.push_back(picture_of(i, info, reader));
  const GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(buffer_);
  if (crop && pictures_.size() == 1 && !crop_view(*crop, &pictures_.front().view))
    lie("has crop metadata that leaves nothing of its picture");
}

Picture MappedSurfaces::picture_of(uint32_t index, const GstVideoInfo& info, const FrameMemory& reader) {
  Picture picture;
  MutableFrameView& view = picture.view;
  if (!describe_picture(info, &view) || !nvmm::has_color_format(view.format))
    throw Error(ErrorKind::BadSettings, std::string("NVMM surfaces of ") + GST_VIDEO_INFO_NAME(&info) +
                                            " cannot be read: convert them with nvvideoconvert.");
  const SurfaceParams& params = surface_->surface_list[index];
  const nvmm::ColorFormat& color = check_picture(params, index, info, view.format);
  view.matrix = color.matrix.value_or(view.matrix);
  view.range = color.range.value_or(view.range);
  const int planes = pixel_format_info(view.format).planes;
  const Way way = way_of(*surface_, index, reader);
  if (way == Way::Device || way == Way::Egl) {
    picture.memory.kind = FrameMemory::Kind::Cuda;
    // Unified memory is any GPU's.
    const bool own =
        way == Way::Device && surface_->mem_type != static_cast<uint32_t>(MemoryType::CudaUnified);
    picture.memory.device = own ? static_cast<int>(surface_->gpu_id) : reader.device;
  }
  if (way == Way::Egl) {
    egl_.push_back(nvmm::map_egl(surface_, static_cast<int>(index), view.format, view.width, view.height,
                                 access_, reader.device));
    for (int i = 0; i < planes; ++i) {
      view.plane[i] = static_cast<uint8_t*>(egl_.back()->planes[i].address);
      view.stride[i] = static_cast<std::ptrdiff_t>(egl_.back()->planes[i].pitch);
    }
    return picture;
  }
  if (way == Way::HostMapped)
    map_for_processor(index, view.format, planes);
  else if (!params.data_ptr)
    lie(index, "has no memory");
  for (int i = 0; i < planes; ++i) {
    if (way != Way::HostMapped) check_plane(params, index, view.format, i, false);
    view.plane[i] = way == Way::HostMapped
                        ? static_cast<uint8_t*>(params.mapped_addr.addr[i])
                        : static_cast<uint8_t*>(params.data_ptr) + params.plane_params.offset[i];
    view.stride[i] = params.plane_params.pitch[i];
  }
  return picture;
}

void MappedSurfaces::map_for_processor(uint32_t index, PixelFormat format, int planes) {
  const nvmm::Library& library = nvmm::library();
  const SurfaceParams& params = surface_->surface_list[index];
  for (int i = 0; i < planes; ++i) check_plane(params, index, format, i, true);
  const auto flags = access_ == Access::Read ? nvmm::MapFlags::Read : nvmm::MapFlags::ReadWrite;
  const int number = static_cast<int>(index);
  if (library.map(surface_, number, -1, static_cast<uint32_t>(flags)) != 0)
    throw Error(ErrorKind::Device, "NvBufSurfaceMap failed for surface " + std::to_string(index) +
                                       " of an NVMM buffer of memory type " +
                                       std::to_string(surface_->mem_type) +
                                       ": have nvvideoconvert make surfaces that the processor can see.");
  mapped_.push_back(number);
  // Unified memory has no cache of the processor's to be kept equal.
  if (surface_->mem_type != static_cast<uint32_t>(MemoryType::CudaUnified) &&
      library.sync_for_cpu(surface_, number, -1) != 0)
    throw Error(ErrorKind::Device,
                "NvBufSurfaceSyncForCpu failed for surface " + std::to_string(index) + " of an NVMM buffer.");
  for (int i = 0; i < planes; ++i)
    if (!params.mapped_addr.addr[i])
      lie(index, "was mapped without an address for plane " + std::to_string(i));
}

void MappedSurfaces::close() noexcept {
  egl_.clear();
  for (const int index : mapped_) {
    const nvmm::Library& library = nvmm::library();
    if (access_ == Access::ReadWrite &&
        surface_->mem_type != static_cast<uint32_t>(MemoryType::CudaUnified) &&
        library.sync_for_device(surface_, index, -1) != 0)
      GST_WARNING("NvBufSurfaceSyncForDevice failed for surface %d", index);
    library.unmap(surface_, index, -1);
  }
  if (map_.memory) gst_buffer_unmap(buffer_, &map_);
  gst_buffer_unref(buffer_);
}

}  // namespace

GstCaps* nvmm_caps() {
  GstCaps* caps = supported_caps(caps_feature(BufferKind::Nvmm));
  keep_formats(caps, nvmm::has_color_format);
  return caps;
}

std::unique_ptr<MappedPictures> map_nvmm(const GstVideoInfo& info, GstBuffer* buffer, Access access,
                                         const FrameMemory& reader) {
  if (access == Access::ReadWrite && !gst_buffer_is_writable(buffer))
    throw Error(ErrorKind::Io, "An NVMM buffer that others hold, too, cannot be written.");
  return std::make_unique<MappedSurfaces>(info, buffer, access, reader);
}

}  // namespace anomaly
