// What may be wrong with an ONNX file in particular (O).
#include <gtest/gtest.h>
#include <unistd.h>

#include "hostile/case.h"

namespace godwit::testing {
namespace {

using Dir = const TempDir&;

/// x f32[2] + the tensor.
std::string WithWeight(const ProtoBytes& tensor, uint32_t field = 5) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Add(field, tensor).Node("Add", {"x", "w"}, {"y"}).Output("y", DataType::kFloat);
  return OnnxModel(g);
}
ProtoBytes Weight(DataType type, const std::vector<int64_t>& dims) {
  ProtoBytes t;
  for (const int64_t d : dims) t.Int(1, d);
  return t.Int(2, static_cast<int64_t>(type)).Bytes(8, "w");
}

std::vector<HostileCase> TensorCases() {
  const std::string four(4, '\0');
  ProtoBytes sparse;
  sparse.Message(1, OnnxTensor<float>("w", {1}, {1.F})).Message(2, OnnxTensor<int64_t>("", {1}, {int64_t{1} << 40}));
  sparse.Int(3, 2);
  ProtoBytes sparse_huge;
  sparse_huge.Message(1, OnnxTensor<float>("w", {1}, {1.F})).Message(2, OnnxTensor<int64_t>("", {1}, {int64_t{0}}));
  sparse_huge.Int(3, int64_t{1} << 36);
  return {
      HostileBytes("O3_RawTooShort", WithWeight(OnnxRawTensor("w", DataType::kFloat, {2}, four)), {3},
                   "onnx.tensor.size"),
      HostileBytes("O3_RawTooLong", WithWeight(OnnxRawTensor("w", DataType::kFloat, {2}, std::string(12, '\0'))), {3},
                   "onnx.tensor.size"),
      HostileBytes("O3_RawMissing", WithWeight(Weight(DataType::kFloat, {2})), {3}, "onnx.tensor.size"),
      HostileBytes("O3_RawAndTyped",
                   WithWeight(OnnxRawTensor("w", DataType::kFloat, {1}, four).PackedFloats(4, std::vector<float>{1})),
                   {3}, "onnx.tensor.payload"),
      HostileBytes("O3_TypedFieldOfOtherType",
                   WithWeight(Weight(DataType::kFloat, {1}).PackedInts(7, std::vector<int64_t>{1})), {3},
                   "onnx.tensor.payload"),
      HostileBytes("O3_TypedTooFew", WithWeight(Weight(DataType::kFloat, {2}).PackedFloats(4, std::vector<float>{1})),
                   {3}, "onnx.tensor.size"),
      HostileBytes("O3_Int4OddCount", WithWeight(OnnxRawTensor("w", DataType::kInt4, {3}, "\x11")), {3},
                   "onnx.tensor.size"),
      HostileBytes("O3_Int4BytesToSpare", WithWeight(OnnxRawTensor("w", DataType::kInt4, {3}, "\x11\x11\x11")), {3},
                   "onnx.tensor.size"),
      HostileBytes(
          "O3_NumberTooLarge",
          [] {
            OnnxGraph g;
            g.Input("x", DataType::kInt8, {2});
            g.InitTensor(Weight(DataType::kInt8, {2}).PackedInts(5, std::vector<int32_t>{1, 1 << 20}));
            g.Node("Add", {"x", "w"}, {"y"}).Output("y", DataType::kInt8);
            return OnnxModel(g);
          }(),
          {3}, "onnx.tensor.value"),
      HostileBytes("O3_TypeUnknown", WithWeight(ProtoBytes().Int(2, 4711).Bytes(8, "w")), {3}, "onnx.tensor.type"),
      HostileBytes("O10_SparseIndexOutside", WithWeight(sparse, 15), {3}, "onnx.sparse"),
      HostileBytes("O10_SparseGrows", WithWeight(sparse_huge, 15), {5}, "limit.exceeded"),
      HostileBytes("O10_Strings",
                   [] {
                     OnnxGraph g;
                     g.Input("x", DataType::kString, {2}).InitTensor(OnnxStringTensor("w", {2}, {"a\0b", "\xFF\x1B["}));
                     g.Node("StringConcat", {"x", "w"}, {"y"}).Output("y", DataType::kString);
                     return OnnxModel(g);
                   }(),
                   {0}),
      HostileBytes(
          "O10_StringsTooFew",
          [] {
            OnnxGraph g;
            g.Input("x", DataType::kString, {3}).InitTensor(OnnxStringTensor("w", {3}, {"a", "b"}));
            g.Node("StringConcat", {"x", "w"}, {"y"}).Output("y", DataType::kString);
            return OnnxModel(g);
          }(),
          {3}, "onnx.tensor.size"),
      HostileBytes("O10_SequenceAndOptional",
                   [] {
                     OnnxGraph g;
                     const OnnxType tensor(DataType::kFloat, {2});
                     g.Input("s", OnnxType::Sequence(tensor)).Input("o", OnnxType::Optional(tensor));
                     g.Node("SequenceLength", {"s"}, {"n"}).Node("OptionalHasElement", {"o"}, {"h"});
                     g.Output("n", DataType::kInt64).Output("h", DataType::kBool);
                     return OnnxModel(g);
                   }(),
                   {0}),
      HostileBytes("O10_SequenceWhereTensor",
                   [] {
                     OnnxGraph g;
                     g.Input("s", OnnxType::Sequence(OnnxType(DataType::kFloat, {2})));
                     g.Node("Relu", {"s"}, {"y"}).Output("y", DataType::kFloat);
                     return OnnxModel(g);
                   }(),
                   {3}),
      HostileBytes("O10_MapAsInput",
                   [] {
                     OnnxGraph g;
                     g.Input("m", OnnxType::Map(DataType::kString, OnnxType(DataType::kFloat)));
                     g.Node("Identity", {"m"}, {"y"}).UntypedOutput("y");
                     return OnnxModel(g);
                   }(),
                   {0, 3, 4}),
  };
}

std::vector<HostileCase> WireCases() {
  OnnxGraph g = OneNode("Relu", {});
  const std::string good = OnnxModel(g);
  const std::string forever(11, '\xFF');
  return {
      HostileBytes("O4_VarintOfElevenBytes", "\x08" + forever + "\x01" + good.substr(2), {3}, "proto.varint"),
      HostileBytes("O4_VarintUnended", good + "\x08\xFF", {3}, "proto.truncated"),
      HostileBytes("O4_GroupStart", good + "\x9B\x06\x08\x01\x9C\x06", {0, 3}),
      HostileBytes("O4_GroupWithoutEnd", good + "\x9B\x06\x08\x01", {3}),
      HostileBytes("O4_GroupEndAlone", good + "\x9C\x06", {3}),
      HostileBytes("O4_GroupsNestedDeep", good + std::string(100000, '\x0B'), {3, 5}),
      HostileBytes("O4_FieldZero", good + std::string("\x00\x01", 2), {3}, "proto.tag"),
      HostileBytes("O4_WireTypeSix", good + "\x0E\x01", {3}),
      HostileBytes("O4_LengthBehindEnd", good + "\x12\x7F", {3}, "proto.truncated"),
      HostileBytes("O4_LengthHuge", good + "\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", {3}),
      HostileBytes("O4_GraphTwice", good + ProtoBytes().Message(7, g.proto()).str(), {0, 3}),
      HostileBytes("O4_GraphAsNumber", "\x08\x0A\x38\x01", {3}),
      HostileBytes("O4_PackedAndUnpacked",
                   [] {
                     ProtoBytes w;
                     w.Int(1, 1).PackedInts(1, std::vector<int64_t>{2}).Int(2, 1).Bytes(8, "w");
                     w.Float(4, 1.F).PackedFloats(4, std::vector<float>{2.F});
                     return WithWeight(w);
                   }(),
                   {0, 3}),
  };
}

/// If within If, `depth` deep, each branch alike.
OnnxGraph NestedIf(int depth) {
  OnnxGraph inner("leaf");
  inner.Node("Relu", {"x"}, {"r"}).UntypedOutput("r");
  for (int i = 0; i < depth; ++i) {
    OnnxGraph outer("level" + std::to_string(i));
    outer.Node("If", {"c"}, {"r"}, {OnnxAttr("then_branch", inner)}).UntypedOutput("r");
    inner = outer;
  }
  inner.Input("x", DataType::kFloat, {2}).Input("c", DataType::kBool, {});
  return inner;
}

std::string NestedLoop(const char* op, int depth) {
  OnnxGraph body("leaf");
  body.UntypedInput("i").UntypedInput("k").Node("Identity", {"k"}, {"o"}).UntypedOutput("o");
  for (int i = 0; i < depth; ++i) {
    OnnxGraph outer("level");
    outer.UntypedInput("i").UntypedInput("k").Node(op, {"n", "k"}, {}, {OnnxAttr("body", body)});
    outer.Node("Identity", {"k"}, {"o"}).UntypedOutput("o");
    body = outer;
  }
  OnnxGraph g;
  g.Input("n", DataType::kInt64, {}).Input("c", DataType::kBool, {});
  g.Node(op, {"n", "c"}, {}, {OnnxAttr("body", body)}).Node("Identity", {"c"}, {"y"}).Output("y", DataType::kBool);
  return OnnxModel(g);
}

std::string Recursive(bool mutual) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Node("F", {"x"}, {"y"}, {}, "own").Output("y", DataType::kFloat);
  OnnxFunction f("own", "F", {"a"}, {"b"}), h("own", "H", {"a"}, {"b"});
  f.Node(mutual ? "H" : "F", {"a"}, {"b"}, {}, "own").Opset("own", 1);
  h.Node("F", {"a"}, {"b"}, {}, "own").Opset("own", 1);
  return OnnxModel(g, {.other_opsets = {{"own", 1}}, .functions = {f, h}});
}

