// Operators that say by a subgraph how elements go together, and the general forms of StableHLO.
#include <gtest/gtest.h>

#include <limits>

#include "ir/convert.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Ints = TfliteBuilder::Ints;
using Longs = std::vector<int64_t>;
using Numbers = std::vector<double>;
using Set = tflite::OptionsSetter;

// 0, 1, 2, ... as an input named "x".
struct Counted {
  explicit Counted(const Ints& shape) : dims(shape.begin(), shape.end()) {
    int32_t count = 1;
    for (const int32_t d : shape) count *= d;
    for (int32_t k = 0; k < count; ++k) values.push_back(static_cast<float>(k));
    x = b.Input("x", T::kFloat32, shape);
  }

  // A subgraph of one operator over two numbers.
  int64_t Body(B op) {
    const int64_t body = b.AddSubgraph();
    b.Select(body);
    const int32_t l = b.Input("l", T::kFloat32, {}), r = b.Input("r", T::kFloat32, {});
    const int32_t both = b.Add("both", T::kFloat32, {});
    b.Emit(op, {l, r}, {both});
    b.Outputs({both});
    b.Select(0);
    return body;
  }
  int32_t Result(const Ints& shape, T type = T::kFloat32) {
    results.push_back(b.Add("y" + std::to_string(results.size()), type, shape));
    return results.back();
  }
  std::vector<Numbers> Run() {
    b.Outputs(results);
    const Graph graph = b.Import();
    std::vector<Numbers> out;
    for (const Tensor& t : RunOnce(graph, {Tensor::F32(dims, values)})) out.push_back(ToF64(t));
    return out;
  }

  TfliteBuilder b;
  int32_t x = 0;
  Dims dims;
  std::vector<float> values;
  Ints results;
};

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(TfliteStablehlo, GatherOfSlicesThatAreMovedInside) {
  Counted m({3, 4});
  const int32_t at = m.b.I32({2, 2}, {0, 1, 2, 3});
  m.b.Emit(B::kStablehloGather, {m.x, at}, {m.Result({2, 2})}, [](Set& s) {
    s.Ints("offset_dims", Longs{1})
        .Ints("collapsed_slice_dims", Longs{1})
        .Ints("start_index_map", Longs{0, 1})
        .Ints("slice_sizes", Longs{2, 1})
        .Int("index_vector_dim", 1);
  });
  // The slice comes first in the result, its coordinates lie in columns, the last one first.
  m.b.Emit(B::kStablehloGather, {m.x, at}, {m.Result({1, 2, 2})}, [](Set& s) {
    s.Ints("offset_dims", Longs{0, 1})
        .Ints("start_index_map", Longs{1, 0})
        .Ints("slice_sizes", Longs{1, 2})
        .Int("index_vector_dim", 0);
  });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{1, 5, 7, 11}, {8, 9, 9, 10}}));
}

TEST(TfliteStablehlo, ScatterOfWindowsDropsWhatLandsOutside) {
  Counted m({3, 3});
  const int32_t at = m.b.I32({2, 2}, {1, 2, 0, 0}), updates = m.b.F32({2, 2}, {100, 200, 300, 400});
  const int64_t sum = m.Body(B::kStablehloAdd);
  const auto options = [](Set& s, int64_t body) {
    s.Ints("update_window_dims", Longs{1})
        .Ints("inserted_window_dims", Longs{0})
        .Ints("scatter_dims_to_operand_dims", Longs{0, 1})
        .Int("index_vector_dim", 1)
        .Int("update_computation_subgraph_index", body);
  };
  m.b.Emit(B::kStablehloScatter, {m.x, at, updates}, {m.Result({3, 3})}, [&](Set& s) { options(s, sum); });
  // A subgraph without operators hands the update on.
  const int64_t replace = m.b.AddSubgraph();
  m.b.Select(replace);
  m.b.Input("old", T::kFloat32, {});
  m.b.Outputs({m.b.Input("new", T::kFloat32, {})});
  m.b.Select(0);
  m.b.Emit(B::kStablehloScatter, {m.x, at, updates}, {m.Result({3, 3})}, [&](Set& s) { options(s, replace); });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{300, 401, 2, 3, 4, 105, 6, 7, 8}, {300, 400, 2, 3, 4, 100, 6, 7, 8}}));
}

