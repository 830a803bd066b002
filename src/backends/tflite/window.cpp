#include "backends/tflite/window.h"

#include <algorithm>

#include "backends/tflite/emit.h"

namespace godwit::to_tflite {

void Window::AddHeight() {
  for (Ints* list : {&kernel, &strides, &dilations, &in, &out}) list->insert(list->begin(), 1);
  for (Ints* list : {&begin, &end, &stated_end}) list->insert(list->begin(), 0);
}

bool Window::Dilated() const {
  return std::any_of(dilations.begin(), dilations.end(), [](int64_t d) { return d != 1; });
}

bool Window::Pads() const {
  const auto some = [](int64_t v) { return v != 0; };
  return std::any_of(begin.begin(), begin.end(), some) || std::any_of(end.begin(), end.end(), some);
}

int Window::Settle() const {
  if (same) return kSame;
  if (!Pads()) return kValid;
  for (size_t k = 0; k < kernel.size(); ++k) {
    const int64_t reach = (kernel[k] - 1) * dilations[k] + 1;
    int64_t total = std::max<int64_t>(reach - strides[k], 0);
    if (strides[k] == 1) {
      total = reach - 1;
    } else if (in[k] < 0) {
      return kValid;
    } else {
      const int64_t places = (in[k] + strides[k] - 1) / strides[k];
      total = std::max<int64_t>((places - 1) * strides[k] + reach - in[k], 0);
      if (out[k] >= 0 && out[k] != places) return kValid;
    }
    if (begin[k] != total / 2 || end[k] != total - total / 2) return kValid;
  }
  return kSame;
}

Window::Ints Window::Whole(const Ints& pads) {
  Ints whole = pads;
  whole.insert(whole.begin(), 0);
  whole.push_back(0);
  return whole;
}

std::optional<std::vector<double>> Window::Corrections(bool count_pads) const {
  std::vector<std::vector<double>> axes;
  for (size_t k = 0; k < kernel.size(); ++k) {
    if (in[k] < 0 || out[k] < 0) return std::nullopt;
    std::vector<double> factors;
    const int64_t low = count_pads ? -begin[k] : 0;
    const int64_t high = in[k] + (count_pads ? stated_end[k] : 0);
    for (int64_t p = 0; p < out[k]; ++p) {
      const int64_t start = p * strides[k] - begin[k];
      const int64_t counted = std::min(start + kernel[k], high) - std::max(start, low);
      factors.push_back(counted > 0 ? static_cast<double>(kernel[k]) / static_cast<double>(counted) : 1.0);
    }
    axes.push_back(std::move(factors));
  }
  std::vector<double> all = {1.0};
  for (const std::vector<double>& factors : axes) {
    std::vector<double> next;
    for (const double a : all) {
      for (const double f : factors) next.push_back(a * f);
    }
    all = std::move(next);
  }
  return all;
}

Result<Window> WindowOf(NodeExport& n, const std::vector<int64_t>& kernel) {
  Window w;
  w.kernel = kernel;
  const size_t count = kernel.size();
  const auto list = [&](std::string_view name, size_t size, int64_t fallback) {
    std::vector<int64_t> values = n.attrs().Ints(name);
    values.resize(size, fallback);
    return values;
  };
  w.strides = list("strides", count, 1);
  w.dilations = list("dilations", count, 1);
  const std::string_view automatic = n.attrs().Str("auto_pad", "none");
  std::vector<int64_t> pads = automatic == "none" ? list("pads", 2 * count, 0) : std::vector<int64_t>(2 * count, 0);
  w.begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(count));
  w.end.assign(pads.begin() + static_cast<int64_t>(count), pads.end());
  const Shape &x = n.ShapeOf(0), &y = n.OutType().shape();
  const auto extent = [](const Shape& shape, size_t k) {
    return k < shape.size() && shape[k].is_static() ? shape[k].value() : -1;
  };
  for (size_t k = 0; k < count; ++k) {
    w.in.push_back(extent(x, k + 1));
    w.out.push_back(extent(y, k + 1));
  }
  w.same = automatic == "same_upper";
  for (size_t k = 0; k < count && automatic.starts_with("same"); ++k) {
    const int64_t reach = (kernel[k] - 1) * w.dilations[k] + 1;
    int64_t total = reach - 1;
    if (w.strides[k] != 1) {
      if (w.in[k] < 0) {
        if (w.same) break;
        return n.Lacks(diag::kTargetConstant, "sizes must be known where the larger half of the padding comes first");
      }
      total =
          std::max<int64_t>((((w.in[k] + w.strides[k] - 1) / w.strides[k]) - 1) * w.strides[k] + reach - w.in[k], 0);
    }
    w.begin[k] = w.same ? total / 2 : total - total / 2;
    w.end[k] = total - w.begin[k];
  }
  w.stated_end = w.end;
  // Windows that begin within and end beyond: as much more padding as the last one needs.
  if (n.attrs().Flag("ceil_mode") && automatic == "none") {
    for (size_t k = 0; k < count; ++k) {
      const int64_t reach = (kernel[k] - 1) * w.dilations[k] + 1;
      if (w.in[k] < 0 || w.out[k] < 0) {
        return n.Lacks(diag::kTargetConstant, "sizes must be known where the number of windows is rounded up");
      }
      const int64_t needed = (w.out[k] - 1) * w.strides[k] + reach - w.in[k] - w.begin[k];
      w.end[k] = std::max(w.end[k], needed);
    }
  }
  return w;
}

}  // namespace godwit::to_tflite
