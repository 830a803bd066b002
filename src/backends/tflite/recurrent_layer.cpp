#include "backends/tflite/recurrent_layer.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/emit.h"
#include "backends/tflite/model_export.h"

namespace godwit::to_tflite {

Status RecurrentLayer::Run(std::string_view op, bool together) {
  RETURN_IF_ERROR(Check(op, together));
  std::vector<Part> parts;
  if (together) {
    TRY(parts, Both(op));
  } else {
    for (int64_t d = 0; d < directions_; ++d) {
      TRY(const Part part, Alone(op, d, d == 1 || n_.attrs().Str("direction") == "reverse"));
      parts.push_back(part);
    }
  }
  if (n_.Wants(0)) RETURN_IF_ERROR(EmitAll(parts));
  return n_.Wants(1) ? EmitLast(parts) : Status(Ok{});
}

Status RecurrentLayer::Check(std::string_view op, bool together) {
  if (!n_.exporter().profile().prefer.contains(std::string(op))) {
    return n_.LacksForm(fmt::format("{} was not asked for", op));
  }
  const Attrs& attrs = n_.attrs();
  directions_ = attrs.Str("direction", "forward") == "bidirectional" ? 2 : 1;
  if (together && directions_ == 1) return n_.LacksForm(fmt::format("{} has both directions", op));
  if (attrs.Float("clip") > 0) return n_.LacksForm(fmt::format("{} has no bounds before its functions", op));
  for (const size_t i : {4U, 5U, 6U}) {
    if (i < 4U + static_cast<size_t>(states_) + 1 && n_.Has(i)) {
      return n_.LacksForm(fmt::format("{} has neither lengths nor first states", op));
    }
  }
  if (n_.DtypeOf(0) != DType::kF32) return n_.LacksForm("the layer must be of f32");
  for (const size_t i : {1U, 2U, 3U}) {
    if (n_.Has(i) && !n_.IsConstant(i)) return n_.LacksForm("the weights must be constants");
  }
  batch_major_ = attrs.Flag("batch_major");
  TRY(const Dims x, n_.NeedDims(0, "the sequence of a layer with states"));
  TRY(const Dims r, n_.NeedDims(2, "a layer's weights"));
  steps_ = x[batch_major_ ? 1 : 0];
  rows_ = x[batch_major_ ? 0 : 1];
  inputs_ = x[2];
  hidden_ = r[2];
  if (steps_ < 1 || rows_ < 1) return n_.LacksForm("the layer must have steps");
  return CheckForm();
}

TensorType RecurrentLayer::Sequence(int64_t steps, int64_t columns) const {
  return TensorType(DType::kF32, batch_major_ ? Shape{Dim(rows_), Dim(steps), Dim(columns)}
                                              : Shape{Dim(steps), Dim(rows_), Dim(columns)});
}

Result<Ref> RecurrentLayer::Weight(size_t operand, int64_t d, int64_t gate, std::vector<std::vector<double>> more) {
  const int64_t columns = operand == 1 ? inputs_ : hidden_, rows = hidden_;
  const int64_t made = columns + (more.empty() ? 0 : static_cast<int64_t>(more[0].size()));
  const int64_t first = (d * gates_ + gate) * hidden_;
  return n_.InMade(n_.Operand(operand), TensorType(DType::kF32, {Dim(rows), Dim(made)}),
                   [=](const std::vector<Tensor>& in) -> Result<Tensor> {
                     const std::vector<double> from = WidenWeight(in[0]);
                     std::vector<double> out;
                     out.reserve(static_cast<size_t>(rows * made));
                     for (int64_t k = 0; k < rows; ++k) {
                       const auto begin = from.begin() + (first + k) * columns;
                       out.insert(out.end(), begin, begin + columns);
                       if (more.empty()) continue;
                       const auto& behind = more[more.size() == 1 ? 0 : static_cast<size_t>(k)];
                       out.insert(out.end(), behind.begin(), behind.end());
                     }
                     return NarrowWeight(DType::kF32, {rows, made}, out);
                   });
}

Result<Ref> RecurrentLayer::Bias(int64_t d, int64_t gate) {
  const int64_t size = hidden_, all = gates_ * hidden_;
  if (!n_.Has(3)) return n_.Filled(DType::kF32, {size}, 0);
  const int64_t first = (d * 2 * gates_ + gate) * size;
  return n_.InMade(n_.Operand(3), TensorType(DType::kF32, {Dim(size)}),
                   [=](const std::vector<Tensor>& in) -> Result<Tensor> {
                     const std::vector<double> from = WidenWeight(in[0]);
                     std::vector<double> out;
                     for (int64_t k = first; k < first + size; ++k) {
                       out.push_back(from[static_cast<size_t>(k)] + from[static_cast<size_t>(k + all)]);
                     }
                     return NarrowWeight(DType::kF32, {size}, out);
                   });
}

Ref RecurrentLayer::OpeningSteps(bool backward) {
  const int64_t count = Opening(), columns = inputs_ + count;
  Tensor steps(DType::kF32, batch_major_ ? Dims{rows_, count, columns} : Dims{count, rows_, columns});
  float* to = steps.mutable_data<float>();
  std::fill_n(to, steps.size(), 0.0F);
  for (int64_t step = 0; step < count; ++step) {
    const int64_t place = backward ? count - 1 - step : step;
    for (int64_t row = 0; row < rows_; ++row) {
      const int64_t line = batch_major_ ? row * count + place : place * rows_ + row;
      to[line * columns + inputs_ + step] = opening_[static_cast<size_t>(step)];
    }
  }
  return n_.Const(std::move(steps));
}

Ref RecurrentLayer::Opened(Ref x, bool both_ends) {
  Refs parts{OpeningSteps(false), Padded(n_, x, {0, 0, 0}, {0, 0, Opening()})};
  if (both_ends) parts.push_back(OpeningSteps(true));
  const int64_t steps = steps_ + (both_ends ? 2 : 1) * Opening();
  return n_.Temp("CONCATENATION", parts, Sequence(steps, inputs_ + Opening()), {{"axis", TimeAxis()}});
}

Ref RecurrentLayer::Reversed(Ref x) { return n_.Temp("REVERSE_V2", {x, n_.I32s({TimeAxis()})}, n_.TypeOf(x)); }

Ref RecurrentLayer::Steps(Ref y, int64_t from, int64_t count) {
  std::vector<int64_t> begin(3, 0), size = {-1, -1, -1};
  begin[static_cast<size_t>(TimeAxis())] = from;
  const int64_t behind = n_.TypeOf(y).shape[static_cast<size_t>(TimeAxis())].value() - from - count;
  if (behind > 0) size[static_cast<size_t>(TimeAxis())] = count;
  return n_.Temp("SLICE", {y, n_.I32s(begin), n_.I32s(size)}, Sequence(count, hidden_));
}

void RecurrentLayer::AddStates(Refs* in, int64_t directions) {
  for (int64_t k = 0; k < directions * states_; ++k) {
    in->push_back(n_.NewVariable(TensorType(DType::kF32, {Dim(rows_), Dim(hidden_)})));
  }
}

Result<RecurrentLayer::Part> RecurrentLayer::Alone(std::string_view op, int64_t d, bool backward) {
  Ref x = n_.In(0);
  if (backward) x = Reversed(x);
  Refs weights, in;
  RETURN_IF_ERROR(AddWeights(d, &weights));
  in.push_back(Opened(x, false));
  in.insert(in.end(), weights.begin(), weights.end());
  AddBefore(&in);
  AddStates(&in, 1);
  AddBehind(&in, false);
  const Ref y = n_.Temp(op, std::move(in), Sequence(steps_ + Opening(), hidden_),
                        {{"fused_activation_function", static_cast<int>(Function())}, {"time_major", !batch_major_}});
  const Ref taken = Steps(y, Opening(), steps_);
  return Part{backward && n_.Wants(0) ? Reversed(taken) : taken, backward && n_.Wants(0) ? 0 : steps_ - 1};
}

// What is read from the end is opened there. Results stay apart: LiteRT's layers that join them write some of them to
// the wrong place where the batch comes first.
Result<std::vector<RecurrentLayer::Part>> RecurrentLayer::Both(std::string_view op) {
  Refs in;
  const bool states_inside = states_ == 1;  // beside the weights of their direction
  in.push_back(Opened(n_.In(0), true));
  for (int64_t d = 0; d < 2; ++d) {
    RETURN_IF_ERROR(AddWeights(d, &in));
    AddBefore(&in);
    if (states_inside) AddStates(&in, 1);
  }
  if (!states_inside) AddStates(&in, 2);
  AddBehind(&in, true);
  std::vector<Part> parts;
  Refs out;
  for (int64_t d = 0; d < 2; ++d) out.push_back(n_.NewTensor(Sequence(steps_ + 2 * Opening(), hidden_)));
  n_.EmitAs(op, std::move(in), out,
            {{"fused_activation_function", static_cast<int>(Function())},
             {"merge_outputs", false},
             {"time_major", !batch_major_}});
  for (size_t d = 0; d < 2; ++d) parts.push_back({Steps(out[d], Opening(), steps_), d == 0 ? steps_ - 1 : 0});
  return parts;
}

Status RecurrentLayer::EmitAll(const std::vector<Part>& parts) {
  if (parts.size() == 1) return n_.EmitReshapeTo(0, parts[0].y);
  Shape shape = n_.ShapeOf(0);
  shape.back() = Dim(hidden_);
  shape.insert(shape.begin() + (batch_major_ ? 2 : 1), Dim(1));
  Refs apart;
  for (const Part& part : parts) apart.push_back(n_.Reshaped(part.y, shape));
  n_.EmitTo(0, "CONCATENATION", apart, {{"axis", batch_major_ ? 2 : 1}});
  return Ok{};
}

Status RecurrentLayer::EmitLast(const std::vector<Part>& parts) {
  // The axis of time stands where that of directions is wanted.
  Refs last;
  for (const Part& part : parts) last.push_back(Steps(part.y, part.last, 1));
  if (last.size() == 1) return n_.EmitReshapeTo(1, last[0]);
  n_.EmitTo(1, "CONCATENATION", last, {{"axis", TimeAxis()}});
  return Ok{};
}

}  // namespace godwit::to_tflite
