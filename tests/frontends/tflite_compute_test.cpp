// Operators of TFLite, read and run: what comes out is what the runtime's documents and kernels say.
#include <gtest/gtest.h>

#include "ops/arithmetic.h"
#include "ops/ops.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Ints = TfliteBuilder::Ints;
using Values = std::vector<float>;
using Set = tflite::OptionsSetter;

Tensor Numbers(const Dims& dims, const Values& values) { return Tensor::F32(dims, values); }

// One operator on one input of floats with constants behind it.
struct OneOp {
  std::string name;
  B op;
  Ints in_shape;
  Values in;
  std::vector<std::pair<Ints, std::vector<int32_t>>> ints;  ///< further operands, i32
  Ints out_shape;
  Values out;
  TfliteBuilder::Fill fill = {};
  std::vector<std::pair<Ints, Values>> floats = {};  ///< further operands behind those, f32
};

Dims ToDims(const Ints& shape) { return {shape.begin(), shape.end()}; }

void Check(const OneOp& c) {
  SCOPED_TRACE(c.name);
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, c.in_shape);
  Ints operands{x};
  for (const auto& [shape, values] : c.ints) operands.push_back(b.I32(shape, values));
  for (const auto& [shape, values] : c.floats) operands.push_back(b.F32(shape, values));
  const int32_t y = b.Add("y", T::kFloat32, c.out_shape);
  b.Emit(c.op, operands, {y}, c.fill);
  b.Outputs({y});
  const Graph graph = b.Import();
  const auto results = RunOnce(graph, {Numbers(ToDims(c.in_shape), c.in)});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].dims(), ToDims(c.out_shape));
  const std::vector<float> got = Floats(results[0]);
  ASSERT_EQ(got.size(), c.out.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], c.out[i], 1e-6F) << i;
}

TfliteBuilder::Fill Pool(int w, int h, tflite::Padding padding = tflite::Padding::kValid) {
  return [=](Set& s) {
    s.Int("filter_width", w).Int("filter_height", h).Int("stride_w", w).Int("stride_h", h).Enum("padding", padding);
  };
}

TEST(TfliteOperators, Elementwise) {
  Check({"ABS", B::kAbs, {3}, {-1, 0, 2}, {}, {3}, {1, 0, 2}});
  Check({"NEG", B::kNeg, {2}, {-1, 2}, {}, {2}, {1, -2}});
  Check({"SQUARE", B::kSquare, {2}, {-3, 2}, {}, {2}, {9, 4}});
  Check({"RSQRT", B::kRsqrt, {2}, {4, 16}, {}, {2}, {0.5F, 0.25F}});
  Check({"ROUND", B::kRound, {4}, {0.5F, 1.5F, -0.5F, 2.4F}, {}, {4}, {0, 2, 0, 2}});
  Check({"RELU6", B::kRelu6, {3}, {-1, 3, 9}, {}, {3}, {0, 3, 6}});
  Check({"RELU_N1_TO_1", B::kReluN1To1, {3}, {-4, 0.5F, 9}, {}, {3}, {-1, 0.5F, 1}});
  Check({"RELU_0_TO_1", B::kRelu0To1, {3}, {-4, 0.5F, 9}, {}, {3}, {0, 0.5F, 1}});
  Check({"LEAKY_RELU", B::kLeakyRelu, {2}, {-2, 2}, {}, {2}, {-0.5F, 2}, [](Set& s) { s.Float("alpha", 0.25F); }});
  Check({"HARD_SWISH", B::kHardSwish, {3}, {-4, 0, 4}, {}, {3}, {0, 0, 4}});
  Check({"GELU", B::kGelu, {1}, {1}, {}, {1}, {0.84134475F}});
  Check({"FLOOR_DIV", B::kFloorDiv, {2}, {7, -7}, {}, {2}, {3, -4}, {}, {{{1}, {2}}}});
  Check({"FLOOR_MOD", B::kFloorMod, {2}, {7, -7}, {}, {2}, {1, 1}, {}, {{{1}, {2}}}});
  Check({"SQUARED_DIFFERENCE", B::kSquaredDifference, {2}, {1, 5}, {}, {2}, {4, 4}, {}, {{{1}, {3}}}});
  Check({"ATAN2",
         B::kAtan2,
         {4},
         {1, 1, -1, -1},
         {},
         {4},
         {0.78539816F, 2.3561945F, -0.78539816F, -2.3561945F},
         {},
         {{{4}, {1, -1, 1, -1}}}});
  Check({"PRELU",
         B::kPrelu,
         {1, 2, 2},
         {-1, -1, 2, -4},
         {},
         {1, 2, 2},
         {-0.5F, -0.25F, 2, -1},
         {},
         {{{2}, {0.5F, 0.25F}}}});
  Check({"ADD with relu",
         B::kAdd,
         {2},
         {1, -5},
         {},
         {2},
         {3, 0},
         [](Set& s) { s.Enum("fused_activation_function", tflite::ActivationFunctionType::kRelu); },
         {{{1}, {2}}}});
  Check({"FAKE_QUANT", B::kFakeQuant, {3}, {-1, 0.21F, 9}, {}, {3}, {0, 0.21176471F, 1}, [](Set& s) {
           s.Float("min", 0).Float("max", 1).Int("num_bits", 8);
         }});
}

