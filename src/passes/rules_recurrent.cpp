// Operands of recurrent layers that say what goes without saying.
#include "ops/ops.h"
#include "passes/recurrent/linear.h"
#include "passes/rule_tables.h"

namespace godwit {

namespace {

constexpr size_t kBias = 3, kLens = 4, kFirstH = 5, kFirstC = 6, kPeephole = 7;

// The operands without those given, and without absent ones at the end.
Result<bool> Without(RewriteCtx& ctx, size_t i) {
  std::vector<ValueId> in = ctx.node().in;
  in[i] = {};
  while (!in.back()) in.pop_back();
  return ctx.Rebuild(*ctx.node().op, std::move(in), ctx.attrs());
}

Result<bool> ZeroState(RewriteCtx& ctx) {
  recurrent::Reader reader(ctx);
  for (const size_t i : {kBias, kFirstH, kFirstC, kPeephole}) {
    if (ctx.Has(i) && reader.IsZero(ctx.In(i))) return Without(ctx, i);
  }
  return false;
}

// All rows last as long as the sequence.
Result<bool> FullLengths(RewriteCtx& ctx) {
  if (!ctx.Has(kLens) || !ctx.Ranked(ctx.In(0)) || ctx.Rank(ctx.In(0)) != 3) return false;
  const auto steps = ctx.ShapeOf(ctx.In(0))[ctx.attrs().Flag("batch_major") ? 1 : 0].known();
  if (!steps || ctx.Splat(ctx.In(kLens)) != static_cast<double>(*steps)) return false;
  return Without(ctx, kLens);
}

const OpDef* const kLayers[] = {&ops::kLstm, &ops::kGru, &ops::kRnn};

const Rule kRules[] = {
    {"zero-state", "Zeros as first states, bias or peepholes of a recurrent layer go without saying.", Numerics::kExact,
     kLayers, ZeroState},
    {"full-lengths", "Lengths of rows that are all of the sequence go without saying.", Numerics::kExact, kLayers,
     FullLengths},
};

}  // namespace

RuleTable RecurrentRules() { return kRules; }

}  // namespace godwit