TEST(TfliteStablehlo, IndicesBelowZeroLandOutsideToo) {
  Counted m({3});
  const int32_t at = m.b.I32({2, 1}, {-1, 1}), updates = m.b.F32({2}, {100, 200});
  const int64_t most = m.Body(B::kStablehloMaximum);
  m.b.Emit(B::kStablehloScatter, {m.x, at, updates}, {m.Result({3})}, [&](Set& s) {
    s.Ints("inserted_window_dims", Longs{0})
        .Ints("scatter_dims_to_operand_dims", Longs{0})
        .Int("index_vector_dim", 1)
        .Int("update_computation_subgraph_index", most);
  });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{0, 200, 2}}));
}

TEST(TfliteStablehlo, UpdateSliceAndPadWithGaps) {
  Counted m({2, 3});
  const int32_t update = m.b.F32({1, 2}, {-1, -2});
  m.b.Emit(B::kStablehloDynamicUpdateSlice, {m.x, update, m.b.I32({}, {1}), m.b.I32({}, {5})}, {m.Result({2, 3})});
  m.b.Emit(B::kStablehloPad, {m.x, m.b.F32({}, {9})}, {m.Result({2, 5})}, [](Set& s) {
    s.Ints("edge_padding_low", Longs{0, 1})
        .Ints("edge_padding_high", Longs{0, -1})
        .Ints("interior_padding", Longs{0, 1});
  });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{0, 1, 2, 3, -1, -2}, {9, 0, 9, 1, 9, 9, 3, 9, 4, 9}}));
}

TEST(TfliteStablehlo, ReductionsBeginWithTheInitialValue) {
  Counted m({2, 3});
  const int64_t sum = m.Body(B::kStablehloAdd), most = m.Body(B::kStablehloMaximum);
  m.b.Emit(B::kStablehloReduce, {m.x, m.b.F32({}, {100})}, {m.Result({2})},
           [&](Set& s) { s.Ints("dimensions", Longs{1}).Int("body_subgraph_index", sum); });
  m.b.Emit(B::kStablehloReduce, {m.x, m.b.F32({}, {-kInfinity})}, {m.Result({3})},
           [&](Set& s) { s.Ints("dimensions", Longs{0}).Int("body_subgraph_index", most); });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{103, 112}, {3, 4, 5}}));
}

TEST(TfliteStablehlo, SortBringsTheOtherOperandsAlong) {
  Counted m({4});
  const int32_t key = m.b.F32({4}, {2, 5, 2, 1});
  const int64_t order = m.b.AddSubgraph();
  m.b.Select(order);
  const int32_t l = m.b.Input("l", T::kFloat32, {}), r = m.b.Input("r", T::kFloat32, {});
  m.b.Input("l1", T::kFloat32, {});
  m.b.Input("r1", T::kFloat32, {});
  const int32_t before = m.b.Add("before", T::kBool, {});
  m.b.Emit(B::kStablehloCompare, {r, l}, {before}, [](Set& s) {
    s.Enum("comparison_direction", tflite::StablehloComparisonDirection::kStablehloComparisonDirectionLt);
  });
  m.b.Outputs({before});
  m.b.Select(0);
  m.b.Emit(B::kStablehloSort, {key, m.x}, {m.Result({4}), m.Result({4})},
           [&](Set& s) { s.Int("dimension", 0).Int("comparator_subgraph_index", order); });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{5, 2, 2, 1}, {1, 0, 2, 3}}));
}

TEST(TfliteStablehlo, WindowsOfEveryKind) {
  Counted m({1, 3, 3, 1});
  const int64_t sum = m.Body(B::kStablehloAdd), most = m.Body(B::kMaximum), product = m.Body(B::kStablehloMultiply);
  const auto pooling = [](Set& s, int64_t body) {
    s.Ints("window_dimensions", Longs{1, 2, 2, 1})
        .Ints("padding", Longs{0, 0, 0, 1, 0, 0, 0, 0})
        .Int("body_subgraph_index", body);
  };
  m.b.Emit(B::kStablehloReduceWindow, {m.x, m.b.F32({}, {0})}, {m.Result({1, 3, 2, 1})},
           [&](Set& s) { pooling(s, sum); });
  m.b.Emit(B::kStablehloReduceWindow, {m.x, m.b.F32({}, {-kInfinity})}, {m.Result({1, 3, 2, 1})},
           [&](Set& s) { pooling(s, most); });
  // Gaps, padding and the start of each sum are the initial value.
  m.b.Emit(B::kStablehloReduceWindow, {m.x, m.b.F32({}, {10})}, {m.Result({1, 2, 3, 1})}, [&](Set& s) {
    s.Ints("window_dimensions", Longs{1, 2, 2, 1})
        .Ints("window_strides", Longs{1, 2, 2, 1})
        .Ints("base_dilations", Longs{1, 1, 2, 1})
        .Ints("window_dilations", Longs{1, 1, 2, 1})
        .Ints("padding", Longs{0, 0, 1, 0, 0, 2, 0, 0})
        .Int("body_subgraph_index", sum);
  });
  m.b.Emit(B::kStablehloReduceWindow, {m.x, m.b.F32({}, {1})}, {m.Result({1, 3, 1, 1})}, [&](Set& s) {
    s.Ints("window_dimensions", Longs{1, 1, 2, 1})
        .Ints("padding", Longs{0, 0, 0, 0, -1, 0, 0, 0})
        .Int("body_subgraph_index", product);
  });
  EXPECT_EQ(m.Run(),
            (std::vector<Numbers>{{8, 12, 20, 24, 13, 15}, {4, 5, 7, 8, 7, 8}, {31, 33, 42, 30, 34, 43}, {2, 20, 56}}));
}

