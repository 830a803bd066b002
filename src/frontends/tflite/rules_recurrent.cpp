// Recurrent layers. Their states are tensors of the model that keep their contents between runs.
#include <fmt/format.h>

#include "base/checked.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// One direction of a layer: gates input, forget, cell, output. What is absent is invalid.
struct Lstm {
  ValueId w[4], r[4], bias[4], peephole[3], norm[4], aux[4];
  ValueId projection, projection_bias;
  double cell_clip = 0, projection_clip = 0;
  ValueId h, c;
};

// Where an operator has the operands of one direction.
struct LstmPlaces {
  size_t weights, h, c, norm, aux;
};
constexpr size_t kNone = SIZE_MAX;

// An integer bias goes by its own scale where it states one.
ValueId BiasAt(OpImport& n, size_t i, size_t x, size_t w) {
  if (!n.Has(i)) return {};
  const tflite::Tensor& t = n.InTensor(i);
  if (!IsInteger(ToDType(t.type)) || t.quantization == nullptr || t.quantization->scale.size() != 1)
    return n.Bias(i, x, w);
  const ValueId scale = n.builder().Constant(Tensor::F32({}, {t.quantization->scale[0]}));
  return n.Emit(ops::kDequantize, {n.Stored(i), scale}, n.Marked({{"to", DType::kF32}, {"axis", int64_t{0}}}));
}

Lstm ReadLstm(OpImport& n, const LstmPlaces& at) {
  Lstm l;
  for (size_t g = 0; g < 4; ++g) {
    l.w[g] = n.InOrNone(at.weights + g);
    l.r[g] = n.InOrNone(at.weights + 4 + g);
    l.bias[g] = BiasAt(n, at.weights + 11 + g, 0, at.weights + g);
    if (at.norm != kNone) l.norm[g] = n.InOrNone(at.norm + g);
    if (at.aux != kNone) l.aux[g] = n.InOrNone(at.aux + g);
    if (g < 3) l.peephole[g] = n.InOrNone(at.weights + 8 + g);
    if (g > 0 && (!l.w[g] || !l.r[g])) n.Unsupported("a gate other than the input gate has no weights");
  }
  l.projection = n.InOrNone(at.weights + 15);
  l.projection_bias = BiasAt(n, at.weights + 16, at.h, at.weights + 15);
  l.cell_clip = n.Float("cell_clip");
  l.projection_clip = n.Float("proj_clip");
  l.h = n.In(at.h);
  l.c = n.In(at.c);
  return l;
}

ValueId Linear(OpImport& n, ValueId x, ValueId w) {
  return n.Emit(ops::kMatMul, {x, w}, {{"transpose_b", int64_t{1}}});
}

struct LstmStep {
  ValueId h, c;
};

LstmStep Step(OpImport& n, const Lstm& l, ValueId x, ValueId aux, ValueId h, ValueId c) {
  // `looks_at` is the cell that the gate's peephole sees.
  const auto gate = [&](size_t g, ValueId peephole, ValueId looks_at) {
    ValueId y = n.Add(Linear(n, x, l.w[g]), Linear(n, h, l.r[g]));
    if (l.aux[g] && aux) y = n.Add(y, Linear(n, aux, l.aux[g]));
    if (peephole) y = n.Add(y, n.Mul(looks_at, peephole));
    if (l.norm[g]) y = n.Emit(ops::kLayerNorm, {y, l.norm[g]}, {{"epsilon", 1e-8}});
    return l.bias[g] ? n.Add(y, l.bias[g]) : y;
  };
  const auto sigmoid = [&](ValueId y) { return n.Emit(ops::kSigmoid, {y}); };
  const ValueId forget = sigmoid(gate(1, l.peephole[1], c));
  const ValueId input = l.w[0] ? sigmoid(gate(0, l.peephole[0], c)) : n.Sub(n.Number(forget, 1), forget);
  const ValueId update = n.Activate(gate(2, {}, {}));
  LstmStep next;
  next.c = n.Add(n.Mul(forget, c), n.Mul(input, update));
  if (l.cell_clip > 0) next.c = n.Clip(next.c, -l.cell_clip, l.cell_clip);
  next.h = n.Mul(sigmoid(gate(3, l.peephole[2], next.c)), n.Activate(next.c));
  if (l.projection) {
    next.h = Linear(n, next.h, l.projection);
    if (l.projection_bias) next.h = n.Add(next.h, l.projection_bias);
    if (l.projection_clip > 0) next.h = n.Clip(next.h, -l.projection_clip, l.projection_clip);
  }
  return next;
}

