// What a hostile model may hand to an operator: samples with attributes, shapes, types and contents bent out of form.
// Inference and evaluation refuse or answer; they never crash, hang or read what is not theirs (the sanitizer builds
// see that). Nor do those that see what inference let pass: decomposition, the permutation rule and the count of
// multiply-adds, of operands as they are and with dims that no memory holds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "ir/commute.h"
#include "ir/convert.h"
#include "ir/cost.h"
#include "ir/decompose.h"
#include "ir/eval.h"
#include "ir/inference.h"
#include "ir/operands.h"
#include "ir/text.h"
#include "ops/sample_graph.h"

namespace godwit {
namespace {

using test::SampleOperand;

constexpr int kCasesPerSample = 400;
constexpr int kHugeEvery = 16;
constexpr unsigned kSecondsPerCase = 20;
// Results beyond this are not asked for: the test is about bounds, not about memory.
constexpr double kMaxElements = 1 << 22;

constexpr int64_t kOddInts[] = {
    0, 1, -1, 2, -2, 3, 7, 100, -100, 1 << 12, 1LL << 42, -(1LL << 31) - 1, INT64_MAX, INT64_MIN, INT64_MAX - 1};
constexpr double kOddFloats[] = {0,
                                 -0.0,
                                 -1,
                                 0.5,
                                 1e300,
                                 -1e300,
                                 1e-300,
                                 std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()};

// Which case runs, for the message of a crash.
char current_case[4096];

void OnSignal(int signal) {
  const char* what = signal == SIGALRM ? "\nno answer in time: " : "\ncrashed: ";
  static_cast<void>(!write(2, what, std::strlen(what)));
  static_cast<void>(!write(2, current_case, std::strlen(current_case)));
  static_cast<void>(!write(2, "\n", 1));
  _exit(1);
}

class Bender {
 public:
  explicit Bender(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 77) {}

  size_t Below(size_t n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<size_t>((state_ >> 11) % n);
  }
  template <class T, size_t kCount>
  T Any(const T (&list)[kCount]) {
    return list[Below(kCount)];
  }

  void Bend(const OpDef& op, Sample* sample, std::vector<SampleOperand>* operands) {
    const size_t what = Below(4);
    if (what == 0 && !op.attrs.empty()) {
      BendAttr(op.attrs[Below(op.attrs.size())], &sample->attrs);
    } else if (what == 1 && Below(8) == 0) {
      sample->n_out = Below(5);
    } else if (!operands->empty()) {
      BendOperand(op, &(*operands)[Below(operands->size())]);
    }
  }

 private:
  void BendAttr(const AttrDef& def, Attrs* attrs) {
    if (!def.fallback.empty() && Below(6) == 0) return attrs->Erase(def.name);
    AttrValue value;
    if (const AttrValue* present = attrs->Find(def.name)) {
      value = *present;
    } else if (Result<AttrValue> fallback = ParseAttr(def.kind, def.fallback); fallback.ok()) {
      value = *std::move(fallback);
    } else if (def.kind == AttrKind::kIntList) {
      value = std::vector<int64_t>{1};
    } else if (def.kind == AttrKind::kInt) {
      value = int64_t{1};
    } else {
      return;
    }
    switch (KindOf(value)) {
      case AttrKind::kInt: value = Any(kOddInts); break;
      case AttrKind::kFloat: value = Any(kOddFloats); break;
      case AttrKind::kString: value = std::string(Below(2) == 0 ? "" : "x"); break;
      case AttrKind::kIntList: BendList(&std::get<std::vector<int64_t>>(value), Any(kOddInts)); break;
      case AttrKind::kFloatList: BendList(&std::get<std::vector<double>>(value), Any(kOddFloats)); break;
      case AttrKind::kStringList: BendList(&std::get<std::vector<std::string>>(value), std::string("x")); break;
      case AttrKind::kDType: value = static_cast<DType>(Below(kDTypeCount)); break;
      default: return;
    }
    attrs->Set(def.name, std::move(value));
  }

  template <class T>
  void BendList(std::vector<T>* list, T odd) {
    const size_t how = Below(4);
    if (how == 0 || list->empty()) {
      list->push_back(odd);
    } else if (how == 1) {
      list->pop_back();
    } else {
      (*list)[Below(list->size())] = odd;
    }
  }

