#include "passes/move_scale.h"

#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "passes/linear_node.h"
#include "passes/part_read.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr int kMaxDepth = 24;
constexpr size_t kMaxReaders = 256;
constexpr double kHalfRange = 1024;
/// Bytes of a weight that others have too, of which a copy is made for the sake of one node less.
constexpr uint64_t kMostCopied = uint64_t{1} << 14;

bool IsView(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze || op == &ops::kUnsqueeze ||
         op == &ops::kIdentity;
}

// Means of windows or axes: linear, and a constant stays what it is where no zeros of a padding count.
bool IsMean(const Node& node) {
  return node.op == &ops::kAvgPool || (node.op == &ops::kReduce && node.attrs.Str("mode") == "mean");
}
bool CountsPads(const Node& node) {
  const auto& pads = node.attrs.Ints("pads");
  return node.attrs.Flag("count_pads") &&
         (node.attrs.Has("auto_pad") || std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p != 0; }));
}

// Where an axis of a reduction's result stands in its operand, or (down) the other way round.
std::optional<int64_t> ReducedAxis(RewriteCtx& ctx, const Node& node, int64_t axis, bool down) {
  if (!ctx.Ranked(node.in[0])) return std::nullopt;
  const int rank = ctx.Rank(node.in[0]);
  if (node.in.size() < 2 || !node.in[1]) return std::nullopt;
  const auto axes = AxesOf(ctx, node.in[1], rank);
  if (!axes || axes->empty()) return std::nullopt;
  const bool keep = node.attrs.Flag("keep_dims", true);
  int64_t place = 0;
  for (int64_t k = 0; k < rank; ++k) {
    const bool gone = std::binary_search(axes->begin(), axes->end(), k);
    if (!gone && (down ? k : (keep ? k : place)) == axis) return down ? (keep ? k : place) : k;
    if (!gone) ++place;
  }
  return std::nullopt;
}

// Whether what the layer makes meets a node like the one at hand, views between them: then it takes the same in.
bool MeetsTheSame(RewriteCtx& ctx, const Node& layer) {
  ValueId v = layer.out[0];
  for (int step = 0; step < kMaxDepth; ++step) {
    const Node* user = ctx.OnlyUser(v);
    if (user == nullptr) return false;
    if (user->op == ctx.node().op && user->in.size() == ctx.node().in.size()) {
      for (size_t i = 0; i < user->in.size(); ++i) {
        if (ctx.IsConstant(user->in[i]) && user->in[i] != ctx.In(i)) return false;
      }
      return true;
    }
    if (!IsView(user->op) && user->op != &ops::kTranspose) return false;
    v = user->out[0];
  }
  return false;
}

// Whether some of those that have a large weight would go on with it, and others with a copy.
bool CopiesMuch(RewriteCtx& ctx, ValueId weight, const Channels& channels) {
  if (!channels.Scales() || !ctx.IsConstant(weight) || ctx.UseCount(weight) < 2) return false;
  if (ctx.graph().constant(ctx.graph().value(weight).constant).stored_bytes() <= kMostCopied) return false;
  const std::vector<UseSite>& uses = ctx.editor().Uses(weight);
  return !std::all_of(uses.begin(), uses.end(),
                      [&](const UseSite& use) { return use.node && MeetsTheSame(ctx, ctx.graph().node(use.node)); });
}

// Weights of half types keep their range and their bits only near to what they are.
bool FitsType(const Channels& channels, DType dtype) {
  if (dtype != DType::kF16) return true;
  return std::all_of(channels.scale.begin(), channels.scale.end(),
                     [](double s) { return s == 0 || (std::fabs(s) <= kHalfRange && std::fabs(s) >= 1 / kHalfRange); });
}

}  // namespace