TEST(TfliteStablehlo, WindowsStatedByOperands) {
  Counted m({4});
  const auto longs = [&](int64_t v) { return m.b.Const(T::kInt64, {1}, Longs{v}); };
  m.b.Emit(B::kReduceWindow, {m.x, m.b.F32({}, {1}), longs(2), longs(1), longs(2)}, {m.Result({2})},
           [](Set& s) { s.Enum("reduce_function", tflite::ReduceWindowFunction::kAdd); });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{3, 5}}));
}

TEST(TfliteStablehlo, ConvolutionOfAnyLayout) {
  Counted m({2, 1, 3});                                      // [channels, batch, width]
  const int32_t w = m.b.F32({2, 2, 1}, {1, 10, 100, 1000});  // [width, filters, channels of a group]
  m.b.Emit(B::kStablehloConvolution, {m.x, w}, {m.Result({1, 5, 2})}, [](Set& s) {
    s.Int("input_feature_dimension", 0)
        .Int("input_batch_dimension", 1)
        .Ints("input_spatial_dimensions", Longs{2})
        .Ints("kernel_spatial_dimensions", Longs{0})
        .Int("kernel_output_feature_dimension", 1)
        .Int("kernel_input_feature_dimension", 2)
        .Int("output_batch_dimension", 0)
        .Ints("output_spatial_dimensions", Longs{1})
        .Int("output_feature_dimension", 2)
        .Ints("lhs_dilation", Longs{2})
        .Ints("padding", Longs{0, 1})
        .Ints("window_reversal", Longs{1})
        .Int("feature_group_count", 2)
        .Int("batch_group_count", 1);
  });
  EXPECT_EQ(m.Run(), (std::vector<Numbers>{{0, 3000, 1, 40, 100, 4000, 2, 50, 200, 5000}}));
}

TEST(TfliteStablehlo, WhatGoesTogetherOtherwiseIsRefused) {
  Counted m({2});
  const int64_t body = m.Body(B::kStablehloSubtract);
  m.b.Emit(B::kStablehloReduce, {m.x, m.b.F32({}, {0})}, {m.Result({})},
           [&](Set& s) { s.Ints("dimensions", Longs{0}).Int("body_subgraph_index", body); });
  m.b.Outputs(m.results);
  DiagSink sink;
  m.b.Import(&sink);
  ASSERT_EQ(sink.error_count(), 1U);
  EXPECT_EQ(sink.all()[0].id, "tflite.unsupported");
}

// The words were drawn by LiteRT.
TEST(TfliteRandom, BitsOfBothGenerators) {
  using R = tflite::RngAlgorithm;
  const auto draw = [](R algorithm, const std::vector<uint64_t>& state) {
    TfliteBuilder b;
    const auto words = static_cast<int32_t>(state.size());
    const int32_t s = b.Input("s", T::kUint64, {words});
    const int32_t key = b.Add("key", T::kUint64, {words}), y = b.Add("y", T::kInt32, {5});
    b.Emit(B::kStablehloRngBitGenerator, {s}, {key, y}, [&](Set& o) { o.Enum("algorithm", algorithm); });
    b.Outputs({key, y});
    std::vector<Numbers> out;
    for (const Tensor& t : RunOnce(b.Import(), {Tensor::Of<uint64_t>(DType::kU64, {words}, state)}))
      out.push_back(ToF64(t));
    return out;
  };
  EXPECT_EQ(draw(R::kThreefry, {1, 2}),
            (std::vector<Numbers>{{1, 5}, {43444564, -2144348869, -315321645, -549236733, 1672743891}}));
  EXPECT_EQ(draw(R::kPhilox, {1, 2, 3}),
            (std::vector<Numbers>{{1, 4, 3}, {-263854262, 1366700262, 495645701, -1243243882, 89414891}}));
}