TEST(TfliteOperators, Movement) {
  const Values six{1, 2, 3, 4, 5, 6};
  Check({"RESHAPE", B::kReshape, {2, 3}, six, {{{2}, {3, 2}}}, {3, 2}, six});
  Check({"RESHAPE by option", B::kReshape, {2, 3}, six, {}, {6}, six, [](Set& s) {
           s.Ints("new_shape", std::vector<int64_t>{-1});
         }});
  Check({"TRANSPOSE", B::kTranspose, {2, 3}, six, {{{2}, {1, 0}}}, {3, 2}, {1, 4, 2, 5, 3, 6}});
  Check({"EXPAND_DIMS", B::kExpandDims, {2, 3}, six, {{{}, {-1}}}, {2, 3, 1}, six});
  Check({"SQUEEZE", B::kSqueeze, {1, 6}, six, {}, {6}, six});
  Check({"SLICE", B::kSlice, {2, 3}, six, {{{2}, {0, 1}}, {{2}, {-1, 2}}}, {2, 2}, {2, 3, 5, 6}});
  Check({"STRIDED_SLICE",
         B::kStridedSlice,
         {2, 3},
         six,
         {{{2}, {1, 2}}, {{2}, {0, 0}}, {{2}, {1, -2}}},
         {2},
         {6, 4},
         [](Set& s) { s.Int("shrink_axis_mask", 1).Int("end_mask", 2); }});
  Check({"STRIDED_SLICE with a new axis",
         B::kStridedSlice,
         {2, 3},
         six,
         {{{2}, {0, 1}}, {{2}, {0, 2}}, {{2}, {1, 1}}},
         {1, 1, 3},
         {4, 5, 6},
         [](Set& s) { s.Int("new_axis_mask", 1); }});
  Check({"STRIDED_SLICE with an ellipsis",
         B::kStridedSlice,
         {2, 3},
         six,
         {{{2}, {0, 1}}, {{2}, {0, 3}}, {{2}, {1, 1}}},
         {2, 2},
         {2, 3, 5, 6},
         [](Set& s) { s.Int("ellipsis_mask", 1); }});
  Check({"PAD", B::kPad, {1, 2}, {1, 2}, {{{2, 2}, {0, 1, 1, 0}}}, {2, 3}, {0, 1, 2, 0, 0, 0}});
  Check(
      {"MIRROR_PAD symmetric", B::kMirrorPad, {3}, {1, 2, 3}, {{{1, 2}, {2, 1}}}, {6}, {2, 1, 1, 2, 3, 3}, [](Set& s) {
         s.Enum("mode", tflite::MirrorPadMode::kSymmetric);
       }});
  Check({"MIRROR_PAD reflect", B::kMirrorPad, {3}, {1, 2, 3}, {{{1, 2}, {2, 1}}}, {6}, {3, 2, 1, 2, 3, 2}, [](Set& s) {
           s.Enum("mode", tflite::MirrorPadMode::kReflect);
         }});
  Check({"REVERSE_V2", B::kReverseV2, {2, 3}, six, {{{1}, {1}}}, {2, 3}, {3, 2, 1, 6, 5, 4}});
  Check({"TILE", B::kTile, {2}, {1, 2}, {{{1}, {2}}}, {4}, {1, 2, 1, 2}});
  Check({"BROADCAST_TO", B::kBroadcastTo, {1, 2}, {1, 2}, {{{2}, {2, 2}}}, {2, 2}, {1, 2, 1, 2}});
  Check({"SPACE_TO_DEPTH", B::kSpaceToDepth, {1, 2, 2, 1}, {1, 2, 3, 4}, {}, {1, 1, 1, 4}, {1, 2, 3, 4}, [](Set& s) {
           s.Int("block_size", 2);
         }});
  Check({"DEPTH_TO_SPACE", B::kDepthToSpace, {1, 1, 1, 4}, {1, 2, 3, 4}, {}, {1, 2, 2, 1}, {1, 2, 3, 4}, [](Set& s) {
           s.Int("block_size", 2);
         }});
  Check({"SPACE_TO_BATCH_ND",
         B::kSpaceToBatchNd,
         {1, 2, 2, 1},
         {1, 2, 3, 4},
         {{{2}, {2, 2}}, {{2, 2}, {0, 0, 0, 0}}},
         {4, 1, 1, 1},
         {1, 2, 3, 4}});
  Check({"SPACE_TO_BATCH_ND padded",
         B::kSpaceToBatchNd,
         {1, 1, 3, 1},
         {1, 2, 3},
         {{{2}, {1, 2}}, {{2, 2}, {0, 0, 1, 0}}},
         {2, 1, 2, 1},
         {0, 2, 1, 3}});
  Check({"BATCH_TO_SPACE_ND",
         B::kBatchToSpaceNd,
         {4, 1, 1, 1},
         {1, 2, 3, 4},
         {{{2}, {2, 2}}, {{2, 2}, {0, 0, 1, 0}}},
         {1, 2, 1, 1},
         {2, 4}});
  Check({"DILATE", B::kDilate, {2, 2}, {1, 2, 3, 4}, {{{2}, {2, 1}}}, {3, 2}, {1, 2, 0, 0, 3, 4}, {}, {{{}, {0}}}});
  Check({"GATHER", B::kGather, {3, 2}, six, {{{2}, {2, 0}}}, {2, 2}, {5, 6, 1, 2}});
  Check({"GATHER with batches", B::kGather, {2, 3}, six, {{{2, 1}, {2, 0}}}, {2, 1}, {3, 4}, [](Set& s) {
           s.Int("axis", 1).Int("batch_dims", 1);
         }});
  Check({"GATHER with batches behind",
         B::kGather,
         {1, 2, 3},
         six,
         {{{1, 2}, {2, 0}}},
         {1, 2, 2},
         {3, 1, 6, 4},
         [](Set& s) { s.Int("axis", 2).Int("batch_dims", 1); }});
  Check({"GATHER_ND", B::kGatherNd, {2, 3}, six, {{{2, 2}, {1, 2, 0, 0}}}, {2}, {6, 1}});
}

