#include "formats/onnx/parse.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "base/mapped_file.h"
#include "formats/onnx/tensor_data.h"
#include "formats/onnx/walk.h"
#include "support/onnx_builder.h"
#include "support/temp_dir.h"

namespace godwit::onnx {
namespace {

using testing::IdOf;
using testing::OnnxAttr;
using testing::OnnxFunction;
using testing::OnnxGraph;
using testing::OnnxModel;
using testing::OnnxNode;
using testing::OnnxTensor;
using testing::OnnxType;
using testing::ProtoBytes;

std::string ParseId(const std::string& bytes, const Limits& limits = {}) {
  return IdOf(ParseModel(AsBytes(bytes), limits, nullptr));
}

// A model that has something of every message.
std::string RichModel() {
  OnnxGraph branch("branch");
  branch.Init("b", {1}, {1.0F}).Node("Identity", {"b"}, {"r"}).UntypedOutput("r");
  const OnnxType tensor(DataType::kFloat, {1});
  OnnxGraph g("main");
  g.Input("x", DataType::kFloat, {"N", 3, "", 8}).Input("c", DataType::kBool, {});
  g.Input("seq", OnnxType::Sequence(OnnxType::Optional(tensor)));
  g.Input("map", OnnxType::Map(DataType::kInt64, tensor)).Input("sp", OnnxType::SparseTensor(DataType::kInt8, {2, 2}));
  g.Init("w", {2, 2}, {1.0F, 2.0F, 3.0F, 4.0F});
  g.InitTensor(testing::OnnxStringTensor("s", {2}, {"one", "two"}));
  g.Add(15, ProtoBytes()
                .Message(1, OnnxTensor<float>("sparse", {1}, {5.0F}))
                .Message(2, OnnxTensor<int64_t>("", {1}, {3}))
                .Int(3, 2)
                .Int(3, 2));
  g.Add(14, ProtoBytes().Bytes(1, "w").Message(2, ProtoBytes().Bytes(1, "SCALE_TENSOR").Bytes(2, "scale")));
  g.Node("If", {"c"}, {"y"}, {OnnxAttr("then_branch", branch), OnnxAttr("else_branch", branch)}, "", "choose");
  g.Node("Everything", {"x", "", "w"}, {"z", ""},
         {OnnxAttr("f", 0.5F), OnnxAttr("i", -3), OnnxAttr("s", "text"), OnnxAttr("floats", {1.0F, 2.0F}),
          OnnxAttr("ints", {1, -2}), OnnxAttr("strings", {"a", "b"}), OnnxAttr("t", OnnxTensor<int64_t>("", {}, {7})),
          OnnxAttr("tp", tensor)},
         "custom.domain");
  g.Value("y", tensor).Output("y", DataType::kFloat).Output("z", DataType::kFloat, {});
  OnnxFunction f("custom.domain", "Everything", {"x"}, {"y"}, {"alpha"});
  f.Node("Scale", {"x"}, {"y"}, {OnnxAttr::Reference("scale", "alpha", 1)}).Default(OnnxAttr("beta", 1.0F));
  f.Opset("", 21);
  return OnnxModel(g, {.opset = 21, .other_opsets = {{"custom.domain", 1}}, .functions = {f}}) +
         ProtoBytes()
             .Message(14, ProtoBytes().Bytes(1, "key").Bytes(2, "value"))
             .Message(20, ProtoBytes().Message(1, OnnxGraph("init").proto()))
             .Bytes(26, "config")
             .Int(99, 5)
             .str();
}

TEST(OnnxParse, ShowsEveryMessage) {
  const std::string bytes = RichModel();
  const auto parsed = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(parsed.ok()) << FormatDiag(parsed.diag());
  const Model& m = *parsed;
  EXPECT_EQ(m.ir_version, 10);
  EXPECT_EQ(m.producer_name, "test");
  ASSERT_EQ(m.opset_imports.size(), 2U);
  EXPECT_EQ(m.opset_imports[1].domain, "custom.domain");
  EXPECT_EQ(m.metadata[0].value, "value");
  EXPECT_EQ(m.training_infos[0].initialization->name, "init");
  EXPECT_EQ(AsText(m.configurations[0]), "config");

  const Graph& g = m.graph;
  EXPECT_EQ(g.name, "main");
  ASSERT_EQ(g.inputs.size(), 5U);
  const Type& x = *g.inputs[0].type;
  ASSERT_EQ(x.shape.size(), 4U);
  EXPECT_EQ(x.shape[0].param, "N");
  EXPECT_EQ(x.shape[1].value, 3);
  EXPECT_EQ(x.shape[2].kind, Dim::Kind::kUnknown);
  EXPECT_TRUE(g.inputs[1].type->has_shape);
  EXPECT_TRUE(g.inputs[1].type->shape.empty());
  EXPECT_EQ(g.inputs[2].type->kind, Type::Kind::kSequence);
  EXPECT_EQ(g.inputs[2].type->element->kind, Type::Kind::kOptional);
  EXPECT_EQ(g.inputs[2].type->element->element->elem_type, DataType::kFloat);
  EXPECT_EQ(g.inputs[3].type->kind, Type::Kind::kMap);
  EXPECT_EQ(g.inputs[3].type->elem_type, DataType::kInt64);
  EXPECT_EQ(g.inputs[4].type->kind, Type::Kind::kSparseTensor);
  EXPECT_FALSE(g.outputs[0].type->has_shape);
  EXPECT_TRUE(g.outputs[1].type->has_shape);
  EXPECT_EQ(g.initializers.size(), 2U);
  EXPECT_EQ(g.sparse_initializers[0].values.name, "sparse");
  EXPECT_EQ(g.sparse_initializers[0].dims.size(), 2U);
  EXPECT_EQ(g.annotations[0].parameters[0].value, "scale");
  EXPECT_EQ(g.value_infos[0].name, "y");

  ASSERT_EQ(g.nodes.size(), 2U);
  EXPECT_EQ(g.nodes[0].name, "choose");
  EXPECT_EQ(g.nodes[0].FindAttribute("else_branch")->g()->nodes[0].op_type, "Identity");
  const Node& n = g.nodes[1];
  EXPECT_EQ(n.domain, "custom.domain");
  ASSERT_EQ(n.inputs.size(), 3U);
  EXPECT_EQ(n.inputs[1], "");
  EXPECT_EQ(n.FindAttribute("f")->f, 0.5F);
  EXPECT_EQ(n.FindAttribute("i")->i, -3);
  EXPECT_EQ(n.FindAttribute("s")->s(), "text");
  EXPECT_EQ(n.FindAttribute("floats")->floats()[1], 2.0F);
  EXPECT_EQ(n.FindAttribute("ints")->ints()[1], -2);
  EXPECT_EQ(n.FindAttribute("strings")->strings()[1], "b");
  EXPECT_EQ(n.FindAttribute("t")->t()->data_type, DataType::kInt64);
  EXPECT_EQ(n.FindAttribute("tp")->tp()->elem_type, DataType::kFloat);
  EXPECT_EQ(n.FindAttribute("ints")->floats().size(), 0U);
  EXPECT_EQ(n.FindAttribute("f")->t(), nullptr);
  EXPECT_EQ(n.FindAttribute("none"), nullptr);

  const Function& f = m.functions[0];
  EXPECT_EQ(f.domain, "custom.domain");
  EXPECT_EQ(f.attributes[0], "alpha");
  EXPECT_EQ(f.attributes_with_default[0].name, "beta");
  EXPECT_EQ(f.nodes[0].attributes[0].ref_name, "alpha");
  EXPECT_EQ(f.opset_imports[0].version, 21);

  size_t tensors = 0;
  ForEachTensor(m, [&](const Tensor&) { ++tensors; });
  EXPECT_EQ(tensors, 7U);  // w, s, sparse values and indices, two in branches, one attribute
}

// Every prefix of a model is refused or read, and never touches a byte beyond it (the sanitizers see to that).
TEST(OnnxParse, TruncationAtEveryByte) {
  const std::string bytes = RichModel();
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<char> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    const auto model = ParseModel(AsBytes({exact.data(), exact.size()}), {}, nullptr);
    if (model.ok()) ForEachTensor(*model, [](const Tensor& t) { (void)DecodeTensor(t, {}, nullptr).ok(); });
    const Exit exit = model.ok() ? Exit::kDone : model.diag().exit;
    EXPECT_TRUE(exit == Exit::kDone || exit == Exit::kMalformed) << n;
  }
}

TEST(OnnxParse, FlippedBitsNeverCrash) {
  const std::string bytes = RichModel();
  std::mt19937_64 random(7);
  for (int i = 0; i < 10000; ++i) {
    std::string damaged = bytes;
    const size_t bit = random() % (8 * bytes.size());
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto model = ParseModel(AsBytes(damaged), {}, nullptr);
    if (!model.ok()) {
      EXPECT_TRUE(model.diag().exit == Exit::kMalformed || model.diag().exit == Exit::kLimit) << i;
      continue;
    }
    ForEachTensor(*model, [](const Tensor& t) { (void)DecodeTensor(t, {}, nullptr).ok(); });
    for (const SparseTensor& s : model->graph.sparse_initializers) (void)DecodeSparse(s, {}, nullptr).ok();
  }
}

TEST(OnnxParse, TypeOfAnAttributeIsInferredWhenItIsMissing) {
  OnnxGraph g;
  const ProtoBytes attr = ProtoBytes().Bytes(1, "axes").PackedInts(8, std::vector<int>{1, 2});
  g.Add(1, ProtoBytes().Bytes(4, "Op").Message(5, attr));
  const std::string bytes = OnnxModel(g);
  const auto m = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(m.ok());
  const Attribute& a = m->graph.nodes[0].attributes[0];
  EXPECT_EQ(a.type, AttributeType::kInts);
  EXPECT_EQ(a.ints().size(), 2U);
  EXPECT_EQ(AttributeTypeName(a.type), "INTS");
}

TEST(OnnxParse, AttributeWhoseTypeLiesHoldsNothing) {
  OnnxGraph g;
  g.Add(1, ProtoBytes().Message(5, ProtoBytes().Bytes(1, "t").Int(20, 4).Int(3, 1)));
  const std::string bytes = OnnxModel(g);
  const auto m = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m->graph.nodes[0].attributes[0].t(), nullptr);
}

