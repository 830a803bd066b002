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
    // All but the batch follow from sizes that are known.
    Ints known;
    for (const Dim& d : n.OutType().shape()) known.push_back(d.known().value_or(-1));
    if (std::count(known.begin(), known.end(), -1) != 1 || known[0] != -1) {
      return n.LacksForm("the sizes of a transposed convolution must be known");
    }
    const Ref all = n.Temp("SHAPE", {n.In(0)}, TensorType(DType::kI32, {Dim(4)}), {{"out_type", DType::kI32}});
    const Ref batch = n.Temp("SLICE", {all, n.I32s({0}), n.I32s({1})}, TensorType(DType::kI32, {Dim(1)}));
    shape = n.Temp("CONCATENATION", {batch, n.I32s({known[1], known[2], known[3]})}, TensorType(DType::kI32, {Dim(4)}),
                   {{"axis", 0}});
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
