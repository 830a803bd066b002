#include "api/picture_input.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "ir/convert.h"

namespace godwit {

namespace {

struct Layout {
  bool has_batch = false;
  bool channels_last = false;
  int64_t channels = 3, height = 0, width = 0;  // 0: open
};

std::optional<Layout> LayoutOf(const Type& type) {
  if (!type.ranked() || (type.rank() != 3 && type.rank() != 4)) return std::nullopt;
  Layout out;
  out.has_batch = type.rank() == 4;
  const Shape& shape = type.shape();
  const size_t at = out.has_batch ? 1 : 0;
  const auto known = [&](size_t i) { return shape[i].is_static() ? shape[i].value() : 0; };
  if (out.has_batch && known(0) > 1) return std::nullopt;
  const auto colours = [](int64_t n) { return n == 1 || n == 3; };
  out.channels_last = !colours(known(at)) && colours(known(at + 2));
  if (!out.channels_last && !colours(known(at))) return std::nullopt;
  out.channels = known(out.channels_last ? at + 2 : at);
  out.height = known(out.channels_last ? at : at + 1);
  out.width = known(out.channels_last ? at + 1 : at + 2);
  return out;
}

// One channel of the picture at a place between pixels.
double PixelAt(const Picture& p, double y, double x, const std::array<size_t, 3>& order, size_t channel, bool gray) {
  const auto clamp = [](double v, int64_t size) { return std::clamp(v, 0.0, static_cast<double>(size - 1)); };
  y = clamp(y, p.height), x = clamp(x, p.width);
  const auto y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x);
  const int64_t y1 = std::min(y0 + 1, p.height - 1), x1 = std::min(x0 + 1, p.width - 1);
  const auto at = [&](int64_t row, int64_t column) {
    const uint8_t* pixel = p.rgb.data() + (row * p.width + column) * 3;
    return static_cast<double>(gray ? Luma(pixel) : pixel[order[channel]]);
  };
  const double fy = y - static_cast<double>(y0), fx = x - static_cast<double>(x0);
  const double top = at(y0, x0) + (at(y0, x1) - at(y0, x0)) * fx;
  const double low = at(y1, x0) + (at(y1, x1) - at(y1, x0)) * fx;
  return top + (low - top) * fy;
}

// The part of a picture that an input shows, in pixels of the file, and the size that it has where the input leaves
// its own open.
struct Window {
  double top = 0, left = 0, height = 0, width = 0;
  int64_t rows = 0, columns = 0;
};

Result<Window> WindowOf(const Picture& picture, const PictureOptions& options) {
  int64_t rows = picture.height, columns = picture.width;
  if (options.resize.size() == 2) {
    rows = options.resize[0], columns = options.resize[1];
  } else if (options.resize.size() == 1) {
    const double factor =
        static_cast<double>(options.resize[0]) / static_cast<double>(std::min(picture.height, picture.width));
    rows = std::max<int64_t>(1, std::llround(static_cast<double>(picture.height) * factor));
    columns = std::max<int64_t>(1, std::llround(static_cast<double>(picture.width) * factor));
  }
  const double step_y = static_cast<double>(picture.height) / static_cast<double>(rows);
  const double step_x = static_cast<double>(picture.width) / static_cast<double>(columns);
  Window out;
  out.rows = options.crop.empty() ? rows : options.crop.front();
  out.columns = options.crop.empty() ? columns : options.crop.back();
  if (out.rows > rows || out.columns > columns) {
    return Diag(diag::kExecInput,
                Concat("a picture of ", std::to_string(rows), " x ", std::to_string(columns),
                       " is smaller than the crop of ", std::to_string(out.rows), " x ", std::to_string(out.columns)))
        .Hint("--resize makes pictures larger before they are cropped");
  }
  out.top = static_cast<double>((rows - out.rows) / 2) * step_y;
  out.left = static_cast<double>((columns - out.columns) / 2) * step_x;
  out.height = static_cast<double>(out.rows) * step_y;
  out.width = static_cast<double>(out.columns) * step_x;
  return out;
}

double Entry(const std::vector<double>& values, size_t channel, double fallback) {
  if (values.empty()) return fallback;
  return values[values.size() == 1 ? 0 : std::min(channel, values.size() - 1)];
}

}  // namespace

Result<Tensor> PictureAsInput(const Picture& picture, const Type& type, const PictureOptions& options) {
  const auto layout = LayoutOf(type);
  const DType dtype = type.dtype();
  if (!layout || dtype == DType::kString || dtype == DType::kNone || picture.width < 1 || picture.height < 1) {
    return Diag(diag::kExecInput, Concat("a picture does not fit an input of ", type.ToString()))
        .Hint("give its values as .npy");
  }
  const bool gray = layout->channels == 1 || options.colour == PictureOptions::Colour::kGray;
  TRY(const Window window, WindowOf(picture, options));
  const int64_t height = layout->height > 0 ? layout->height : window.rows;
  const int64_t width = layout->width > 0 ? layout->width : window.columns;
  Dims dims = layout->channels_last ? Dims{height, width, layout->channels} : Dims{layout->channels, height, width};
  if (layout->has_batch) dims.insert(dims.begin(), 1);
  TRY(Tensor out, Tensor::Make(dtype, dims));
  const double step_y = window.height / static_cast<double>(height);
  const double step_x = window.width / static_cast<double>(width);
  const std::array<size_t, 3> order =
      options.colour == PictureOptions::Colour::kBgr ? std::array<size_t, 3>{2, 1, 0} : std::array<size_t, 3>{0, 1, 2};
  for (int64_t c = 0; c < layout->channels; ++c) {
    const auto channel = static_cast<size_t>(c);
    const double mean = Entry(options.mean, channel, 0), scale = Entry(options.scale, channel, 1.0 / 255);
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double pixel = PixelAt(picture, window.top + (static_cast<double>(y) + 0.5) * step_y - 0.5,
                                     window.left + (static_cast<double>(x) + 0.5) * step_x - 0.5, order, channel, gray);
        const int64_t at =
            layout->channels_last ? (y * width + x) * layout->channels + c : (c * height + y) * width + x;
        std::byte* element = out.mutable_raw() + static_cast<size_t>(at) * ByteSize(dtype);
        if (IsFloat(dtype)) {
          StoreF64(dtype, (pixel - mean) * scale, element);
        } else {
          StoreI64(dtype, static_cast<int64_t>(std::floor(pixel + 0.5)), element);
        }
      }
    }
  }
  return out;
}

}  // namespace godwit
