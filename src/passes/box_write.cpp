#include "passes/box_write.h"

#include <algorithm>

#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit {

namespace {

constexpr int64_t kMaxIndices = int64_t{1} << 20;

// Indices as one list of tuples; empty where they are not to be had.
std::vector<int64_t> Tuples(RewriteCtx& ctx, ValueId indices) {
  if (!ctx.IsConstant(indices)) return {};
  const Constant& constant = ctx.graph().constant(ctx.graph().value(indices).constant);
  if (!constant.type.is_static() || !IsInteger(constant.type.dtype)) return {};
  int64_t size = 1;
  for (const Dim& d : constant.type.shape) {
    if (d.value() > kMaxIndices || (size *= d.value()) > kMaxIndices) return {};
  }
  const auto tensor = constant.Load();
  return tensor.ok() ? ToI64(*tensor) : std::vector<int64_t>();
}

struct Box {
  std::vector<int64_t> first, count;  // by leading axis
};

// The box that the tuples step through, the last axis fastest.
std::optional<Box> BoxOf(const std::vector<int64_t>& tuples, size_t width) {
  Box box;
  for (size_t k = 0; k < width; ++k) {
    int64_t least = tuples[k], most = tuples[k];
    for (size_t i = k; i < tuples.size(); i += width) {
      least = std::min(least, tuples[i]);
      most = std::max(most, tuples[i]);
    }
    box.first.push_back(least);
    box.count.push_back(most - least + 1);
  }
  auto left = static_cast<int64_t>(tuples.size() / width);
  for (const int64_t count : box.count) {
    if (left % count != 0) return std::nullopt;
    left /= count;
  }
  if (left != 1) return std::nullopt;
  std::vector<int64_t> at(width, 0);
  for (size_t i = 0; i < tuples.size(); i += width) {
    for (size_t k = 0; k < width; ++k) {
      if (tuples[i + k] != box.first[k] + at[k]) return std::nullopt;
    }
    for (size_t k = width; k-- > 0;) {
      if (++at[k] < box.count[k]) break;
      at[k] = 0;
    }
  }
  return box;
}

}  // namespace

std::optional<BoxWrite> AsBoxWrite(RewriteCtx& ctx, const Node& node) {
  if (node.op != &ops::kScatterNd || node.attrs.Str("reduction", "none") != "none") return std::nullopt;
  BoxWrite out;
  out.data = node.in[0];
  out.updates = node.in[2];
  if (!ctx.Ranked(out.data) || !ctx.Ranked(out.updates) || !ctx.Ranked(node.in[1])) return std::nullopt;
  const Shape& shape = ctx.ShapeOf(out.data);
  if (ctx.Rank(node.in[1]) == 0) return std::nullopt;
  const auto width = static_cast<size_t>(ctx.ShapeOf(node.in[1]).back().known().value_or(0));
  if (width == 0 || width > shape.size()) return std::nullopt;
  for (size_t k = 0; k < width; ++k) {
    if (!shape[k].is_static()) return std::nullopt;
  }
  std::vector<int64_t> tuples = Tuples(ctx, node.in[1]);
  if (tuples.empty()) return std::nullopt;
  for (size_t i = 0; i < tuples.size(); ++i) {
    const int64_t extent = shape[i % width].value();
    if (tuples[i] < 0) tuples[i] += extent;
    if (tuples[i] < 0 || tuples[i] >= extent) return std::nullopt;
  }
  const auto box = BoxOf(tuples, width);
  if (!box) return std::nullopt;
  int parts = 0;
  for (size_t k = 0; k < width; ++k) {
    const bool part = box->count[k] != shape[k].value();
    parts += part ? 1 : 0;
    if (!part && k > 0) continue;
    out.axis = static_cast<int64_t>(k);
    out.first = box->first[k];
    out.count = box->count[k];
    out.extent = shape[k].value();
  }
  if (parts > 1) return std::nullopt;
  Shape filled = shape;
  filled[static_cast<size_t>(out.axis)] = Dim(out.count);
  out.shaped = ctx.ShapeOf(out.updates) == filled;
  if (ctx.UseCount(node.in[1]) == 1) out.index_bytes = tuples.size() * ByteSize(ctx.DtypeOf(node.in[1]));
  return out;
}

}  // namespace godwit