/// Each function calls the next one twice.
std::string Doubling(int levels) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Node("F0", {"x"}, {"y"}, {}, "own").Output("y", DataType::kFloat);
  std::vector<OnnxFunction> functions;
  for (int i = 0; i < levels; ++i) {
    OnnxFunction f("own", "F" + std::to_string(i), {"a"}, {"c"});
    const std::string next = "F" + std::to_string(i + 1);
    f.Node(next, {"a"}, {"b"}, {}, "own").Node(next, {"b"}, {"c"}, {}, "own").Opset("own", 1).Opset("", 21);
    functions.push_back(f);
  }
  OnnxFunction last("own", "F" + std::to_string(levels), {"a"}, {"c"});
  last.Node("Relu", {"a"}, {"c"}).Opset("", 21);
  functions.push_back(last);
  return OnnxModel(g, {.other_opsets = {{"own", 1}}, .functions = functions});
}

/// A loop around an If whose first branch gives what nobody makes.
OnnxGraph BrokenBranch() {
  OnnxGraph bad("bad"), good("good");
  bad.Node("Identity", {"k"}, {"r"}).UntypedOutput("nowhere");
  good.Node("Identity", {"k"}, {"r"}).UntypedOutput("r");
  OnnxGraph body("body");
  body.UntypedInput("i").UntypedInput("k");
  body.Node("If", {"k"}, {"o"}, {OnnxAttr("then_branch", bad), OnnxAttr("else_branch", good)}).UntypedOutput("k");
  OnnxGraph g;
  g.Input("n", DataType::kInt64, {}).Input("c", DataType::kBool, {});
  g.Node("Loop", {"n", "c"}, {}, {OnnxAttr("body", body)}).Node("Identity", {"c"}, {"y"}).Output("y", DataType::kBool);
  return g;
}