TEST(TfliteLookup, RowsOfBucketsAreWeighedAndSummed) {
  const auto sum = [](tflite::CombinerType combiner) {
    TfliteBuilder b;
    const int32_t weights = b.Input("w", T::kFloat32, {3});
    const int32_t ids = b.I32({3}, {0, 2, 1}), at = b.I32({3, 2}, {0, 0, 0, 3, 2, 0}), shape = b.I32({2}, {3, 4});
    const int32_t y = b.Add("y", T::kFloat32, {3, 2});
    b.Emit(B::kEmbeddingLookupSparse, {ids, at, shape, weights, b.F32({3, 2}, {1, 2, 3, 4, 5, 6})}, {y},
           [&](Set& s) { s.Enum("combiner", combiner); });
    b.Outputs({y});
    const auto results = RunOnce(b.Import(), {Tensor::F32({3}, {3, 4, 2})});
    return results.empty() ? Numbers() : ToF64(results[0]);
  };
  EXPECT_EQ(sum(tflite::CombinerType::kSum), (Numbers{23, 30, 0, 0, 6, 8}));
  EXPECT_EQ(sum(tflite::CombinerType::kSqrtn), (Numbers{23.0F / 5.0F, 6, 0, 0, 3, 4}));
  EXPECT_EQ(sum(tflite::CombinerType::kMean), (Numbers{23.0F / 7.0F, 30.0F / 7.0F, 0, 0, 3, 4}));
}

// The bits are those of LiteRT.
TEST(TfliteLookup, SignsOfSumsOfHashes) {
  using Kind = tflite::LSHProjectionType;
  const auto project = [](Kind kind, int32_t results) {
    TfliteBuilder b;
    const int32_t x = b.Input("x", T::kInt32, {3, 2});
    const int32_t seeds = b.F32({3, 2}, {0.123F, 0.456F, -0.321F, 1.234F, 5.678F, -4.321F});
    const int32_t y = b.Add("y", T::kInt32, {results});
    b.Emit(B::kLshProjection, {seeds, x, b.F32({3}, {0.5F, -1, 2})}, {y}, [&](Set& s) { s.Enum("type", kind); });
    b.Outputs({y});
    const std::vector<int32_t> rows{12345, 54321, 67890, 9876, -12345678, 87654321};
    const auto results_of = RunOnce(b.Import(), {Tensor::Of<int32_t>(DType::kI32, {3, 2}, rows)});
    return results_of.empty() ? Numbers() : ToF64(results_of[0]);
  };
  EXPECT_EQ(project(Kind::kSparse, 3), (Numbers{0, 4, 11}));
  EXPECT_EQ(project(Kind::kDense, 6), (Numbers{0, 0, 0, 0, 1, 1}));
}

TEST(TfliteLookup, WordsThatFollowOneAnother) {
  const auto grams = [](std::string_view text, int64_t size, int64_t skips, bool all) {
    TfliteBuilder b;
    const int32_t x = b.Input("x", T::kString, {1}), y = b.Add("y", T::kString, {1});
    b.Dynamic(y, {-1});
    b.Emit(B::kSkipGram, {x}, {y},
           [&](Set& s) { s.Int("ngram_size", size).Int("max_skip_size", skips).Bool("include_all_ngrams", all); });
    b.Outputs({y});
    const Tensor given = Tensor::Of<StringRef>(DType::kString, {1}, std::vector<StringRef>{Intern(text)});
    std::vector<std::string> out;
    for (const Tensor& t : RunOnce(b.Import(), {given})) {
      for (const StringRef s : t.span<StringRef>()) out.push_back(*s);
    }
    return out;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(grams("the quick  brown fox", 2, 1, false),
            (Texts{"the quick", "the brown", "quick brown", "quick fox", "brown fox"}));
  EXPECT_EQ(grams("a b c", 3, 0, true), (Texts{"a b c", "a b", "a", "b c", "b", "c"}));
  EXPECT_EQ(grams("one", 2, 0, true), Texts{});
}

}  // namespace
}  // namespace godwit::testing
