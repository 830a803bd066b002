// What every operator must satisfy, generated from the table: a new operator is tested the day it is added.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "base/text.h"
#include "ir/eval.h"
#include "ir/inference.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/sample_graph.h"

namespace godwit {
namespace {

using test::SampleOperand;

class OpTable : public testing::TestWithParam<const OpDef*> {};

bool IsLowerSnake(std::string_view name) {
  return !name.empty() && std::islower(static_cast<unsigned char>(name[0])) != 0 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::islower(static_cast<unsigned char>(c)) != 0 ||
                  std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '_';
         });
}

bool IsSentence(std::string_view text) { return text.size() > 3 && text.back() == '.'; }

void CheckOperandTable(std::string_view what, std::span<const OperandDef> defs) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < defs.size(); ++i) {
    EXPECT_TRUE(names.insert(defs[i].name).second) << what << " " << defs[i].name << " stands twice";
    EXPECT_FALSE(defs[i].name.empty()) << what << " " << i << " has no name";
    const bool variadic = (defs[i].flags & OperandDef::kVariadic) != 0;
    EXPECT_TRUE(!variadic || i + 1 == defs.size()) << what << " " << defs[i].name << " is variadic and not the last";
    EXPECT_NE(defs[i].types.bits(), 0U) << what << " " << defs[i].name << " allows no type";
  }
}

TEST_P(OpTable, IsWellFormed) {
  const OpDef& op = *GetParam();
  EXPECT_TRUE(IsLowerSnake(op.name));
  EXPECT_EQ(ops::Find(op.name), &op);
  EXPECT_TRUE(IsSentence(op.doc)) << op.doc;
  CheckOperandTable("operand", op.operands);
  CheckOperandTable("result", op.results);
  EXPECT_NE(op.infer, nullptr);
  EXPECT_NE(op.eval, nullptr);
  std::set<std::string_view> names;
  for (const AttrDef& attr : op.attrs) {
    EXPECT_TRUE(attr.name == "*" || IsLowerSnake(attr.name)) << attr.name;
    EXPECT_TRUE(names.insert(attr.name).second) << attr.name << " stands twice";
    EXPECT_TRUE(IsSentence(attr.doc)) << attr.name << ": " << attr.doc;
    if (attr.fallback.empty() || attr.fallback == "none") continue;
    const Result<AttrValue> value = ParseAttr(attr.kind, attr.fallback);
    EXPECT_TRUE(value.ok()) << attr.name << ": " << attr.fallback;
  }
  for (size_t i = 0; i < op.constraints.size(); ++i) {
    const std::string label = Concat("c", std::to_string(i + 1), ": ");
    EXPECT_EQ(op.constraints[i].substr(0, label.size()), label) << op.constraints[i];
    EXPECT_GT(op.constraints[i].size(), label.size());
  }
}

// Operators with regions, and those without a kernel, are exercised by whole graphs elsewhere.
bool NeedsSamples(const OpDef& op) { return op.regions == 0 && op.name != "opaque"; }

TEST_P(OpTable, HasSamples) {
  const OpDef& op = *GetParam();
  if (NeedsSamples(op)) {
    ASSERT_NE(op.samples, nullptr);
    EXPECT_FALSE(op.samples().empty());
  }
}

void ForEachSample(const OpDef& op, const std::function<void(const Sample&, const std::vector<SampleOperand>&)>& body) {
  if (op.samples == nullptr || op.regions != 0) return;
  for (const Sample& sample : op.samples()) {
    SCOPED_TRACE(test::Describe(op, sample));
    const Result<std::vector<SampleOperand>> operands = test::MakeOperands(sample);
    if (!operands.ok()) {
      ADD_FAILURE() << "the sample does not parse: " << operands.diag().what;
      continue;
    }
    body(sample, *operands);
  }
}

std::vector<Type> ResultTypes(const test::SampleGraph& made) {
  std::vector<Type> out;
  for (ValueId v : made.graph.node(made.node).out) out.push_back(made.graph.value(v).type);
  return out;
}

// Whether a value that came out of a kernel is what inference promised.
bool Fits(const RtValue& value, const Type& type) {
  switch (type.kind()) {
    case Type::Kind::kUnknown:
    case Type::Kind::kResource: return true;
    case Type::Kind::kOptional: return value.kind == RtValue::Kind::kNone || Fits(value, type.element());
    case Type::Kind::kMap: return value.kind == RtValue::Kind::kMap;
    case Type::Kind::kSequence:
      return value.kind == RtValue::Kind::kSequence &&
             std::all_of(value.sequence->begin(), value.sequence->end(),
                         [&](const RtValue& v) { return Fits(v, type.element()); });
    case Type::Kind::kTensor: break;
  }
  if (!value.is_tensor()) return false;
  if (type.dtype() != DType::kNone && type.dtype() != value.tensor.dtype()) return false;
  if (!type.ranked()) return true;
  if (type.rank() != value.tensor.rank()) return false;
  for (int i = 0; i < type.rank(); ++i) {
    const std::optional<int64_t> known = type.shape()[static_cast<size_t>(i)].known();
    if (known && *known != value.tensor.dim(i)) return false;
  }
  return true;
}

std::string TypeOfValue(const RtValue& value) {
  return value.is_tensor() ? Concat(Name(value.tensor.dtype()), ToString(value.tensor.dims())) : "not a tensor";
}

