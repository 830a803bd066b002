// Rows and repairs of the TFLite writer whose forms are not plain: what is written of a node, operator by operator.
#include <gtest/gtest.h>

#include "backends/tflite/export.h"
#include "backends/tflite_written.h"
#include "base/text.h"
#include "formats/tflite/parse.h"
#include "formats/tflite/write.h"
#include "ir/convert.h"
#include "ir/text.h"
#include "ops/ops.h"
#include "passes/legalise/ranges.h"
#include "support/tflite_import.h"

namespace godwit {
namespace {

Graph Parsed(std::string_view text) { return test::ParsedGraph(Concat("graph g {\n", text, "\n}")); }

// The operators of the file, and the first thing that was said.
std::string OpsOf(std::string_view text, std::string* said = nullptr) {
  const Graph graph = Parsed(text);
  DiagSink sink;
  const to_tflite::ExportOptions options;
  const auto exported = to_tflite::ExportModel(graph, options, &sink);
  if (said != nullptr && !sink.all().empty()) *said = sink.all()[0].id;
  if (said == nullptr) {
    for (const Diag& d : sink.all()) ADD_FAILURE() << FormatDiag(d);
  }
  if (!exported.ok() || sink.has_errors()) return "";
  const auto bytes = tflite::SerializeModel(exported->model);
  EXPECT_TRUE(bytes.ok());
  const auto model = tflite::ParseModel(AsBytes(*bytes), {});
  EXPECT_TRUE(model.ok());
  if (!model.ok()) return "";
  std::string out;
  for (const tflite::Operator& op : model->subgraphs[0].operators) {
    out += Concat(out.empty() ? "" : " ", model->OperatorNameOf(op));
  }
  return out;
}

TEST(TfliteRows, DivisionByTheNormIsOneOperatorAsTheKernelHasIt) {
  const auto norm = [](std::string_view attrs) {
    return OpsOf(Concat("main (%x: f32[2,5,8]) {\n %y: f32[2,5,8] = lp_norm(%x", attrs, ")\n yield(%y)\n}"));
  };
  EXPECT_EQ(norm(", epsilon=1e-06"), "L2_NORMALIZATION");
  EXPECT_EQ(norm(", axis=2, epsilon=9.999999974752427e-07"), "L2_NORMALIZATION");
  for (const char* other : {"", ", epsilon=1e-12", ", epsilon=1e-06, p=1.0", ", epsilon=1e-06, axis=1"}) {
    EXPECT_EQ(norm(other).find("L2_NORMALIZATION"), std::string::npos) << other;
  }
}

TEST(TfliteRows, IndicesCountFromTheStart) {
  EXPECT_EQ(OpsOf("const %i: i64[2] = [0,1]\nmain (%x: f32[3]) {\n %y: f32[2] = gather(%x, %i)\n yield(%y)\n}"),
            "GATHER");
  EXPECT_EQ(OpsOf("const %i: i64[2] = [0,-1]\nmain (%x: f32[3]) {\n %y: f32[2] = gather(%x, %i)\n yield(%y)\n}"),
            "GATHER");
  EXPECT_EQ(OpsOf("main (%x: f32[3], %i: i64[2]) {\n %y: f32[2] = gather(%x, %i)\n yield(%y)\n}"),
            "LESS ADD SELECT_V2 GATHER");
  EXPECT_EQ(OpsOf("main (%x: f32[3], %i: u8[2]) {\n %j: i64[2] = cast(%i, to=i64)\n %y: f32[2] = gather(%x, %j)\n "
                  "yield(%y)\n}"),
            "CAST GATHER");
  // What has been in TFLite never counted from the end.
  EXPECT_EQ(OpsOf("main (%x: f32[3], %i: i64[2]) {\n %y: f32[2] = gather(%x, %i, from_start=1)\n yield(%y)\n}"),
            "GATHER");
  EXPECT_EQ(OpsOf("main (%x: f32[3,2], %i: i32[4,2]) {\n %y: f32[4] = gather_nd(%x, %i, from_start=1)\n yield(%y)\n}"),
            "GATHER_ND");
}

// SAME cuts off half at the start, or one less; what is cut off otherwise is cut off by a SLICE.
TEST(TfliteRows, TransposedConvolutionsCutOffWhatSameDoes) {
  const auto written = [](int64_t kernel, const std::string& dims, const std::string& attrs) {
    const std::string k = std::to_string(kernel);
    std::string numbers = "1.0";
    for (int64_t i = 1; i < kernel * kernel; ++i) numbers += ",1.0";
    return OpsOf("const %w: f32[1," + k + "," + k + ",1] = [" + numbers + "]\nmain (%x: f32[1,4,5,1]) {\n" +
                 "%y: f32[1," + dims + ",1] = conv_transpose(%x, %w, channel_axis=3, weight_layout=\"ohwi\"" + attrs +
                 ")\nyield(%y)\n}");
  };
  EXPECT_EQ(written(3, "9,11", ", strides=[2,2]"), "TRANSPOSE_CONV");
  EXPECT_EQ(written(4, "8,10", ", strides=[2,2], pads=[1,1,1,1]"), "TRANSPOSE_CONV");
  EXPECT_EQ(written(3, "7,9", ", strides=[2,2], pads=[1,1,1,1]"), "TRANSPOSE_CONV");
  EXPECT_EQ(written(3, "8,10", ", strides=[2,2], pads=[0,0,1,1]"), "TRANSPOSE_CONV");
  EXPECT_EQ(written(3, "8,10", ", strides=[2,2], pads=[0,0,2,2], output_pads=[1,1]"), "TRANSPOSE_CONV");
  EXPECT_EQ(written(3, "8,10", ", strides=[2,2], auto_pad=\"same_upper\""), "TRANSPOSE_CONV");
  EXPECT_NE(written(3, "8,10", ", strides=[2,2], auto_pad=\"same_lower\""), "TRANSPOSE_CONV");
  EXPECT_NE(written(3, "8,10", ", strides=[2,2], pads=[1,1,1,1], output_pads=[1,1]"), "TRANSPOSE_CONV");
  EXPECT_NE(written(5, "5,7", ", strides=[2,2], pads=[3,3,3,3]"), "TRANSPOSE_CONV");
}

TEST(TfliteRows, ScattersShowWhereTheyHit) {
  EXPECT_EQ(OpsOf("main (%x: f32[4,2], %i: u8[3,1], %u: f32[3,2]) {\n %j: i64[3,1] = cast(%i, to=i64)\n "
                  "%y: f32[4,2] = scatter_nd(%x, %j, %u)\n yield(%y)\n}"),
            "CAST CAST SCATTER_ND RESHAPE SCATTER_ND SELECT_V2");
  // Updates of one place would be added up: only the last stays.
  EXPECT_EQ(OpsOf("const %i: i64[3,1] = [1,-3,3]\nmain (%x: f32[4,2], %u: f32[3,2]) {\n "
                  "%y: f32[4,2] = scatter_nd(%x, %i, %u)\n yield(%y)\n}"),
            "GATHER SCATTER_ND SELECT_V2");
  // Where they hit is known when it is written, and nothing shows beside them in zeros.
  EXPECT_EQ(OpsOf("const %i: i64[2,1] = [1,-1]\nmain (%x: f32[4,2], %u: f32[2,2]) {\n "
                  "%y: f32[4,2] = scatter_nd(%x, %i, %u)\n yield(%y)\n}"),
            "SCATTER_ND SELECT_V2");
  for (const char* how : {"none", "add"}) {
    EXPECT_EQ(OpsOf(Concat("const %i: i64[2,1] = [1,-1]\nconst %x: f32[4] = [0,0,0,0]\nmain (%u: f32[2]) {\n "
                           "%y: f32[4] = scatter_nd(%x, %i, %u, reduction=\"",
                           how, "\")\n yield(%y)\n}")),
              "SCATTER_ND");
  }
}

TEST(TfliteRows, RuntimesWithADelegateTakeSixAxes) {
  EXPECT_EQ(OpsOf("const %a: i64[2] = [1,6]\nmain (%x: f32[2,1,3,2,1,2,2]) {\n "
                  "%y: f32[2,1,3,2,1,2,1] = reduce(%x, %a, mode=\"sum\")\n yield(%y)\n}"),
            "RESHAPE SUM RESHAPE");
  EXPECT_EQ(OpsOf("main (%x: f32[2,1,3,2,1,2,2], %y: f32[2,1,3,2,1,2,2]) {\n "
                  "%z: f32[2,1,6,2,1,2,2] = concat(%x, %y, axis=2)\n yield(%z)\n}"),
            "RESHAPE RESHAPE CONCATENATION RESHAPE");
  EXPECT_EQ(OpsOf("main (%x: f32[2,1,3,2,1,2,2]) {\n %z: f32[2,1,3,2,1,2,2] = softmax(%x, axis=2)\n yield(%z)\n}"),
            "RESHAPE TRANSPOSE SOFTMAX TRANSPOSE RESHAPE");
}

TEST(TfliteRows, OpenDimsThatAreInTheWayAreNamed) {
  const Graph graph = Parsed(
      "const %s: i64[2] = [16,16]\nmain (%x: f32[1,C,8,8]) {\n "
      "%y: f32[1,C,16,16] = resize(%x, %s, axes=[2,3], mode=\"cubic\")\n yield(%y)\n}");
  DiagSink sink;
  const auto exported = to_tflite::ExportModel(graph, {}, &sink);
  ASSERT_TRUE(sink.has_errors());
  EXPECT_EQ(sink.all()[0].hint, "with numbers for the dims that are open: --shape x=1,C,8,8");
}

TEST(TfliteRows, BitsAreSaidWithExclusiveOr) {
  EXPECT_EQ(OpsOf("main (%x: i32[3], %y: i32[3]) {\n %z: i32[3] = bitwise_xor(%x, %y)\n yield(%z)\n}"), "BITWISE_XOR");
  EXPECT_NE(OpsOf("main (%x: u8[3], %y: u8[3]) {\n %z: u8[3] = bitwise_and(%x, %y)\n yield(%z)\n}").find("RIGHT_SHIFT"),
            std::string::npos);
}

TEST(TfliteRows, NeighboursThatGoTogetherAreOneAxis) {
  EXPECT_EQ(OpsOf("main (%x: f32[2,3,4,5,6,7,8], %y: f32[6,7,8]) {\n %z: f32[2,3,4,5,6,7,8] = add(%x, %y)\n "
                  "yield(%z)\n}"),
            "RESHAPE RESHAPE ADD RESHAPE");
  EXPECT_EQ(OpsOf("main (%x: f32[2,3,4,5,6,7,8]) {\n %z: f32[6,7,8,2,3,4,5] = transpose(%x, perm=[4,5,6,0,1,2,3])\n "
                  "yield(%z)\n}"),
            "RESHAPE TRANSPOSE RESHAPE");
  // Nothing goes together: one axis moves after the other.
  const std::string moves = OpsOf(
      "main (%x: f32[2,2,2,2,2,2,2]) {\n %z: f32[2,2,2,2,2,2,2] = transpose(%x, perm=[6,5,4,3,2,1,0])\n yield(%z)\n}");
  EXPECT_NE(moves.find("TRANSPOSE"), std::string::npos);
}

TEST(TfliteRows, WhatIsNarrowerIsSaid) {
  std::string said;
  EXPECT_EQ(OpsOf("main (%x: f64[3]) {\n %y: f64[3] = add(%x, %x)\n yield(%y)\n}", &said), "CAST ADD CAST");
  EXPECT_EQ(said, "target.narrowed");
}

TEST(TfliteRows, IntegersThatFitGoThroughNarrowerOnes) {
  EXPECT_EQ(OpsOf("const %two: i64[] = [2]\nmain (%x: u8[3]) {\n %y: i64[3] = cast(%x, to=i64)\n %z: i64[3] = "
                  "div(%y, %two)\n yield(%z)\n}"),
            "CAST CAST DIV CAST");
  std::string said;
  EXPECT_EQ(OpsOf("main (%x: i64[3], %y: i64[3]) {\n %z: i64[3] = div(%x, %y)\n yield(%z)\n}", &said), "");
  EXPECT_EQ(said, "target.dtype");
}

TEST(TfliteRows, ExtentsThatAreNotKnownFollowTheOperand) {
  EXPECT_EQ(OpsOf("const %s: f32[4] = [1,2,2,1]\nmain (%x: f32[1,H,W,3]) {\n %y: f32[1,2*H,2*W,3] = resize(%x, _, %s, "
                  "mode=\"nearest\", coordinates=\"asymmetric\", nearest=\"floor\")\n yield(%y)\n}"),
            "SHAPE SLICE MUL RESIZE_NEAREST_NEIGHBOR");
  EXPECT_EQ(OpsOf("const %w: f32[1,1,2,2] = [1,2,3,4]\nmain (%x: f32[1,H,W,1]) {\n %y: f32[1,2*H,2*W,1] = "
                  "conv_transpose(%x, %w, strides=[2,2], channel_axis=3)\n yield(%y)\n}"),
            "SHAPE MUL ADD TRANSPOSE_CONV");
}

TEST(TfliteRows, LoopsAreSubgraphs) {
  EXPECT_EQ(OpsOf("main (%n: i64[], %x: f32[2]) {\n %y: f32[2] = loop(%n, _, %x) region (%i: i64[], %c: bool[], %s: "
                  "f32[2]) {\n %t: f32[2] = add(%s, %x)\n yield(%c, %t)\n }\n yield(%y)\n}"),
            "CAST WHILE");
}

// What a loop stacks begins as zeros, which the file would have to hold.
TEST(TfliteRows, LoopsDoNotStackWhatNoFileHolds) {
  const auto stacking = [](const std::string& extent, std::string* said) {
    return OpsOf("const %n: i64[] = [4]\nmain (%x: f32[" + extent + "]) {\n %y: f32[4," + extent +
                     "] = loop(%n, _) region (%i: i64[], %c: bool[]) {\n %t: f32[" + extent +
                     "] = neg(%x)\n yield(%c, %t)\n }\n yield(%y)\n}",
                 said);
  };
  std::string said;
  EXPECT_EQ(stacking("2", &said), "WHILE");
  EXPECT_EQ(said, "");
  EXPECT_EQ(stacking("2000000000", &said), "");
  EXPECT_EQ(said, "target.constant");
}

// What is written of a graph, read again, gives for these inputs.
std::vector<Tensor> Again(std::string_view text, const std::vector<Tensor>& inputs) {
  const Graph back = test::ReadTflite(test::WriteTflite(Parsed(text)));
  return testing::RunOnce(back, {inputs.begin(), inputs.end()});
}

TEST(TfliteRows, LoopsOfUnknownLengthGrowWhatTheyStack) {
  const std::string text =
      "main (%n: i64[], %x: f32[2]) {\n %y: f32[2], %all: f32[turns,2] = loop(%n, _, %x) region (%i: i64[], %c: "
      "bool[], "
      "%s: f32[2]) {\n %t: f32[2] = add(%s, %x)\n yield(%c, %t, %s)\n }\n yield(%y, %all)\n}";
  EXPECT_EQ(OpsOf(text), "CAST WHILE");
  const Tensor x = Tensor::F32({2}, {1, 10});
  const auto three = Again(text, {Tensor::ScalarI64(3), x});
  ASSERT_EQ(three.size(), 2U);
  EXPECT_EQ(testing::Floats(three[0]), (std::vector<float>{4, 40}));
  EXPECT_EQ(three[1].dims(), (Dims{3, 2}));
  EXPECT_EQ(testing::Floats(three[1]), (std::vector<float>{1, 10, 2, 20, 3, 30}));
  const auto none = Again(text, {Tensor::ScalarI64(0), x});
  ASSERT_EQ(none.size(), 2U);
  EXPECT_EQ(none[1].dims(), (Dims{0, 2}));
}

TEST(TfliteRows, UnsignedIntegersOf64BitsGoByTheirBits) {
  constexpr uint64_t kMost = UINT64_MAX, kHigh = uint64_t{1} << 63;
  const Tensor a = Tensor::Of<uint64_t>(DType::kU64, {4}, std::vector<uint64_t>{kMost, 1, kHigh, 0x1234567890ABCDEFU});
  const Tensor b = Tensor::Of<uint64_t>(DType::kU64, {4}, std::vector<uint64_t>{2, kHigh, kHigh, 0xFEDCBA0987654321U});
  const auto binary = [&](std::string_view op, std::string_view result = "u64") {
    const auto out = Again(
        Concat("main (%x: u64[4], %y: u64[4]) {\n %z: ", result, "[4] = ", op, "(%x, %y)\n yield(%z)\n}"), {a, b});
    std::vector<uint64_t> values;
    for (int64_t i = 0; !out.empty() && i < out[0].size(); ++i) {
      values.push_back(LoadU64(out[0].dtype(), out[0].raw() + static_cast<size_t>(i) * ByteSize(out[0].dtype())));
    }
    return values;
  };
  const uint64_t *p = a.data<uint64_t>(), *q = b.data<uint64_t>();
  const auto each = [&](auto f) {
    return std::vector<uint64_t>{f(p[0], q[0]), f(p[1], q[1]), f(p[2], q[2]), f(p[3], q[3])};
  };
  using U = uint64_t;
  EXPECT_EQ(binary("add"), each([](U x, U y) { return x + y; }));
  EXPECT_EQ(binary("sub"), each([](U x, U y) { return x - y; }));
  EXPECT_EQ(binary("mul"), each([](U x, U y) { return x * y; }));
  EXPECT_EQ(binary("max"), each([](U x, U y) { return std::max(x, y); }));
  EXPECT_EQ(binary("min"), each([](U x, U y) { return std::min(x, y); }));
  EXPECT_EQ(binary("less", "bool"), each([](U x, U y) { return U{x < y}; }));
  EXPECT_EQ(binary("less_equal", "bool"), each([](U x, U y) { return U{x <= y}; }));
  EXPECT_EQ(binary("equal", "bool"), each([](U x, U y) { return U{x == y}; }));
  EXPECT_EQ(binary("bitwise_and"), each([](U x, U y) { return x & y; }));
  EXPECT_EQ(binary("bitwise_or"), each([](U x, U y) { return x | y; }));
  EXPECT_EQ(binary("bitwise_xor"), each([](U x, U y) { return x ^ y; }));
  const auto top = Again(
      "const %k: i64[1] = [2]\nmain (%x: u64[4]) {\n %v: u64[2], %i: i64[2] = top_k(%x, %k)\n "
      "yield(%v, %i)\n}",
      {a});
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(std::vector<U>(top[0].data<U>(), top[0].data<U>() + 2), (std::vector<U>{kMost, kHigh}));
  EXPECT_EQ(std::vector<int64_t>(top[1].data<int64_t>(), top[1].data<int64_t>() + 2), (std::vector<int64_t>{0, 2}));
}

TEST(TfliteRows, LongIntegersAreDividedByKnownNumbers) {
  const std::vector<int64_t> numbers{
      0, 1, -1, 23, -24, INT64_MAX, INT64_MIN, INT64_MIN + 1, 1234567890123456789, -987654321098765432, 48, -7};
  const Tensor x = Tensor::I64({static_cast<int64_t>(numbers.size())}, numbers);
  for (const int64_t by :
       std::vector<int64_t>{1, -1, 2, 3, -24, 1000, int64_t{1} << 32, -(int64_t{3} << 40), INT64_MAX}) {
    const auto out = Again(Concat("const %by: i64[] = [", std::to_string(by),
                                  "]\nmain (%x: i64[12]) {\n %z: i64[12] = "
                                  "div(%x, %by)\n yield(%z)\n}"),
                           {x});
    ASSERT_EQ(out.size(), 1U) << by;
    for (size_t i = 0; i < numbers.size(); ++i) {
      const int64_t want = by == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(numbers[i])) : numbers[i] / by;
      EXPECT_EQ(out[0].data<int64_t>()[i], want) << numbers[i] << " by " << by;
    }
  }
}

TEST(TfliteRows, PaddingsAndSlicesMayBeWorkedOutWhileTheModelRuns) {
  const Tensor x = Tensor::F32({2, 3}, {1, 2, 3, 4, 5, 6});
  const std::string pad = "main (%x: f32[2,3], %p: i64[4]) {\n %y: f32[rows,columns] = pad(%x, %p)\n yield(%y)\n}";
  const auto padded = [&](const std::vector<int64_t>& pads) { return Again(pad, {x, Tensor::I64({4}, pads)})[0]; };
  EXPECT_EQ(padded({0, 1, 1, 0}).dims(), (Dims{3, 4}));
  const Tensor cut = padded({-1, 2, 1, -1});
  EXPECT_EQ(cut.dims(), (Dims{2, 4}));
  EXPECT_EQ(testing::Floats(cut), (std::vector<float>{0, 0, 4, 5, 0, 0, 0, 0}));

  const std::string slice =
      "const %a: i64[1] = [-1]\nconst %s: i64[1] = [2]\nmain (%x: f32[2,3], %b: i64[1], %e: i64[1]) {\n "
      "%y: f32[2,columns] = slice(%x, %b, %e, %a, %s)\n yield(%y)\n}";
  const auto sliced = [&](int64_t from, int64_t to) {
    return testing::Floats(Again(slice, {x, Tensor::I64({1}, {from}), Tensor::I64({1}, {to})})[0]);
  };
  EXPECT_EQ(sliced(0, INT64_MAX), (std::vector<float>{1, 3, 4, 6}));
  EXPECT_EQ(sliced(-2, -1), (std::vector<float>{2, 5}));
  EXPECT_EQ(sliced(INT64_MIN, 1), (std::vector<float>{1, 4}));
}

TEST(TfliteRows, BranchesAreSubgraphs) {
  EXPECT_EQ(OpsOf("main (%c: bool[], %x: f32[2]) {\n %y: f32[2] = if(%c) region () {\n %a: f32[2] = neg(%x)\n "
                  "yield(%a)\n } region () {\n %b: f32[2] = abs(%x)\n yield(%b)\n }\n yield(%y)\n}"),
            "IF");
}

// No more are kept than there are, which only the run tells.
TEST(TfliteRows, BoxesMayBeAnyNumber) {
  const auto ops = [](const std::string& count) {
    return OpsOf("const %m: i64[] = [9223372036854775807]\nconst %t: f32[] = [0.5]\nmain (%b: f32[1," + count +
                 ",4], %s: f32[1,1," + count + "]) {\n %y: i64[K,3] = nms(%b, %s, %m, %t)\n yield(%y)\n}");
  };
  EXPECT_EQ(ops("9").find("MINIMUM"), std::string::npos);
  EXPECT_NE(ops("9").find("NON_MAX_SUPPRESSION_V4"), std::string::npos);
  EXPECT_NE(ops("N").find("SHAPE SLICE RESHAPE MINIMUM NON_MAX_SUPPRESSION_V4"), std::string::npos) << ops("N");
}

TEST(IntegerRanges, FollowTheNodes) {
  const Graph graph = Parsed(
      "const %two: i64[] = [2]\nconst %k: i64[2] = [-5,7]\nmain (%x: u8[2], %i: i64[2]) {\n %a: i64[2] = cast(%x, "
      "to=i64)\n %b: i64[2] = mul(%a, %two)\n %c: i64[2] = sub(%b, %k)\n %d: i64[2] = div(%c, %two)\n %e: i64[2] = "
      "mod(%i, %two)\n %f: i64[2] = neg(%a)\n %g: i64[2] = abs(%f)\n %h: i64[2] = add(%i, %two)\n yield(%b, %c, %d, "
      "%e, %f, %g, %h)\n}");
  Scope scope(graph);
  const std::vector<ValueId>& values = graph.region(Graph::main()).results;
  const std::pair<int64_t, int64_t> expected[] = {{0, 510}, {-7, 515}, {-3, 257}, {0, 1}, {-255, 0}, {0, 255}};
  for (size_t i = 0; i < std::size(expected); ++i) {
    const auto range = RangeOf(scope, values[i]);
    ASSERT_TRUE(range) << i;
    EXPECT_EQ(range->low, expected[i].first) << i;
    EXPECT_EQ(range->high, expected[i].second) << i;
    EXPECT_TRUE(FitsI32(scope, values[i]));
  }
  EXPECT_FALSE(RangeOf(scope, values.back()));
}

TEST(IntegerRanges, BoundsBoundWhatIsNotKnown) {
  const Graph graph = Parsed(
      "const %two: i64[] = [2]\nconst %five: i64[] = [5]\nmain (%i: i64[2], %k: i64[2]) {\n %a: i64[2] = clip(%i, "
      "%two, "
      "%five)\n %b: i64[2] = sign(%i)\n %c: i64[2] = bitwise_and(%i, %five)\n %d: i64[2] = clip(%i, _, %five)\n "
      "%e: i64[2] = bitwise_and(%i, %k)\n yield(%a, %b, %c, %d, %e)\n}");
  Scope scope(graph);
  const std::vector<ValueId>& values = graph.region(Graph::main()).results;
  const std::pair<int64_t, int64_t> expected[] = {{2, 5}, {-1, 1}, {0, 5}};
  for (size_t i = 0; i < std::size(expected); ++i) {
    const auto range = RangeOf(scope, values[i]);
    ASSERT_TRUE(range) << i;
    EXPECT_EQ(range->low, expected[i].first) << i;
    EXPECT_EQ(range->high, expected[i].second) << i;
  }
  EXPECT_FALSE(FitsI32(scope, values[3]));
  EXPECT_FALSE(RangeOf(scope, values[4]));
}

// Where the axis is open, what is added to an index has one axis, and one number has none.
TEST(TfliteRows, OneIndexIntoAnOpenAxis) {
  constexpr std::string_view kLast =
      "const %last: i64[] = [-1]\nmain (%x: f32[1,T,4]) {\n %y: f32[1,4] = gather(%x, %last, axis=1)\n yield(%y)\n}";
  EXPECT_EQ(OpsOf(kLast), "SHAPE SLICE RESHAPE ADD GATHER");
  constexpr std::string_view kOne =
      "main (%x: f32[1,T,4], %i: i64[]) {\n %y: f32[1,4] = gather(%x, %i, axis=1)\n yield(%y)\n}";
  EXPECT_EQ(OpsOf(kOne), "LESS SHAPE SLICE RESHAPE ADD SELECT_V2 GATHER");
  constexpr std::string_view kMany =
      "main (%x: f32[9,4], %i: i64[3]) {\n %y: f32[3,4] = gather(%x, %i, axis=0)\n yield(%y)\n}";
  EXPECT_EQ(OpsOf(kMany), "LESS ADD SELECT_V2 GATHER");
}

}  // namespace
}  // namespace godwit