std::vector<HostileCase> StructureCases() {
  OnnxGraph unknown = OneNode("Relu", {});
  unknown.Node("Mystery", {"y"}, {"z"}, {}, "org.example").Output("z", DataType::kFloat);
  OnnxGraph loop_lies;
  loop_lies.Input("x", DataType::kFloat, {2})
      .Node("Loop", {"", "", "x"}, {"y"}, {OnnxAttr("body", OnnxGraph("empty"))});
  loop_lies.Output("y", DataType::kFloat);
  return {
      HostileBytes("O5_IfNestedWithinTheLimit", OnnxModel(NestedIf(10)), {0, 3}),
      HostileBytes("O5_IfNested200", OnnxModel(NestedIf(200)), {5}, "limit.exceeded"),
      HostileBytes("O5_IfNested2000", OnnxModel(NestedIf(2000)), {5}, "limit.exceeded"),
      HostileBytes("O5_LoopNested200", NestedLoop("Loop", 200), {5}, "limit.exceeded"),
      HostileBytes("O5_ScanNested200", NestedLoop("Scan", 200), {5}, "limit.exceeded"),
      HostileBytes("O5_BranchBrokenWithinLoop", OnnxModel(BrokenBranch()), {3}, "onnx.graph.name"),
      HostileBytes("O5_BodyEmpty", OnnxModel(loop_lies), {3}),
      HostileBytes("O5_FunctionCallsItself", Recursive(false), {3}, "onnx.function"),
      HostileBytes("O5_FunctionsCallEachOther", Recursive(true), {3}, "onnx.function"),
      HostileBytes("O5_FunctionsDouble", Doubling(40), {5}, "limit.exceeded"),
      HostileBytes("O7_OpsetZero", OnnxModel(OneNode("Relu", {}), {.opset = 0}), {3, 4}, "onnx.opset"),
      HostileBytes("O7_OpsetNegative", OnnxModel(OneNode("Relu", {}), {.opset = -1}), {3, 4}, "onnx.opset"),
      HostileBytes("O7_OpsetHuge", OnnxModel(OneNode("Relu", {}), {.opset = int64_t{1} << 31}), {4}, "onnx.opset"),
      HostileBytes("O7_UnknownDomainKept", OnnxModel(unknown), {0}, "check.opaque"),
      HostileBytes("O7_UnknownDomainRun", OnnxModel(unknown), {4}, "exec.no_kernel", {"run"}),
      HostileBytes("O7_UnknownOperator", OnnxModel(OneNode("Frobnicate", {})), {4}, "onnx.op.unknown"),
      HostileBytes("O7_IrVersionHuge", OnnxModel(OneNode("Relu", {}), {.ir_version = INT32_MAX}), {0, 4},
                   "onnx.ir_newer"),
  };
}

