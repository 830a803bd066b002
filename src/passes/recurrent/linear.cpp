#include "passes/recurrent/linear.h"

#include <algorithm>
#include <tuple>

#include "ir/convert.h"
#include "ops/ops.h"
#include "passes/part_read.h"
#include "rewrite/match.h"

namespace godwit::recurrent {

namespace {

constexpr int kMaxDepth = 12;
constexpr size_t kMaxTerms = 16;
/// Constants that are looked into.
constexpr int64_t kMaxElements = int64_t{1} << 18;

std::optional<Tensor> Contents(const Graph& graph, ValueId v) {
  const Constant& constant = graph.constant(graph.value(v).constant);
  int64_t count = 1;
  for (const Dim& d : constant.type.shape) {
    if (!d.is_static() || d.value() < 1 || (count *= d.value()) > kMaxElements) return std::nullopt;
  }
  auto loaded = constant.Load();
  return loaded.ok() ? std::optional(*std::move(loaded)) : std::nullopt;
}

bool IsView(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kSqueeze || op == &ops::kUnsqueeze || op == &ops::kFlatten ||
         op == &ops::kIdentity;
}

}  // namespace

std::optional<int64_t> Columns(const RewriteCtx& ctx, ValueId v) {
  if (!ctx.Ranked(v) || ctx.Rank(v) < 1) return std::nullopt;
  return ctx.ShapeOf(v).back().known();
}

std::optional<std::vector<double>> SumOf(const Graph& graph, const Linear& linear) {
  std::vector<double> sum(static_cast<size_t>(linear.width), 0.0);
  for (const Bias& bias : linear.biases) {
    const auto tensor = Contents(graph, bias.value);
    if (!tensor) return std::nullopt;
    const std::vector<double> all = ToF64(*tensor);
    for (size_t k = 0; k < sum.size(); ++k) sum[k] += all[bias.spread ? 0 : static_cast<size_t>(bias.first) + k];
  }
  return sum;
}

void Normalise(Linear* linear) {
  std::sort(linear->terms.begin(), linear->terms.end(), [](const Term& a, const Term& b) {
    const auto key = [](const Term& t) {
      return std::tuple(t.weight ? int64_t{t.weight.index} : int64_t{-1}, t.transposed, t.in, t.out, t.inputs);
    };
    return key(a) < key(b);
  });
  std::sort(linear->biases.begin(), linear->biases.end(), [](const Bias& a, const Bias& b) {
    return std::tuple(a.value.index, a.first) < std::tuple(b.value.index, b.first);
  });
}

const Node* Reader::Take(ValueId v) {
  const Node* def = ctx_.Def(v);
  if (def != nullptr) nodes_.insert(ctx_.graph().value(v).def.index);
  return def;
}

const Node* Reader::Take(ValueId v, const OpDef& op) { return ctx_.Def(v, op) == nullptr ? nullptr : Take(v); }

ValueId Reader::Peel(ValueId v) {
  while (const Node* def = ctx_.Def(v)) {
    if (!IsView(def->op) || !ctx_.Ranked(v) || !ctx_.Ranked(def->in[0]) || ctx_.Rank(v) < 1) return v;
    const ValueId whole = def->in[0];
    if (ctx_.Rank(whole) < 1 || !(ctx_.ShapeOf(v).back() == ctx_.ShapeOf(whole).back())) return v;
    if (!ctx_.ShapeOf(v).back().is_static()) return v;
    views_.insert(ctx_.graph().value(v).def.index);
    v = whole;
  }
  return v;
}

bool Reader::IsZero(ValueId v) {
  v = Peel(v);
  if (ctx_.IsSplat(v, 0)) return true;
  if (ctx_.IsConstant(v)) {
    const auto tensor = IsFloat(ctx_.DtypeOf(v)) ? Contents(ctx_.graph(), v) : std::nullopt;
    return tensor &&
           std::all_of(tensor->raw(), tensor->raw() + tensor->bytes(), [](std::byte b) { return b == std::byte{0}; });
  }
  const Node* expand = ctx_.Def(v, ops::kExpand);
  return expand != nullptr && ctx_.IsSplat(expand->in[0], 0);
}

bool Reader::StepInto(ValueId* v, int64_t* first, int64_t width) {
  const Node* def = ctx_.Def(*v);
  if (def == nullptr) return false;
  if (def->op == &ops::kSplit || def->op == &ops::kSlice) {
    const auto part = AsPartRead(ctx_, *def, *v);
    if (!part || part->axis != ctx_.Rank(part->source) - 1) return false;
    Take(*v);
    *v = part->source;
    *first += part->first;
    return true;
  }
  if (def->op != &ops::kConcat || AxisOf(def->attrs.Int("axis"), ctx_.Rank(*v)) != ctx_.Rank(*v) - 1) return false;
  int64_t at = 0;
  for (const ValueId part : def->in) {
    const auto columns = Columns(ctx_, part);
    if (!columns) return false;
    if (*first >= at && *first + width <= at + *columns) {
      Take(*v);
      *v = part;
      *first -= at;
      return true;
    }
    at += *columns;
  }
  return false;
}

bool Reader::ReadBias(ValueId v, int64_t first, Linear* out) {
  const Shape& shape = ctx_.ShapeOf(v);
  int64_t count = 1;
  for (const Dim& d : shape) {
    if (!d.is_static() || (count *= d.value()) > kMaxElements) return false;
  }
  if (count == 1) {
    out->biases.push_back({v, 0, true});
    return true;
  }
  const int64_t columns = shape.back().value();
  if (first + out->width > columns) return false;
  if (count != columns) {
    // Rows that say the same, as a product of zeros leaves them.
    const auto tensor = Contents(ctx_.graph(), v);
    if (!tensor) return false;
    const size_t row = static_cast<size_t>(columns) * ByteSize(tensor->dtype());
    for (size_t at = row; at + row <= tensor->bytes(); at += row) {
      if (!std::equal(tensor->raw(), tensor->raw() + row, tensor->raw() + at)) return false;
    }
  }
  out->biases.push_back({v, first, false});
  return true;
}

bool Reader::ReadProduct(ValueId x, const Term& like, Linear* out, int depth) {
  x = Peel(x);
  if (depth == 0 || Columns(ctx_, x) != like.inputs || out->terms.size() > kMaxTerms) return false;
  if (IsZero(x)) return true;
  const Node* concat = ctx_.Def(x, ops::kConcat);
  if (concat == nullptr || AxisOf(concat->attrs.Int("axis"), ctx_.Rank(x)) != ctx_.Rank(x) - 1) {
    out->terms.push_back(like);
    out->terms.back().input = x;
    return true;
  }
  Take(x);
  Term part = like;
  for (const ValueId v : concat->in) {
    const auto columns = Columns(ctx_, v);
    if (!columns) return false;
    part.inputs = *columns;
    if (!ReadProduct(v, part, out, depth - 1)) return false;
    part.in += *columns;
  }
  return true;
}

bool Reader::ReadAny(ValueId v, int64_t first, Linear* out, int depth) {
  v = Peel(v);
  if (depth == 0 || !ctx_.Ranked(v) || out->terms.size() > kMaxTerms) return false;
  if (ctx_.IsConstant(v)) return ReadBias(v, first, out);
  const auto columns = Columns(ctx_, v);
  if (!columns || first < 0 || first + out->width > *columns) return false;
  const Node* def = ctx_.Def(v);
  if (def != nullptr && def->op == &ops::kAdd) {
    Take(v);
    return ReadAny(def->in[0], first, out, depth - 1) && ReadAny(def->in[1], first, out, depth - 1);
  }
  const bool gemm = def != nullptr && def->op == &ops::kGemm;
  if (gemm || (def != nullptr && def->op == &ops::kMatMul && def->in.size() == 2)) {
    const ValueId w = def->in[1];
    const bool plain = !def->attrs.Flag("transpose_a") &&
                       (!gemm || (def->attrs.Float("alpha", 1) == 1 && def->attrs.Float("beta", 1) == 1));
    if (plain && ctx_.IsConstant(w) && ctx_.Rank(w) == 2) {
      Take(v);
      const bool transposed = def->attrs.Flag("transpose_b");
      const auto inputs = ctx_.ShapeOf(w)[transposed ? 1 : 0].known();
      if (!inputs) return false;
      const bool biased = gemm && def->in.size() > 2 && def->in[2];
      if (biased && !ReadAny(def->in[2], first, out, depth - 1)) return false;
      return ReadProduct(def->in[0], {{}, w, transposed, 0, *inputs, first}, out, depth - 1);
    }
  }
  ValueId whole = v;
  int64_t at = first;
  if (StepInto(&whole, &at, out->width)) return ReadAny(whole, at, out, depth - 1);
  if (IsZero(v)) return true;
  out->terms.push_back({v, {}, false, 0, out->width, first});
  return true;
}

bool Reader::Read(ValueId v, int64_t first, int64_t width, Linear* out) {
  out->width = width;
  if (!ReadAny(v, first, out, kMaxDepth)) return false;
  Normalise(out);
  return true;
}

}  // namespace godwit::recurrent