// What the layer leaves in its state, in the state's own quantisation.
void Keep(OpImport& n, size_t i, ValueId value) {
  const tflite::Tensor& tensor = n.InTensor(i);
  if (!n.ok() || !tensor.is_variable) return;
  if (IsQuantised(tensor)) value = n.Quantized(value, tensor);
  if (n.ok() && !n.importer().WriteState(n.op().inputs[i], value))
    n.Unsupported("its state changes inside a branch or a loop");
}

// A step for each slice of x along the axis of time: its results stacked along it, then the last states.
using StepFn = std::function<std::vector<ValueId>(ValueId x, ValueId aux, const std::vector<ValueId>& states)>;

std::vector<ValueId> Sequence(OpImport& n, ValueId x, ValueId aux, const std::vector<ValueId>& states, int64_t time,
                              bool reverse, const StepFn& step) {
  if (!n.ok()) return std::vector<ValueId>(states.size() + 1);
  std::vector<ValueId> in = states;
  in.push_back(x);
  if (aux) in.push_back(aux);
  const size_t sliced = aux ? 2 : 1;
  Attrs attrs{{"sliced", static_cast<int64_t>(sliced)}};
  if (time != 0) {
    attrs.Set("in_axes", std::vector<int64_t>(sliced, time));
    attrs.Set("out_axes", std::vector<int64_t>{time});
  }
  if (reverse) {
    attrs.Set("in_reversed", std::vector<int64_t>(sliced, 1));
    attrs.Set("out_reversed", std::vector<int64_t>{1});
  }
  GraphImport::RegionSpec body;
  for (const ValueId s : states) body.params.push_back(n.TypeOf(s));
  for (size_t k = 0; k < sliced; ++k) {
    Type type = n.TypeOf(in[states.size() + k]);
    if (!type.ranked() || type.rank() != 3) {
      n.Unsupported("a sequence must have rank 3");
      return std::vector<ValueId>(states.size() + 1);
    }
    Shape shape = type.shape();
    shape.erase(shape.begin() + time);
    body.params.push_back(Type::Tensor(type.dtype(), std::move(shape)));
  }
  body.body = [&](const std::vector<ValueId>& p) -> Result<std::vector<ValueId>> {
    const std::vector<ValueId> held(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(states.size()));
    std::vector<ValueId> out = step(p[states.size()], sliced > 1 ? p[states.size() + 1] : ValueId(), held);
    RETURN_IF_ERROR(n.status());
    out.push_back(out[0]);
    return out;
  };
  auto out = n.importer().EmitRegions(ops::kScan, std::move(in), states.size() + 1, std::move(attrs), {body});
  if (!out.ok()) {
    n.Fail(std::move(out.diag()));
    return std::vector<ValueId>(states.size() + 1);
  }
  std::vector<ValueId> results{out->back()};
  results.insert(results.end(), out->begin(), out->end() - 1);
  return results;
}

// y, h, c
std::vector<ValueId> RunLstm(OpImport& n, const Lstm& l, ValueId x, ValueId aux, int64_t time, bool reverse) {
  return Sequence(n, x, aux, {l.h, l.c}, time, reverse,
                  [&](ValueId xt, ValueId at, const std::vector<ValueId>& states) {
                    const LstmStep next = Step(n, l, xt, at, states[0], states[1]);
                    return std::vector<ValueId>{next.h, next.c};
                  });
}

