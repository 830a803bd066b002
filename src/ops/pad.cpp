// pad: adds elements before and after along axes, or takes them away where the pad is negative.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"data", kAnyType, OperandDef::kPlain, 'T'},
                              {"pads", kIndex, OperandDef::kShapeLike},
                              {"value", kAnyType, OperandDef::kOptional, 'T'},
                              {"axes", kIndex, OperandDef::kOptional | OperandDef::kShapeLike}};
constexpr OperandDef kOut[] = {{"y", kAnyType, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {{"mode", AttrKind::kString, "constant",
                               "constant: `value` (zero by default); edge: the nearest element; reflect: mirrored "
                               "without the edge; wrap: from the other end."}};
constexpr std::string_view kRules[] = {"c1: pads holds a begin for each axis, then an end for each",
                                       "c2: axes are axes",
                                       "c3: the result's dims are not negative",
                                       "c4: an axis without elements can only be padded with a constant",
                                       "c5: value is one element",
                                       "c6: mode is constant, edge, reflect or wrap"};

struct AxisPads {
  int64_t begin = 0;
  int64_t end = 0;
};

template <class Ctx>
Result<std::vector<AxisPads>> PadsOf(const Ctx& ctx, const std::vector<int64_t>& pads, const std::vector<int64_t>* axes,
                                     int rank) {
  const size_t n = axes ? axes->size() : static_cast<size_t>(rank);
  if (pads.size() != 2 * n) return ctx.Fail("c1", fmt::format("{} pads for {} axes", pads.size(), n));
  std::vector<AxisPads> out(static_cast<size_t>(rank));
  for (size_t i = 0; i < n; ++i) {
    TRY(int axis, ctx.Axis("c2", axes ? (*axes)[i] : static_cast<int64_t>(i), rank));
    out[static_cast<size_t>(axis)] = {pads[i], pads[n + i]};
  }
  return out;
}

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0)) return Ok{};
  Shape out = ctx.ShapeOf(0);
  const size_t rank = out.size();
  const auto pads = ctx.Contents(1);
  std::optional<std::vector<int64_t>> axes;
  if (ctx.Has(3)) axes = ctx.Ints(3);
  if (!pads || (ctx.Has(3) && !axes)) {
    for (Dim& d : out) d = ctx.Fresh("pad");
    ctx.Out(0, ctx.DtypeOf(0), std::move(out));
    return Ok{};
  }
  const size_t n = axes ? axes->size() : rank;
  if (pads->size() != 2 * n) return ctx.Fail("c1", fmt::format("{} pads for {} axes", pads->size(), n));
  for (size_t i = 0; i < n; ++i) {
    TRY(int axis, ctx.Axis("c2", axes ? (*axes)[i] : static_cast<int64_t>(i), ctx.Rank(0)));
    Dim& d = out[static_cast<size_t>(axis)];
    d = d + (*pads)[i] + (*pads)[n + i];
    if (d.is_static() && d.value() < 0) return ctx.Fail("c3", fmt::format("dim {} becomes {}", axis, d.value()));
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

// Which row of the source stands at each row of the result; the source is first cut by negative pads.
std::vector<int64_t> SourceRows(std::string_view mode, int64_t dim, AxisPads pads) {
  const int64_t low = std::max<int64_t>(0, -pads.begin);
  const int64_t n = dim - low - std::max<int64_t>(0, -pads.end);
  const int64_t lead = std::max<int64_t>(0, pads.begin);
  std::vector<int64_t> rows(static_cast<size_t>(dim + pads.begin + pads.end));
  for (size_t i = 0; i < rows.size(); ++i) {
    int64_t p = static_cast<int64_t>(i) - lead;
    if (p >= 0 && p < n) {
      rows[i] = low + p;
    } else if (mode == "edge") {
      rows[i] = low + std::clamp<int64_t>(p, 0, n - 1);
    } else if (mode == "reflect") {
      const int64_t period = std::max<int64_t>(1, 2 * (n - 1));
      p = ((p % period) + period) % period;
      rows[i] = low + (p < n ? p : period - p);
    } else if (mode == "wrap") {
      rows[i] = low + ((p % n) + n) % n;
    } else {
      rows[i] = -1;
    }
  }
  return rows;
}

// The part of the operand that survives, put in its place of a result filled with the value.
Status PadConstant(EvalCtx& ctx, const Tensor& in, const std::vector<AxisPads>& pads, const Dims& dims) {
  const size_t step = ByteSize(in.dtype());
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  if (ctx.Has(2)) {
    if (ctx.In(2).size() != 1) return ctx.Fail("c5", fmt::format("{} elements", ctx.In(2).size()));
    FillElements(out->mutable_raw(), out->size(), ctx.In(2).raw(), step);
  } else if (in.dtype() == DType::kString) {
    const StringRef empty = Intern("");
    FillElements(out->mutable_raw(), out->size(), reinterpret_cast<const std::byte*>(&empty), step);
  } else {
    std::memset(out->mutable_raw(), 0, out->bytes());
  }
  if (out->size() == 0 || in.size() == 0) return Ok{};
  StridedBlock block{in.dims(), RowMajorStrides(in.dims()), RowMajorStrides(dims)};
  int64_t src = 0;
  int64_t dst = 0;
  for (size_t k = 0; k < dims.size(); ++k) {
    const int64_t low = std::max<int64_t>(0, -pads[k].begin);
    block.dims[k] = std::max<int64_t>(0, in.dims()[k] - low - std::max<int64_t>(0, -pads[k].end));
    src += low * block.src[k];
    dst += std::max<int64_t>(0, pads[k].begin) * block.dst[k];
  }
  if (ElementCount(block.dims) == 0) return Ok{};
  StridedCopy(std::move(block), step, in.raw() + static_cast<size_t>(src) * step,
              out->mutable_raw() + static_cast<size_t>(dst) * step);
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const std::string_view mode = ctx.attrs.Str("mode", "constant");
  const bool constant = mode == "constant";
  if (!constant && mode != "edge" && mode != "reflect" && mode != "wrap") return ctx.Fail("c6", std::string(mode));
  const std::vector<int64_t> axes = ctx.Ints(3);
  TRY(std::vector<AxisPads> pads, PadsOf(ctx, ctx.Ints(1), ctx.Has(3) ? &axes : nullptr, in.rank()));
  Dims dims = in.dims();
  for (size_t k = 0; k < dims.size(); ++k) {
    const auto sum = CheckedAdd(pads[k].begin, pads[k].end);
    const auto dim = sum ? CheckedAdd(*sum, dims[k]) : std::nullopt;
    if (!dim || *dim < 0 || pads[k].begin < -dims[k] || pads[k].end < -dims[k]) {
      return ctx.Fail("c3", fmt::format("dim {} is {}, pads {} and {}", k, dims[k], pads[k].begin, pads[k].end));
    }
    const int64_t kept = dims[k] + std::min<int64_t>(0, pads[k].begin) + std::min<int64_t>(0, pads[k].end);
    if (!constant && kept <= 0 && *dim > 0) return ctx.Fail("c4", fmt::format("dim {} is {}", k, dims[k]));
    dims[k] = *dim;
  }
  if (constant) return PadConstant(ctx, in, pads, dims);
  RETURN_IF_ERROR(CheckedByteSize(in.dtype(), dims));
  // One axis at a time: what an axis adds, the next ones copy along.
  Tensor done = in;
  for (int k = 0; k < in.rank(); ++k) {
    const AxisPads p = pads[static_cast<size_t>(k)];
    if (p.begin == 0 && p.end == 0) continue;
    Dims next = done.dims();
    next[static_cast<size_t>(k)] = dims[static_cast<size_t>(k)];
    TRY(Tensor out, Tensor::Make(in.dtype(), next));
    const size_t row = static_cast<size_t>(InnerCount(next, k)) * ByteSize(in.dtype());
    TakeRows(done.raw(), out.mutable_raw(), OuterCount(next, k), done.dim(k), row, SourceRows(mode, done.dim(k), p));
    done = std::move(out);
  }
  ctx.Set(0, std::move(done));
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3]", "i64[4] = 1,0,2,1"}, {}},
                                   {{"f32[2,3]", "i64[2] = -1,3", "f32[]", "i64[1] = -1"}, {}},
                                   {{"f32[3,4]", "i64[4] = 1,-2,-1,1", "f32[]"}, {}},
                                   {{"f32[3,4]", "i64[4] = 1,2,1,-1"}, {{"mode", std::string("reflect")}}},
                                   {{"i32[3,4]", "i64[4] = 1,5,0,2"}, {{"mode", std::string("edge")}}},
                                   {{"f64[3,2]", "i64[4] = 4,0,1,3"}, {{"mode", std::string("wrap")}}},
                                   {{"f16[0,2]", "i64[4] = 1,0,0,0"}, {}},
                                   {{"f32[2,1,2,1,2,2]", "i64[12] = 1,0,1,0,2,1,0,1,0,1,0,1"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kPad{.name = "pad",
                        .doc = "Adds elements before and after along axes; negative pads take elements away.",
                        .operands = kIn,
                        .results = kOut,
                        .attrs = kAttrs,
                        .constraints = kRules,
                        .infer = Infer,
                        .eval = Eval,
                        .commute = CommutePad,
                        .decompose = DecomposePad,
                        .samples = Samples};

}  // namespace godwit::ops
