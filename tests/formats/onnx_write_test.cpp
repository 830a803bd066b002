#include "formats/onnx/write.h"

#include <gtest/gtest.h>

#include "formats/onnx/parse.h"
#include "formats/onnx/tensor_data.h"
#include "support/onnx_builder.h"
#include "support/temp_dir.h"

namespace godwit::onnx {
namespace {

using testing::IdOf;
using testing::OnnxAttr;
using testing::OnnxGraph;
using testing::OnnxModel;
using testing::OnnxTensor;
using testing::OnnxType;
using testing::ProtoBytes;
using testing::TempDir;

std::string Again(const std::string& bytes) {
  const auto model = ParseModel(AsBytes(bytes), {}, nullptr);
  EXPECT_TRUE(model.ok());
  return model.ok() ? SerializeModel(*model) : "";
}

std::string Sample() {
  OnnxGraph body("body");
  body.Node("Identity", {"x"}, {"r"}).UntypedOutput("r");
  OnnxGraph g("main");
  g.Node("If", {"c"}, {"y"}, {OnnxAttr("then_branch", body), OnnxAttr("else_branch", body)});
  g.Node("Op", {"x", "", "w"}, {"z"},
         {OnnxAttr("f", 0.0F), OnnxAttr("i", 0), OnnxAttr("s", ""), OnnxAttr("ints", {1, -2}),
          OnnxAttr("floats", {1.0F}), OnnxAttr("strings", {"a", ""}), OnnxAttr("t", OnnxTensor<int8_t>("", {1}, {7})),
          OnnxAttr("tp", OnnxType::Optional(OnnxType::Sequence(OnnxType(DataType::kBool, {"N", "", 3})))),
          OnnxAttr("map", OnnxType::Map(DataType::kString, OnnxType(DataType::kFloat))),
          OnnxAttr("sparse", OnnxType::SparseTensor(DataType::kFloat, {2}))},
         "custom");
  g.Init("w", {2}, {1.0F, 2.0F});
  g.InitTensor(ProtoBytes().Int(1, 2).Int(2, 1).PackedFloats(4, std::vector<float>{1, 2}).Bytes(8, "packed"));
  g.InitTensor(ProtoBytes().Int(1, 2).Int(2, 7).Int(7, 5).Int(7, -6).Bytes(8, "loose"));
  g.InitTensor(testing::OnnxStringTensor("strings", {1}, {"x"}));
  g.InitTensor(ProtoBytes()
                   .Int(1, 1)
                   .Int(2, 1)
                   .Bytes(8, "e")
                   .Message(13, ProtoBytes().Bytes(1, "location").Bytes(2, "w.bin"))
                   .Int(14, 1));
  g.Input("x", DataType::kFloat, {1, "H"}).Output("z", DataType::kFloat, {}).Value("y", OnnxType(DataType::kFloat));
  testing::OnnxFunction f("custom", "Op", {"a"}, {"b"}, {"alpha"});
  f.Node("Elu", {"a"}, {"b"}, {OnnxAttr::Reference("alpha", "alpha", 1)}).Opset("", 21).Default(OnnxAttr("beta", 1));
  return OnnxModel(g, {.other_opsets = {{"custom", 1}}, .functions = {f}});
}

// One trip may reorder fields; from then on the bytes stand still.
TEST(OnnxWrite, WhatIsWrittenReadsBackTheSame) {
  const std::string once = Again(Sample());
  EXPECT_EQ(Again(once), once);
  const auto model = ParseModel(AsBytes(once), {}, nullptr);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(ModelBytes(*model), once.size());
  const Graph& g = model->graph;
  EXPECT_EQ(g.nodes[0].FindAttribute("else_branch")->g()->nodes[0].op_type, "Identity");
  const Node& n = g.nodes[1];
  EXPECT_EQ(n.inputs.size(), 3U);
  EXPECT_EQ(n.domain, "custom");
  EXPECT_EQ(n.FindAttribute("f")->type, AttributeType::kFloat);
  EXPECT_EQ(n.FindAttribute("s")->type, AttributeType::kString);
  EXPECT_EQ(n.FindAttribute("ints")->ints()[1], -2);
  EXPECT_EQ(n.FindAttribute("strings")->strings().size(), 2U);
  EXPECT_EQ(n.FindAttribute("tp")->tp()->element->element->shape[0].param, "N");
  EXPECT_EQ(n.FindAttribute("map")->tp()->elem_type, DataType::kString);
  EXPECT_TRUE(g.outputs[0].type->has_shape);
  EXPECT_FALSE(g.value_infos[0].type->has_shape);
  EXPECT_EQ(model->functions[0].nodes[0].attributes[0].ref_name, "alpha");
  for (const size_t i : {0U, 1U, 2U, 3U}) EXPECT_EQ(IdOf(DecodeTensor(g.initializers[i], {}, nullptr)), "") << i;
  EXPECT_EQ(g.initializers[4].external_data()[0].value, "w.bin");
}

TEST(OnnxWrite, StreamsToAFile) {
  const std::string bytes = Sample();
  const auto model = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(model.ok());
  const TempDir dir;
  auto file = AtomicFile::Create(dir.Path("m.onnx"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteModel(*model, &*file).ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(TempDir::Read(dir.Path("m.onnx")), SerializeModel(*model));
}

TEST(OnnxWrite, FailureOfTheFileIsReported) {
  OnnxGraph g;
  g.Init("w", {100000}, std::vector<float>(100000, 1.0F));
  const std::string bytes = OnnxModel(g);
  const auto model = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(model.ok());
  auto file = AtomicFile::Create("/dev/full");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(IdOf(WriteModel(*model, &*file)), "file.write");
}

// Views need no file behind them: a tensor made in memory is written from where it lies.
TEST(OnnxWrite, TensorsMadeInMemory) {
  const std::vector<int64_t> dims = {2};
  const std::vector<float> values = {1.0F, 2.0F};
  Tensor tensor;
  tensor.name = "t";
  tensor.dims = dims;
  tensor.data_type = DataType::kFloat;
  tensor.raw_data = std::as_bytes(std::span(values));
  EXPECT_EQ(SerializeTensor(tensor), OnnxTensor<float>("t", {2}, values).str());
}

}  // namespace
}  // namespace godwit::onnx
