// Control flow whose way is known, and results and carried values that nobody needs.
#include <algorithm>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// The chosen region's nodes in the place of the if.
Result<bool> InlineIf(RewriteCtx& ctx) {
  const auto truth = ctx.Splat(ctx.In(0));
  if (!truth || ctx.node().regions.size() != 2) return false;
  Editor& editor = ctx.editor();
  const RegionId chosen = ctx.node().regions[*truth != 0 ? 0 : 1];
  const std::vector<ValueId> results = ctx.graph().region(chosen).results;
  const std::vector<ValueId> out = ctx.node().out;
  for (size_t i = 0; i < out.size(); ++i) {
    if (!editor.Used(out[i])) continue;
    if (i >= results.size() || !results[i] || !Meet(ctx.TypeOf(out[i]), ctx.TypeOf(results[i]))) return false;
  }
  const NodeId id = ctx.id();
  editor.MoveOut(chosen, id);
  for (size_t i = 0; i < out.size(); ++i) {
    if (editor.Used(out[i])) RETURN_IF_ERROR(editor.ReplaceValue(out[i], results[i]));
  }
  editor.Erase(id);
  return true;
}

// Within a region that an if chooses, its condition is known.
Result<bool> KnownCondition(RewriteCtx& ctx) {
  const ValueId condition = ctx.In(0);
  const Type& type = ctx.TypeOf(condition);
  if (ctx.IsConstant(condition) || ctx.node().regions.size() != 2 || !type.ranked() || !IsStatic(type.shape()) ||
      !(ElementCount(type.shape()) == Dim(1))) {
    return false;
  }
  godwit::Dims dims;
  for (const Dim& d : type.shape()) dims.push_back(d.value());
  Editor& editor = ctx.editor();
  const std::vector<RegionId> regions = ctx.node().regions;
  bool done = false;
  for (size_t k = 0; k < 2; ++k) {
    ValueId known;
    const std::vector<UseSite> uses = editor.Uses(condition);
    for (const UseSite& use : uses) {
      if (!editor.Encloses(regions[k], use.node ? ctx.graph().node(use.node).parent : use.region)) continue;
      if (!known) known = ctx.Constant(fuse::FilledTensor(DType::kBool, dims, k == 0 ? 1 : 0));
      if (use.node) {
        editor.SetOperand(use.node, use.index, known);
      } else {
        editor.SetRegionResult(use.region, use.index, known);
      }
      done = true;
    }
  }
  return done;
}

// Both regions hand the same value back.
Result<bool> SameResult(RewriteCtx& ctx) {
  if (ctx.node().regions.size() != 2) return false;
  Editor& editor = ctx.editor();
  const std::vector<ValueId>& a = ctx.graph().region(ctx.node().regions[0]).results;
  const std::vector<ValueId>& b = ctx.graph().region(ctx.node().regions[1]).results;
  for (size_t i = 0; i < ctx.node().out.size(); ++i) {
    const ValueId out = ctx.Out(i);
    if (!editor.Used(out) || i >= a.size() || i >= b.size() || a[i] != b[i] || !a[i]) continue;
    if (!Meet(ctx.TypeOf(out), ctx.TypeOf(a[i]))) continue;
    RETURN_IF_ERROR(editor.ReplaceValue(out, a[i]));
    return true;
  }
  return false;
}

Result<bool> UnusedOfIf(RewriteCtx& ctx) {
  if (ctx.node().out.size() < 2 || ctx.node().regions.size() != 2) return false;
  Editor& editor = ctx.editor();
  for (size_t i = 0; i < ctx.node().out.size(); ++i) {
    if (editor.Used(ctx.Out(i))) continue;
    for (RegionId r : ctx.node().regions) {
      if (i < ctx.graph().region(r).results.size()) editor.RemoveRegionResult(r, i);
    }
    editor.RemoveResult(ctx.id(), i);
    return true;
  }
  return false;
}

// What stands where in a loop.
struct LoopParts {
  RegionId body;
  size_t carried;
};
std::optional<LoopParts> PartsOf(const RewriteCtx& ctx) {
  if (ctx.node().regions.size() != 1 || ctx.n_in() < 2) return std::nullopt;
  const LoopParts parts{ctx.node().regions[0], ctx.n_in() - 2};
  const Region& body = ctx.graph().region(parts.body);
  if (body.params.size() != 2 + parts.carried || body.results.size() < 1 + parts.carried) return std::nullopt;
  if (ctx.node().out.size() + 1 != body.results.size()) return std::nullopt;
  return parts;
}