TEST(OnnxParse, RefusesWhatIsNoModel) {
  EXPECT_EQ(ParseId(""), "onnx.no_graph");
  EXPECT_EQ(ParseId(ProtoBytes().Int(1, 8).Bytes(2, "producer").str()), "onnx.no_graph");
  const std::string graph = OnnxGraph().proto().str();
  EXPECT_EQ(ParseId(ProtoBytes().Bytes(7, graph).Bytes(7, graph).str()), "proto.duplicate");
  EXPECT_EQ(ParseId(ProtoBytes().Int(7, 1).str()), "proto.wire_type");
}

TEST(OnnxParse, NewerVersionsAreReadWithAWarning) {
  const std::string bytes = OnnxModel(OnnxGraph(), {.ir_version = 99});
  DiagSink warnings;
  EXPECT_TRUE(ParseModel(AsBytes(bytes), {}, &warnings).ok());
  ASSERT_EQ(warnings.warning_count(), 1U);
  EXPECT_EQ(warnings.all()[0].id, "onnx.ir_newer");
  EXPECT_FALSE(warnings.has_errors());
}

TEST(OnnxParse, LimitsHold) {
  OnnxGraph g;
  for (int i = 0; i < 11; ++i) g.Node("Relu", {"x"}, {"y"});
  g.InitTensor(OnnxTensor<float>("a", std::vector<int64_t>(33, 1), {1.0F}));
  Limits limits;
  limits.nodes = 10;
  EXPECT_EQ(ParseId(OnnxModel(g), limits), "limit.exceeded");
  EXPECT_EQ(ParseId(OnnxModel(g)), "limit.exceeded");  // rank 33
  limits = {};
  limits.rank = 33;
  EXPECT_EQ(ParseId(OnnxModel(g), limits), "");
  limits.tensors = 0;
  EXPECT_EQ(ParseId(OnnxModel(g), limits), "limit.exceeded");
  limits.tensors = 1;
  limits.view_bytes = -static_cast<int64_t>(OnnxModel(g).size());
  EXPECT_EQ(ParseId(OnnxModel(g), limits), "limit.exceeded");
}

