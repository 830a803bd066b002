#include "passes/recurrent/layer.h"

#include <algorithm>

#include "ops/ops.h"
#include "passes/lazy_weight.h"
#include "passes/part_read.h"
#include "passes/rules_fuse_shape.h"

namespace godwit::recurrent {

namespace {

// Where one block of a weight goes in the layer's: to rows from `row` on, columns from `column` on.
struct Block {
  size_t weight = 0;
  bool transposed = false;  ///< lies as the layer's does: [outputs, inputs]
  int64_t in = 0, inputs = 0, out = 0, outputs = 0;
  int64_t row = 0, column = 0;
  double sign = 1;
  bool spread = false;  ///< one number for all
};

class Assembly {
 public:
  Assembly(RewriteCtx& ctx, Dims dims) : ctx_(ctx), dims_(std::move(dims)) {}

  void Add(ValueId weight, Block block) {
    const auto at = std::find(values_.begin(), values_.end(), weight);
    block.weight = static_cast<size_t>(at - values_.begin());
    if (at == values_.end()) values_.push_back(weight);
    blocks_.push_back(block);
  }
  [[nodiscard]] bool empty() const { return blocks_.empty(); }

  // The blocks summed into a constant of the last two dims, rows by columns.
  Result<ValueId> Make(DType dtype) {
    std::vector<Constant> in;
    for (const ValueId v : values_) in.push_back(ctx_.graph().constant(ctx_.graph().value(v).constant));
    Shape shape;
    int64_t count = 1;
    for (const int64_t d : dims_) {
      shape.emplace_back(d);
      count *= d;
    }
    TRY(Constant made, LazyWeight(TensorType(dtype, shape), std::move(in),
                                  [dims = dims_, blocks = blocks_, dtype,
                                   count](const std::vector<Tensor>& weights) -> Result<Tensor> {
                                    std::vector<double> sum(static_cast<size_t>(count), 0.0);
                                    for (const Block& b : blocks) Sum(b, weights[b.weight], dims.back(), &sum);
                                    return NarrowWeight(dtype, dims, sum);
                                  }));
    return ctx_.Constant(std::move(made));
  }

 private:
  static void Sum(const Block& b, const Tensor& weight, int64_t columns, std::vector<double>* sum) {
    const std::vector<double> from = WidenWeight(weight);
    const int64_t pitch = weight.rank() == 0 ? 1 : weight.dim(weight.rank() - 1);
    for (int64_t o = 0; o < b.outputs; ++o) {
      for (int64_t i = 0; i < b.inputs; ++i) {
        const int64_t at = b.spread       ? 0
                           : b.transposed ? (b.out + o) * pitch + b.in + i
                                          : (b.in + i) * pitch + b.out + o;
        (*sum)[static_cast<size_t>((b.row + o) * columns + b.column + i)] += b.sign * from[static_cast<size_t>(at)];
      }
    }
  }

  RewriteCtx& ctx_;
  Dims dims_;
  std::vector<ValueId> values_;
  std::vector<Block> blocks_;
};

// The value that one step reads, as place `first` of a tensor of rank 3.
std::optional<PartRead> StepRead(RewriteCtx& ctx, ValueId v) {
  const Node* def = ctx.Def(v);
  if (def == nullptr) return std::nullopt;
  const auto part = AsPartRead(ctx, *def, v);
  if (!part || part->count != 1 || part->axis > 1 || ctx.Rank(part->source) != 3) return std::nullopt;
  return part;
}

class Writer {
 public:
  Writer(RewriteCtx& ctx, Layer layer, bool wants_y)
      : ctx_(ctx), layer_(std::move(layer)), cell_(layer_.cell), wants_y_(wants_y) {}

  Result<std::optional<Written>> Write() {
    const std::optional<Written> none;
    if (cell_.h_leaf == kNoLeaf) return none;
    state_ = cell_.leaves[cell_.h_leaf];
    TRY(const bool resolved, ResolveColumns());
    if (!resolved || !ChooseDirection()) return none;
    dtype_ = ctx_.DtypeOf(cell_.h);
    TRY(const std::optional<ValueId> x, MakeX());
    if (!x) return none;
    TRY(const std::optional<std::vector<ValueId>> weights, MakeWeights());
    if (!weights) return none;
    std::vector<ValueId> in = {*x};
    in.insert(in.end(), weights->begin(), weights->end());
    in.emplace_back();  // lengths
    const bool lstm = cell_.op == &ops::kLstm;
    for (const ValueId first : {layer_.first_h, lstm ? layer_.first_c : ValueId()}) {
      in.emplace_back();
      if (!first) continue;
      TRY(const std::optional<ValueId> state, AsThree(first));
      if (!state) return none;
      in.back() = *state;
    }
    while (!in.back()) in.pop_back();
    TRY(const std::vector<ValueId> out, ctx_.EmitN(*cell_.op, std::move(in), lstm ? 3 : 2, MakeAttrs()));
    Written written;
    written.reversed = reversed_;
    if (wants_y_) {
      TRY(written.y, ctx_.Emit(ops::kSqueeze, {out[0], ctx_.I64s({1})}));
    }
    TRY(written.h, ctx_.Emit(ops::kSqueeze, {out[1], ctx_.I64s({0})}));
    if (lstm) {
      TRY(written.c, ctx_.Emit(ops::kSqueeze, {out[2], ctx_.I64s({0})}));
    }
    return std::optional(written);
  }