TEST(TfliteOperators, Reductions) {
  const Values six{1, 2, 3, 4, 5, 6};
  Check({"MEAN", B::kMean, {2, 3}, six, {{{1}, {1}}}, {2}, {2, 5}});
  Check({"SUM over all, kept", B::kSum, {2, 3}, six, {{{2}, {0, 1}}}, {1, 1}, {21}, [](Set& s) {
           s.Bool("keep_dims", true);
         }});
  Check({"REDUCE_MAX", B::kReduceMax, {2, 3}, six, {{{1}, {0}}}, {3}, {4, 5, 6}});
  Check({"REDUCE_PROD", B::kReduceProd, {2, 3}, six, {{{1}, {-1}}}, {2}, {6, 120}});
  Check({"CUMSUM", B::kCumsum, {3}, {1, 2, 3}, {{{}, {0}}}, {3}, {0, 1, 3}, [](Set& s) { s.Bool("exclusive", true); }});
  Check({"SEGMENT_SUM", B::kSegmentSum, {3, 2}, six, {{{3}, {0, 0, 1}}}, {2, 2}, {4, 6, 5, 6}});
  Check({"UNSORTED_SEGMENT_MAX",
         B::kUnsortedSegmentMax,
         {3, 2},
         six,
         {{{3}, {1, 0, 1}}, {{}, {2}}},
         {2, 2},
         {3, 4, 5, 6}});
  Check({"UNSORTED_SEGMENT_SUM",
         B::kUnsortedSegmentSum,
         {3, 2},
         six,
         {{{3}, {1, 0, 1}}, {{}, {2}}},
         {2, 2},
         {3, 4, 6, 8}});
}