void ImportSequenceLstm(OpImport& n) {
  if (n.Flag("diagonal_recurrent_tensors")) {
    n.Unsupported("recurrent weights that are diagonals");
    return;
  }
  const Lstm l = ReadLstm(n, {1, 18, 19, 20, kNone});
  const auto out = RunLstm(n, l, n.In(0), {}, n.Flag("time_major") ? 0 : 1, false);
  Keep(n, 18, out[1]);
  Keep(n, 19, out[2]);
  n.Out(0, out[0]);
}

void ImportBidirectionalLstm(OpImport& n) {
  const int64_t time = n.Flag("time_major") ? 0 : 1;
  const ValueId x = n.In(0), aux = n.InOrNone(39);
  const Lstm fw = ReadLstm(n, {1, 35, 36, kNone, 40}), bw = ReadLstm(n, {18, 37, 38, kNone, 44});
  if (!n.ok()) return;
  // Without weights of its own the second input is what the backward direction reads.
  const bool linked = aux && !fw.aux[1] && !bw.aux[1];
  const auto forward = RunLstm(n, fw, x, linked ? ValueId() : aux, time, false);
  const auto backward = RunLstm(n, bw, linked ? aux : x, linked ? ValueId() : aux, time, true);
  Keep(n, 35, forward[1]);
  Keep(n, 36, forward[2]);
  Keep(n, 37, backward[1]);
  Keep(n, 38, backward[2]);
  if (n.Flag("merge_outputs")) {
    n.Out(0, n.Emit(ops::kConcat, {forward[0], backward[0]}, {{"axis", int64_t{2}}}));
    return;
  }
  n.Out(0, forward[0]);
  n.Out(1, backward[0]);
}

// Of two kinds: one like a step of the sequence layer, one with all weights in a matrix and its states as operands.
void ImportLstm(OpImport& n) {
  if (n.options().Enum<tflite::LSTMKernelType>("kernel_type") == tflite::LSTMKernelType::kFull) {
    const Lstm l = ReadLstm(n, {1, 18, 19, 20, kNone});
    const LstmStep next = Step(n, l, n.In(0), {}, l.h, l.c);
    Keep(n, 18, next.h);
    Keep(n, 19, next.c);
    n.Out(n.n_out() - 1, next.h);
    return;
  }
  const ValueId x = n.In(0), h = n.In(1), c = n.In(4);
  const ValueId joined = n.Emit(ops::kConcat, {x, h}, {{"axis", int64_t{1}}});
  const ValueId sums = n.Emit(ops::kGemm, {joined, n.In(2), n.Bias(3, 0, 2)}, {{"transpose_b", int64_t{1}}});
  const auto parts = n.EmitN(ops::kSplit, {sums}, 4, {{"axis", int64_t{1}}});
  if (!n.ok()) return;
  const auto sigmoid = [&](ValueId y) { return n.Emit(ops::kSigmoid, {y}); };
  const ValueId update = n.Mul(sigmoid(parts[0]), n.Emit(ops::kTanh, {parts[1]}));
  const ValueId cell = n.Add(n.Mul(sigmoid(parts[2]), c), update);
  const ValueId y = n.Mul(sigmoid(parts[3]), n.Emit(ops::kTanh, {cell}));
  n.Out(0, y);
  n.Out(1, cell);
  // What the kernel works in.
  n.Out(2, joined);
  n.Out(3, sums);
}

struct Rnn {
  ValueId w, r, bias, aux, h;
};

Rnn ReadRnn(OpImport& n, size_t first, size_t aux) {
  return {n.In(first), n.In(first + 1), n.Bias(first + 2, 0, first), aux == kNone ? ValueId() : n.InOrNone(aux),
          n.In(first + 3)};
}

ValueId Step(OpImport& n, const Rnn& r, ValueId x, ValueId aux, ValueId h) {
  ValueId y = n.Add(n.Add(Linear(n, x, r.w), Linear(n, h, r.r)), r.bias);
  if (r.aux && aux) y = n.Add(y, Linear(n, aux, r.aux));
  return n.Activate(y);
}

std::vector<ValueId> RunRnn(OpImport& n, const Rnn& r, ValueId x, ValueId aux, int64_t time, bool reverse) {
  return Sequence(n, x, aux, {r.h}, time, reverse, [&](ValueId xt, ValueId at, const std::vector<ValueId>& states) {
    return std::vector<ValueId>{Step(n, r, xt, at, states[0])};
  });
}

