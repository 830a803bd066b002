// Operators of TFLite with operands or results of several kinds.
#include <gtest/gtest.h>

#include "ir/convert.h"
#include "ops/ops.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Ints = TfliteBuilder::Ints;
using Numbers = std::vector<double>;
using Set = tflite::OptionsSetter;

// The operator's results for operands that are inputs (those of floats) or constants.
class OneOperator {
 public:
  OneOperator& F32(const Ints& shape, const std::vector<float>& values) {
    operands_.push_back(b_.Input("x" + std::to_string(inputs_.size()), T::kFloat32, shape));
    inputs_.emplace_back(Tensor::F32({shape.begin(), shape.end()}, values));
    return *this;
  }
  OneOperator& I32(const Ints& shape, const std::vector<int32_t>& values) {
    operands_.push_back(b_.I32(shape, values));
    return *this;
  }
  OneOperator& InputI32(const Ints& shape, const std::vector<int32_t>& values) {
    operands_.push_back(b_.Input("i" + std::to_string(inputs_.size()), T::kInt32, shape));
    inputs_.emplace_back(Tensor::Of<int32_t>(DType::kI32, {shape.begin(), shape.end()}, values));
    return *this;
  }
  OneOperator& Bools(const Ints& shape, const std::vector<uint8_t>& values) {
    operands_.push_back(b_.Input("b" + std::to_string(inputs_.size()), T::kBool, shape));
    inputs_.emplace_back(Tensor::Of<uint8_t>(DType::kBool, {shape.begin(), shape.end()}, values));
    return *this;
  }
  OneOperator& Constant(const Ints& shape, const std::vector<float>& values) {
    operands_.push_back(b_.F32(shape, values));
    return *this;
  }
  OneOperator& Absent() {
    operands_.push_back(-1);
    return *this;
  }
  OneOperator& Result(T type, const Ints& shape) {
    results_.push_back(b_.Add("y" + std::to_string(results_.size()), type, shape));
    return *this;
  }
  std::vector<Numbers> Run(B op, const TfliteBuilder::Fill& fill = {}) {
    b_.Emit(op, operands_, results_, fill);
    b_.Outputs(results_);
    const Graph graph = b_.Import();
    std::vector<Numbers> out;
    const auto results = RunOnce(graph, inputs_);
    for (size_t i = 0; i < results.size() && i < results_.size(); ++i) {
      const auto& stated = b_.At(results_[i]).shape;
      EXPECT_EQ(results[i].dims(), Dims(stated.begin(), stated.end()));
      out.push_back(ToF64(results[i]));
    }
    return out;
  }

 private:
  TfliteBuilder b_;
  Ints operands_, results_;
  std::vector<RtValue> inputs_;
};

