// Transposed convolutions, and normalisation across channels. TRANSPOSE_CONV spreads kernels without padding or with
// that of SAME; what else a node cuts off or adds is for operators of their own.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"

namespace godwit::to_tflite {

namespace {

using Ints = std::vector<int64_t>;

bool Any(const Ints& list, int64_t neutral) {
  return std::any_of(list.begin(), list.end(), [neutral](int64_t v) { return v != neutral; });
}

// Weights to ohwi, of whatever order of o, i and hw.
Ints ToOhwi(std::string_view layout) {
  std::string axes;
  for (const char c : layout) axes += c;
  Ints perm;
  for (const char c : std::string_view("ohwi")) perm.push_back(static_cast<int64_t>(axes.find(c)));
  return perm;
}

// What the node cuts off in all along each spatial axis, where SAME does it: half of it before, or one less.
std::optional<Ints> CutBySame(const Attrs& attrs, const Ints& kernel, const Ints& strides) {
  const std::string_view mode = attrs.Str("auto_pad", "none");
  const Ints &pads = attrs.Ints("pads"), &more = attrs.Ints("output_pads");
  if (!attrs.Ints("output_shape").empty() || (mode.starts_with("same") && Any(more, 0))) return std::nullopt;
  Ints out;
  for (size_t k = 0; k < kernel.size(); ++k) {
    int64_t total = kernel[k] - strides[k], before = mode == "same_lower" ? total - total / 2 : total / 2;
    if (!mode.starts_with("same")) {
      before = mode == "none" && k < pads.size() ? pads[k] : 0;
      const int64_t behind = mode == "none" && k + kernel.size() < pads.size() ? pads[k + kernel.size()] : 0;
      total = before + behind - (k < more.size() ? more[k] : 0);
    }
    // With that extent, the operand's is what a convolution with SAME padding would make of it.
    const int64_t less = total - (kernel[k] - strides[k]);
    if (total < 0 || before != total / 2 || less < 0 || less >= strides[k]) return std::nullopt;
    out.push_back(total);
  }
  return out;
}

Status EmitConvTranspose(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  if (rank != 4) return n.LacksForm("TRANSPOSE_CONV has two spatial axes");
  if (n.attrs().Int("group", 1) != 1) return n.LacksForm("TRANSPOSE_CONV has one group");
  if (Any(n.attrs().Ints("dilations"), 1)) return n.LacksForm("TRANSPOSE_CONV has no dilations");
  const Ints perm = ToOhwi(n.attrs().Str("weight_layout", "iohw"));
  const auto weight = n.StaticDims(1);
  if (!weight) return n.LacksForm("the sizes of a kernel must be known");
  const auto of = [&](size_t axis) { return (*weight)[static_cast<size_t>(perm[axis])]; };
  Ints strides = n.attrs().Ints("strides");
  if (strides.empty()) strides = {1, 1};
  const bool cuts = n.attrs().Str("auto_pad", "none").starts_with("same") || Any(n.attrs().Ints("pads"), 0) ||
                    Any(n.attrs().Ints("output_pads"), 0) || !n.attrs().Ints("output_shape").empty();
  const auto cut = cuts ? CutBySame(n.attrs(), {of(1), of(2)}, strides) : Ints{0, 0};
  if (!cut) return n.LacksForm("TRANSPOSE_CONV cuts off nothing, or what SAME does");
  RETURN_IF_ERROR(ChannelsLast(n));
  const auto dims = n.StaticDims(n.OutType());
  Ref shape;
  if (dims) {
    shape = n.I32s(*dims);
  } else {
    // Extents that only the running model knows: (in - 1) * stride + kernel, less what is cut off.
    const TensorType four(DType::kI32, {Dim(4)});
    const Ref all = n.Temp("SHAPE", {n.In(0)}, four, {{"out_type", DType::kI32}});
    const Ref spread = n.Temp("MUL", {all, n.I32s({1, strides[0], strides[1], 0})}, four);
    const Ints rest = {0, of(1) - strides[0] - (*cut)[0], of(2) - strides[1] - (*cut)[1], of(0)};
    shape = n.Temp("ADD", {spread, n.I32s(rest)}, four);
  }
  Refs in = {shape, n.InTurned(1, perm), n.In(0)};
  if (n.Has(2)) in.push_back(n.In(2));
  n.EmitTo(0, "TRANSPOSE_CONV", std::move(in),
           {{"padding", cuts ? kSame : kValid}, {"stride_h", strides[0]}, {"stride_w", strides[1]}});
  return Ok{};
}

Status EmitLrn(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const int64_t size = n.attrs().Int("size");
  if (rank != 4 || size % 2 == 0) {
    return n.LacksForm("LOCAL_RESPONSE_NORMALIZATION has as many neighbours on both sides");
  }
  RETURN_IF_ERROR(ChannelsLast(n));
  n.EmitTo(0, "LOCAL_RESPONSE_NORMALIZATION", {n.In(0)},
           {{"radius", (size - 1) / 2},
            {"bias", n.attrs().Float("bias", 1)},
            {"alpha", n.attrs().Float("alpha", 1e-4) / static_cast<double>(size)},
            {"beta", n.attrs().Float("beta", 0.75)}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kConvTranspose, "TRANSPOSE_CONV", EmitConvTranspose},
    {&ops::kLrn, "LOCAL_RESPONSE_NORMALIZATION", EmitLrn},
};

}  // namespace

extern const RowSet kTransposedRows{kRows};

}  // namespace godwit::to_tflite