TEST_P(OpTable, SamplesInferAsTheyEvaluate) {
  const OpDef& op = *GetParam();
  ForEachSample(op, [&](const Sample& sample, const std::vector<SampleOperand>& operands) {
    test::SampleGraph made = test::MakeGraph(op, sample, operands);
    Inference inference(made.graph);
    const Status inferred = inference.InferNode(made.node);
    ASSERT_TRUE(inferred.ok()) << FormatDiag(inferred.diag());
    const std::vector<Type> types = ResultTypes(made);

    std::vector<RtValue> values;
    for (const SampleOperand& operand : operands) values.push_back(operand.value);
    EvalCtx eval(op, sample.attrs, std::move(values), sample.n_out);
    const Status status = op.eval(eval);
    ASSERT_TRUE(status.ok()) << FormatDiag(status.diag());
    const std::vector<SampleOperand> fresh = *test::MakeOperands(sample);
    for (size_t i = 0; i < fresh.size(); ++i) {
      if (!fresh[i].value.is_tensor()) continue;
      EXPECT_TRUE(Identical(fresh[i].value.tensor, operands[i].value.tensor)) << "operand " << i << " was written to";
    }
    for (size_t i = 0; i < types.size(); ++i) {
      const RtValue& value = eval.results()[i];
      if (value.absent()) {
        ADD_FAILURE() << "result " << i << " was not made";
      } else {
        EXPECT_TRUE(Fits(value, types[i]))
            << "result " << i << " is " << TypeOfValue(value) << ", inferred " << types[i].ToString();
        EXPECT_FALSE(types[i].is_unknown()) << "result " << i << " has no type";
      }
    }
  });
}

TEST_P(OpTable, SamplesVerifyAndPrintBack) {
  const OpDef& op = *GetParam();
  ForEachSample(op, [&](const Sample& sample, const std::vector<SampleOperand>& operands) {
    test::SampleGraph made = test::MakeGraph(op, sample, operands);
    Inference inference(made.graph);
    static_cast<void>(inference.InferNode(made.node).ok());
    const Status verified = VerifyGraph(made.graph);
    EXPECT_TRUE(verified.ok()) << FormatDiag(verified.diag());
    TextOptions full;
    full.data = TextOptions::Data::kFull;
    const Result<std::string> text = PrintGraph(made.graph, full);
    ASSERT_TRUE(text.ok());
    const Result<Graph> back = ParseGraph(*text, ops::Find);
    ASSERT_TRUE(back.ok()) << FormatDiag(back.diag()) << *text;
    EXPECT_EQ(*PrintGraph(*back, full), *text);
  });
}

Type Substituted(const Type& type, const std::map<std::string, int64_t>& sizes) {
  if (type.is_tensor()) {
    TensorType t = type.tensor();
    for (Dim& d : t.shape) {
      d = d.Substitute([&](const std::string& name) -> std::optional<Dim> {
        const auto it = sizes.find(name);
        return it == sizes.end() ? std::nullopt : std::optional<Dim>(it->second);
      });
    }
    return Type(std::move(t));
  }
  if (type.kind() == Type::Kind::kSequence) return Type::Sequence(Substituted(type.element(), sizes));
  if (type.kind() == Type::Kind::kOptional) return Type::Optional(Substituted(type.element(), sizes));
  return type;
}

// Symbols in the place of sizes, once one for each dim and once one for each size. A dim of 1 stays, for it broadcasts.
// What is inferred may say less than with sizes, never anything else.
TEST_P(OpTable, SymbolicShapesAgreeWithConcreteOnes) {
  const OpDef& op = *GetParam();
  ForEachSample(op, [&](const Sample& sample, const std::vector<SampleOperand>& operands) {
    test::SampleGraph concrete = test::MakeGraph(op, sample, operands);
    Inference concrete_inference(concrete.graph);
    if (!concrete_inference.InferNode(concrete.node).ok()) return;  // reported by another test
    const std::vector<Type> expected = ResultTypes(concrete);
    for (const bool by_size : {false, true}) {
      std::map<std::string, int64_t> sizes;
      test::SampleGraph symbolic =
          test::MakeGraph(op, sample, operands, [&](size_t operand, size_t axis, int64_t dim) -> Dim {
            if (dim == 1) return dim;
            std::string name = by_size ? Concat("d", std::to_string(dim))
                                       : Concat("s", std::to_string(operand), "_", std::to_string(axis));
            sizes[name] = dim;
            return Dim::Symbol(name);
          });
      Inference inference(symbolic.graph);
      const Status status = inference.InferNode(symbolic.node);
      ASSERT_TRUE(status.ok()) << "with symbols: " << FormatDiag(status.diag());
      const std::vector<Type> types = ResultTypes(symbolic);
      for (size_t i = 0; i < types.size(); ++i) {
        const Type type = Substituted(types[i], sizes);
        EXPECT_TRUE(Meet(type, expected[i]).has_value())
            << "result " << i << ": " << types[i].ToString() << " gives " << type.ToString() << ", with sizes "
            << expected[i].ToString();
        EXPECT_EQ(type.dtype(), expected[i].dtype()) << "result " << i;
      }
    }
  });
}

TEST(OpTableTest, NamesAreSortedAndUnique) {
  const std::span<const OpDef* const> all = ops::All();
  ASSERT_FALSE(all.empty());
  for (size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1]->name, all[i]->name);
  EXPECT_EQ(ops::Find("no_such_operator"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Ops, OpTable, testing::ValuesIn(ops::All().begin(), ops::All().end()),
                         [](const testing::TestParamInfo<const OpDef*>& row) { return std::string(row.param->name); });

}  // namespace
}  // namespace godwit
