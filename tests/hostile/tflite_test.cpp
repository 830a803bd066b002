// What may be wrong with a TFLite file in particular (T).
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "hostile/case.h"
#include "support/tflite_builder.h"

namespace godwit::testing {
namespace {

using tflite::BuiltinOperator;
using tflite::TensorType;
using Ints = std::vector<int32_t>;

HostileCase Bytes(std::string name, std::string bytes, std::vector<int> exits, std::string id = {}) {
  return HostileBytes(std::move(name), std::move(bytes), std::move(exits), std::move(id), {"check"}, "model.tflite");
}

std::string Small() {
  TfliteModel m;
  AddConvolution(&m);
  return m.Bytes();
}

/// The convolution, spoiled.
HostileCase Spoiled(std::string name, const std::function<void(TfliteModel*)>& spoil, std::vector<int> exits,
                    std::string id = {}) {
  TfliteModel m;
  AddConvolution(&m);
  spoil(&m);
  return Bytes(std::move(name), m.Bytes(), std::move(exits), std::move(id));
}

/// Four bytes of the small model replaced.
HostileCase Patched(std::string name, size_t at, uint32_t value, std::string id) {
  std::string bytes = Small();
  std::memcpy(bytes.data() + at, &value, 4);
  return Bytes(std::move(name), std::move(bytes), {3}, std::move(id));
}

std::vector<HostileCase> WireCases() {
  const std::string small = Small();
  const auto root = LoadLe<uint32_t>(AsBytes(small).data());
  // A field of the root table that leads to a vector.
  const size_t field = root + 8;
  const size_t vector = field + LoadLe<uint32_t>(AsBytes(small).data() + field);
  return {
      Bytes("T1_Small", small, {0}),
      Patched("T1_RootBehindTheEnd", 0, 0x7FFFFFFC, "flatbuffer.range"),
      Patched("T1_RootItself", 0, 0, "flatbuffer.range"),
      Patched("T1_RootMisaligned", 0, root + 1, "flatbuffer.alignment"),
      Patched("T1_FieldListBeforeTheFile", root, 0x7FFFFFFF, "flatbuffer.table"),
      Patched("T1_FieldListBehindTheEnd", root, 0x80000002, "flatbuffer.range"),
      Patched("T1_FieldListMisaligned", root, 1, "flatbuffer.alignment"),
      Patched("T1_OffsetBehindTheEnd", field, 0xFFFFFFFC, "flatbuffer.range"),
      Patched("T1_LengthOfTwoGigabytes", vector, 0x80000000, "flatbuffer.range"),
      Patched("T1_LengthOfAll", vector, 0xFFFFFFFF, "flatbuffer.range"),
      Bytes("T1_OnlyTheMark", std::string("\x10\0\0\0TFL3", 8), {3}, "flatbuffer.range"),
      Bytes("T1_TextWithTheMark", "TFL3TFL3TFL3TFL3TFL3", {3}, "flatbuffer.range"),
  };
}

std::vector<HostileCase> IndexCases() {
  std::vector<HostileCase> c;
  for (const auto& [name, bad] : {std::pair("Minus1", -1), {"Outside", 4}, {"Least", INT32_MIN}, {"Most", INT32_MAX}}) {
    const int32_t k = bad;
    const auto list = [k](TfliteModel* m) { return m->arena.Array(Ints{k}); };
    const std::string tail = name;
    c.push_back(Spoiled(
        "T2_Outputs" + tail, [&](TfliteModel* m) { m->main().operators[0].outputs = list(m); }, {3}, "tflite.index"));
    c.push_back(Spoiled(
        "T2_Intermediates" + tail, [&](TfliteModel* m) { m->main().operators[0].intermediates = list(m); }, {3},
        "tflite.index"));
    c.push_back(Spoiled(
        "T2_GraphInputs" + tail, [&](TfliteModel* m) { m->main().inputs = {k}; }, {3}, "tflite.index"));
    c.push_back(Spoiled(
        "T2_GraphOutputs" + tail, [&](TfliteModel* m) { m->main().outputs = {k}; }, {3}, "tflite.index"));
    // -1 is an absent input, and this operator cannot do without.
    c.push_back(Spoiled("T2_Inputs" + tail,
                        [&](TfliteModel* m) {
                          m->main().operators[0].inputs = m->arena.Array(Ints{k, 1, 2});
                        },
                        {3}));
  }
  c.push_back(Spoiled(
      "T3_BufferOutside", [](TfliteModel* m) { m->main().tensors[1].buffer = 99; }, {3}, "tflite.index"));
  c.push_back(Spoiled(
      "T3_CodeOutside", [](TfliteModel* m) { m->main().operators[0].opcode_index = 99; }, {3}, "tflite.index"));
  TfliteModel behind;
  AddConvolution(&behind);
  const std::string good = behind.Bytes({64, 100});
  c.push_back(Bytes("T3_ConstantsBehindTheTables", good, {0}));
  c.push_back(Bytes("T3_ConstantsCutOff", good.substr(0, good.size() - 40), {3}, "tflite.buffer.range"));
  return c;
}

HostileCase CustomCase(std::string name, std::string_view code, std::string_view options, std::vector<int> exits,
                       std::string id = {}) {
  TfliteModel m;
  const int32_t x = m.Input("x", {2}), y = m.Output("y", {2});
  m.Custom(code, {x}, {y}).custom_options = m.arena.Bytes(AsBytes(options));
  return Bytes(std::move(name), m.Bytes(), std::move(exits), std::move(id));
}

HostileCase OptionCase(std::string name, BuiltinOperator op, std::string_view field, int64_t value) {
  const tflite::TableDef* table = tflite::OptionsOf(op);
  TfliteModel m;
  const int32_t x = m.Input("x", {2, 4, 4, 4}), y = m.Output("y", {2, 4, 4, 4});
  tflite::OptionsSetter set(&m.arena, table);
  for (const tflite::FieldDef& f : table->fields) {
    if (f.of.empty() && f.type == tflite::FieldType::kInt32) set.Int(f.name, 1);
  }
  set.Int(field, value);
  m.Op(op, {x}, {y}).options = set.options();
  return Bytes("T5_" + name, m.Bytes(), {3}, "tflite.options.value");
}

std::vector<HostileCase> OperatorCases() {
  return {
      CustomCase("T4_NoName", "", "", {3}, "tflite.op.custom"),
      CustomCase("T4_GarbageOptions", "Mine", "\xFF\xFE no flexbuffer\x01\x02", {0, 3, 4}),
      CustomCase("T4_DetectionWithGarbage", "TFLite_Detection_PostProcess", "\xFF\x24\x01", {0, 3, 4}),
      CustomCase("T4_FlexWithGarbage", "FlexErf", "\xFF\x24\x01", {0, 3, 4}),
      Spoiled("T4_OperatorBeyondTheSchema",
              [](TfliteModel* m) { m->codes[0].code = static_cast<BuiltinOperator>(300); }, {4}),
      Spoiled("T4_OperatorNegative", [](TfliteModel* m) { m->codes[0].code = static_cast<BuiltinOperator>(-5); },
              {0, 3, 4}),
      Spoiled(
          "T4_OptionsOfAnother",
          [](TfliteModel* m) { m->main().operators[0].options = m->Set("Pool2DOptions").options(); }, {3},
          "tflite.options.table"),
      OptionCase("StrideZero", BuiltinOperator::kMaxPool2d, "stride_w", 0),
      OptionCase("StrideNegative", BuiltinOperator::kMaxPool2d, "stride_h", INT32_MIN),
      OptionCase("FilterZero", BuiltinOperator::kAveragePool2d, "filter_width", 0),
      OptionCase("SpaceBlockZero", BuiltinOperator::kSpaceToDepth, "block_size", 0),
      OptionCase("DepthBlockZero", BuiltinOperator::kDepthToSpace, "block_size", 0),
      OptionCase("DepthMultiplierZero", BuiltinOperator::kDepthwiseConv2d, "depth_multiplier", 0),
      OptionCase("SplitsZero", BuiltinOperator::kSplit, "num_splits", 0),
      OptionCase("PaddingUnknown", BuiltinOperator::kMaxPool2d, "padding", 9),
      Spoiled(
          "T5_FilterWithoutElements",
          [](TfliteModel* m) {
            m->main().tensors[1].shape = m->arena.Array(Ints{3, 0, 1, 2});
            m->main().tensors[1].buffer = 0;
          },
          {3}, "tflite.options.value"),
      CustomCase("T10_EdgeTpu", "edgetpu-custom-op", "program", {4}, "tflite.compiled"),
      CustomCase("T10_EthosU", "ethos-u", "program", {4}, "tflite.compiled"),
  };
}

HostileCase Quantised(std::string name, const std::vector<float>& scales, const std::vector<int64_t>& zeros,
                      int32_t dimension = 0) {
  TfliteModel m;
  const int32_t x = m.Input("x", {2, 4}, TensorType::kInt8), y = m.Output("y", {2, 4}, TensorType::kInt8);
  m.Quantize(x, scales, zeros, dimension);
  m.Op(BuiltinOperator::kReshape, {x}, {y});
  return Bytes("T6_" + name, m.Bytes(), {3}, "tflite.quantization");
}

/// An operator that runs a graph, in each of the graphs.
HostileCase Running(std::string name, const std::vector<int64_t>& runs, std::vector<int> exits, std::string id) {
  TfliteModel m;
  m.graphs.resize(runs.size());
  m.main().inputs = m.main().outputs = {m.Tensor("x", TensorType::kFloat32, {1})};
  for (size_t g = 0; g < runs.size(); ++g) {
    auto set = m.Set("WhileOptions");
    set.Int("cond_subgraph_index", runs[g]).Int("body_subgraph_index", runs[g]);
    m.Op(BuiltinOperator::kWhile, {}, {}, g).options = set.options();
  }
  return Bytes("T8_" + std::move(name), m.Bytes(), std::move(exits), std::move(id));
}

/// Graphs that run each other, the second because it does not say which.
HostileCase RunningWithoutOptions() {
  TfliteModel m;
  m.graphs.resize(2);
  m.main().inputs = m.main().outputs = {m.Tensor("x", TensorType::kFloat32, {1})};
  auto set = m.Set("CallOnceOptions");
  set.Int("init_subgraph_index", 1);
  m.Op(BuiltinOperator::kCallOnce, {}, {}).options = set.options();
  m.Op(BuiltinOperator::kCallOnce, {}, {}, 1);
  return Bytes("T8_RunEachOtherWithoutOptions", m.Bytes(), {3}, "tflite.recursion");
}

/// A few bytes that ask for 3.6 GB: the dims of what a variable is filled with, or of what is stored sparsely.
HostileCase VariableHuge() {
  TfliteModel m;
  m.graphs.resize(2);
  m.main().inputs = m.main().outputs = {m.Tensor("x", TensorType::kFloat32, {1})};
  auto once = m.Set("CallOnceOptions");
  once.Int("init_subgraph_index", 1);
  m.Op(BuiltinOperator::kCallOnce, {}, {}).options = once.options();
  const int32_t dims = m.Constant<int32_t>("dims", TensorType::kInt32, {2}, {30000, 30000}, 1);
  const int32_t one = m.Constant<float>("one", TensorType::kFloat32, {}, {1}, 1);
  const int32_t filled = m.Tensor("filled", TensorType::kFloat32, {30000, 30000}, 1);
  const int32_t handle = m.Tensor("handle", TensorType::kResource, {}, 1);
  m.Op(BuiltinOperator::kFill, {dims, one}, {filled}, 1);
  auto variable = m.Set("VarHandleOptions");
  variable.Text("shared_name", "v");
  m.Op(BuiltinOperator::kVarHandle, {}, {handle}, 1).options = variable.options();
  m.Op(BuiltinOperator::kAssignVariable, {handle, filled}, {}, 1);
  return Bytes("T8_VariableHuge", m.Bytes(), {5}, "limit.exceeded");
}

HostileCase SparseHuge() {
  TfliteModel m;
  const int32_t w = m.Constant<float>("w", TensorType::kFloat32, {30000, 30000}, {1});
  tflite::SparseDimension one;
  one.format = tflite::DimensionType::kSparseCsr;
  one.segments = {tflite::IndexVector::Kind::kUint8, AsBytes(std::string_view("\0\1", 2))};
  one.indices = {tflite::IndexVector::Kind::kUint8, AsBytes(std::string_view("\0", 1))};
  const Ints order = {0, 1};
  const std::vector<tflite::SparseDimension> dimensions = {one, one};
  tflite::Sparsity sparsity;
  sparsity.traversal_order = order;
  sparsity.dimensions = dimensions;
  m.main().tensors[static_cast<size_t>(w)].sparsity = &sparsity;
  m.Op(BuiltinOperator::kDensify, {w}, {m.Output("y", {30000, 30000})});
  return Bytes("T7_SparseHuge", m.Bytes(), {5}, "limit.exceeded");
}

/// A model without a list of buffers, whose one tensor has no elements.
HostileCase NoBuffers(std::string name, bool with_operator) {
  TfliteModel m;
  m.buffers.clear();
  const int32_t x = m.Tensor("x", TensorType::kFloat32, {0});
  if (with_operator) {
    m.Op(BuiltinOperator::kNeg, {x}, {m.Output("y", {0})});
  } else {
    m.main().outputs = {x};
  }
  return Bytes("T3_" + std::move(name), m.Bytes(), {0});
}

/// A shape of two thousand million dims.
HostileCase RankHuge() {
  TfliteModel m;
  const int32_t a = m.Input("a", {2000000000}, TensorType::kInt32), b = m.Input("b", {1}, TensorType::kInt32);
  m.Op(BuiltinOperator::kBroadcastArgs, {a, b}, {m.Output("y", {2000000000}, TensorType::kInt32)});
  return Bytes("T_RankHuge", m.Bytes(), {5}, "limit.exceeded");
}

/// More scales than zero points, in a type that hardly anybody quantises.
HostileCase ZeroPointsOfUint32() {
  TfliteModel m;
  const int32_t x = m.Input("x", {500}), y = m.Output("y", {500}, TensorType::kUint32);
  m.Quantize(y, std::vector<float>(500, 1), {1, 2});
  m.Op(BuiltinOperator::kQuantize, {x}, {y});
  return Bytes("T6_ZeroPointsTooFewOfUint32", m.Bytes(), {3}, "tflite.quantization");
}

std::vector<HostileCase> TensorCases() {
  TfliteModel sparse;
  const int32_t w = sparse.Constant<float>("w", TensorType::kFloat32, {2, 4}, {1, 2, 3});
  tflite::SparseDimension rows, columns;
  rows.dense_size = 2;
  columns.format = tflite::DimensionType::kSparseCsr;
  using tflite::IndexVector;
  columns.segments = {IndexVector::Kind::kUint8, AsBytes(std::string_view("\0\2\3", 3))};
  columns.indices = {IndexVector::Kind::kUint8, AsBytes(std::string_view("\0\x7F\1", 3))};
  const Ints order = {0, 1};
  const std::vector<tflite::SparseDimension> dimensions = {rows, columns};
  tflite::Sparsity sparsity;
  sparsity.traversal_order = order;
  sparsity.dimensions = dimensions;
  sparse.main().tensors[static_cast<size_t>(w)].sparsity = &sparsity;
  sparse.Op(BuiltinOperator::kDensify, {w}, {sparse.Output("y", {2, 4})});
  return {
      Quantised("ScaleZero", {0}, {0}),
      Quantised("ScaleNan", {NAN}, {0}),
      Quantised("ScaleNegative", {-1}, {0}),
      Quantised("ScalesTooMany", {1, 1, 1}, {0, 0, 0}),
      Quantised("ZeroPointsTooFew", {1, 1}, {0}),
      Quantised("ZeroPointOutside", {1}, {1000}),
      Quantised("DimensionOutside", {1, 1}, {0, 0}, 2),
      Quantised("DimensionNegative", {1, 1}, {0, 0}, -1),
      Bytes("T7_SparseIndexOutside", sparse.Bytes(), {3}, "tflite.sparsity"),
      Running("RunsItself", {0}, {3}, "tflite.recursion"),
      Running("RunEachOther", {1, 0}, {3}, "tflite.recursion"),
      Running("NoSuchGraph", {7}, {3}, "tflite.index"),
      NoBuffers("NoBuffersAndAnOperator", true),
      NoBuffers("NoBuffersAndNothing", false),
      RankHuge(),
      ZeroPointsOfUint32(),
      RunningWithoutOptions(),
      VariableHuge(),
      SparseHuge(),
      Bytes("T9_ArchiveCutOff", Small() + "PK\x03\x04" + std::string(60, 'x'), {0}),
      Bytes("T9_ArchiveEndAlone",
            Small() + std::string("PK\x05\x06\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0", 22), {0}),
      Spoiled(
          "T_ConstantTooShort",
          [](TfliteModel* m) {
            m->main().tensors[1].shape = m->arena.Array(Ints{3, 1, 1, 9});
          },
          {3}, "tflite.tensor.size"),
      Spoiled(
          "T_ShapeHuge",
          [](TfliteModel* m) {
            m->main().tensors[0].shape = m->arena.Array(Ints{INT32_MAX, INT32_MAX, INT32_MAX});
          },
          {3}, "tflite.tensor.shape"),
      Spoiled(
          "T_UsedBeforeMade",
          [](TfliteModel* m) {
            m->main().operators[0].inputs = m->arena.Array(Ints{3, 1, 2});
          },
          {3}, "tflite.order"),
  };
}

class HostileTflite : public ::testing::TestWithParam<HostileCase> {};
TEST_P(HostileTflite, IsMet) { MeetHostile(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Wire, HostileTflite, ::testing::ValuesIn(WireCases()), HostileName);
INSTANTIATE_TEST_SUITE_P(Index, HostileTflite, ::testing::ValuesIn(IndexCases()), HostileName);
INSTANTIATE_TEST_SUITE_P(Operator, HostileTflite, ::testing::ValuesIn(OperatorCases()), HostileName);
INSTANTIATE_TEST_SUITE_P(Tensor, HostileTflite, ::testing::ValuesIn(TensorCases()), HostileName);

// The zeros behind the last constant are no part of the model.
TEST(HostileTflite, CutAtEveryByte) { MeetCutsAtEveryByte(Small(), 16); }

TEST(HostileTflite, TenThousandFlippedBits) { MeetFlippedBits(Small()); }

}  // namespace
}  // namespace godwit::testing