TEST(TfliteIndexing, PartsAndWholes) {
  const std::vector<float> six{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(OneOperator()
                .I32({}, {1})
                .F32({1, 4}, {1, 2, 3, 4})
                .Result(T::kFloat32, {1, 2})
                .Result(T::kFloat32, {1, 2})
                .Run(B::kSplit, [](Set& s) { s.Int("num_splits", 2); }),
            (std::vector<Numbers>{{1, 2}, {3, 4}}));
  EXPECT_EQ(OneOperator()
                .F32({6}, six)
                .I32({2}, {2, -1})
                .I32({}, {0})
                .Result(T::kFloat32, {2})
                .Result(T::kFloat32, {4})
                .Run(B::kSplitV, [](Set& s) { s.Int("num_splits", 2); }),
            (std::vector<Numbers>{{1, 2}, {3, 4, 5, 6}}));
  EXPECT_EQ(OneOperator()
                .F32({2}, {1, 2})
                .F32({2}, {3, 4})
                .Result(T::kFloat32, {2, 2})
                .Run(B::kPack, [](Set& s) { s.Int("values_count", 2).Int("axis", 1); }),
            (std::vector<Numbers>{{1, 3, 2, 4}}));
  EXPECT_EQ(OneOperator()
                .F32({2, 2}, {1, 2, 3, 4})
                .Result(T::kFloat32, {2})
                .Result(T::kFloat32, {2})
                .Run(B::kUnpack, [](Set& s) { s.Int("num", 2).Int("axis", 1); }),
            (std::vector<Numbers>{{1, 3}, {2, 4}}));
  EXPECT_EQ(OneOperator()
                .F32({1, 2}, {1, 2})
                .F32({1, 1}, {3})
                .Result(T::kFloat32, {1, 3})
                .Run(B::kConcatenation, [](Set& s) { s.Int("axis", -1); }),
            (std::vector<Numbers>{{1, 2, 3}}));
  EXPECT_EQ(OneOperator().F32({2}, {1, 2}).F32({2}, {3, 4}).F32({2}, {5, 6}).Result(T::kFloat32, {2}).Run(B::kAddN),
            (std::vector<Numbers>{{9, 12}}));
  EXPECT_EQ(OneOperator()
                .F32({2, 2}, {1, 2, 3, 4})
                .F32({1, 1}, {9})
                .I32({2}, {1, 5})
                .Result(T::kFloat32, {2, 2})
                .Run(B::kDynamicUpdateSlice),
            (std::vector<Numbers>{{1, 2, 3, 9}}));
  EXPECT_EQ(OneOperator()
                .F32({2, 3}, six)
                .I32({2}, {2, 3})
                .Result(T::kFloat32, {2, 3})
                .Run(B::kReverseSequence, [](Set& s) { s.Int("seq_dim", 1).Int("batch_dim", 0); }),
            (std::vector<Numbers>{{2, 1, 3, 6, 5, 4}}));
}

TEST(TfliteIndexing, Shapes) {
  EXPECT_EQ(OneOperator()
                .F32({2, 3}, {1, 2, 3, 4, 5, 6})
                .Result(T::kInt32, {2})
                .Run(B::kShape, [](Set& s) { s.Enum("out_type", T::kInt32); }),
            (std::vector<Numbers>{{2, 3}}));
  EXPECT_EQ(OneOperator().F32({2, 3}, {1, 2, 3, 4, 5, 6}).Result(T::kInt32, {}).Run(B::kRank),
            (std::vector<Numbers>{{2}}));
  EXPECT_EQ(OneOperator().F32({2}, {1, 2}).Result(T::kFloat32, {2}).Run(B::kZerosLike), (std::vector<Numbers>{{0, 0}}));
  EXPECT_EQ(OneOperator().I32({2}, {1, 2}).F32({}, {7}).Result(T::kFloat32, {1, 2}).Run(B::kFill),
            (std::vector<Numbers>{{7, 7}}));
  EXPECT_EQ(OneOperator().I32({}, {1}).I32({}, {7}).I32({}, {3}).Result(T::kInt32, {2}).Run(B::kRange),
            (std::vector<Numbers>{{1, 4}}));
  EXPECT_EQ(OneOperator().I32({1}, {3}).I32({2}, {2, 1}).Result(T::kInt32, {2}).Run(B::kBroadcastArgs),
            (std::vector<Numbers>{{2, 3}}));
}

TEST(TfliteIndexing, PlacesOfElements) {
  EXPECT_EQ(OneOperator()
                .F32({2, 3}, {1, 5, 2, 6, 3, 6})
                .I32({}, {1})
                .Result(T::kInt32, {2})
                .Run(B::kArgMax, [](Set& s) { s.Enum("output_type", T::kInt32); }),
            (std::vector<Numbers>{{1, 0}}));
  EXPECT_EQ(OneOperator()
                .F32({2, 3}, {1, 5, 2, 6, 3, 6})
                .I32({}, {-1})
                .Result(T::kInt64, {2})
                .Run(B::kArgMin, [](Set& s) { s.Enum("output_type", T::kInt64); }),
            (std::vector<Numbers>{{0, 1}}));
  EXPECT_EQ(OneOperator()
                .F32({1, 4}, {1, 5, 2, 6})
                .I32({}, {2})
                .Result(T::kFloat32, {1, 2})
                .Result(T::kInt32, {1, 2})
                .Run(B::kTopkV2),
            (std::vector<Numbers>{{6, 5}, {3, 1}}));
  EXPECT_EQ(OneOperator()
                .InputI32({4}, {1, 0, -1, 7})
                .I32({}, {2})
                .Constant({}, {5})
                .Constant({}, {-5})
                .Result(T::kFloat32, {4, 2})
                .Run(B::kOneHot, [](Set& s) { s.Int("axis", -1); }),
            (std::vector<Numbers>{{-5, 5, 5, -5, -5, -5, -5, -5}}));
  EXPECT_EQ(OneOperator().Bools({2, 2}, {0, 1, 1, 0}).Result(T::kInt64, {2, 2}).Run(B::kWhere),
            (std::vector<Numbers>{{0, 1, 1, 0}}));
  EXPECT_EQ(OneOperator()
                .F32({4}, {3, 1, 3, 2})
                .Result(T::kFloat32, {3})
                .Result(T::kInt32, {4})
                .Run(B::kUnique, [](Set& s) { s.Enum("idx_out_type", T::kInt32); }),
            (std::vector<Numbers>{{3, 1, 2}, {0, 1, 0, 2}}));
  EXPECT_EQ(OneOperator()
                .F32({4}, {-1, 2, 2.5F, 9})
                .Result(T::kInt32, {4})
                .Run(B::kBucketize,
                     [](Set& s) {
                       s.Floats("boundaries", std::vector<float>{0, 2, 3});
                     }),
            (std::vector<Numbers>{{0, 2, 2, 3}}));
}

TEST(TfliteIndexing, Scattering) {
  EXPECT_EQ(OneOperator()
                .I32({3, 1}, {1, 3, 1})
                .F32({3}, {5, 6, 7})
                .I32({1}, {4})
                .Result(T::kFloat32, {4})
                .Run(B::kScatterNd),
            (std::vector<Numbers>{{0, 12, 0, 6}}));
  EXPECT_EQ(OneOperator()
                .I32({2}, {1, 3})
                .I32({1}, {4})
                .F32({2}, {5, 6})
                .F32({}, {-1})
                .Result(T::kFloat32, {4})
                .Run(B::kSparseToDense),
            (std::vector<Numbers>{{-1, 5, -1, 6}}));
  EXPECT_EQ(OneOperator().F32({2}, {1, 2}).Result(T::kFloat32, {2, 2}).Run(B::kMatrixDiag),
            (std::vector<Numbers>{{1, 0, 0, 2}}));
  EXPECT_EQ(
      OneOperator().F32({2, 3}, {1, 2, 3, 4, 5, 6}).F32({2}, {8, 9}).Result(T::kFloat32, {2, 3}).Run(B::kMatrixSetDiag),
      (std::vector<Numbers>{{8, 2, 3, 4, 9, 6}}));
  EXPECT_EQ(OneOperator()
                .InputI32({2}, {7, 2})
                .I32({3}, {1, 2, 4})
                .F32({3, 1}, {10, 20, 40})
                .Result(T::kFloat32, {2, 1})
                .Result(T::kUint8, {2})
                .Run(B::kHashtableLookup),
            (std::vector<Numbers>{{0, 20}, {0, 1}}));
  EXPECT_EQ(OneOperator()
                .InputI32({2}, {2, 0})
                .Constant({3, 1}, {10, 20, 40})
                .Result(T::kFloat32, {2, 1})
                .Run(B::kEmbeddingLookup),
            (std::vector<Numbers>{{40, 10}}));
}

TEST(TfliteIndexing, ChoicesAndBits) {
  EXPECT_EQ(OneOperator()
                .Bools({2}, {1, 0})
                .F32({2, 2}, {1, 2, 3, 4})
                .F32({2, 2}, {5, 6, 7, 8})
                .Result(T::kFloat32, {2, 2})
                .Run(B::kSelect),
            (std::vector<Numbers>{{1, 2, 7, 8}}));
  EXPECT_EQ(OneOperator()
                .Bools({2}, {1, 0})
                .F32({2, 2}, {1, 2, 3, 4})
                .F32({1}, {9})
                .Result(T::kFloat32, {2, 2})
                .Run(B::kSelectV2),
            (std::vector<Numbers>{{1, 9, 3, 9}}));
  EXPECT_EQ(
      OneOperator().InputI32({4}, {-9, 9, -1, 9}).I32({4}, {1, 1, 40, -3}).Result(T::kInt32, {4}).Run(B::kRightShift),
      (std::vector<Numbers>{{-5, 4, -1, 9}}));
  EXPECT_EQ(OneOperator().InputI32({2}, {6, 5}).I32({1}, {3}).Result(T::kInt32, {2}).Run(B::kBitwiseXor),
            (std::vector<Numbers>{{5, 6}}));
  EXPECT_EQ(OneOperator().F32({1}, {1}).Result(T::kInt32, {1}).Run(B::kBitcast), (std::vector<Numbers>{{1065353216}}));
  EXPECT_EQ(OneOperator()
                .F32({3}, {-1.5F, 0, 2.7F})
                .Result(T::kInt32, {3})
                .Run(B::kCast, [](Set& s) { s.Enum("in_data_type", T::kFloat32).Enum("out_data_type", T::kInt32); }),
            (std::vector<Numbers>{{-1, 0, 2}}));
  EXPECT_EQ(OneOperator().F32({3}, {1, 2, 3}).F32({1}, {2}).Result(T::kBool, {3}).Run(B::kGreaterEqual),
            (std::vector<Numbers>{{0, 1, 1}}));
  EXPECT_EQ(OneOperator().F32({3}, {1, 2, 3}).F32({1}, {2}).Result(T::kBool, {3}).Run(B::kNotEqual),
            (std::vector<Numbers>{{1, 0, 1}}));
  EXPECT_EQ(OneOperator().Bools({3}, {1, 0, 1}).I32({1}, {0}).Result(T::kBool, {}).Run(B::kReduceAll),
            (std::vector<Numbers>{{0}}));
  EXPECT_EQ(OneOperator().InputI32({2}, {7, -7}).I32({1}, {2}).Result(T::kInt32, {2}).Run(B::kFloorDiv),
            (std::vector<Numbers>{{3, -4}}));
  EXPECT_EQ(OneOperator().InputI32({2}, {7, -7}).I32({1}, {2}).Result(T::kInt32, {2}).Run(B::kDiv),
            (std::vector<Numbers>{{3, -3}}));
}

TEST(TfliteIndexing, Boxes) {
  const std::vector<float> boxes{0, 0, 1, 1, 0, 0, 1, 0.5F, 2, 2, 3, 3};
  // The second overlaps the first by the limit itself.
  const auto kept = OneOperator()
                        .F32({3, 4}, boxes)
                        .F32({3}, {0.9F, 0.8F, 0.7F})
                        .I32({}, {3})
                        .Constant({}, {0.5F})
                        .Constant({}, {0.1F})
                        .Result(T::kInt32, {3})
                        .Result(T::kInt32, {})
                        .Run(B::kNonMaxSuppressionV4);
  EXPECT_EQ(kept, (std::vector<Numbers>{{0, 2, 0}, {2}}));
}

TEST(TfliteIndexing, ConvolutionsOfVolumes) {
  const auto one = [](Set& s) {
    s.Int("stride_d", 1).Int("stride_w", 1).Int("stride_h", 1).Enum("padding", tflite::Padding::kValid);
  };
  EXPECT_EQ(OneOperator()
                .F32({1, 1, 1, 2, 2}, {1, 2, 3, 4})
                .Constant({1, 1, 1, 2, 1}, {1, 10})
                .Result(T::kFloat32, {1, 1, 1, 2, 1})
                .Run(B::kConv3d, one),
            (std::vector<Numbers>{{21, 43}}));
  EXPECT_EQ(OneOperator()
                .I32({5}, {1, 1, 1, 3, 1})
                .Constant({1, 1, 2, 1, 1}, {1, 10})
                .F32({1, 1, 1, 2, 1}, {1, 2})
                .Result(T::kFloat32, {1, 1, 1, 3, 1})
                .Run(B::kConv3dTranspose, one),
            (std::vector<Numbers>{{1, 12, 20}}));
}

// select(x < 0, x + extent, x) in front of an operator that does not count from the end: ours does so by itself.
TEST(TfliteIndexing, WhatIsCountedFromTheEnd) {
  const auto chooses = [](int32_t extent) {
    TfliteBuilder b;
    const int32_t x = b.Input("x", T::kFloat32, {5, 2}), i = b.Input("i", T::kInt32, {3});
    const int32_t low = b.Add("low", T::kBool, {3}), sum = b.Add("sum", T::kInt32, {3});
    const int32_t at = b.Add("at", T::kInt32, {3}), y = b.Add("y", T::kFloat32, {3, 2});
    b.Emit(B::kLess, {i, b.I32({}, {0})}, {low});
    b.Emit(B::kAdd, {i, b.I32({1}, {extent})}, {sum});
    b.Emit(B::kSelectV2, {low, sum, i}, {at});
    b.Emit(B::kGather, {x, at}, {y});
    b.Outputs({y});
    const Graph graph = b.Import();
    const auto result =
        RunOnce(graph, {Tensor::F32({5, 2}, std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
                        Tensor::Of<int32_t>(DType::kI32, {3}, std::vector<int32_t>{1, extent == 5 ? -1 : 4, 0})});
    EXPECT_EQ(result.size(), 1U);
    if (!result.empty()) {
      EXPECT_EQ(ToF64(result[0]), (Numbers{2, 3, 8, 9, 0, 1}));
    }
    const Node& gather = graph.node(graph.value(graph.region(Graph::main()).results[0]).def);
    return graph.value(gather.in[1]).def.valid();
  };
  EXPECT_FALSE(chooses(5));
  // Another extent is another number.
  EXPECT_TRUE(chooses(4));
}

}  // namespace
}  // namespace godwit::testing