 private:
  // What the gates take as it is, as products made for all steps at once.
  Result<bool> ResolveColumns() {
    std::vector<ValueId> leaves;
    std::vector<Sequence> sequences;
    const auto add = [&](ValueId leaf, Sequence sequence) {
      if (std::find(leaves.begin(), leaves.end(), leaf) != leaves.end()) return;
      leaves.push_back(leaf);
      sequences.push_back(std::move(sequence));
    };
    for (Gate& gate : cell_.gates) {
      std::vector<Term> terms;
      for (const Term& term : gate.linear.terms) {
        if (term.input == state_) {
          if (!term.weight) return false;
          terms.push_back(term);
          continue;
        }
        const auto leaf =
            static_cast<size_t>(std::find(cell_.leaves.begin(), cell_.leaves.end(), term.input) - cell_.leaves.begin());
        const Sequence& sequence = layer_.sequences[leaf];
        if (term.weight) {
          terms.push_back(term);
          add(term.input, sequence);
          continue;
        }
        if (!sequence.whole) return false;
        Reader reader(ctx_);
        Linear sums;
        if (!reader.Read(sequence.whole, term.out, term.inputs, &sums)) return false;
        const Shape& shape = ctx_.ShapeOf(sequence.whole);
        for (Term& made : sums.terms) {
          const auto columns = Columns(ctx_, made.input);
          if (!made.weight || !columns) return false;
          terms.push_back(made);
          TRY(const auto viewed, fuse::ReshapeTo(ctx_, made.input, {shape[0], shape[1], Dim(*columns)}));
          if (!viewed) return false;
          Sequence inner = sequence;
          inner.whole = *viewed;
          inner.steps.clear();
          add(made.input, std::move(inner));
        }
        gate.linear.biases.insert(gate.linear.biases.end(), sums.biases.begin(), sums.biases.end());
      }
      gate.linear.terms = std::move(terms);
    }
    inputs_ = std::move(leaves);
    layer_.sequences = std::move(sequences);
    return !inputs_.empty();
  }

  // One for all operands; those that do not go along are put together from their steps.
  bool ChooseDirection() {
    const auto& all = layer_.sequences;
    const bool back = std::all_of(all.begin(), all.end(), [](const Sequence& s) { return s.whole && s.reversed; });
    reversed_ = back;
    return std::all_of(all.begin(), all.end(),
                       [&](const Sequence& s) { return (s.whole && s.reversed == back) || !s.steps.empty(); });
  }

  Result<std::optional<ValueId>> MakeX() {
    std::vector<ValueId> parts;
    for (const Sequence& s : layer_.sequences) {
      TRY(const auto part, s.whole&& s.reversed == reversed_ ? MakeSequence(s) : Gathered(s.steps));
      if (!part) return part;
      parts.push_back(*part);
    }
    if (parts.size() == 1) return std::optional(parts[0]);
    TRY(const ValueId x, ctx_.Emit(ops::kConcat, std::move(parts), {{"axis", int64_t{2}}}));
    return std::optional(x);
  }
  Result<std::optional<ValueId>> MakeSequence(const Sequence& s) {
    ValueId x = s.whole;
    const Dim& extent = ctx_.ShapeOf(x)[static_cast<size_t>(s.axis)];
    if (s.count != 0 && !(extent == Dim(s.count))) {
      TRY(x, ctx_.Emit(ops::kSlice, {x, ctx_.I64s({s.first}), ctx_.I64s({s.first + s.count}), ctx_.I64s({s.axis})}));
    }
    if (s.axis == 1) {
      TRY(x, ctx_.Emit(ops::kTranspose, {x}, {{"perm", std::vector<int64_t>{1, 0, 2}}}));
    }
    return std::optional(x);
  }
  Result<std::optional<ValueId>> Gathered(const std::vector<ValueId>& steps) {
    std::vector<ValueId> parts;
    for (const ValueId v : steps) {
      TRY(const auto part, AsThree(v));
      if (!part) return part;
      parts.push_back(*part);
    }
    if (parts.size() == 1) return std::optional(parts[0]);
    TRY(const ValueId x, ctx_.Emit(ops::kConcat, std::move(parts), {{"axis", int64_t{0}}}));
    return std::optional(x);
  }
  // [1, rows, columns]
  Result<std::optional<ValueId>> AsThree(ValueId v) {
    if (ctx_.Rank(v) == 2) {
      TRY(const ValueId y, ctx_.Emit(ops::kUnsqueeze, {v, ctx_.I64s({0})}));
      return std::optional(y);
    }
    Dim rows(1);
    const Shape& shape = ctx_.ShapeOf(v);
    for (size_t k = 0; k + 1 < shape.size(); ++k) rows = rows * shape[k];
    return fuse::ReshapeTo(ctx_, v, {Dim(1), rows, shape.back()});
  }