Result<ValueId> ScaleMover::Apply(ValueId v) {
  for (const Edit& edit : edits_) {
    if (edit.node) {
      ctx_.editor().SetOperand(edit.node, edit.operand, edit.now);
      continue;
    }
    // What it held under its name is no more.
    ctx_.editor().graph().value(edit.old).name.clear();
    RETURN_IF_ERROR(ctx_.editor().ReplaceValue(edit.old, edit.now));
    if (edit.old == v) v = edit.now;
  }
  return v;
}

bool ScaleMover::Scaled(ValueId v, ValueId now) {
  edits_.push_back({v, now, {}, 0});
  return true;
}

bool ScaleMover::Up(ValueId v, const Channels& channels, size_t users) {
  if (depth_ >= kMaxDepth || !channels.Finite()) return false;
  const Node* def = ctx_.Def(v);
  const std::vector<UseSite>& uses = ctx_.editor().Uses(v);
  if (def == nullptr || uses.size() != users || !IsFloat(ctx_.DtypeOf(v))) return false;
  if (!FitsType(channels, ctx_.DtypeOf(v))) return false;
  if (std::any_of(uses.begin(), uses.end(), [](const UseSite& u) { return !u.node; })) return false;
  ++depth_;
  const bool done = UpNode(v, *def, channels);
  --depth_;
  return done;
}

bool ScaleMover::UpNode(ValueId v, const Node& node, const Channels& channels) {
  if (const auto linear = AsLinear(ctx_, node)) {
    if (CopiesMuch(ctx_, linear->w, channels)) return false;
    const auto now = ScaleResult(ctx_, *linear, channels);
    return now && Scaled(v, *now);
  }
  if (node.op == &ops::kMatMul) return UpMatMul(node, channels);
  if (node.op == &ops::kBatchNorm) return UpBatchNorm(node, channels);
  if (node.op == &ops::kConcat) return UpConcat(node, channels);
  if (node.op == &ops::kLayerNorm || node.op == &ops::kRmsNorm || node.op == &ops::kInstanceNorm ||
      node.op == &ops::kGroupNorm) {
    return UpNorm(node, channels);
  }
  if (node.op == &ops::kAdd || node.op == &ops::kSub || node.op == &ops::kMul || node.op == &ops::kDiv) {
    return UpArithmetic(v, node, channels);
  }
  if (node.op == &ops::kSlice || node.op == &ops::kSplit || node.op == &ops::kGather) return UpPart(node, v, channels);
  if (node.op == &ops::kRelu || node.op == &ops::kMaxPool) {
    for (size_t i = 1; i < node.out.size(); ++i) {
      if (node.out[i]) return false;
    }
    return channels.Positive() && (!channels.Shifts() || node.op == &ops::kMaxPool) && !channels.Shifts() &&
           Up(node.in[0], channels);
  }
  if (IsMean(node)) {
    if (channels.Shifts() && (CountsPads(node) || node.op == &ops::kReduce)) return false;
    if (node.op == &ops::kAvgPool || channels.uniform()) return Up(node.in[0], channels);
    const auto axis = ReducedAxis(ctx_, node, channels.axis, false);
    return axis && Up(node.in[0], {*axis, channels.scale, channels.shift});
  }
  if (!ctx_.Ranked(node.in[0])) return false;
  if (node.op == &ops::kTranspose) {
    const auto perm = PermOf(node, ctx_.Rank(node.in[0]));
    if (!perm) return false;
    Channels in = channels;
    if (!in.uniform()) in.axis = (*perm)[static_cast<size_t>(in.axis)];
    return Up(node.in[0], in);
  }
  if (IsView(node.op)) {
    const auto in = ThroughReshape(ctx_.ShapeOf(node.in[0]), ctx_.ShapeOf(v), channels);
    return in && Up(node.in[0], *in);
  }
  return false;
}

