// Operators behind a model's outputs.
#include "passes/append.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "exec/session.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"

namespace godwit {
namespace {

Graph TwoOutputs() {
  auto graph = ParseGraph(R"(graph g {
    const %s: f32[] = [0.5]
    const %z: i8[] = [3]
    main (%x: f32[1,3,2,2]) {
      %y: f32[1,3,2,2] = neg(%x)
      %q: i8[1,3,2,2]{scales=[0.5],zeros=[3]} = quantize(%x, %s, %z, to=i8)
      yield(%y as logits, %q as stored)
    }
  })",
                          ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  return *std::move(graph);
}

Result<Graph> With(std::string_view text, PortLayout own = PortLayout::kChannelsFirst) {
  TRY(const Append wish, ParseAppend(text));
  Graph graph = TwoOutputs();
  RETURN_IF_ERROR(ApplyAppend(wish, own, &graph));
  RETURN_IF_ERROR(VerifyGraph(graph));
  return graph;
}

std::string TypeOf(std::string_view text, size_t output, PortLayout own = PortLayout::kChannelsFirst) {
  const auto graph = With(text, own);
  if (!graph.ok()) return graph.diag().id;
  EXPECT_EQ(graph->output_names, (std::vector<std::string>{"logits", "stored"}));
  return graph->value(graph->region(Graph::main()).results[output]).type.ToString();
}

TEST(Append, PlacesOfTheLargest) {
  EXPECT_EQ(TypeOf("logits=argmax", 0), "i64[1,2,2]");
  EXPECT_EQ(TypeOf("logits=argmax", 0, PortLayout::kChannelsLast), "i64[1,3,2]");
  EXPECT_EQ(TypeOf("logits=argmax:axis=-2:keep:type=i32", 0), "i32[1,3,1,2]");
  EXPECT_EQ(TypeOf("logits=argmax", 1), "i8[1,3,2,2]{scales=[0.5],zeros=[3]}");
  const auto graph = With("logits=argmin:axis=1");
  ASSERT_TRUE(graph.ok());
  Session session(*graph, {});
  const auto y = session.Run({Tensor::F32({1, 3, 2, 2}, {1, 2, 3, 4, 9, 0, 0, 0, 5, 6, 7, 1})});
  ASSERT_TRUE(y.ok());
  // Of what is negated the least is the largest.
  const Tensor& places = (*y)[0].tensor;
  EXPECT_EQ(std::vector<int64_t>(places.data<int64_t>(), places.data<int64_t>() + 4),
            (std::vector<int64_t>{1, 2, 2, 0}));
}

TEST(Append, BehindAllOutputs) {
  EXPECT_EQ(TypeOf("softmax:axis=1", 0), "f32[1,3,2,2]");
  // Integers that stand for numbers become these.
  EXPECT_EQ(TypeOf("sigmoid", 1), "f32[1,3,2,2]");
  EXPECT_EQ(TypeOf("tanh", 0), "f32[1,3,2,2]");
}

TEST(Append, WhatDoesNotFitIsSaid) {
  for (const std::string_view text :
       {"", "relu", "argmax:axis=x", "sigmoid:axis=1", "softmax:keep", "=argmax", "a=b"}) {
    EXPECT_EQ(TypeOf(text, 0), "cli.usage") << text;
  }
  EXPECT_EQ(TypeOf("logit=softmax", 0), "pass.edge");
  EXPECT_EQ(TypeOf("logits=softmax:axis=4", 0), "pass.edge");
}

TEST(Append, NamesMayLookLikeMore) {
  const auto wish = ParseAppend("a=b:0=softmax:axis=-1");
  ASSERT_TRUE(wish.ok());
  EXPECT_EQ(wish->output, "a=b:0");
  EXPECT_EQ(wish->op, "softmax");
  EXPECT_EQ(wish->axis, -1);
}

}  // namespace
}  // namespace godwit