TEST(TfliteOperators, Normalisations) {
  Check({"SOFTMAX", B::kSoftmax, {2}, {0, 0}, {}, {2}, {0.5F, 0.5F}, [](Set& s) { s.Float("beta", 2); }});
  Check({"SOFTMAX with beta", B::kSoftmax, {2}, {0, 0.54930614F}, {}, {2}, {0.25F, 0.75F}, [](Set& s) {
           s.Float("beta", 2);
         }});
  Check({"LOG_SOFTMAX", B::kLogSoftmax, {2}, {0, 0}, {}, {2}, {-0.6931472F, -0.6931472F}});
  Check({"L2_NORMALIZATION", B::kL2Normalization, {1, 2}, {3, 4}, {}, {1, 2}, {0.6F, 0.8F}});
  Check({"L2_NORMALIZATION of zeros", B::kL2Normalization, {1, 2}, {0, 0}, {}, {1, 2}, {0, 0}});
  Check({"LOCAL_RESPONSE_NORMALIZATION",
         B::kLocalResponseNormalization,
         {1, 1, 1, 3},
         {1, 2, 2},
         {},
         {1, 1, 1, 3},
         {1.0F / 6, 2.0F / 10, 2.0F / 9},
         [](Set& s) { s.Int("radius", 1).Float("bias", 1).Float("alpha", 1).Float("beta", 1); }});
}

TEST(TfliteOperators, Pools) {
  Check({"MAX_POOL_2D", B::kMaxPool2d, {1, 2, 2, 1}, {1, 2, 3, 4}, {}, {1, 1, 1, 1}, {4}, Pool(2, 2)});
  Check({"AVERAGE_POOL_2D counts what is inside",
         B::kAveragePool2d,
         {1, 1, 3, 1},
         {1, 2, 6},
         {},
         {1, 1, 2, 1},
         {1.5F, 6},
         Pool(2, 1, tflite::Padding::kSame)});
  Check({"L2_POOL_2D", B::kL2Pool2d, {1, 1, 2, 1}, {1, 7}, {}, {1, 1, 1, 1}, {5}, Pool(2, 1)});
}

TEST(TfliteOperators, Resizes) {
  Check({"RESIZE_NEAREST_NEIGHBOR",
         B::kResizeNearestNeighbor,
         {1, 1, 2, 1},
         {1, 2},
         {{{2}, {1, 4}}},
         {1, 1, 4, 1},
         {1, 1, 2, 2}});
  Check({"RESIZE_NEAREST_NEIGHBOR half pixels",
         B::kResizeNearestNeighbor,
         {1, 1, 3, 1},
         {1, 2, 3},
         {{{2}, {1, 2}}},
         {1, 1, 2, 1},
         {1, 3},
         [](Set& s) { s.Bool("half_pixel_centers", true); }});
  Check({"RESIZE_NEAREST_NEIGHBOR half pixels, twice the size",
         B::kResizeNearestNeighbor,
         {1, 1, 2, 1},
         {1, 2},
         {{{2}, {1, 4}}},
         {1, 1, 4, 1},
         {1, 1, 2, 2},
         [](Set& s) { s.Bool("half_pixel_centers", true); }});
  Check({"RESIZE_BILINEAR", B::kResizeBilinear, {1, 1, 2, 1}, {1, 3}, {{{2}, {1, 4}}}, {1, 1, 4, 1}, {1, 2, 3, 3}});
  Check({"RESIZE_BILINEAR half pixels",
         B::kResizeBilinear,
         {1, 1, 2, 1},
         {1, 3},
         {{{2}, {1, 4}}},
         {1, 1, 4, 1},
         {1, 1.5F, 2.5F, 3},
         [](Set& s) { s.Bool("half_pixel_centers", true); }});
  Check({"RESIZE_BILINEAR corners",
         B::kResizeBilinear,
         {1, 1, 2, 1},
         {1, 3},
         {{{2}, {1, 3}}},
         {1, 1, 3, 1},
         {1, 2, 3},
         [](Set& s) { s.Bool("align_corners", true); }});
}