bool ScaleMover::UpConstant(const Node& node, ValueId x, ValueId constant, const Channels& channels) {
  const NodeId id = ctx_.graph().value(node.out[0]).def;
  const size_t operand = node.in[0] == constant ? 0 : 1;
  const auto own = ctx_.Ranked(x) ? AlongOneAxis(ctx_, constant, ctx_.ShapeOf(x)) : std::nullopt;
  if (!own || ctx_.TypeOf(x) != ctx_.TypeOf(node.out[0])) return false;
  const int rank = ctx_.Rank(x);
  const bool product = node.op == &ops::kMul || node.op == &ops::kDiv;
  if (node.op == &ops::kDiv && operand == 0) return false;
  // x * c (or / c): c takes the scale. x + c: x and c take it, and c the shift.
  if (product && channels.Shifts()) return false;
  Channels mine{own->axis, {1.0}, {0.0}};
  (product ? mine.scale : mine.shift) = own->scale;
  if (node.op == &ops::kDiv) {
    for (double& s : mine.scale) s = 1.0 / s;
  }
  Channels other = channels;
  if (node.op == &ops::kSub && operand == 1) {
    for (double& s : other.shift) s = -s;
  }
  const auto both = other.After(mine);
  if (!both || !both->Finite()) return false;
  std::vector<double> numbers = product ? both->scale : both->shift;
  if (node.op == &ops::kDiv) {
    for (double& s : numbers) s = 1.0 / s;
  }
  if (!std::all_of(numbers.begin(), numbers.end(), [](double s) { return s - s == 0; })) return false;
  if (!product && channels.Scales() && !Up(x, {channels.axis, channels.scale, {0.0}})) return false;
  edits_.push_back({{}, ChannelConstant(ctx_, ctx_.DtypeOf(constant), numbers, both->axis, rank), id, operand});
  return true;
}

bool ScaleMover::UpArithmetic(ValueId v, const Node& node, const Channels& channels) {
  if (const auto split = SplitConstant(ctx_, node)) return UpConstant(node, split->value, split->constant, channels);
  const ValueId a = node.in[0];
  const ValueId b = node.in[1];
  const bool same = SameShape(ctx_.TypeOf(a), ctx_.TypeOf(v)) && SameShape(ctx_.TypeOf(b), ctx_.TypeOf(v));
  if (a == b) return false;
  if (node.op == &ops::kMul || node.op == &ops::kDiv) {
    if (channels.Shifts() || !SameShape(ctx_.TypeOf(a), ctx_.TypeOf(v))) return false;
    const size_t planned = edits_.size();
    if (Up(a, channels)) return true;
    edits_.resize(planned);
    return node.op == &ops::kMul && SameShape(ctx_.TypeOf(b), ctx_.TypeOf(v)) && Up(b, channels);
  }
  if (!same) return false;
  const Channels scale_only{channels.axis, channels.scale, {0.0}};
  // The mean of a window less its centre: what both read can be scaled instead.
  const Node* pool = ctx_.Def(a, ops::kAvgPool);
  if (node.op == &ops::kSub && pool != nullptr && pool->in[0] == b) {
    return !channels.Shifts() && ctx_.SingleUse(a) && Up(b, channels, 2);
  }
  return Up(a, channels) && Up(b, scale_only);
}

