#include "passes/ports.h"

#include <gtest/gtest.h>

#include "exec/session.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"

namespace godwit {
namespace {

Graph Model() {
  auto graph = ParseGraph(R"(graph {
    main (%x: f32[1,2,1,3], %k: f32[2]) {
      %y: f32[1,2,1,3] = neg(%x)
      yield(%y, %x)
    }
  })",
                          ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  return *std::move(graph);
}

std::vector<LayoutWish> Wishes(std::initializer_list<const char*> texts) {
  std::vector<LayoutWish> out;
  for (const char* text : texts) EXPECT_TRUE(AddLayoutWish(text, &out).ok()) << text;
  return out;
}

std::string TypeOfInput(const Graph& graph, size_t i) {
  return graph.value(graph.region(Graph::main()).params[i]).type.ToString();
}
std::string TypeOfOutput(const Graph& graph, size_t i) {
  return graph.value(graph.region(Graph::main()).results[i]).type.ToString();
}

TEST(Ports, ChannelsLastAtEveryPicture) {
  Graph graph = Model();
  ASSERT_TRUE(ApplyLayouts(Wishes({"nhwc"}), PortLayout::kChannelsFirst, &graph).ok());
  EXPECT_EQ(TypeOfInput(graph, 0), "f32[1,1,3,2]");
  EXPECT_EQ(TypeOfInput(graph, 1), "f32[2]");
  EXPECT_EQ(TypeOfOutput(graph, 0), "f32[1,1,3,2]");
  EXPECT_EQ(TypeOfOutput(graph, 1), "f32[1,1,3,2]");
  EXPECT_TRUE(VerifyGraph(graph).ok());
  const auto out = Session(graph, {}).Run(
      {RtValue(Tensor::F32({1, 1, 3, 2}, {1, 2, 3, 4, 5, 6})), RtValue(Tensor::F32({2}, {0, 0}))});
  ASSERT_TRUE(out.ok()) << out.diag().what;
  EXPECT_EQ((*out)[0].tensor.span<float>()[1], -2);
  EXPECT_EQ((*out)[1].tensor.span<float>()[5], 6);
}

TEST(Ports, NamedOnesAreFirst) {
  Graph graph = Model();
  ASSERT_TRUE(ApplyLayouts(Wishes({"nhwc", "x=nchw"}), PortLayout::kChannelsFirst, &graph).ok());
  EXPECT_EQ(TypeOfInput(graph, 0), "f32[1,2,1,3]");
  EXPECT_EQ(TypeOfOutput(graph, 0), "f32[1,1,3,2]");
}

TEST(Ports, NothingMovesWithoutAWish) {
  Graph graph = Model();
  ASSERT_TRUE(ApplyLayouts(Wishes({"keep"}), PortLayout::kChannelsFirst, &graph).ok());
  ASSERT_TRUE(ApplyLayouts(Wishes({"nchw"}), PortLayout::kChannelsFirst, &graph).ok());
  EXPECT_EQ(graph.region(Graph::main()).nodes.size(), 1U);
}

TEST(Ports, LayoutsThatDoNotFitAreRefused) {
  std::vector<LayoutWish> wishes;
  for (const char* text : {"nhcw", "=nhwc", "x=keep"}) EXPECT_FALSE(AddLayoutWish(text, &wishes).ok()) << text;
  for (const char* text : {"z=nhwc", "k=nhwc"}) {
    Graph graph = Model();
    const Status status = ApplyLayouts(Wishes({text}), PortLayout::kChannelsFirst, &graph);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.diag().id, "pass.edge");
  }
}

TEST(Ports, PixelsAreMadeReady) {
  Graph graph = Model();
  const auto wish = ParsePreprocess("x=u8,rgb->bgr,mean=1,2,scale=0.5");
  ASSERT_TRUE(wish.ok()) << wish.diag().what;
  ASSERT_TRUE(ApplyPreprocess(*wish, PortLayout::kChannelsFirst, &graph).ok());
  EXPECT_EQ(TypeOfInput(graph, 0), "u8[1,2,1,3]");
  EXPECT_TRUE(VerifyGraph(graph).ok());
  const std::vector<uint8_t> pixels = {10, 20, 30, 40, 50, 60};
  const auto out = Session(graph, {}).Run(
      {RtValue(Tensor::Of<uint8_t>(DType::kU8, {1, 2, 1, 3}, pixels)), RtValue(Tensor::F32({2}, {0, 0}))});
  ASSERT_TRUE(out.ok()) << out.diag().what;
  // Channel 0 of the model is the second that is fed.
  const std::span<const float> y = (*out)[1].tensor.span<float>();
  EXPECT_EQ(y[0], (40 - 1) * 0.5F);
  EXPECT_EQ(y[5], (30 - 2) * 0.5F);
}

TEST(Ports, PreprocessingThatDoesNotFitIsRefused) {
  for (const char* text : {"x", "=u8", "x=hsv", "x=mean=a", "x=5"}) EXPECT_FALSE(ParsePreprocess(text).ok()) << text;
  for (const char* text : {"z=u8", "x=mean=1,2,3"}) {
    Graph graph = Model();
    const Status status = ApplyPreprocess(*ParsePreprocess(text), PortLayout::kChannelsFirst, &graph);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.diag().id, "pass.edge");
  }
}

}  // namespace
}  // namespace godwit