TfliteBuilder::Fill Window(tflite::Padding padding, int stride = 1) {
  return [=](Set& s) { s.Int("stride_w", stride).Int("stride_h", stride).Enum("padding", padding); };
}

TEST(TfliteOperators, Convolutions) {
  // A picture of 2 x 2 with two channels; filters of 1 x 1.
  const Values x{1, 2, 3, 4, 5, 6, 7, 8};
  Check({"CONV_2D",
         B::kConv2d,
         {1, 2, 2, 2},
         x,
         {},
         {1, 2, 2, 1},
         {13, 35, 57, 79},
         Window(tflite::Padding::kValid),
         {{{1, 1, 1, 2}, {1, 10}}, {{1}, {-8}}}});
  Check({"CONV_2D in groups",
         B::kConv2d,
         {1, 2, 2, 2},
         x,
         {},
         {1, 2, 2, 2},
         {2, 20, 6, 40, 10, 60, 14, 80},
         Window(tflite::Padding::kValid),
         {{{2, 1, 1, 1}, {2, 10}}, {{2}, {0, 0}}}});
  Check({"DEPTHWISE_CONV_2D",
         B::kDepthwiseConv2d,
         {1, 1, 1, 2},
         {1, 2},
         {},
         {1, 1, 1, 4},
         {1, 2, 6, 8},
         [](Set& s) {
           s.Int("stride_w", 1).Int("stride_h", 1).Int("depth_multiplier", 2).Enum("padding", tflite::Padding::kValid);
         },
         {{{1, 1, 1, 4}, {1, 2, 3, 4}}, {{4}, {0, 0, 0, 0}}}});
  Check({"CONV_2D same, stride 2",
         B::kConv2d,
         {1, 1, 4, 1},
         {1, 2, 3, 4},
         {},
         {1, 1, 2, 1},
         {6, 7},
         Window(tflite::Padding::kSame, 2),
         {{{1, 1, 3, 1}, {1, 1, 1}}, {{1}, {0}}}});
}

// No index counts from the end: written again, they need no operators that make them do.
TEST(TfliteOperators, IndicesCountFromTheStart) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {3, 2}), i = b.Input("i", T::kInt32, {4});
  const int32_t y = b.Add("y", T::kFloat32, {4, 2});
  b.Emit(B::kGather, {x, i}, {y});
  b.Outputs({y});
  const Graph graph = b.Import();
  ASSERT_EQ(graph.region(Graph::main()).nodes.size(), 1U);
  EXPECT_TRUE(graph.node(graph.region(Graph::main()).nodes[0]).attrs.Flag("from_start"));
}

TEST(TfliteOperators, TransposedConvolutions) {
  const auto run = [](tflite::Padding padding, int32_t width, const Values& expected) {
    TfliteBuilder b;
    const int32_t shape = b.I32({4}, {1, 1, width, 1});
    const int32_t w = b.F32({1, 1, 3, 1}, {1, 2, 3});
    const int32_t x = b.Input("x", T::kFloat32, {1, 1, 2, 1});
    const int32_t y = b.Add("y", T::kFloat32, {1, 1, width, 1});
    b.Emit(B::kTransposeConv, {shape, w, x}, {y}, Window(padding, 2));
    b.Outputs({y});
    const Graph graph = b.Import();
    const auto results = RunOnce(graph, {Numbers({1, 1, 2, 1}, {1, 10})});
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(Floats(results[0]), expected);
  };
  run(tflite::Padding::kValid, 5, {1, 2, 13, 20, 30});
  run(tflite::Padding::kValid, 6, {1, 2, 13, 20, 30, 0});
  run(tflite::Padding::kSame, 4, {1, 2, 13, 20});
  run(tflite::Padding::kSame, 3, {2, 13, 20});
}