  // w, r and b; nothing where a leaf's width is not known.
  Result<std::optional<std::vector<ValueId>>> MakeWeights() {
    const std::optional<std::vector<ValueId>> none;
    const int64_t hidden = cell_.hidden, gates = static_cast<int64_t>(cell_.gates.size());
    std::vector<int64_t> starts = {0};
    for (const ValueId v : inputs_) {
      const auto columns = Columns(ctx_, v);
      if (!columns) return none;
      starts.push_back(starts.back() + *columns);
    }
    if (Columns(ctx_, state_) != hidden) return none;
    Assembly w(ctx_, {1, gates * hidden, starts.back()}), r(ctx_, {1, gates * hidden, hidden});
    Assembly b(ctx_, {1, 2 * gates * hidden});
    const auto add = [&](const Linear& linear, int64_t row, double sign, int64_t bias_at) {
      for (const Term& t : linear.terms) {
        Block block{0, t.transposed, t.in, t.inputs, t.out, hidden, row, 0, sign, false};
        if (t.input == state_) {
          r.Add(t.weight, block);
          continue;
        }
        block.column =
            starts[static_cast<size_t>(std::find(inputs_.begin(), inputs_.end(), t.input) - inputs_.begin())];
        w.Add(t.weight, block);
      }
      // As one row, whose columns are the outputs.
      for (const Bias& bias : linear.biases) {
        b.Add(bias.value, {0, true, bias.first, hidden, 0, 1, 0, bias_at, sign, bias.spread});
      }
    };
    for (int64_t g = 0; g < gates; ++g) {
      const Gate& gate = cell_.gates[static_cast<size_t>(g)];
      add(gate.linear, g * hidden, gate.negated ? -1 : 1, g * hidden);
    }
    if (cell_.linear_before_reset) add(cell_.after_reset, 2 * hidden, 1, (gates + 2) * hidden);
    TRY(const ValueId all_w, w.Make(dtype_));
    TRY(const ValueId all_r, r.Make(dtype_));
    ValueId all_b;
    if (!b.empty()) {
      TRY(all_b, b.Make(dtype_));
    }
    return std::optional(std::vector<ValueId>{all_w, all_r, all_b});
  }

  Attrs MakeAttrs() {
    std::vector<Function> functions = {cell_.gates[0].function};
    if (cell_.op != &ops::kRnn) functions.push_back(cell_.gates.back().function);
    if (cell_.op == &ops::kLstm) {
      functions[0] = cell_.gates[1].function;
      functions.push_back(cell_.last);
    }
    std::vector<std::string> names;
    std::vector<double> alpha, beta;
    for (const Function& f : functions) {
      names.push_back(f.name);
      alpha.push_back(f.alpha);
      beta.push_back(f.beta);
    }
    Attrs attrs{{"activations", names}, {"alpha", alpha}, {"beta", beta}};
    if (reversed_) attrs.Set("direction", std::string("reverse"));
    if (cell_.linear_before_reset) attrs.Set("linear_before_reset", int64_t{1});
    if (cell_.input_forget) attrs.Set("input_forget", int64_t{1});
    return attrs;
  }

  RewriteCtx& ctx_;
  Layer layer_;
  Cell& cell_;
  bool wants_y_, reversed_ = false;
  ValueId state_;
  std::vector<ValueId> inputs_;
  DType dtype_ = DType::kNone;
};

}  // namespace

Sequence SequenceOf(RewriteCtx& ctx, const std::vector<ValueId>& steps) {
  Sequence out;
  out.steps = steps;
  if (steps.size() < 2) return out;
  std::vector<PartRead> reads;
  for (const ValueId v : steps) {
    const auto read = StepRead(ctx, v);
    if (!read || (!reads.empty() && (read->source != reads[0].source || read->axis != reads[0].axis))) return out;
    reads.push_back(*read);
  }
  const int64_t stride = reads[1].first - reads[0].first;
  if (stride != 1 && stride != -1) return out;
  for (size_t k = 2; k < reads.size(); ++k) {
    if (reads[k].first - reads[k - 1].first != stride) return out;
  }
  out.whole = reads[0].source;
  out.axis = reads[0].axis;
  out.reversed = stride < 0;
  out.first = std::min(reads.front().first, reads.back().first);
  out.count = static_cast<int64_t>(reads.size());
  return out;
}

Result<std::optional<Written>> Write(RewriteCtx& ctx, Layer layer, bool wants_y) {
  return Writer(ctx, std::move(layer), wants_y).Write();
}

Result<std::optional<ValueId>> InShapeOf(RewriteCtx& ctx, ValueId v, ValueId like) {
  // Of one rank they differ in nothing but what is known of their dims.
  if (ctx.Rank(v) == ctx.Rank(like)) return std::optional(v);
  return fuse::ReshapeTo(ctx, v, ctx.ShapeOf(like));
}

}  // namespace godwit::recurrent
