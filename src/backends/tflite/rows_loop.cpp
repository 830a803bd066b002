// WHILE: what goes round in it is the turn, whether to go on, the carried values, what a turn uses of the graph around
// it, and the tensors that stacked values are put into, or, where nobody knows how many there will be, that grow. A
// loop's limit and a scan's slices are among what a turn uses.
#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/emit.h"
#include "backends/tflite/indices.h"
#include "backends/tflite/model_export.h"

namespace godwit::to_tflite {

namespace {

int64_t Entry(const Attrs& attrs, std::string_view name, size_t i) {
  const std::vector<int64_t>& list = attrs.Ints(name);
  return i < list.size() ? list[i] : 0;
}

TensorType Scalar(DType dtype) { return TensorType(dtype, {}); }

class WhileExport {
 public:
  explicit WhileExport(NodeExport& n)
      : n_(n), scan_(&n.op() == &ops::kScan), region_(n.node().regions[0]), captures_(n.Captures()) {}

  Status Run() {
    const Region& region = graph().region(region_);
    states_ = scan_ ? n_.n_in() - static_cast<size_t>(n_.attrs().Int("sliced")) : n_.n_in() - 2;
    stacks_ = n_.n_out() > states_ ? n_.n_out() - states_ : 0;
    if (region.results.size() != states_ + stacks_ + (scan_ ? 0 : 1)) return n_.LacksForm("a loop gives all it makes");
    for (const ValueId v : region.results) {
      if (!n_.TypeOf(v).is_tensor()) return n_.LacksForm("loops of TFLite carry tensors only");
    }
    for (const ValueId v : captures_) {
      if (!n_.TypeOf(v).is_tensor()) return n_.LacksForm("loops of TFLite carry tensors only");
    }
    RETURN_IF_ERROR(Limit());
    RETURN_IF_ERROR(StackTypes());
    TRY(Refs in, Start());
    TRY(const int body, Body());
    TRY(const int condition, Condition());
    Refs out;
    for (size_t i = 0; i < in.size(); ++i) {
      const bool carried = i >= 2 && i < 2 + states_ && i - 2 < n_.n_out();
      const bool whole = i + stacks_ >= in.size() && (Grows() || (!EndsEarly() && !Turns(i + stacks_ - in.size())));
      if (carried) {
        out.push_back(n_.Out(i - 2));
      } else if (whole) {
        out.push_back(n_.Out(states_ + i + stacks_ - in.size()));
      } else {
        out.push_back(n_.NewTensor(n_.TypeOf(in[i])));
      }
    }
    const Refs made = out;
    n_.EmitAs("WHILE", std::move(in), std::move(out),
              {{"cond_subgraph_index", condition}, {"body_subgraph_index", body}});
    for (size_t k = 0; k < stacks_; ++k) RETURN_IF_ERROR(Finish(k, made));
    return Ok{};
  }

 private:
  [[nodiscard]] const Graph& graph() { return n_.scope().graph(); }
  [[nodiscard]] bool EndsEarly() {
    if (scan_) return false;
    const bool starts = !n_.Has(1) || n_.Number(1).value_or(0) != 0;
    return !starts || graph().region(region_).results[0] != graph().region(region_).params[1];
  }
  /// How many rows a stack has in the end is not known: each turn adds one.
  [[nodiscard]] bool Grows() const { return !most_; }
  [[nodiscard]] int64_t OutAxis(size_t k) const {
    const int64_t axis = scan_ ? Entry(n_.attrs(), "out_axes", k) : 0;
    return axis < 0 ? axis + static_cast<int64_t>(stack_types_[k].shape.size()) : axis;
  }
  [[nodiscard]] bool Turns(size_t k) const { return OutAxis(k) != 0; }
  [[nodiscard]] size_t Axis(size_t i) const {
    return static_cast<size_t>(FromFront(Entry(n_.attrs(), "in_axes", i - states_), n_.TypeOf(i).rank()));
  }

  // How many turns there are at most.
  Status Limit() {
    if (scan_) {
      for (size_t i = states_; i < n_.n_in(); ++i) {
        TRY(const Dims dims, n_.NeedDims(i, "what is scanned"));
        most_ = dims[Axis(i)];
      }
      return Ok{};
    }
    if (n_.Has(0)) {
      if (const auto known = n_.Number(0); known && *known < 2147483647.0) most_ = static_cast<int64_t>(*known);
    } else {
      endless_ = true;
    }
    return Ok{};
  }