bool ScaleMover::UpNorm(const Node& node, const Channels& channels) {
  const NodeId id = ctx_.graph().value(node.out[0]).def;
  const ValueId x = node.in[0];
  if (!ctx_.Ranked(x) || node.attrs.Has("to")) return false;
  for (size_t i = 1; i < node.out.size(); ++i) {
    if (node.out[i]) return false;
  }
  const int rank = ctx_.Rank(x);
  const bool rows = node.op == &ops::kLayerNorm || node.op == &ops::kRmsNorm;
  const auto axis = AxisOf(rows ? node.attrs.Int("axis", -1) : node.attrs.Int("channel_axis", 1), rank);
  if (!axis || (rows && *axis != rank - 1)) return false;
  if (!channels.uniform() && channels.axis != *axis) return false;
  if (node.op == &ops::kRmsNorm && channels.Shifts()) return false;
  const Dim& extent = ctx_.ShapeOf(x)[static_cast<size_t>(*axis)];
  if (!extent.is_static() || node.in.size() < 2 || !node.in[1]) return false;
  const auto n = static_cast<size_t>(extent.value());
  auto scale = LoadNumbers(ctx_, node.in[1]);
  const bool biased = node.in.size() > 2 && node.in[2];
  auto bias = biased ? LoadNumbers(ctx_, node.in[2]) : std::vector<double>(n);
  if (!scale || !bias || scale->size() != n || bias->size() != n) return false;
  if (!biased && channels.Shifts()) return false;
  for (size_t c = 0; c < n; ++c) {
    (*scale)[c] *= channels.Scale(c);
    (*bias)[c] = (*bias)[c] * channels.Scale(c) + channels.Shift(c);
  }
  edits_.push_back({{}, VectorConstant(ctx_, ctx_.DtypeOf(node.in[1]), *scale), id, 1});
  if (biased) edits_.push_back({{}, VectorConstant(ctx_, ctx_.DtypeOf(node.in[2]), *bias), id, 2});
  return true;
}

bool ScaleMover::UpBatchNorm(const Node& node, const Channels& channels) {
  const NodeId id = ctx_.graph().value(node.out[0]).def;
  const auto map = AsChannelMap(ctx_, node);
  if (!map || (!channels.uniform() && channels.axis != map->channels.axis)) return false;
  auto scale = LoadNumbers(ctx_, node.in[1]);
  auto bias = LoadNumbers(ctx_, node.in[2]);
  if (!scale || !bias) return false;
  for (size_t c = 0; c < scale->size(); ++c) {
    (*scale)[c] *= channels.Scale(c);
    (*bias)[c] = (*bias)[c] * channels.Scale(c) + channels.Shift(c);
  }
  edits_.push_back({{}, VectorConstant(ctx_, ctx_.DtypeOf(node.in[1]), *scale), id, 1});
  edits_.push_back({{}, VectorConstant(ctx_, ctx_.DtypeOf(node.in[2]), *bias), id, 2});
  return true;
}

// The product of two computed matrices takes a scale through either of them.
bool ScaleMover::UpMatMul(const Node& node, const Channels& channels) {
  if (channels.Shifts() || !channels.uniform() || node.in.size() > 2) return false;
  for (ValueId side : node.in) {
    const size_t planned = edits_.size();
    if (Up(side, channels)) return true;
    edits_.resize(planned);
  }
  return false;
}

bool ScaleMover::UpConcat(const Node& node, const Channels& channels) {
  const auto axis = ctx_.Ranked(node.out[0]) ? AxisOf(node.attrs.Int("axis"), ctx_.Rank(node.out[0])) : std::nullopt;
  if (!axis) return false;
  const bool along = !channels.uniform() && channels.axis == *axis;
  size_t first = 0;
  for (ValueId part : node.in) {
    Channels mine = channels;
    if (along) {
      if (!ctx_.Ranked(part) || !ctx_.ShapeOf(part)[static_cast<size_t>(*axis)].is_static()) return false;
      const auto n = static_cast<size_t>(ctx_.ShapeOf(part)[static_cast<size_t>(*axis)].value());
      mine.scale.clear();
      mine.shift.clear();
      for (size_t i = 0; i < n; ++i) {
        mine.scale.push_back(channels.Scale(first + i));
        mine.shift.push_back(channels.Shift(first + i));
      }
      first += n;
      if (n == 0) continue;
    }
    if (!Up(part, mine)) return false;
  }
  return true;
}