TEST(TfliteOperators, FullyConnected) {
  Check({"rows", B::kFullyConnected, {2, 2}, {1, 2, 3, 4}, {}, {2, 1}, {13, 25}, {}, {{{1, 2}, {1, 5}}, {{1}, {2}}}});
  Check({"flattened", B::kFullyConnected, {1, 2, 2}, {1, 2, 3, 4}, {}, {1, 1}, {10}, {}, {{{1, 4}, {1, 1, 1, 1}}}});
  Check({"dims kept",
         B::kFullyConnected,
         {1, 2, 2},
         {1, 2, 3, 4},
         {},
         {1, 2, 1},
         {3, 7},
         [](Set& s) { s.Bool("keep_num_dims", true); },
         {{{1, 2}, {1, 1}}}});
  Check({"BATCH_MATMUL",
         B::kBatchMatmul,
         {1, 1, 2},
         {1, 2},
         {},
         {1, 1, 1},
         {11},
         [](Set& s) { s.Bool("adj_y", true); },
         {{{1, 1, 2}, {3, 4}}}});
}

TEST(TfliteOperators, ChannelsStayLast) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 4, 4, 3});
  const int32_t y = b.Add("y", T::kFloat32, {1, 4, 4, 2});
  b.Emit(B::kConv2d, {x, b.F32({2, 1, 1, 3}, {1, 2, 3, 4, 5, 6}), b.F32({2}, {0, 0})}, {y}, [](Set& s) {
    s.Int("stride_w", 1).Int("stride_h", 1).Enum("fused_activation_function", tflite::ActivationFunctionType::kRelu6);
  });
  b.Outputs({y});
  const Graph graph = b.Import();
  const auto& nodes = graph.region(Graph::main()).nodes;
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(graph.node(nodes[0]).op, &ops::kConv);
  EXPECT_EQ(graph.node(nodes[0]).attrs.Str("weight_layout"), "ohwi");
  EXPECT_EQ(graph.node(nodes[0]).attrs.Int("channel_axis"), -1);
  EXPECT_EQ(graph.node(nodes[1]).op, &ops::kClip);
}

// Dequantize, operator, quantize, all of one origin and with the mark.
TEST(TfliteQuantised, OperatorsStandBetweenDequantizeAndQuantize) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kInt8, {1, 2});
  b.Quantise(x, {0.5F}, {1});
  const int32_t w = b.Const<int8_t>(T::kInt8, {2, 2}, {1, 2, 3, 4});
  b.Quantise(w, {0.25F, 0.5F}, {0, 0}, 0);
  const int32_t bias = b.I32({2}, {8, -4});
  b.Quantise(bias, {0.125F, 0.25F}, {0, 0});
  const int32_t y = b.Add("y", T::kInt8, {1, 2});
  b.Quantise(y, {0.5F}, {-2});
  b.Emit(B::kFullyConnected, {x, w, bias}, {y}, [](Set&) {});
  b.Outputs({y});
  const Graph graph = b.Import();
  int marked = 0;
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    const Node& node = graph.node(id);
    EXPECT_EQ(node.origin, graph.node(graph.region(Graph::main()).nodes[0]).origin);
    if (node.op == &ops::kQuantize || node.op == &ops::kDequantize) {
      EXPECT_EQ(node.attrs.Str(ops::kArithmetic), ops::kLitert);
      ++marked;
    }
  }
  EXPECT_EQ(marked, 4);
  // x = 1, 2: (1*1 + 2*2)/4 + 1 = 2.25 -> 4.5, away from zero 5, - 2; (3 + 8)/2 - 1 = 4.5 -> 9 - 2
  const auto results = RunOnce(graph, {Tensor::Of<int8_t>(DType::kI8, {1, 2}, std::vector<int8_t>{3, 5})});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].data<int8_t>()[0], 3);
  EXPECT_EQ(results[0].data<int8_t>()[1], 7);
}

