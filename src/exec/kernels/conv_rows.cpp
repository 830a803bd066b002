#include "exec/kernels/conv_rows.h"

#include <algorithm>
#include <cstring>

namespace godwit::kernels {
namespace {

// The height of the tallest tile: rows of outputs that fill it need not be joined.
constexpr std::int64_t kTile = 14;

bool NeedsPadding(const ConvShape& s) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (s.pad[i] != 0) return true;
    if ((s.out[i] - 1) * s.stride[i] + (s.kernel[i] - 1) * s.dilation[i] + 1 > s.in[i]) return true;
  }
  return false;
}

/// The planes and taps of one axis; `split` gives every tap its own plane, otherwise there is one for each phase.
std::int64_t PlanAxis(const ConvShape& s, std::size_t axis, bool split, std::vector<ConvRows::Plane>& planes,
                      std::vector<ConvRows::Tap>& taps) {
  std::int64_t more = 0;
  for (std::int64_t k = 0; k < s.kernel[axis]; ++k) {
    const std::int64_t at = k * s.dilation[axis];
    const std::int64_t shift = split ? 0 : at / s.stride[axis];
    const std::int64_t start = at - shift * s.stride[axis] - s.pad[axis];
    const auto same = [&](const ConvRows::Plane& p) { return p.start == start; };
    auto found = std::find_if(planes.begin(), planes.end(), same);
    if (found == planes.end()) found = planes.insert(planes.end(), {start});
    taps.push_back({found - planes.begin(), shift});
    more = std::max(more, shift);
  }
  return more;
}

/// Copies `count` pixels, `stride` apart, of one row; `from` is null in the padding.
template <class T>
struct RowSource {
  const T* x;                 // first channel of the block, first pixel of the row
  std::int64_t channel_step;  // between channels of the block
  std::int64_t pixel_step;
  std::int64_t channels;
};

template <class T>
void CopyPixels(const RowSource<T>& from, std::int64_t stride, std::int64_t count, std::int64_t width, T* to) {
  if (from.channel_step == 1 && width == kBlock) {
    if (stride == 1 && from.pixel_step == kBlock) {
      std::memcpy(to, from.x, static_cast<std::size_t>(count * kBlock) * sizeof(T));
      return;
    }
    if (from.pixel_step == kBlock) {
      for (std::int64_t j = 0; j < count; ++j)
        std::memcpy(to + j * kBlock, from.x + j * stride * kBlock, kBlock * sizeof(T));
      return;
    }
  }
  for (std::int64_t c = 0; c < from.channels; ++c) {
    const T* x = from.x + c * from.channel_step;
    const std::int64_t step = stride * from.pixel_step;
    for (std::int64_t j = 0; j < count; ++j) to[j * width + c] = x[j * step];
  }
}

}  // namespace

std::int64_t BlocksOf(std::int64_t channels) { return (channels + kBlock - 1) / kBlock; }

ConvRows::ConvRows(const ConvShape& s, DataLayout layout, bool may_join, std::int64_t band_elements) {
  const std::int64_t group_in = s.in_channels / s.groups;
  in_blocks = BlocksOf(group_in);
  const bool pointwise = s.kernel == Extent3{1, 1, 1} && s.stride == Extent3{1, 1, 1};
  const bool aligned = layout == DataLayout::kBlocked && (s.groups == 1 || group_in % kBlock == 0);
  direct =
      aligned && s.stride[2] == 1 && !NeedsPadding(s) && (pointwise || s.out[2] % kTile == 0 || s.out[2] >= 4 * kTile);
  slices = s.out[0];
  rows = s.out[1];
  columns = s.out[2];
  if (direct) {
    joined = pointwise;
    if (pointwise) {
      columns = 1;
      rows = s.out[0] * s.out[1] * s.out[2];
      slices = 1;
    }
    row_pitch = pointwise ? kBlock : s.stride[1] * s.in[2] * kBlock;
    const std::int64_t step = pointwise ? 6 * kTile : 1;
    band = std::max<std::int64_t>(band_elements / std::max<std::int64_t>(1, in_blocks * row_pitch) / step, 1) * step;
  } else {
    width = layout == DataLayout::kPlain && group_in <= 4 ? 4 : kBlock;
    joined = may_join && columns % kTile != 0 && columns < 4 * kTile;
    more_rows = PlanAxis(s, 1, false, row_planes, row_taps);
    plane_columns = columns + PlanAxis(s, 2, joined, column_planes, column_taps);
    row_pitch = plane_columns * width;
    const std::int64_t row_size = CopySize(s, 1) / (1 + more_rows);
    const std::int64_t least = (kTile + columns - 1) / columns;
    band = std::max(band_elements / std::max<std::int64_t>(row_size, 1) - more_rows, least);
    if (joined) band = band >= kTile ? band / kTile * kTile : band;
  }
  band = std::clamp<std::int64_t>(band, 1, std::max<std::int64_t>(rows, 1));
  bands = (rows + band - 1) / band;
}

std::int64_t ConvRows::CopySize(const ConvShape& s, std::int64_t band_rows) const {
  const auto planes = static_cast<std::int64_t>(row_planes.size() * column_planes.size());
  return in_blocks * s.kernel[0] * planes * PlaneSize(band_rows);
}

