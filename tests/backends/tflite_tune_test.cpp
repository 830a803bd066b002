// Operators in the forms that CPUs run fastest: how many there are, and that they give what they gave before.
#include "backends/tflite/tune.h"

#include <gtest/gtest.h>

#include <map>

#include "backends/tflite_written.h"
#include "base/text.h"
#include "exec/region_runner.h"
#include "verify/values.h"

namespace godwit {
namespace {

// Numbers that differ everywhere and have no pattern along an axis.
std::string Numbers(int64_t count, int64_t seed) {
  std::string out;
  for (int64_t k = 0; k < count; ++k) {
    out += Concat(k == 0 ? "" : ",", std::to_string(static_cast<double>((k * 37 + seed * 11) % 101 - 50) / 64.0));
  }
  return out;
}

std::string Const(std::string_view name, const Dims& dims, int64_t seed) {
  int64_t count = 1;
  std::string shape;
  for (const int64_t d : dims) {
    count *= d;
    shape += Concat(shape.empty() ? "" : ",", std::to_string(d));
  }
  return Concat(" const %", name, ": f32[", shape, "] = [", Numbers(count, seed), "]\n");
}

Graph Parse(const std::string& constants, std::string_view body) {
  return test::ParsedGraph(Concat("graph g {\n", constants, body, "}"));
}

std::vector<RtValue> Run(const Graph& graph, const Dims& dims) {
  Tensor x(DType::kF32, dims);
  for (int64_t k = 0; k < x.size(); ++k) {
    x.mutable_data<float>()[k] = static_cast<float>((k * 53 + 7) % 97 - 48) / 32.0F;
  }
  const GraphFacts facts(graph);
  Widening as_stored;
  RegionRunner runner(facts, {}, &as_stored);
  auto out = runner.Run(Graph::main(), {RtValue(std::move(x))});
  EXPECT_TRUE(out.ok()) << (out.ok() ? "" : FormatDiag(out.diag()));
  return out.ok() ? *std::move(out) : std::vector<RtValue>();
}

struct Tuned {
  std::map<std::string, int> ops;
  int64_t largest = 0;  // places of a depthwise window
};

// Writes the graph as it is and tuned; both must give what the graph gives.
Tuned Check(const Graph& graph, const Dims& input, std::string_view profile = "", bool tune = true) {
  Tuned out;
  to_tflite::ExportOptions options;
  options.profile = test::Profile(profile);
  options.tune = tune;
  const test::WrittenTflite written = test::WriteTflite(graph, options);
  if (written.model.subgraphs.empty()) return out;
  for (const tflite::Operator& op : written.model.subgraphs[0].operators) {
    const std::string name = written.model.OperatorNameOf(op);
    ++out.ops[name];
    if (name != "DEPTHWISE_CONV_2D") continue;
    const auto& shape = written.TensorOf(op, 1).shape;
    out.largest = std::max<int64_t>(out.largest, int64_t{shape[1]} * shape[2]);
  }
  const std::vector<RtValue> got = Run(test::ReadTflite(written), input), expected = Run(graph, input);
  Tolerance close;
  close.relative = 1e-5;
  close.absolute = 1e-5;
  EXPECT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    EXPECT_EQ(Difference(got[i], expected[i], close), "");
  }
  return out;
}

Graph Depthwise(int64_t rows, int64_t columns, std::string_view pads, std::string_view more = "",
                std::string_view after = "") {
  constexpr int64_t kChannels = 3;
  const std::string constants = Concat(Const("w", {kChannels, 1, rows, columns}, 1), Const("b", {kChannels}, 2));
  std::string body =
      Concat("main (%x: f32[1,9,8,3]) {\n %y: f32[1,9,8,3] = conv(%x, %w, %b, channel_axis=3, group=3, pads=[", pads,
             "]", more, ")\n");
  body += Concat(after.empty() ? " yield(%y)\n" : after, "}\n");
  return Parse(constants, body);
}

// Odd and even extents alike: SAME pads the odd one at the end.
TEST(TfliteTune, LargeWindowsAreSums) {
  for (int64_t rows = 1; rows <= 11; ++rows) {
    for (int64_t columns = 1; columns <= 11; ++columns) {
      SCOPED_TRACE(Concat(std::to_string(rows), " x ", std::to_string(columns)));
      const auto pad = [](int64_t k) { return std::pair((k - 1) / 2, (k - 1) - (k - 1) / 2); };
      const auto [top, bottom] = pad(rows);
      const auto [left, right] = pad(columns);
      const std::string pads = Concat(std::to_string(top), ",", std::to_string(left), ",", std::to_string(bottom), ",",
                                      std::to_string(right));
      Tuned t = Check(Depthwise(rows, columns, pads), {1, 9, 8, 3});
      EXPECT_LE(t.largest, 25);
      EXPECT_EQ(t.ops["ADD"], t.ops["DEPTHWISE_CONV_2D"] - 1);
      EXPECT_GE(t.ops["DEPTHWISE_CONV_2D"] * 25, rows * columns);
      EXPECT_EQ(t.ops["DEPTHWISE_CONV_2D"] == 1, rows * columns <= 25);
      const std::map<int64_t, int> known = {{7, 3}, {9, 4}};
      if (rows == columns && known.contains(rows)) {
        EXPECT_EQ(t.ops["DEPTHWISE_CONV_2D"], known.at(rows));
      }
    }
  }
}

TEST(TfliteTune, DilationsMultiplyAndActivationsGoLast) {
  Tuned t = Check(Depthwise(7, 7, "6,6,6,6", ", dilations=[2,2]"), {1, 9, 8, 3});
  EXPECT_EQ(t.ops["DEPTHWISE_CONV_2D"], 3);
  t = Check(Depthwise(7, 7, "3,3,3,3", "", " %z: f32[1,9,8,3] = relu(%y)\n yield(%z)\n"), {1, 9, 8, 3});
  EXPECT_EQ(t.ops["DEPTHWISE_CONV_2D"], 3);
  EXPECT_EQ(t.ops["RELU"], 0);
}

TEST(TfliteTune, WhatNothingIsGainedByStaysWhole) {
  // A GPU runs any window; sums are not put in another order where that is not allowed.
  EXPECT_EQ(Check(Depthwise(7, 7, "3,3,3,3"), {1, 9, 8, 3}, "litert@2.1+gpu").ops["DEPTHWISE_CONV_2D"], 1);
  EXPECT_EQ(Check(Depthwise(7, 7, "3,3,3,3"), {1, 9, 8, 3}, "", false).ops["DEPTHWISE_CONV_2D"], 1);
  // Windows that are not in the middle of their padding.
  EXPECT_EQ(Check(Depthwise(7, 7, "2,3,4,3"), {1, 9, 8, 3}).ops["DEPTHWISE_CONV_2D"], 1);
}

TEST(TfliteTune, AFactorAndATermForEachChannelAreOneOperator) {
  const std::string constants = Concat(Const("s", {3}, 3), Const("t", {1, 1, 1, 3}, 4), Const("u", {3}, 4),
                                       Const("one", {1}, 5), Const("image", {4, 5, 1}, 6));
  const auto body = [&](std::string_view factor, std::string_view term, std::string_view shape = "1,4,5,3",
                        std::string_view results = "%b") {
    return Parse(constants, Concat("main (%x: f32[", shape, "]) {\n %a: f32[", shape, "] = mul(", factor,
                                   ", %x)\n %b: f32[", shape, "] = add(%a, ", term, ")\n %c: f32[", shape,
                                   "] = relu(%b)\n yield(", results == "%b" ? "%c" : results, ")\n}\n"));
  };
  for (const auto& [factor, term] : {std::pair("%s", "%t"), {"%s", "%one"}, {"%one", "%t"}}) {
    Tuned t = Check(body(factor, term), {1, 4, 5, 3});
    EXPECT_EQ(t.ops["DEPTHWISE_CONV_2D"], 1);
    EXPECT_EQ(t.ops["MUL"] + t.ops["ADD"] + t.ops["RELU"], 0);
  }
  EXPECT_EQ(Check(body("%one", "%one"), {1, 4, 5, 3}).ops["DEPTHWISE_CONV_2D"], 0);
  EXPECT_EQ(Check(body("%image", "%t"), {1, 4, 5, 3}).ops["DEPTHWISE_CONV_2D"], 0);
  EXPECT_EQ(Check(body("%s", "%u", "4,5,3"), {4, 5, 3}).ops["DEPTHWISE_CONV_2D"], 0);
  EXPECT_EQ(Check(body("%s", "%t", "1,4,5,3", "%a, %c"), {1, 4, 5, 3}).ops["DEPTHWISE_CONV_2D"], 0);
}

TEST(TfliteTune, FewSmallOperandsOfManyAreJoinedFirst) {
  const auto joined = [](const std::vector<int64_t>& extents, std::string_view profile = "") {
    std::string body, list, results;
    int64_t all = 0;
    for (size_t k = 0; k < extents.size(); ++k) all += extents[k];
    body = Concat("main (%x: f32[2,", std::to_string(all), "]) {\n");
    std::string constants = Concat(" const %n: i64[", std::to_string(extents.size()), "] = [");
    for (size_t k = 0; k < extents.size(); ++k) {
      constants += Concat(k == 0 ? "" : ",", std::to_string(extents[k]));
      results += Concat(k == 0 ? " " : ", ", "%p", std::to_string(k), ": f32[2,", std::to_string(extents[k]), "]");
      list += Concat(k == 0 ? "%p" : ", %p", std::to_string(extents.size() - 1 - k));
    }
    constants += "]\n";
    body += Concat(results, " = split(%x, %n, axis=1)\n %y: f32[2,", std::to_string(all), "] = concat(", list,
                   ", axis=1)\n yield(%y)\n}\n");
    return Check(Parse(constants, body), {2, all}, profile).ops["CONCATENATION"];
  };
  EXPECT_EQ(joined({8, 4, 2, 1, 1}), 1);
  EXPECT_EQ(joined({8, 4, 2, 1, 1, 2, 2}), 2);
  EXPECT_EQ(joined({1, 1, 1, 1, 8, 4, 2, 8}), 2);
  EXPECT_EQ(joined({2, 2, 2, 2, 2, 2}), 1);
  EXPECT_EQ(joined({8, 4, 2, 1, 1, 2, 2}, "litert@2.1+gpu"), 1);
}

}  // namespace
}  // namespace godwit