OnnxGraph WithConv(const std::vector<OnnxAttr>& attributes, const std::vector<int64_t>& weight = {2, 2, 3, 3}) {
  size_t n = 1;
  for (const int64_t d : weight) n *= static_cast<size_t>(d);
  OnnxGraph g = OneNode("Conv", attributes, {"x", "w"});
  g.Init("w", weight, std::vector<float>(n, 1.F));
  return g;
}

std::vector<HostileCase> AttributeCases() {
  using Ints = std::vector<int64_t>;
  const auto one = [](std::string name, std::string_view op, const std::vector<OnnxAttr>& attributes,
                      std::string id = {}, const OnnxNames& inputs = {"x"}, const OnnxNames& outputs = {"y"}) {
    return HostileBytes("O6_" + name, OnnxModel(OneNode(op, attributes, inputs, outputs)), {3}, std::move(id));
  };
  const auto conv = [](std::string name, const OnnxGraph& g) { return HostileBytes("O6_" + name, OnnxModel(g), {3}); };
  const Ints huge = {int64_t{1} << 62, int64_t{1} << 62};
  return {
      one("IntWhereTensor", "Constant", {OnnxAttr("value", 1)}, "onnx.attr.type", {}),
      one("TextWhereInt", "Softmax", {OnnxAttr("axis", "last")}, "onnx.attr.type"),
      one("IntWhereInts", "MaxPool", {OnnxAttr("kernel_shape", 2)}, "onnx.attr.type"),
      one("FloatsWhereInts", "MaxPool", {OnnxAttr("kernel_shape", std::vector<float>{2, 2})}, "onnx.attr.type"),
      one("GraphWhereInt", "Softmax", {OnnxAttr("axis", OnnxGraph("g"))}, "onnx.attr.type"),
      one("AttributeMissing", "MaxPool", {}),
      conv("StrideZero", WithConv({OnnxAttr("strides", Ints{0, 0})})),
      conv("StrideNegative", WithConv({OnnxAttr("strides", Ints{-1, -1})})),
      conv("StridesTooFew", WithConv({OnnxAttr("strides", Ints{1})})),
      conv("DilationZero", WithConv({OnnxAttr("dilations", Ints{0, 0})})),
      conv("PadsHuge", WithConv({OnnxAttr("pads", Ints{INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX})})),
      conv("GroupZero", WithConv({OnnxAttr("group", 0)})),
      conv("GroupNegative", WithConv({OnnxAttr("group", -2)})),
      conv("GroupNotDividing", WithConv({OnnxAttr("group", 3)})),
      conv("KernelOtherThanWeights", WithConv({OnnxAttr("kernel_shape", Ints{5, 5})})),
      conv("ChannelsOtherThanWeights", WithConv({}, {2, 5, 3, 3})),
      conv("WeightsWithoutFilters", WithConv({}, {2, 2, 0, 0})),
      one("KernelZero", "MaxPool", {OnnxAttr("kernel_shape", Ints{0, 0})}),
      one("KernelNegative", "AveragePool", {OnnxAttr("kernel_shape", Ints{-1, 2})}),
      one("KernelHuge", "MaxPool", {OnnxAttr("kernel_shape", huge)}),
      one("PoolStrideZero", "MaxPool", {OnnxAttr("kernel_shape", Ints{2, 2}), OnnxAttr("strides", Ints{0, 0})}),
      one("AxisOutside", "Softmax", {OnnxAttr("axis", 4)}),
      one("AxisFarOutside", "Softmax", {OnnxAttr("axis", INT64_MIN)}),
      one("PermWrong", "Transpose", {OnnxAttr("perm", Ints{0, 0, 1, 2})}),
      one("PermTooShort", "Transpose", {OnnxAttr("perm", Ints{1, 0})}),
      one("PermOutside", "Transpose", {OnnxAttr("perm", Ints{0, 1, 2, 9})}),
      one("BlockZero", "SpaceToDepth", {OnnxAttr("blocksize", 0)}),
      one("BlockNotDividing", "SpaceToDepth", {OnnxAttr("blocksize", 3)}),
      one("DepthNotDividing", "DepthToSpace", {OnnxAttr("blocksize", 2)}),
      one("BlockHuge", "DepthToSpace", {OnnxAttr("blocksize", INT64_MAX)}),
      one("CastToNothing", "Cast", {OnnxAttr("to", 99)}, "onnx.attr.value"),
      one("ConcatRanks", "Concat", {OnnxAttr("axis", 9)}, {}, {"x", "x"}),
      one("SplitCount", "Split", {OnnxAttr("num_outputs", 0)}, {}, {"x"}, {"y", "z"}),
      one("InputMissing", "Add", {}, "onnx.input.missing", {"x"}),
      one("InputsTooMany", "Relu", {}, {}, {"x", "x", "x"}),
      one("OutputsTooMany", "Relu", {}, {}, {"x"}, {"y", "z", "q"}),
      HostileBytes("O6_ConcatMismatch",
                   [] {
                     OnnxGraph g = OneNode("Concat", {OnnxAttr("axis", 0)}, {"x", "w"});
                     g.Init("w", {1, 3, 4, 4}, std::vector<float>(48));
                     return OnnxModel(g);
                   }(),
                   {3}),
      HostileBytes("O6_SplitMismatch",
                   [] {
                     OnnxGraph g = OneNode("Split", {OnnxAttr("axis", 1)}, {"x", "s"}, {"y", "z"});
                     g.Init<int64_t>("s", {2}, {5, -3});
                     return OnnxModel(g);
                   }(),
                   {3}),
      HostileBytes("O6_ReshapeMismatch",
                   [] {
                     OnnxGraph g = OneNode("Reshape", {}, {"x", "s"});
                     g.Init<int64_t>("s", {2}, {7, 7});
                     return OnnxModel(g);
                   }(),
                   {3}),
      HostileBytes("O6_ReshapeTwoUnknown",
                   [] {
                     OnnxGraph g = OneNode("Reshape", {}, {"x", "s"});
                     g.Init<int64_t>("s", {2}, {-1, -1});
                     return OnnxModel(g);
                   }(),
                   {3}),
  };
}