std::vector<Segment> ConvRows::Segments(const ConvShape& s, std::int64_t band_rows) const {
  const std::int64_t group_in = s.in_channels / s.groups;
  const auto row_count = static_cast<std::int64_t>(row_planes.size());
  const auto column_count = static_cast<std::int64_t>(column_planes.size());
  std::vector<Segment> segments;
  segments.reserve(static_cast<std::size_t>(in_blocks * s.kernel[0] * s.kernel[1] * s.kernel[2]));
  for (std::int64_t block = 0; block < in_blocks; ++block) {
    const std::int64_t length = std::min(kBlock, group_in - block * kBlock);
    for (std::int64_t kd = 0; kd < s.kernel[0]; ++kd) {
      for (std::int64_t kh = 0; kh < s.kernel[1]; ++kh) {
        for (std::int64_t kw = 0; kw < s.kernel[2]; ++kw) {
          std::int64_t offset = 0;
          if (direct) {
            offset =
                ((block * s.in[0] + kd * s.dilation[0]) * s.in[1] + kh * s.dilation[1]) * s.in[2] + kw * s.dilation[2];
            offset *= kBlock;
          } else {
            const Tap& row = row_taps[static_cast<std::size_t>(kh)];
            const Tap& column = column_taps[static_cast<std::size_t>(kw)];
            const std::int64_t plane =
                ((block * s.kernel[0] + kd) * row_count + row.plane) * column_count + column.plane;
            offset = plane * PlaneSize(band_rows) + row.shift * row_pitch + column.shift * width;
          }
          segments.push_back({offset, length});
        }
      }
    }
  }
  return segments;
}

template <class T>
void CopyBand(const ConvShape& s, const ConvRows& plan, DataLayout layout, const T* x, const BandPlace& place,
              T* copy) {
  const std::int64_t volume = s.in[0] * s.in[1] * s.in[2];
  const bool blocked = layout == DataLayout::kBlocked;
  const bool aligned = blocked && place.repeat == 1 && place.first_channel % kBlock == 0;
  const std::int64_t image = place.n * (blocked ? BlocksOf(s.in_channels) * kBlock : s.in_channels) * volume;
  const std::int64_t wide = plan.plane_columns, width = plan.width;
  const std::int64_t plane_rows = place.rows + plan.more_rows;
  T* to = copy;
  for (std::int64_t block = 0; block < plan.in_blocks; ++block) {
    const std::int64_t channel = place.first_channel + block * kBlock;
    const std::int64_t channels = std::min(kBlock, place.channels - block * kBlock);
    for (std::int64_t kd = 0; kd < s.kernel[0]; ++kd) {
      const std::int64_t depth = place.slice * s.stride[0] + kd * s.dilation[0] - s.pad[0];
      for (const ConvRows::Plane& rows : plan.row_planes) {
        for (const ConvRows::Plane& columns : plan.column_planes) {
          // Pixels [first, last) of a row lie in the input, the others in the padding.
          const std::int64_t stride = s.stride[2];
          const std::int64_t first =
              std::clamp<std::int64_t>(columns.start >= 0 ? 0 : (-columns.start + stride - 1) / stride, 0, wide);
          const std::int64_t inside = s.in[2] - columns.start;
          const std::int64_t last =
              std::clamp<std::int64_t>(inside <= 0 ? 0 : (inside + stride - 1) / stride, first, wide);
          for (std::int64_t i = 0; i < plane_rows; ++i, to += wide * width) {
            const std::int64_t height = (place.row + i) * s.stride[1] + rows.start;
            if (depth < 0 || depth >= s.in[0] || height < 0 || height >= s.in[1]) {
              std::fill_n(to, wide * width, T(0));
              continue;
            }
            std::fill_n(to, first * width, T(0));
            std::fill_n(to + last * width, (wide - last) * width, T(0));
            const std::int64_t pixel = (depth * s.in[1] + height) * s.in[2] + columns.start + first * stride;
            T* const start = to + first * width;
            if (!blocked && place.repeat == 1) {
              CopyPixels<T>({x + image + channel * volume + pixel, volume, 1, channels}, stride, last - first, width,
                            start);
            } else if (aligned) {
              CopyPixels<T>({x + image + channel * volume + pixel * kBlock, 1, kBlock, channels}, stride, last - first,
                            width, start);
            } else {
              for (std::int64_t c = 0; c < channels; ++c) {
                const std::int64_t at = (channel + c) / place.repeat;
                const std::int64_t step = blocked ? kBlock : 1;
                const std::int64_t plane = blocked ? at / kBlock * kBlock * volume + at % kBlock : at * volume;
                CopyPixels<T>({x + image + plane + pixel * step, 0, step, 1}, stride, last - first, width, start + c);
              }
            }
          }
        }
      }
    }
  }
}

template void CopyBand<float>(const ConvShape&, const ConvRows&, DataLayout, const float*, const BandPlace&, float*);
template void CopyBand<double>(const ConvShape&, const ConvRows&, DataLayout, const double*, const BandPlace&, double*);

}  // namespace godwit::kernels