// A part of a value that others read too: only where nobody else reads the same elements.
bool ScaleMover::UpPart(const Node& node, ValueId v, const Channels& channels) {
  const auto part = AsPartRead(ctx_, node, v);
  if (!part) return false;
  const std::vector<UseSite>& uses = ctx_.editor().Uses(part->source);
  if (uses.size() > kMaxReaders) return false;
  const NodeId id = ctx_.graph().value(v).def;
  bool alone = true;
  for (const UseSite& use : uses) {
    if (!use.node) return false;
    const Node& reader = ctx_.graph().node(use.node);
    for (ValueId other : reader.out) {
      if (!other || other == v) continue;
      const auto theirs = AsPartRead(ctx_, reader, other);
      if (!theirs || use.index != 0 || part->Overlaps(*theirs)) return false;
      alone = false;
    }
    if (use.node == id && use.index != 0) return false;
  }
  Channels in = channels;
  if (!in.uniform() && part->drops_axis && in.axis >= part->axis) ++in.axis;
  if (in.uniform() || (in.axis == part->axis && !part->drops_axis)) {
    Channels wide{part->axis, std::vector<double>(static_cast<size_t>(part->extent), 1.0),
                  std::vector<double>(static_cast<size_t>(part->extent), 0.0)};
    if (part->extent > 65536) return false;
    for (int64_t i = 0; i < part->count; ++i) {
      wide.scale[static_cast<size_t>(part->first + i)] = in.Scale(static_cast<size_t>(i));
      wide.shift[static_cast<size_t>(part->first + i)] = in.Shift(static_cast<size_t>(i));
    }
    if (!(in.uniform() && alone)) in = wide;
  } else if (!alone) {
    return false;
  }
  return Up(part->source, in, uses.size());
}

bool ScaleMover::Down(ValueId v, const Channels& channels, ValueId instead) {
  if (depth_ >= kMaxDepth || !channels.Finite()) return false;
  const std::vector<UseSite> uses = ctx_.editor().Uses(v);
  if (uses.empty() || uses.size() > kMaxReaders || !FitsType(channels, ctx_.DtypeOf(v))) return false;
  ++depth_;
  bool done = true;
  for (const UseSite& use : uses) {
    done = done && use.node && ctx_.graph().node(use.node).parent == ctx_.node().parent &&
           DownNode(ctx_.graph().node(use.node), use.index, v, channels, instead);
  }
  --depth_;
  return done;
}

bool ScaleMover::DownNode(const Node& node, size_t operand, ValueId v, const Channels& channels, ValueId instead) {
  if (operand != 0 || node.out.empty() || !node.out[0]) return false;
  const ValueId out = node.out[0];
  if (const auto linear = AsLinear(ctx_, node)) {
    if (CopiesMuch(ctx_, linear->w, channels)) return false;
    const auto now = ScaleOperand(ctx_, *linear, channels, instead);
    if (!now) return false;
    edits_.push_back({out, *now, {}, 0});
    return true;
  }
  if (!ctx_.Ranked(v) || !ctx_.Ranked(out)) return false;
  Channels next = channels;
  if (node.op == &ops::kTranspose) {
    const auto perm = PermOf(node, ctx_.Rank(v));
    if (!perm) return false;
    if (!next.uniform()) next.axis = Inverse(*perm)[static_cast<size_t>(next.axis)];
  } else if (IsView(node.op)) {
    const auto seen = ThroughReshape(ctx_.ShapeOf(out), ctx_.ShapeOf(v), channels);
    if (!seen) return false;
    next = *seen;
  } else if (IsMean(node)) {
    if (channels.Shifts() && (CountsPads(node) || node.op == &ops::kReduce)) return false;
    if (node.op == &ops::kReduce && !next.uniform()) {
      const auto axis = ReducedAxis(ctx_, node, next.axis, true);
      if (!axis) return false;
      next.axis = *axis;
    }
  } else {
    return false;
  }
  // The node stays as it is and reads what stands in the place of v; only its users see other numbers.
  return Down(out, next, out);
}

}  // namespace godwit