void ImportRnn(OpImport& n) {
  const Rnn r = ReadRnn(n, 1, kNone);
  const ValueId y = Step(n, r, n.In(0), {}, r.h);
  Keep(n, 4, y);
  n.Out(0, y);
}

void ImportSequenceRnn(OpImport& n) {
  const Rnn r = ReadRnn(n, 1, kNone);
  const auto out = RunRnn(n, r, n.In(0), {}, n.Flag("time_major") ? 0 : 1, false);
  Keep(n, 4, out[1]);
  n.Out(0, out[0]);
}

void ImportBidirectionalRnn(OpImport& n) {
  const int64_t time = n.Flag("time_major") ? 0 : 1;
  const ValueId x = n.In(0), aux = n.InOrNone(9);
  const Rnn fw = ReadRnn(n, 1, 10), bw = ReadRnn(n, 5, 11);
  if (!n.ok()) return;
  // The backward direction's own input is read with the time in front alone, unlike the other layer's.
  const bool linked = aux && !fw.aux && !bw.aux;
  const auto forward = RunRnn(n, fw, x, linked ? ValueId() : aux, time, false);
  const auto backward = RunRnn(n, bw, linked && time == 0 ? aux : x, linked ? ValueId() : aux, time, true);
  Keep(n, 4, forward[1]);
  Keep(n, 8, backward[1]);
  if (n.Flag("merge_outputs")) {
    n.Out(0, n.Emit(ops::kConcat, {forward[0], backward[0]}, {{"axis", int64_t{2}}}));
    return;
  }
  n.Out(0, forward[0]);
  n.Out(1, backward[0]);
}

// A line of past sums for each filter: the newest enters at the end, and the line is weighed. `rank` filters make a
// unit.
void ImportSvdf(OpImport& n) {
  const ValueId x = n.In(0), features = n.In(1), times = n.In(2), state = n.In(4);
  const int64_t filters = n.DimOf(times, 0), memory = n.DimOf(times, 1), rank = n.Int("rank");
  if (!n.ok()) return;
  const auto held = CheckedMul(filters, memory);
  if (rank < 1 || filters % rank != 0 || !held) {
    n.BadOption("rank", fmt::format("{} for {} filters of {} steps", rank, filters, memory));
    return;
  }
  const ValueId lines = n.Reshape(state, {-1, filters, memory});
  const ValueId newest = n.Unsqueeze(Linear(n, x, features), {2});
  const ValueId moved = n.Emit(ops::kConcat, {n.Slice(lines, 2, 1, kToEnd), newest}, {{"axis", int64_t{2}}});
  const auto sum = [&](ValueId v) {
    return n.Emit(ops::kReduce, {v, n.I64s({2})}, {{"mode", std::string("sum")}, {"keep_dims", int64_t{0}}});
  };
  ValueId y = sum(n.Mul(moved, times));
  if (rank > 1) y = sum(n.Reshape(y, {-1, filters / rank, rank}));
  if (n.Has(3)) y = n.Add(y, BiasAt(n, 3, 4, 2));
  Keep(n, 4, n.Reshape(moved, {-1, *held}));
  n.Out(0, n.Activate(y));
}

constexpr Rule kRules[] = {
    {B::kBidirectionalSequenceLstm, Numbers::kHybrid, ImportBidirectionalLstm},
    {B::kBidirectionalSequenceRnn, Numbers::kHybrid, ImportBidirectionalRnn},
    {B::kLstm, Numbers::kHybrid, ImportLstm},
    {B::kRnn, Numbers::kHybrid, ImportRnn},
    {B::kSvdf, Numbers::kHybrid, ImportSvdf},
    {B::kUnidirectionalSequenceLstm, Numbers::kHybrid, ImportSequenceLstm},
    {B::kUnidirectionalSequenceRnn, Numbers::kHybrid, ImportSequenceRnn},
};

}  // namespace

extern const RuleSet kRecurrentRules{kRules};

}  // namespace godwit::from_tflite
