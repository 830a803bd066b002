// Transposed convolutions, and normalisation across channels. TRANSPOSE_CONV spreads kernels without padding or with
// that of SAME; what else a node cuts off or adds is for operators of their own.
#include <fmt/format.h>

#include <algorithm>

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

Status EmitConvTranspose(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  if (rank != 4) return n.LacksForm("TRANSPOSE_CONV has two spatial axes");
  if (n.attrs().Int("group", 1) != 1) return n.LacksForm("TRANSPOSE_CONV has one group");
  if (Any(n.attrs().Ints("dilations"), 1)) return n.LacksForm("TRANSPOSE_CONV has no dilations");
  const bool pads = n.attrs().Str("auto_pad", "none") != "none" && n.attrs().Str("auto_pad") != "valid";
  if (pads || Any(n.attrs().Ints("pads"), 0) || Any(n.attrs().Ints("output_pads"), 0) ||
      !n.attrs().Ints("output_shape").empty()) {
    return n.LacksForm("TRANSPOSE_CONV cuts nothing off and adds nothing");
  }
  RETURN_IF_ERROR(ChannelsLast(n));
  Ints strides = n.attrs().Ints("strides");
  if (strides.empty()) strides = {1, 1};
  const auto dims = n.StaticDims(n.OutType());
  Ref shape;
  if (dims) {
    shape = n.I32s(*dims);
  } else {
    // Extents that only the running model knows: (in - 1) * stride + kernel.
    const Ints perm = ToOhwi(n.attrs().Str("weight_layout", "iohw"));
    const auto kernel = n.StaticDims(1);
    if (!kernel) return n.LacksForm("the sizes of a kernel must be known");
    const auto of = [&](size_t axis) { return (*kernel)[static_cast<size_t>(perm[axis])]; };
    const TensorType four(DType::kI32, {Dim(4)});
    const Ref all = n.Temp("SHAPE", {n.In(0)}, four, {{"out_type", DType::kI32}});
    const Ref spread = n.Temp("MUL", {all, n.I32s({1, strides[0], strides[1], 0})}, four);
    shape = n.Temp("ADD", {spread, n.I32s({0, of(1) - strides[0], of(2) - strides[1], of(0)})}, four);
  }
  Refs in = {shape, n.InTurned(1, ToOhwi(n.attrs().Str("weight_layout", "iohw"))), n.In(0)};
  if (n.Has(2)) in.push_back(n.In(2));
  n.EmitTo(0, "TRANSPOSE_CONV", std::move(in),
           {{"padding", kValid}, {"stride_h", strides[0]}, {"stride_w", strides[1]}});
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