TEST(TfliteQuantised, WeightsAloneAreHybrid) {
  const auto mark = [](bool asymmetric) {
    TfliteBuilder b;
    const int32_t x = b.Input("x", T::kFloat32, {1, 2});
    const int32_t w = b.Const<int8_t>(T::kInt8, {1, 2}, {1, 2});
    b.Quantise(w, {0.5F}, {0});
    const int32_t y = b.Add("y", T::kFloat32, {1, 1});
    b.Emit(B::kFullyConnected, {x, w}, {y}, [&](Set& s) { s.Bool("asymmetric_quantize_inputs", asymmetric); });
    b.Outputs({y});
    const Graph graph = b.Import();
    const Node& first = graph.node(graph.region(Graph::main()).nodes[0]);
    EXPECT_EQ(first.op, &ops::kDequantize);
    return std::string(first.attrs.Str(ops::kArithmetic));
  };
  EXPECT_EQ(mark(false), ops::kLitertHybrid);
  EXPECT_EQ(mark(true), ops::kLitertHybridAsymmetric);
}

TEST(TfliteQuantised, StepsOfTheFileCarryNoMark) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {2});
  const int32_t q = b.Add("q", T::kInt8, {2});
  b.Quantise(q, {0.5F}, {0});
  const int32_t r = b.Add("r", T::kUint8, {2});
  b.Quantise(r, {1}, {128});
  const int32_t y = b.Add("y", T::kFloat32, {2});
  b.Emit(B::kQuantize, {x}, {q});
  b.Emit(B::kQuantize, {q}, {r});
  b.Emit(B::kDequantize, {r}, {y});
  b.Outputs({y});
  const Graph graph = b.Import();
  const auto& nodes = graph.region(Graph::main()).nodes;
  ASSERT_EQ(nodes.size(), 4U);
  std::vector<std::string> marks;
  for (const NodeId id : nodes) marks.emplace_back(graph.node(id).attrs.Str(ops::kArithmetic));
  EXPECT_EQ(marks, (std::vector<std::string>{"", "litert", "litert", ""}));
  EXPECT_EQ(Floats(RunOnce(graph, {Numbers({2}, {1.25F, -3})})[0]), (Values{2, -3}));
}

TEST(TfliteQuantised, MovementActsOnIntegers) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kInt8, {1, 2});
  b.Quantise(x, {0.5F}, {7});
  const int32_t p = b.Add("p", T::kInt8, {1, 3});
  b.Quantise(p, {0.5F}, {7});
  b.Emit(B::kPad, {x, b.I32({2, 2}, {0, 0, 1, 0})}, {p});
  b.Outputs({p});
  const Graph graph = b.Import();
  const auto results = RunOnce(graph, {Tensor::Of<int8_t>(DType::kI8, {1, 2}, std::vector<int8_t>{1, 2})});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].data<int8_t>()[0], 7);
  EXPECT_EQ(results[0].data<int8_t>()[2], 2);
}

TEST(TfliteQuantised, FourBitsAndSparseConstants) {
  TfliteBuilder b;
  const int32_t w = b.Const<uint8_t>(T::kInt4, {3}, {0xF1, 0x07});
  b.Quantise(w, {2}, {0});
  const int32_t y = b.Add("y", T::kFloat32, {3});
  b.Emit(B::kDequantize, {w}, {y});
  // Rows 0 and 2 of three hold one value each.
  const int32_t s = b.F32({3, 2}, {5, 6});
  tflite::Sparsity sparsity;
  const std::vector<int32_t> order{0, 1};
  const std::vector<uint8_t> segments{0, 1, 1, 2}, indices{1, 0};
  std::vector<tflite::SparseDimension> dims(2);
  dims[0].dense_size = 3;
  dims[1].format = tflite::DimensionType::kSparseCsr;
  using Kind = tflite::IndexVector::Kind;
  dims[1].segments = {Kind::kUint8, {reinterpret_cast<const std::byte*>(segments.data()), segments.size()}};
  dims[1].indices = {Kind::kUint8, {reinterpret_cast<const std::byte*>(indices.data()), indices.size()}};
  sparsity.traversal_order = order;
  sparsity.dimensions = dims;
  b.At(s).sparsity = &sparsity;
  const int32_t d = b.Add("d", T::kFloat32, {3, 2});
  b.Emit(B::kDensify, {s}, {d});
  b.Outputs({y, d});
  const Graph graph = b.Import();
  const auto results = RunOnce(graph, {});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(Floats(results[0]), (Values{2, -2, 14}));
  EXPECT_EQ(Floats(results[1]), (Values{0, 5, 0, 0, 6, 0}));
}

}  // namespace
}  // namespace godwit::testing