  void BendOperand(const OpDef& op, SampleOperand* operand) {
    if (!operand->value.is_tensor()) return;
    const Tensor& old = operand->value.tensor;
    DType dtype = old.dtype();
    Dims dims = old.dims();
    switch (Below(operand->fixed ? 8 : 6)) {
      case 0:
        if (!dims.empty()) dims[Below(dims.size())] = static_cast<int64_t>(Below(6));
        break;
      case 1:
        if (!dims.empty()) dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(Below(dims.size())));
        break;
      case 2: dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(Below(dims.size() + 1)), 1 + Below(2)); break;
      case 3: dims.clear(); break;
      case 4: *operand = {}; return;
      case 5: {
        const auto other = static_cast<DType>(1 + Below(kDTypeCount - 1));
        bool taken = false;
        for (const OperandDef& def : op.operands) taken = taken || def.types.Has(other);
        if (taken) dtype = other;
        break;
      }
      default: break;
    }
    Tensor bent(dtype, dims);
    // The old contents, repeated; in the place of one element something odd.
    for (int64_t i = 0; i < bent.size() && old.size() > 0 && dtype != DType::kString; ++i) {
      const std::byte* from = old.raw() + static_cast<size_t>(i % old.size()) * ByteSize(old.dtype());
      const double value = old.dtype() == DType::kString ? 1 : LoadF64(old.dtype(), from);
      StoreF64(dtype, value, bent.mutable_raw() + static_cast<size_t>(i) * ByteSize(dtype));
    }
    if (old.size() == 0 && bent.bytes() != 0 && dtype != DType::kString)
      std::memset(bent.mutable_raw(), 0, bent.bytes());
    if (bent.size() > 0 && dtype != DType::kString && Below(3) == 0) {
      std::byte* element = bent.mutable_raw() + Below(static_cast<size_t>(bent.size())) * ByteSize(dtype);
      if (IsFloat(dtype)) {
        StoreF64(dtype, Any(kOddFloats), element);
      } else {
        StoreI64(dtype, Any(kOddInts), element);
      }
    }
    operand->type = Type(bent.type());
    operand->value = std::move(bent);
  }

  uint64_t state_;
};

double Elements(const Type& type) {
  if (!type.ranked()) return 0;
  double n = 1;
  for (const Dim& d : type.shape()) n *= static_cast<double>(std::max<int64_t>(d.known().value_or(1), 1));
  return n;
}

std::string CaseText(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands) {
  std::string out = Concat(op.name, " n_out=", std::to_string(sample.n_out));
  for (const SampleOperand& o : operands) {
    if (!o.value.is_tensor()) {
      out += o.value.absent() ? " _" : " (not a tensor)";
      continue;
    }
    out += " " + AttrText(o.value.tensor) + (o.fixed ? " constant" : "");
  }
  for (const auto& [name, value] : sample.attrs) out += Concat(" ", name, "=", AttrText(value));
  return out;
}

// What is asked of a node whose types are known.
void AskOther(test::SampleGraph* made, Inference* inference) {
  const Node node = made->graph.node(made->node);
  std::vector<const Type*> in, out;
  for (const ValueId v : node.in) in.push_back(v ? &made->graph.value(v).type : nullptr);
  for (const ValueId v : node.out) out.push_back(v ? &made->graph.value(v).type : nullptr);
  if (node.op->macs != nullptr) static_cast<void>(node.op->macs(CostCtx(*node.op, node.attrs, in, out)));
  for (size_t which = 0; which < in.size() && node.op->commute != nullptr; ++which) {
    if (in[which] == nullptr || !in[which]->ranked() || in[which]->rank() < 2) continue;
    std::vector<int64_t> perm;
    for (int k = in[which]->rank(); k-- > 0;) perm.push_back(k);
    CommuteCtx ctx(node.attrs, which, perm, node.out.size());
    for (const Type* type : in) ctx.ranks.push_back(type != nullptr && type->ranked() ? type->rank() : -1);
    ctx.contents = [&](size_t i) -> std::optional<std::vector<int64_t>> {
      const auto dims = i < node.in.size() && node.in[i] ? inference->Contents(node.in[i]) : std::nullopt;
      if (!dims || !std::all_of(dims->begin(), dims->end(), [](const Dim& d) { return d.is_static(); })) return {};
      std::vector<int64_t> numbers;
      for (const Dim& d : *dims) numbers.push_back(d.value());
      return numbers;
    };
    static_cast<void>(node.op->commute(ctx));
  }
  if (node.op->decompose == nullptr) return;
  Builder builder(made->graph, *inference);
  static_cast<void>(Decompose(builder, made->node).ok());
}