  Status StackTypes() {
    const Region& region = graph().region(region_);
    for (size_t k = 0; k < stacks_; ++k) {
      const Type& one = n_.TypeOf(region.results[region.results.size() - stacks_ + k]);
      const Type& whole = n_.OutType(states_ + k);
      const bool stated = whole.ranked() && one.ranked() && whole.rank() == one.rank() + 1;
      Shape shape = one.ranked() ? one.shape() : Shape();
      // Where a turn does not tell, the result may.
      for (size_t d = 0; d < shape.size() && stated; ++d) {
        if (!shape[d].is_static()) shape[d] = whole.shape()[d + 1];
      }
      if (!one.ranked() || !IsStatic(shape)) {
        return n_.Lacks(diag::kTargetConstant, "the sizes of what a loop stacks must be known when it is written");
      }
      shape.insert(shape.begin(), most_ ? Dim(*most_) : stated ? whole.shape()[0] : Dim::Symbol("turns"));
      stack_types_.emplace_back(one.dtype(), std::move(shape));
    }
    return Ok{};
  }

  // The first values of all that goes round.
  Result<Refs> Start() {
    Refs in = {n_.ScalarI32(0), scan_ || !n_.Has(1) ? n_.Number(DType::kBool, 1) : n_.Reshaped(n_.In(1), {})};
    for (size_t i = 0; i < states_; ++i) in.push_back(n_.In(i + (scan_ ? 0 : 2)));
    for (const ValueId v : captures_) in.push_back(n_.Of(v));
    for (size_t i = states_; scan_ && i < n_.n_in(); ++i) in.push_back(n_.In(i));
    if (!scan_ && !most_ && !endless_) in.push_back(CastTo(n_, n_.Reshaped(n_.In(0), {}), DType::kI32));
    for (const TensorType& type : stack_types_) {
      // One that grows begins without a row.
      Dims dims;
      for (const Dim& d : type.shape) dims.push_back(dims.empty() && Grows() ? 0 : d.value());
      TRY(const Ref zeros, n_.Filled(type.dtype, std::move(dims), 0));
      in.push_back(zeros);
    }
    return in;
  }

  struct Inputs {
    Ref turn, go, limit;
    Refs states, slices, stacks, passed;
  };
  // The subgraph's inputs, in the order of Start.
  Inputs Given() {
    ModelExport& e = n_.exporter();
    Inputs out;
    out.turn = e.Parameter(Scalar(DType::kI32), "turn");
    out.go = e.Parameter(Scalar(DType::kBool), "go");
    const Region& region = graph().region(region_);
    for (size_t i = 0; i < states_; ++i) {
      out.states.push_back(e.Parameter(n_.scope(), region.params[i + (scan_ ? 0 : 2)]));
    }
    for (const ValueId v : captures_) out.passed.push_back(e.Parameter(n_.scope(), v));
    for (size_t i = states_; scan_ && i < n_.n_in(); ++i) {
      out.slices.push_back(e.Parameter(n_.TypeOf(i).tensor(), "sliced"));
      out.passed.push_back(out.slices.back());
    }
    if (!scan_ && !most_ && !endless_) {
      out.limit = e.Parameter(Scalar(DType::kI32), "turns");
      out.passed.push_back(out.limit);
    }
    for (const TensorType& type : stack_types_) out.stacks.push_back(e.Parameter(type, "stack"));
    return out;
  }

  // What `inner` has written, into the subgraph that is being made.
  Status Push(NodeExport& inner) {
    if (inner.CheckWritten()) return n_.LacksForm("what turns a loop round cannot be written");
    n_.exporter().Push(std::move(inner.written()));
    return Ok{};
  }

  Result<int> Condition() {
    ModelExport& e = n_.exporter();
    e.BeginGraph(fmt::format("{}_goes_on", n_.op().name));
    const Inputs given = Given();
    NodeExport inner(e, n_.scope(), n_.id(), n_.row());
    Ref left = given.go;
    if (!endless_) {
      const Ref limit = most_ ? inner.ScalarI32(*most_) : given.limit;
      left = inner.Temp("LESS", {given.turn, limit}, Scalar(DType::kBool));
    }
    const Ref on = inner.Temp("LOGICAL_AND", {given.go, left}, Scalar(DType::kBool));
    RETURN_IF_ERROR(Push(inner));
    return e.EndGraph({on});
  }