TEST(OnnxParse, NestingIsBounded) {
  const auto nested = [](int levels) {
    OnnxGraph inner;
    for (int i = 1; i < levels; ++i) {
      OnnxGraph outer;
      outer.Node("If", {"c"}, {"y"}, {OnnxAttr("then_branch", inner)});
      inner = outer;
    }
    return OnnxModel(inner);
  };
  EXPECT_EQ(ParseId(nested(16)), "");
  EXPECT_EQ(ParseId(nested(17)), "limit.exceeded");
  EXPECT_EQ(ParseId(nested(200)), "limit.exceeded");

  OnnxType type(DataType::kFloat, {1});
  for (int i = 0; i < 10000; ++i) type = OnnxType::Sequence(type);
  OnnxGraph g;
  g.Input("x", type);
  EXPECT_EQ(ParseId(OnnxModel(g)), "limit.exceeded");
}

TEST(OnnxParse, ManyNodesAreReadInProportion) {
  OnnxGraph g;
  for (int i = 0; i < 100000; ++i) g.Node("Relu", {std::to_string(i)}, {std::to_string(i + 1)});
  const std::string bytes = OnnxModel(g);
  const auto m = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(m.ok()) << FormatDiag(m.diag());
  EXPECT_EQ(m->graph.nodes.size(), 100000U);
  EXPECT_EQ(m->graph.nodes[99999].outputs[0], "100000");
}