// One dim of the operands that are not constant beyond all memory.
void AskOfHuge(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands) {
  constexpr int64_t kHuge[] = {2000000000, INT64_MAX};
  for (const int64_t huge : kHuge) {
    for (size_t which = 0; which < operands.size(); ++which) {
      if (operands[which].fixed || !operands[which].value.is_tensor()) continue;
      for (size_t axis = 0; axis < operands[which].value.tensor.dims().size(); ++axis) {
        test::SampleGraph made = test::MakeGraph(op, sample, operands, [&](size_t i, size_t k, int64_t dim) {
          return Dim(i == which && k == axis ? huge : dim);
        });
        Inference inference(made.graph);
        if (inference.InferNode(made.node).ok()) AskOther(&made, &inference);
      }
    }
  }
}

// Inference with all that is known; then, as in a region whose shapes come out of the run, with nothing but types.
void RunCase(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands, bool huge) {
  const std::string text = CaseText(op, sample, operands).substr(0, sizeof(current_case) - 1);
  std::memcpy(current_case, text.c_str(), text.size() + 1);
  alarm(kSecondsPerCase);
  test::SampleGraph made = test::MakeGraph(op, sample, operands);
  Inference inference(made.graph);
  const bool inferred = inference.InferNode(made.node).ok();
  if (inferred) AskOther(&made, &inference);
  if (huge) AskOfHuge(op, sample, operands);
  for (ValueId v : made.graph.node(made.node).out) {
    if (Elements(made.graph.value(v).type) > kMaxElements) return;
  }
  std::vector<SampleOperand> blind = operands;
  for (SampleOperand& o : blind) {
    o.fixed = false;
    if (o.value.is_tensor()) o.type = Type::Tensor(o.value.tensor.dtype());
  }
  test::SampleGraph unknown = test::MakeGraph(op, sample, blind);
  Inference blind_inference(unknown.graph);
  const bool accepted = blind_inference.InferNode(unknown.node).ok();
  if (accepted) AskOther(&unknown, &blind_inference);
  std::vector<RtValue> values;
  for (const SampleOperand& o : operands) values.push_back(o.value);
  if ((!inferred && !accepted) || !CheckOperandValues(op, values).ok()) return;
  // As the interpreter calls it: with room for one result at least.
  EvalCtx eval(op, sample.attrs, std::move(values), std::max<size_t>(sample.n_out, 1));
  for (size_t i = sample.n_out; i < eval.n_out(); ++i) eval.wanted()[i] = false;
  static_cast<void>(op.eval(eval).ok());
}

class OpAbuse : public testing::TestWithParam<const OpDef*> {};

TEST_P(OpAbuse, BentSamplesAreRefusedOrAnswered) {
  const OpDef& op = *GetParam();
  if (op.samples == nullptr || op.regions != 0) return;
  for (int signal : {SIGSEGV, SIGFPE, SIGBUS, SIGABRT, SIGALRM}) std::signal(signal, OnSignal);
  uint64_t seed = 1;
  for (const Sample& sample : op.samples()) {
    const Result<std::vector<SampleOperand>> operands = test::MakeOperands(sample);
    ASSERT_TRUE(operands.ok());
    for (int i = 0; i < kCasesPerSample; ++i) {
      Bender bender(++seed);
      Sample bent = sample;
      std::vector<SampleOperand> bent_operands = *operands;
      for (size_t k = 1 + bender.Below(3); k > 0; --k) bender.Bend(op, &bent, &bent_operands);
      RunCase(op, bent, bent_operands, i % kHugeEvery == 0);
    }
  }
  alarm(0);
  for (int signal : {SIGSEGV, SIGFPE, SIGBUS, SIGABRT, SIGALRM}) std::signal(signal, SIG_DFL);
}

INSTANTIATE_TEST_SUITE_P(Ops, OpAbuse, testing::ValuesIn(ops::All().begin(), ops::All().end()),
                         [](const testing::TestParamInfo<const OpDef*>& row) { return std::string(row.param->name); });

}  // namespace
}  // namespace godwit
