// image_decode: the bytes of an encoded picture to its pixels.
#include <fmt/format.h>

#include "formats/pictures/pictures.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"bytes", DType::kU8}};
constexpr OperandDef kOut[] = {{"pixels", DType::kU8}};
constexpr AttrDef kAttrs[] = {{"format", AttrKind::kString, "rgb", "Channels of a pixel: rgb, bgr or grey."}};
constexpr std::string_view kRules[] = {"c1: bytes has rank 1", "c2: format is rgb, bgr or grey"};

bool Known(std::string_view format) { return format == "rgb" || format == "bgr" || format == "grey"; }

Status Infer(InferCtx& ctx) {
  const std::string_view format = ctx.attrs.Str("format", "rgb");
  if (!Known(format)) return ctx.Fail("c2", std::string(format));
  if (ctx.Ranked(0) && ctx.Rank(0) != 1) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(0)));
  ctx.Out(0, DType::kU8, {ctx.Fresh("height"), ctx.Fresh("width"), Dim(format == "grey" ? 1 : 3)});
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const std::string_view format = ctx.attrs.Str("format", "rgb");
  if (!Known(format)) return ctx.Fail("c2", std::string(format));
  if (in.rank() != 1) return ctx.Fail("c1", ToString(in.dims()));
  TRY(const Picture picture, DecodePicture({in.raw(), in.bytes()}, Limits{}));
  TRY(Tensor * out, ctx.Make(0, DType::kU8, {picture.height, picture.width, format == "grey" ? 1 : 3}));
  auto* dst = out->mutable_data<uint8_t>();
  for (size_t i = 0; i + 2 < picture.rgb.size(); i += 3) {
    const uint8_t* rgb = picture.rgb.data() + i;
    if (format == "grey") {
      *dst++ = Luma(rgb);
    } else {
      for (size_t k = 0; k < 3; ++k) *dst++ = rgb[format == "rgb" ? k : 2 - k];
    }
  }
  return Ok{};
}

// "P2 2 1 9 5 9" and "P2 1 1 9 0", both PNM as text.
std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"u8[12] = 80,50,32,50,32,49,32,57,32,53,32,57"}, {}},
                                   {{"u8[10] = 80,50,32,49,32,49,32,57,32,48"}, {{"format", std::string("grey")}}}};
  return samples;
}

}  // namespace

extern const OpDef kImageDecode{
    .name = "image_decode",
    .doc = "The pixels of an encoded picture (PNG, JPEG, BMP, PNM): height, width, channels.",
    .operands = kIn,
    .results = kOut,
    .attrs = kAttrs,
    .constraints = kRules,
    .infer = Infer,
    .eval = Eval,
    .samples = Samples};

}  // namespace godwit::ops