// A carried value that every turn hands on as it is.
Result<bool> Invariant(RewriteCtx& ctx) {
  const auto loop = PartsOf(ctx);
  if (!loop) return false;
  Editor& editor = ctx.editor();
  for (size_t i = 0; i < loop->carried; ++i) {
    const ValueId param = ctx.graph().region(loop->body).params[2 + i];
    const ValueId given = ctx.In(2 + i);
    if (ctx.graph().region(loop->body).results[1 + i] != param || !given ||
        !Meet(ctx.TypeOf(param), ctx.TypeOf(given))) {
      continue;
    }
    const ValueId out = ctx.Out(i);
    const bool inside = editor.Uses(param).size() > 1;
    if (!inside && !editor.Used(out)) continue;
    if (editor.Used(out) && !Meet(ctx.TypeOf(out), ctx.TypeOf(given))) continue;
    RETURN_IF_ERROR(editor.ReplaceValue(param, given));
    editor.SetRegionResult(loop->body, 1 + i, param);
    if (editor.Used(out)) RETURN_IF_ERROR(editor.ReplaceValue(out, given));
    return true;
  }
  return false;
}

// A carried value that is used neither in a turn, but to be handed on, nor afterwards; a stacked one that is not used.
Result<bool> UnusedOfLoop(RewriteCtx& ctx) {
  const auto loop = PartsOf(ctx);
  if (!loop) return false;
  Editor& editor = ctx.editor();
  const Graph& graph = ctx.graph();
  const NodeId id = ctx.id();
  for (size_t i = 0; i < ctx.node().out.size(); ++i) {
    if (editor.Used(ctx.Out(i))) continue;
    if (i < loop->carried) {
      const ValueId param = graph.region(loop->body).params[2 + i];
      const bool handed_on = graph.region(loop->body).results[1 + i] == param;
      if (editor.Uses(param).size() > (handed_on ? 1U : 0U)) continue;
      editor.RemoveRegionResult(loop->body, 1 + i);
      editor.RemoveParam(loop->body, 2 + i);
      editor.RemoveOperand(id, 2 + i);
    } else {
      std::vector<std::string> types = ctx.attrs().Strs("stacked_types");
      if (i - loop->carried < types.size()) {
        types.erase(types.begin() + static_cast<std::ptrdiff_t>(i - loop->carried));
        editor.SetAttr(id, "stacked_types", std::move(types));
      }
      editor.RemoveRegionResult(loop->body, 1 + i);
    }
    editor.RemoveResult(id, i);
    return true;
  }
  return false;
}

// Results that an operator need not give, and that nobody takes.
Result<bool> UnusedResults(RewriteCtx& ctx) {
  if (!ctx.node().regions.empty() || ctx.node().op->effect == Effect::kWrites) return false;
  const std::span<const OperandDef> defs = ctx.node().op->results;
  bool dropped = false;
  for (size_t i = 1; i < ctx.node().out.size() && i < defs.size(); ++i) {
    if ((defs[i].flags & OperandDef::kOptional) == 0 || !ctx.Out(i) || ctx.editor().Used(ctx.Out(i))) continue;
    ctx.editor().DropResult(ctx.id(), i);
    dropped = true;
  }
  return dropped;
}

const OpDef* const kIfs[] = {&ops::kIf};
const OpDef* const kLoops[] = {&ops::kLoop};

const OpDef* const kWithOptional[] = {&ops::kBatchNorm, &ops::kLayerNorm, &ops::kAttention, &ops::kLstm,
                                      &ops::kGru,       &ops::kRnn,       &ops::kMaxPool,   &ops::kUnique};

const Rule kRules[] = {
    {"inline-if", "An if with a constant condition is the region that it chooses.", Numerics::kExact, kIfs, InlineIf},
    {"known-condition", "Within the regions of an if its condition is true or false.", Numerics::kExact, kIfs,
     KnownCondition},
    {"same-result", "What both regions of an if hand back is not chosen by it.", Numerics::kExact, kIfs, SameResult},
    {"unused-of-if", "Results of an if that nobody uses are not computed.", Numerics::kExact, kIfs, UnusedOfIf},
    {"loop-invariant", "What a loop carries unchanged is taken from outside.", Numerics::kExact, kLoops, Invariant},
    {"unused-of-loop", "What a loop carries or stacks for nobody is left out.", Numerics::kExact, kLoops, UnusedOfLoop},
    {"unused-results", "Results that may be left out, and that nobody uses, are.", Numerics::kExact, kWithOptional,
     UnusedResults},
};

}  // namespace

RuleTable ControlRules() { return kRules; }

}  // namespace godwit