// A hole in the file stands for the weights, so the test takes no disk; reading it would take long enough to notice.
TEST(OnnxParse, FilesBeyondTwoGigabytes) {
  constexpr uint64_t kWeights = uint64_t{5} << 30;
  const auto varint_bytes = [](uint64_t v) { return ProtoBytes().RawVarint(v).str().size(); };
  const std::string tensor =
      ProtoBytes().Int(1, kWeights / 4).Int(2, 1).Bytes(8, "w").Tag(9, 2).RawVarint(kWeights).str();
  const uint64_t tensor_bytes = tensor.size() + kWeights;
  const uint64_t graph_bytes = 1 + varint_bytes(tensor_bytes) + tensor_bytes;
  const std::string head =
      ProtoBytes().Int(1, 10).Tag(7, 2).RawVarint(graph_bytes).Tag(5, 2).RawVarint(tensor_bytes).Raw(tensor).str();
  const testing::TempDir dir;
  const std::string path = dir.Write("big.onnx", head);
  if (truncate(path.c_str(), static_cast<off_t>(head.size() + kWeights)) != 0) GTEST_SKIP() << "no sparse files here";
  const std::string tail = ProtoBytes().Message(8, ProtoBytes().Int(2, 17)).str();
  std::ofstream(path, std::ios::binary | std::ios::app) << tail;
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok());
  const auto m = ParseModel((*file)->bytes(), {}, nullptr);
  ASSERT_TRUE(m.ok()) << FormatDiag(m.diag());
  EXPECT_EQ(m->opset_imports[0].version, 17);
  const auto data = DecodeTensor(m->graph.initializers[0], {}, nullptr);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->bytes.size(), kWeights);
}

// Two bytes a tensor: the views of so many would be far larger than the file.
TEST(OnnxParse, StructureMayNotOutgrowTheFile) {
  ProtoBytes graph;
  for (int i = 0; i < 2000000; ++i) graph.Bytes(5, "");
  EXPECT_EQ(ParseId(ProtoBytes().Message(7, graph).str()), "limit.exceeded");
}

TEST(OnnxParse, NamesMayHoldAnything) {
  const std::string odd("a\0\n\x1b[31m\xff../b", 13);
  OnnxGraph g;
  g.Node("Relu", {odd}, {odd});
  const std::string bytes = OnnxModel(g);
  const auto m = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m->graph.nodes[0].inputs[0], odd);
  OnnxGraph longer;
  longer.Node("Relu", {std::string(65537, 'x')}, {"y"});
  EXPECT_EQ(ParseId(OnnxModel(longer)), "limit.exceeded");
}

TEST(OnnxParse, ValuesOfTestData) {
  const std::string tensor = OnnxTensor<int32_t>("t", {2}, {1, 2}).str();
  const std::string sequence = ProtoBytes().Bytes(1, "s").Int(2, 1).Bytes(3, tensor).Bytes(3, tensor).str();
  const auto t = ParseTensor(AsBytes(tensor), {});
  ASSERT_TRUE(t.ok());
  EXPECT_EQ(t->value.dims[0], 2);
  const auto s = ParseSequence(AsBytes(sequence), {});
  ASSERT_TRUE(s.ok());
  EXPECT_EQ(s->value.kind, ElementKind::kTensor);
  EXPECT_EQ(s->value.tensors.size(), 2U);
  const std::string optional = ProtoBytes().Bytes(1, "o").Int(2, 3).Bytes(5, sequence).str();
  const auto o = ParseOptional(AsBytes(optional), {});
  ASSERT_TRUE(o.ok());
  EXPECT_EQ(o->value.sequence->tensors.size(), 2U);
  const std::string map = ProtoBytes().Int(2, 7).PackedInts(3, std::vector<int>{4, 5}).Bytes(5, sequence).str();
  const auto m = ParseMap(AsBytes(map), {});
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m->value.keys[1], 5);
  EXPECT_EQ(m->value.values->tensors.size(), 2U);
  EXPECT_TRUE(ParseType(AsBytes(OnnxType(DataType::kFloat).proto().str()), {}).ok());
  EXPECT_TRUE(ParseSparseTensor(AsBytes(ProtoBytes().Bytes(1, tensor).str()), {}).ok());
  ProtoBytes deep;
  for (int i = 0; i < 500; ++i) deep = ProtoBytes().Message(7, deep);
  EXPECT_EQ(IdOf(ParseOptional(AsBytes(deep.str()), {})), "limit.exceeded");
}

}  // namespace
}  // namespace godwit::onnx