/// A node that makes 10 GB of nothing; the file itself is small.
HostileCase Grows(std::string name, std::string_view op, const OnnxNames& inputs, const std::string& verb) {
  OnnxGraph g;
  g.Init<int64_t>("shape", {2}, {50000, 50000}).Init<float>("one", {1, 1}, {1.F});
  g.Init<float>("zero", {}, {0.F}).Init<float>("step", {}, {1.F}).Init<float>("end", {}, {2.5e9F});
  g.Node(op, inputs, {"big"}).Node("ReduceMax", {"big"}, {"y"}).Output("y", DataType::kFloat);
  return HostileBytes("O8_" + std::move(name), OnnxModel(g), {0, 5}, {}, {verb});
}

std::vector<HostileCase> GrowthCases() {
  std::vector<HostileCase> c;
  for (const std::string verb : {"check", "inspect"}) {
    const std::string tail = verb == "check" ? "Checked" : "Inspected";
    c.push_back(Grows("ConstantOfShape" + tail, "ConstantOfShape", {"shape"}, verb));
    c.push_back(Grows("Tile" + tail, "Tile", {"one", "shape"}, verb));
    c.push_back(Grows("Expand" + tail, "Expand", {"one", "shape"}, verb));
    c.push_back(Grows("Range" + tail, "Range", {"zero", "end", "step"}, verb));
  }
  OnnxGraph huge;
  huge.Init<int64_t>("shape", {2}, {int64_t{1} << 31, int64_t{1} << 31});
  huge.Node("ConstantOfShape", {"shape"}, {"big"}).Node("ReduceMax", {"big"}, {"y"}).Output("y", DataType::kFloat);
  c.push_back(HostileBytes("O8_MoreThanAnyMemory", OnnxModel(huge), {3, 5}, {}, {"run", "-q"}));
  c.push_back({"O9_LargerThanTwoGigabytes",
               [](Dir dir) {
                 // 2.2 GB of a field that nobody knows, as a hole in the file.
                 const int64_t size = int64_t{2200} << 20;
                 ProtoBytes head;
                 head.Tag(1000, 2).RawVarint(static_cast<uint64_t>(size));
                 const std::string model = OnnxModel(OneNode("Relu", {}));
                 const std::string path = dir.Write("large.onnx", model + head.str());
                 const auto all = static_cast<off_t>(static_cast<int64_t>(model.size() + head.str().size()) + size);
                 EXPECT_EQ(truncate(path.c_str(), all), 0);
                 return path;
               },
               {0}});
  return c;
}

class HostileOnnx : public ::testing::TestWithParam<HostileCase> {};
TEST_P(HostileOnnx, IsMet) { MeetHostile(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Tensor, HostileOnnx, ::testing::ValuesIn(TensorCases()), HostileName);
INSTANTIATE_TEST_SUITE_P(Wire, HostileOnnx, ::testing::ValuesIn(WireCases()), HostileName);
INSTANTIATE_TEST_SUITE_P(Structure, HostileOnnx, ::testing::ValuesIn(StructureCases()), HostileName);
INSTANTIATE_TEST_SUITE_P(Attribute, HostileOnnx, ::testing::ValuesIn(AttributeCases()), HostileName);
INSTANTIATE_TEST_SUITE_P(Growth, HostileOnnx, ::testing::ValuesIn(GrowthCases()), HostileName);

}  // namespace
}  // namespace godwit::testing