  Result<int> Body() {
    ModelExport& e = n_.exporter();
    Scope& scope = n_.scope();
    const Region& region = graph().region(region_);
    e.BeginGraph(fmt::format("{}_turn", n_.op().name));
    const Inputs given = Given();
    // Parameters that are made of the turn have names before anybody asks for them.
    NodeExport before(e, scope, n_.id(), n_.row());
    if (!scan_) {
      e.Bind(scope, region.params[0], CastTo(before, given.turn, DType::kI64));
      e.Bind(scope, region.params[1], given.go);
    }
    for (size_t k = 0; k < given.slices.size(); ++k) {
      const size_t i = states_ + k;
      Ref at = given.turn;
      if (Entry(n_.attrs(), "in_reversed", k) != 0) {
        at = before.Temp("SUB", {before.ScalarI32(*most_ - 1), at}, Scalar(DType::kI32));
      }
      TensorType type = n_.TypeOf(i).tensor();
      type.shape.erase(type.shape.begin() + static_cast<int64_t>(Axis(i)));
      const Ref part = before.Temp("GATHER", {given.slices[k], at}, type,
                                   {{"axis", static_cast<int64_t>(Axis(i))}, {"batch_dims", 0}});
      e.Bind(scope, region.params[i], part);
    }
    NodeExport after(e, scope, n_.id(), n_.row());
    Refs out = {after.Temp("ADD", {given.turn, after.ScalarI32(1)}, Scalar(DType::kI32))};
    Refs stacks;
    for (size_t k = 0; k < stacks_; ++k) {
      const ValueId v = region.results[region.results.size() - stacks_ + k];
      Shape row = stack_types_[k].shape;
      row[0] = Dim(1);
      if (Grows()) {
        stacks.push_back(after.Temp("CONCATENATION", {given.stacks[k], after.Reshaped(after.Of(v), row)},
                                    stack_types_[k], {{"axis", 0}}));
        continue;
      }
      Ref at = given.turn;
      if (scan_ && Entry(n_.attrs(), "out_reversed", k) != 0) {
        at = after.Temp("SUB", {after.ScalarI32(*most_ - 1), at}, Scalar(DType::kI32));
      }
      Ref start = after.Reshaped(at, {Dim(1)});
      if (row.size() > 1) {
        const auto rest = static_cast<int64_t>(row.size()) - 1;
        start = after.Temp("CONCATENATION", {start, after.I32s(std::vector<int64_t>(static_cast<size_t>(rest), 0))},
                           TensorType(DType::kI32, {Dim(rest + 1)}), {{"axis", 0}});
      }
      stacks.push_back(after.Temp("DYNAMIC_UPDATE_SLICE", {given.stacks[k], after.Reshaped(after.Of(v), row), start},
                                  stack_types_[k]));
    }
    RETURN_IF_ERROR(Push(after));
    const size_t lead = scan_ ? 0 : 1;
    Refs made = e.Given(scope, region_, 0, lead + states_);
    out.push_back(scan_ ? given.go : made[0]);
    out.insert(out.end(), made.begin() + static_cast<int64_t>(lead), made.end());
    out.insert(out.end(), given.passed.begin(), given.passed.end());
    out.insert(out.end(), stacks.begin(), stacks.end());
    e.legaliser().Walk(scope, region_);
    RETURN_IF_ERROR(Push(before));
    return e.EndGraph(std::move(out));
  }

  // A stack to the axis it is wanted along, without the turns that did not come.
  Status Finish(size_t k, const Refs& made) {
    Ref stack = made[made.size() - stacks_ + k];
    const size_t result = states_ + k;
    if (Grows() || (!EndsEarly() && !Turns(k))) return Ok{};
    const auto rank = static_cast<int64_t>(stack_types_[k].shape.size());
    if (EndsEarly()) {
      std::vector<int64_t> size;
      for (const Dim& d : stack_types_[k].shape) size.push_back(d.value());
      Ref sizes = n_.Reshaped(made[0], {Dim(1)});
      if (rank > 1) {
        sizes = n_.Temp("CONCATENATION", {sizes, n_.I32s({size.begin() + 1, size.end()})},
                        TensorType(DType::kI32, {Dim(rank)}), {{"axis", 0}});
      }
      n_.EmitTo(result, "SLICE", {stack, n_.I32s(std::vector<int64_t>(static_cast<size_t>(rank), 0)), sizes});
      return Ok{};
    }
    std::vector<int64_t> perm;
    for (int64_t a = 1; a < rank; ++a) perm.push_back(a);
    perm.insert(perm.begin() + OutAxis(k), 0);
    n_.EmitTo(result, "TRANSPOSE", {stack, n_.I32s(perm)});
    return Ok{};
  }

  NodeExport& n_;
  bool scan_;
  RegionId region_;
  std::vector<ValueId> captures_;
  size_t states_ = 0, stacks_ = 0;
  std::optional<int64_t> most_;
  bool endless_ = false;
  std::vector<TensorType> stack_types_;
};

Status EmitWhile(NodeExport& n) {
  if (n.node().regions.size() != 1) return n.LacksForm("a loop has one body");
  return WhileExport(n).Run();
}

constexpr Row kRows[] = {
    {&ops::kLoop, "WHILE", EmitWhile},
    {&ops::kScan, "WHILE", EmitWhile},
};

}  // namespace

extern const RowSet kLoopRows{kRows};

}  // namespace godwit::to_tflite
