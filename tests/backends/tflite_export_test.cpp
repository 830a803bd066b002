// What the TFLite writer makes of core operators: the operators of the file, its names, numbers and versions, and what
// it says when it cannot write one. Every written model is read again and checked.
#include "backends/tflite/export.h"

#include <gtest/gtest.h>

#include <numeric>

#include "backends/tflite/partition.h"
#include "backends/tflite/prepare.h"
#include "base/text.h"
#include "exec/session.h"
#include "formats/tflite/parse.h"
#include "formats/tflite/write.h"
#include "ir/convert.h"
#include "ir/state.h"
#include "ir/text.h"
#include "ops/ops.h"

namespace godwit {
namespace {

Graph Parsed(std::string_view text) {
  auto graph = ParseGraph(text, ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  return graph.ok() ? *std::move(graph) : Graph();
}

std::string Zeros(int n) {
  std::string out = "0";
  for (int k = 1; k < n; ++k) out += ",0";
  return out;
}

struct Written {
  std::string bytes;
  tflite::Model model;
  int runtime = 0;

  [[nodiscard]] std::string Ops() const {
    std::string out;
    for (const tflite::Operator& op : model.subgraphs[0].operators) {
      out += Concat(out.empty() ? "" : " ", model.OperatorNameOf(op));
    }
    return out;
  }
  [[nodiscard]] const tflite::Operator& Op(size_t i) const { return model.subgraphs[0].operators[i]; }
  [[nodiscard]] const tflite::Tensor& TensorOf(const tflite::Operator& op, size_t input) const {
    return model.subgraphs[0].tensors[static_cast<size_t>(op.inputs[input])];
  }
  [[nodiscard]] int VersionOf(size_t i) const { return model.CodeOf(Op(i)).version; }
};

targets::TfliteProfile Profile(std::string_view name) {
  auto profile = targets::ParseTfliteProfile(name);
  EXPECT_TRUE(profile.ok());
  return profile.ok() ? *std::move(profile) : targets::TfliteProfile();
}

Written Export(const Graph& graph, const targets::TfliteProfile& profile = {}) {
  DiagSink sink;
  const auto exported = to_tflite::ExportModel(graph, {profile}, &sink);
  for (const Diag& d : sink.all()) ADD_FAILURE() << FormatDiag(d);
  Written out;
  if (!exported.ok() || sink.has_errors()) return out;
  const auto bytes = tflite::SerializeModel(exported->model);
  EXPECT_TRUE(bytes.ok());
  out.bytes = *bytes;
  out.runtime = exported->runtime;
  auto model = tflite::ParseModel(AsBytes(out.bytes), {});
  EXPECT_TRUE(model.ok()) << FormatDiag(model.diag());
  if (!model.ok()) return out;
  tflite::CheckModel(*model, {}, &sink);
  for (const Diag& d : sink.all()) ADD_FAILURE() << FormatDiag(d);
  out.model = *std::move(model);
  return out;
}

Written Export(std::string_view text, const targets::TfliteProfile& profile = {}) {
  return Export(Parsed(text), profile);
}

std::string OpsOf(std::string_view text) { return Export(text).Ops(); }

std::string ProblemOf(std::string_view text, const targets::TfliteProfile& profile = {}) {
  const Graph graph = Parsed(text);
  DiagSink sink;
  EXPECT_TRUE(to_tflite::ExportModel(graph, {profile}, &sink).ok());
  return sink.all().empty() ? "" : sink.all()[0].id;
}

// A convolution of channels-last images, [o, i, h, w] weights.
std::string Conv(std::string_view x, std::string_view w, std::string_view y, std::string_view attrs, int64_t count,
                 std::string_view after = "") {
  std::string zeros = "0";
  for (int64_t k = 1; k < count; ++k) zeros += ",0";
  return Concat("graph g {\n const %w: ", w, " = [", zeros, "]\n main (%x: ", x, ") {\n %y: ", y,
                " = conv(%x, %w, channel_axis=3", attrs, ")\n ", after, after.empty() ? "yield(%y as out)" : "",
                "\n }\n}");
}

TEST(TfliteExport, KeepsNamesAndOrder) {
  const Written out = Export(R"(graph net {
    const %w: f32[2,3] = [1,2,3,4,5,6]
    main (%b: f32[4,3], %a: f32[2,3]) {
      %s: f32[2,3] = add(%a, %w)
      %n: f32[4,3] = neg(%b)
      yield(%n as second, %s as first)
    }
  })");
  EXPECT_EQ(out.Ops(), "NEG ADD");  // as the results ask for them
  const tflite::SignatureDef& signature = out.model.signature_defs[0];
  EXPECT_EQ(signature.key, "serving_default");
  EXPECT_EQ(signature.inputs[0].name, "b");
  EXPECT_EQ(signature.inputs[1].name, "a");
  EXPECT_EQ(signature.outputs[0].name, "second");
  EXPECT_EQ(signature.outputs[1].name, "first");
  const tflite::SubGraph& main = out.model.subgraphs[0];
  EXPECT_EQ(main.name, "net");
  EXPECT_EQ(main.tensors[static_cast<size_t>(main.outputs[0])].name, "second");
  EXPECT_EQ(out.TensorOf(out.Op(1), 1).name, "w");
  EXPECT_EQ(out.model.metadata[0].name, "min_runtime_version");
  EXPECT_EQ(out.model.buffers[out.model.metadata[0].buffer].bytes.size(), 16U);
  EXPECT_EQ(Export(Parsed(R"(graph net {
    main (%a: f32[2]) {
      %s: f32[2] = neg(%a)
      yield(%s as first)
    }
  })"))
                .bytes,
            Export(Parsed(R"(graph net {
    main (%a: f32[2]) {
      %s: f32[2] = neg(%a)
      yield(%s as first)
    }
  })"))
                .bytes);
}

TEST(TfliteExport, DimsThatAreNotKnown) {
  const Written out = Export(R"(graph g {
    main (%x: f32[N,3]) {
      %y: f32[N,3] = neg(%x)
      yield(%y as y)
    }
  })");
  const tflite::Tensor& x = out.TensorOf(out.Op(0), 0);
  EXPECT_EQ(x.shape[0], 1);
  ASSERT_EQ(x.shape_signature.size(), 2U);
  EXPECT_EQ(x.shape_signature[0], -1);
  EXPECT_EQ(x.shape_signature[1], 3);
}

TEST(TfliteExport, ResultsThatNoNodeMakesAreCopies) {
  EXPECT_EQ(OpsOf(R"(graph g {
    const %c: f32[1] = [2.0]
    main (%x: f32[2]) {
      %h: f32[2] = neg(%x)
      yield(%x as a, %c as b, %h as d, %h as e)
    }
  })"),
            "RESHAPE RESHAPE NEG RESHAPE");
}

TEST(TfliteExport, PaddingsOfConvolutions) {
  // Symmetric at stride 1 is SAME; at stride 2 the odd unit stands elsewhere.
  const Written same = Export(Conv("f32[1,8,8,2]", "f32[4,2,3,3]", "f32[1,8,8,4]", ", pads=[1,1,1,1]", 72));
  EXPECT_EQ(same.Ops(), "CONV_2D");
  EXPECT_EQ(same.Op(0).options.Int("padding"), 0);
  EXPECT_EQ(same.VersionOf(0), 1);
  EXPECT_EQ(same.Op(0).inputs.size(), 3U);
  EXPECT_EQ(same.TensorOf(same.Op(0), 1).shape[3], 2);  // [o, h, w, i]
  const Written two =
      Export(Conv("f32[1,8,8,2]", "f32[4,2,3,3]", "f32[1,4,4,4]", ", pads=[1,1,1,1], strides=[2,2]", 72));
  EXPECT_EQ(two.Ops(), "PAD CONV_2D");
  EXPECT_EQ(two.Op(1).options.Int("padding"), 1);
  EXPECT_EQ(two.Op(1).options.Int("stride_h"), 2);
  const Written odd =
      Export(Conv("f32[1,8,8,2]", "f32[4,2,3,3]", "f32[1,4,4,4]", ", pads=[0,0,1,1], strides=[2,2]", 72));
  EXPECT_EQ(odd.Ops(), "CONV_2D");
  EXPECT_EQ(odd.Op(0).options.Int("padding"), 0);
}

TEST(TfliteExport, Groups) {
  const Written deep = Export(Conv("f32[1,4,4,3]", "f32[6,1,3,3]", "f32[1,2,2,6]", ", group=3", 54));
  EXPECT_EQ(deep.Ops(), "DEPTHWISE_CONV_2D");
  EXPECT_EQ(deep.Op(0).options.Int("depth_multiplier"), 2);
  EXPECT_EQ(deep.TensorOf(deep.Op(0), 1).shape[3], 6);
  const Written groups = Export(Conv("f32[1,4,4,4]", "f32[6,2,3,3]", "f32[1,2,2,6]", ", group=2", 108));
  EXPECT_EQ(groups.Ops(), "CONV_2D");
  EXPECT_EQ(groups.VersionOf(0), 6);
  EXPECT_EQ(groups.runtime, 209);
}

TEST(TfliteExport, ActivationsAreFused) {
  const Written relu = Export(
      Conv("f32[1,4,4,1]", "f32[1,1,3,3]", "f32[1,2,2,1]", "", 9, "%z: f32[1,2,2,1] = relu(%y)\n yield(%z as out)"));
  EXPECT_EQ(relu.Ops(), "CONV_2D");
  EXPECT_EQ(relu.Op(0).options.Int("fused_activation_function"), 1);
  // What somebody else reads too stays as it is.
  EXPECT_EQ(OpsOf(Conv("f32[1,4,4,1]", "f32[1,1,3,3]", "f32[1,2,2,1]", "", 9,
                       "%z: f32[1,2,2,1] = relu(%y)\n yield(%z as out, %y as other)")),
            "CONV_2D RELU");
  const Written six = Export(R"(graph g {
    const %low: f32[] = [0]
    const %high: f32[] = [6]
    main (%a: f32[2], %b: f32[2]) {
      %s: f32[2] = add(%a, %b)
      %y: f32[2] = clip(%s, %low, %high)
      yield(%y as y)
    }
  })");
  EXPECT_EQ(six.Ops(), "ADD");
  EXPECT_EQ(six.Op(0).options.Int("fused_activation_function"), 3);
  EXPECT_EQ(OpsOf(R"(graph g {
    const %low: f32[] = [-2]
    const %high: f32[] = [3]
    main (%a: f32[2]) {
      %y: f32[2] = clip(%a, %low, %high)
      yield(%y as y)
    }
  })"),
            "MAXIMUM MINIMUM");
}

TEST(TfliteExport, Products) {
  const Written dense = Export(R"(graph g {
    const %w: f32[3,2] = [1,2,3,4,5,6]
    const %b: f32[2] = [1,2]
    main (%x: f32[4,5,3]) {
      %p: f32[4,5,2] = matmul(%x, %w)
      %y: f32[4,5,2] = add(%p, %b)
      yield(%y as y)
    }
  })");
  EXPECT_EQ(dense.Ops(), "FULLY_CONNECTED");
  EXPECT_TRUE(dense.Op(0).options.Bool("keep_num_dims"));
  EXPECT_EQ(dense.VersionOf(0), 5);
  EXPECT_EQ(dense.TensorOf(dense.Op(0), 1).shape[0], 2);
  const Written batch = Export(R"(graph g {
    main (%a: f32[2,3,4], %b: f32[2,5,4]) {
      %y: f32[2,3,5] = matmul(%a, %b, transpose_b=1)
      yield(%y as y)
    }
  })");
  EXPECT_EQ(batch.Ops(), "BATCH_MATMUL");
  EXPECT_TRUE(batch.Op(0).options.Bool("adj_y"));
}

TEST(TfliteExport, Poolings) {
  const auto pool = [](std::string_view op, std::string_view attrs, std::string_view y) {
    return Concat("graph g {\n main (%x: f32[1,7,7,2]) {\n %y: ", y, " = ", op, "(%x, kernel=[3,3], channel_axis=3",
                  attrs, ")\n yield(%y as y)\n }\n}");
  };
  EXPECT_EQ(OpsOf(pool("max_pool", "", "f32[1,5,5,2]")), "MAX_POOL_2D");
  EXPECT_EQ(OpsOf(pool("max_pool", ", pads=[1,1,1,1]", "f32[1,7,7,2]")), "MAX_POOL_2D");
  EXPECT_EQ(OpsOf(pool("max_pool", ", pads=[1,1,1,1], strides=[4,4]", "f32[1,2,2,2]")), "PADV2 MAX_POOL_2D");
  EXPECT_EQ(OpsOf(pool("avg_pool", ", pads=[1,1,1,1]", "f32[1,7,7,2]")), "AVERAGE_POOL_2D");
  EXPECT_EQ(OpsOf(pool("avg_pool", ", pads=[1,1,1,1], count_pads=1", "f32[1,7,7,2]")), "PAD AVERAGE_POOL_2D");
  // Neither SAME nor counted: a factor for each place makes up for the zeros.
  EXPECT_EQ(OpsOf(pool("avg_pool", ", pads=[1,1,1,1], strides=[4,4]", "f32[1,2,2,2]")), "PAD AVERAGE_POOL_2D MUL");
}

TEST(TfliteExport, ChannelsFirstAreTurned) {
  EXPECT_EQ(OpsOf(R"(graph g {
    const %w: f32[1,1,1,1] = [2]
    main (%x: f32[2,1,3,4]) {
      %y: f32[2,1,3,4] = conv(%x, %w)
      yield(%y as y)
    }
  })"),
            "RESHAPE CONV_2D RESHAPE");
  EXPECT_EQ(OpsOf(R"(graph g {
    const %w: f32[2,2,1,1] = [2,1,3,4]
    main (%x: f32[2,2,3,4]) {
      %y: f32[2,2,3,4] = conv(%x, %w)
      yield(%y as y)
    }
  })"),
            "TRANSPOSE CONV_2D TRANSPOSE");
}

TEST(TfliteExport, ResizesByTheRuleThatFits) {
  const auto resize = [](std::string_view attrs) {
    return Concat(
        "graph g {\n const %s: i64[4] = [1,8,6,2]\n main (%x: f32[1,4,3,2]) {\n %y: f32[1,8,6,2] = resize(%x, %s",
        attrs, ")\n yield(%y as y)\n }\n}");
  };
  const Written linear = Export(resize(", mode=\"linear\""));
  EXPECT_EQ(linear.Ops(), "RESIZE_BILINEAR");
  EXPECT_TRUE(linear.Op(0).options.Bool("half_pixel_centers"));
  EXPECT_EQ(linear.VersionOf(0), 3);
  const Written corners = Export(resize(", mode=\"linear\", coordinates=\"align_corners\""));
  EXPECT_TRUE(corners.Op(0).options.Bool("align_corners"));
  const Written nearest = Export(resize(", coordinates=\"asymmetric\", nearest=\"floor\""));
  EXPECT_EQ(nearest.Ops(), "RESIZE_NEAREST_NEIGHBOR");
}

TEST(TfliteExport, ResizesToSizesThatTheModelWorksOut) {
  const auto resize = [](std::string_view attrs) {
    return Concat("graph g {\n main (%x: f32[1,H,W,2], %s: i64[2]) {\n %y: f32[1,A,B,2] = resize(%x, %s, axes=[1,2]",
                  attrs, ")\n yield(%y as y)\n }\n}");
  };
  const Written linear = Export(resize(", mode=\"linear\""));
  EXPECT_EQ(linear.Ops(), "CAST RESIZE_BILINEAR");
  EXPECT_TRUE(linear.Op(1).options.Bool("half_pixel_centers"));
  EXPECT_EQ(Export(resize(", coordinates=\"asymmetric\", nearest=\"floor\"")).Ops(), "CAST RESIZE_NEAREST_NEIGHBOR");
}

TEST(TfliteExport, QuantisedOperators) {
  const Written out = Export(R"(graph g {
    const %xs: f32[] = [0.5]
    const %xz: i8[] = [3]
    const %w: i8[1,1,1,2] = [1,2]
    const %ws: f32[] = [0.25]
    const %ys: f32[] = [2]
    const %yz: i8[] = [-1]
    main (%x: i8[1,3,3,1]) {
      %xf: f32[1,3,3,1] = dequantize(%x, %xs, %xz, to=f32)
      %wf: f32[1,1,1,2] = dequantize(%w, %ws, to=f32)
      %r: f32[1,3,3,2] = conv(%xf, %wf, channel_axis=3, weight_layout="hwio")
      %a: f32[1,3,3,2] = relu(%r)
      %y: i8[1,3,3,2] = quantize(%a, %ys, %yz, to=i8)
      yield(%y as y)
    }
  })");
  ASSERT_EQ(out.Ops(), "CONV_2D");
  EXPECT_EQ(out.VersionOf(0), 3);
  EXPECT_EQ(out.Op(0).options.Int("fused_activation_function"), 1);
  const tflite::Tensor& x = out.TensorOf(out.Op(0), 0);
  ASSERT_NE(x.quantization, nullptr);
  EXPECT_EQ(x.quantization->scale[0], 0.5F);
  EXPECT_EQ(x.quantization->zero_point[0], 3);
  const tflite::Tensor& bias = out.TensorOf(out.Op(0), 2);
  EXPECT_EQ(bias.type, tflite::TensorType::kInt32);
  EXPECT_EQ(bias.quantization->scale[0], 0.125F);
}

TEST(TfliteExport, WhatCannotBeWritten) {
  constexpr std::string_view kGroups = R"(graph g {
    const %w: f32[2,2,1,1] = [2,1,3,4]
    main (%x: f32[2,3,4,4]) {
      %y: f32[2,3,4,2] = conv(%x, %w, group=2, channel_axis=3)
      yield(%y as y)
    }
  })";
  EXPECT_EQ(Export(kGroups).VersionOf(0), 6);
  constexpr std::string_view kNeg = R"(graph g {
    main (%x: f32[2,3,4]) {
      %y: f32[2,3,4] = neg(%x)
      yield(%y as y)
    }
  })";
  targets::TfliteProfile profile;
  profile.forbid = {"NEG"};
  EXPECT_EQ(ProblemOf(kNeg, profile), "target.forbidden");
  profile = {};
  profile.require = {"rank<=2"};
  EXPECT_EQ(ProblemOf(kNeg, profile), "target.forbidden");
  EXPECT_EQ(ProblemOf(R"(graph g {
    main (%x: f32[2], %s: string[2]) {
      %y: string[2] = string_concat(%s, %s)
      yield(%y as y)
    }
  })"),
            "target.operator");
}

TEST(TfliteExport, OlderRuntimesGetOlderVersions) {
  constexpr std::string_view kGelu = R"(graph g {
    main (%x: f32[2]) {
      %y: f32[2] = gelu(%x, approximate="tanh")
      yield(%y as y)
    }
  })";
  EXPECT_EQ(Export(kGelu).Ops(), "GELU");
  EXPECT_EQ(Export(kGelu).runtime, 209);
  const Written old = Export(kGelu, Profile("tflite@2.8"));
  EXPECT_EQ(old.Ops().find("GELU"), std::string::npos);
  EXPECT_LE(old.runtime, 208);
}

TEST(TfliteExport, StateIsAVariable) {
  Graph graph = Parsed(R"(graph g {
    main (%x: f32[2], %s: f32[2]) {
      %y: f32[2] = add(%x, %s)
      %n: f32[2] = neg(%y)
      yield(%y as y, %n as next)
    }
  })");
  AddState({"s", "next", {}}, &graph);
  const Written out = Export(graph);
  EXPECT_EQ(out.Ops(), "CALL_ONCE VAR_HANDLE READ_VARIABLE ADD NEG ASSIGN_VARIABLE");
  EXPECT_EQ(out.model.subgraphs.size(), 2U);
  EXPECT_EQ(out.model.signature_defs[0].inputs.size(), 1U);
  EXPECT_EQ(out.model.signature_defs[0].outputs.size(), 1U);
  // A runtime without variables gets them as inputs and outputs.
  EXPECT_EQ(Export(graph, Profile("tflite@2.5")).Ops(), "ADD NEG");
}

TEST(TflitePartition, PartsOfADelegate) {
  const Written out = Export(R"(graph g {
    main (%x: f32[2], %p: f32[2]) {
      %a: f32[2] = neg(%x)
      %b: f32[2] = pow(%a, %p)
      %c: f32[2] = abs(%b)
      %y: f32[2] = sqrt(%c)
      yield(%y as y)
    }
  })");
  ASSERT_EQ(out.Ops(), "NEG POW ABS SQRT");
  const to_tflite::Partition xnnpack = to_tflite::PartitionFor(out.model, targets::TfliteDelegate::kXnnpack);
  EXPECT_EQ(xnnpack.operators, 4U);
  EXPECT_EQ(xnnpack.delegated, 3U);
  EXPECT_EQ(xnnpack.parts, 2U);
  EXPECT_EQ(xnnpack.largest, 2U);
  ASSERT_EQ(xnnpack.left.size(), 1U);
  EXPECT_EQ(xnnpack.left[0].op, "POW");
  EXPECT_EQ(to_tflite::PartitionFor(out.model, targets::TfliteDelegate::kGpu).parts, 1U);
}

TEST(TflitePrepare, LayoutIsTheTargets) {
  Graph graph = Parsed(R"(graph g {
    const %w: f32[2,2,1,1] = [2,1,3,4]
    main (%x: f32[2,2,3,4]) {
      %a: f32[2,2,3,4] = conv(%x, %w)
      %b: f32[2,2,3,4] = abs(%a)
      %y: f32[2,2,3,4] = conv(%b, %w)
      yield(%y as y)
    }
  })");
  to_tflite::PrepareReport report;
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, &report).ok());
  EXPECT_EQ(report.layout.after.transposes, 2);
  EXPECT_EQ(Export(graph).Ops(), "TRANSPOSE CONV_2D ABS CONV_2D TRANSPOSE");
}

TEST(TflitePrepare, PatchesOfAFrameNeedNoMoreThanFourAxes) {
  constexpr std::string_view kText = R"(graph g {
    const %w: f32[3,3,1,1] = [2,1,3,4,1,5,1,2,2]
    const %cut: i64[6] = [1,3,3,4,2,4]
    const %each: i64[4] = [6,3,4,4]
    const %apart: i64[6] = [1,3,2,4,4,3]
    const %frame: i64[4] = [1,12,8,3]
    main (%x: f32[1,3,12,8]) {
      %a: f32[1,3,3,4,2,4] = reshape(%x, %cut)
      %b: f32[1,3,2,3,4,4] = transpose(%a, perm=[0,2,4,1,3,5])
      %c: f32[6,3,4,4] = reshape(%b, %each)
      %d: f32[6,3,4,4] = conv(%c, %w)
      %e: f32[6,4,4,3] = transpose(%d, perm=[0,2,3,1])
      %f: f32[1,3,2,4,4,3] = reshape(%e, %apart)
      %g: f32[1,3,4,2,4,3] = transpose(%f, perm=[0,1,3,2,4,5])
      %y: f32[1,12,8,3] = reshape(%g, %frame)
      yield(%y as y)
    }
  })";
  const Graph source = Parsed(kText);
  Graph graph = Parsed(kText);
  to_tflite::PrepareReport report;
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, &report).ok());
  EXPECT_EQ(report.layout.after.transposes, 3);
  const Written out = Export(graph);
  EXPECT_EQ(out.Ops(), "TRANSPOSE RESHAPE TRANSPOSE RESHAPE CONV_2D RESHAPE TRANSPOSE RESHAPE");
  for (const tflite::Tensor& t : out.model.subgraphs[0].tensors) EXPECT_LE(t.shape.size(), 4U) << t.name;
  std::vector<float> values(size_t{3} * 12 * 8);
  std::iota(values.begin(), values.end(), 0.0F);
  Session before(source, {}), after(graph, {});
  const auto want = before.Run({Tensor::F32({1, 3, 12, 8}, values)}),
             got = after.Run({Tensor::F32({1, 3, 12, 8}, values)});
  ASSERT_TRUE(want.ok() && got.ok());
  EXPECT_EQ(ToF64((*want)[0].tensor), ToF64((*got)[0].tensor));
}

TEST(TflitePrepare, NeighboursInDifferentAxesOfTheResultMoveAsOne) {
  Graph graph = Parsed(R"(graph g {
    const %apart: i64[6] = [1,3,2,4,5,6]
    const %frame: i64[4] = [1,12,10,6]
    main (%x: f32[6,4,5,6]) {
      %f: f32[1,3,2,4,5,6] = reshape(%x, %apart)
      %g: f32[1,3,4,2,5,6] = transpose(%f, perm=[0,1,3,2,4,5])
      %y: f32[1,12,10,6] = reshape(%g, %frame)
      %z: f32[1,10,6,12] = transpose(%y, perm=[0,2,3,1])
      yield(%z as z)
    }
  })");
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, nullptr).ok());
  const Written out = Export(graph);
  EXPECT_EQ(out.Ops(), "RESHAPE TRANSPOSE RESHAPE");
  for (const tflite::Tensor& t : out.model.subgraphs[0].tensors) EXPECT_LE(t.shape.size(), 4U) << t.name;
}

TEST(TflitePrepare, HalvesAreWidenedBetweenTheEdges) {
  Graph graph = Parsed(R"(graph g {
    const %w: f16[2] = [1.5,2]
    main (%x: f16[3,2]) {
      %a: f16[3,2] = mul(%x, %w)
      %b: f16[3,2] = sqrt(%a)
      yield(%b as y)
    }
  })");
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, nullptr).ok());
  const Written out = Export(graph);
  EXPECT_EQ(out.Ops(), "CAST MUL SQRT CAST");
  EXPECT_EQ(out.model.signature_defs[0].outputs[0].name, "y");
}

TEST(TflitePrepare, HardSigmoidsGoIntoWhatIsBefore) {
  Graph graph = Parsed(R"(graph g {
    const %w: f32[2,2,1,1] = [2,1,3,4]
    main (%x: f32[2,3,4,2]) {
      %a: f32[2,3,4,2] = conv(%x, %w, channel_axis=3)
      %y: f32[2,3,4,2] = hard_sigmoid(%a, alpha=0.16666667163372, beta=0.5)
      yield(%y as y)
    }
  })");
  to_tflite::PrepareReport report;
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, &report).ok());
  EXPECT_EQ(report.decomposed, 1);
  EXPECT_EQ(Export(graph).Ops(), "CONV_2D MUL");
}

std::string Prepared(std::string_view text) {
  Graph graph = Parsed(text);
  EXPECT_TRUE(to_tflite::Prepare(&graph, {}, nullptr).ok());
  return Export(graph).Ops();
}

// Neighbours over one spatial axis hand each other images of one row.
TEST(TflitePrepare, LinesAreImagesOfOneRow) {
  EXPECT_EQ(Prepared(R"(graph g {
    const %w: f32[2,2,1] = [2,1,3,4]
    main (%x: f32[1,2,9]) {
      %a: f32[1,2,9] = conv(%x, %w)
      %b: f32[1,2,9] = gelu(%a)
      %c: f32[1,2,9] = conv(%b, %w)
      %d: f32[1,2,9] = tanh(%c)
      %y: f32[1,2,4] = max_pool(%d, kernel=[2], strides=[2])
      yield(%y as y)
    }
  })"),
            "TRANSPOSE RESHAPE CONV_2D GELU CONV_2D TANH MAX_POOL_2D RESHAPE TRANSPOSE");
  // Two extents that are not known cannot be reshaped to, but an axis can be put in.
  const std::string open = Prepared(R"(graph g {
    const %w: f32[2,2,1] = [2,1,3,4]
    main (%x: f32[N,2,L]) {
      %a: f32[N,2,L] = conv(%x, %w)
      yield(%a as y)
    }
  })");
  EXPECT_NE(open.find("EXPAND_DIMS CONV_2D SQUEEZE"), std::string::npos) << open;
}

// A reshape says one open size at most; where it only places dims of 1 it need say none.
TEST(TflitePrepare, OnesArePlacedBetweenOpenSizes) {
  const std::string ops = Prepared(R"(graph g {
    const %more: i64[4] = [0,1,-1,2]
    main (%x: f32[N,L,2]) {
      %a: f32[N,1,L,2] = reshape(%x, %more)
      yield(%a as y)
    }
  })");
  EXPECT_EQ(ops, "EXPAND_DIMS");
}

// log(sum(exp)) of a decomposition is not an operator to be decomposed once more.
TEST(TflitePrepare, WhatIsWrittenOutStaysSo) {
  EXPECT_EQ(Prepared(R"(graph g {
    const %last: i64[1] = [1]
    main (%x: f32[2,3]) {
      %y: f32[2,1] = reduce(%x, %last, mode="log_sum_exp")
      yield(%y as y)
    }
  })"),
            "REDUCE_MAX ABS EQUAL SELECT_V2 SUB EXP SUM LOG ADD");
}

TEST(TflitePrepare, ProductsTakeWhatLiesTurned) {
  // A row that becomes a column lies as it did.
  EXPECT_EQ(Prepared(R"(graph g {
    const %t: i64[3] = [4,1,3]
    main (%a: f32[4,2,1], %x: f32[4,3,1]) {
      %r: f32[4,1,3] = reshape(%x, %t)
      %y: f32[4,2,3] = matmul(%a, %r)
      yield(%y as y)
    }
  })"),
            "BATCH_MATMUL");
  EXPECT_EQ(Prepared(R"(graph g {
    const %w: f32[2,3] = [1,2,3,4,5,6]
    const %none: f32[3] = [0,0,0]
    main (%x: f32[4,2]) {
      %y: f32[4,3] = gemm(%x, %w, %none)
      yield(%y as y)
    }
  })"),
            "FULLY_CONNECTED");
}

// Names of views, of numbers that say what to do and of single numbers follow the form that is chosen.
TEST(TfliteExport, WhatComesAndGoesHasNoNameOfTheSource) {
  const Written out = Export(R"(graph g {
    const %repeats: i64[2] = [1,2]
    const %half: f32[] = [0.5]
    const %vector: f32[6] = [1,2,3,4,5,6]
    const %shape: i64[2] = [3,2]
    main (%x: f32[2,3]) {
      %moved: f32[3,2] = reshape(%x, %shape)
      %sum: f32[3,2] = add(%moved, %half)
      %tiled: f32[3,4] = tile(%sum, %repeats)
      %t: f32[4,3] = transpose(%tiled, perm=[1,0])
      yield(%tiled as tiled, %t as turned)
    }
  })");
  std::string names;
  for (const tflite::Tensor& t : out.model.subgraphs[0].tensors) names += Concat(t.name, " ");
  EXPECT_NE(names.find("sum "), std::string::npos) << names;
  EXPECT_NE(names.find("turned "), std::string::npos) << names;
  for (const char* gone : {"moved", "half", "repeats", "shape"})
    EXPECT_EQ(names.find(gone), std::string::npos) << names;
}

// Constants that rows make, or that are computed as they are written, are those of the source where they are equal.
TEST(TfliteExport, EqualConstantsAreOne) {
  const Written out = Export(R"(graph g {
    const %w: f32[2,2,1,1] = [2,1,3,4]
    const %zeros: f32[2] = [0,0]
    main (%x: f32[1,3,4,2]) {
      %a: f32[1,3,4,2] = conv(%x, %w, channel_axis=3)
      %b: f32[1,3,4,2] = conv(%a, %w, %zeros, channel_axis=3)
      yield(%b as y)
    }
  })");
  const auto& ops = out.model.subgraphs[0].operators;
  ASSERT_EQ(ops.size(), 2U);
  EXPECT_EQ(ops[0].inputs[1], ops[1].inputs[1]);
  EXPECT_EQ(ops[0].inputs[2], ops[1].inputs[2]);
  EXPECT_EQ(out.model.subgraphs[0].tensors[static_cast<size_t>(ops[0].inputs[2])].name, "zeros");
}

std::string Layer(std::string_view attrs, std::string_view more = "") {
  return Concat(R"(graph {
    const %w: f32[1,8,3] = [)",
                Zeros(24), "]\n const %r: f32[1,8,2] = [", Zeros(16), R"(]
    const %b: f32[1,16] = [)",
                Zeros(16), R"(]
    main (%x: f32[5,1,3]) {
      %y: f32[5,1,1,2], %h: f32[1,1,2], %c: f32[1,1,2] = lstm(%x, %w, %r, %b, activations=["sigmoid","tanh","tanh"])",
                attrs, R"()
      yield(%y as y)",
                more, R"()
    }
  })");
}

TEST(TfliteExport, TheFusedLstmIsWrittenWhereItIsAskedFor) {
  targets::TfliteProfile asked;
  asked.prefer.insert("UNIDIRECTIONAL_SEQUENCE_LSTM");
  const auto ops = [&](const std::string& text, const targets::TfliteProfile& profile) {
    Graph graph = Parsed(text);
    to_tflite::PrepareOptions options;
    options.profile = profile;
    EXPECT_TRUE(to_tflite::Prepare(&graph, options, nullptr).ok());
    return Export(graph, profile);
  };
  const Written whole = ops(Layer(""), asked);
  EXPECT_EQ(whole.Ops(), "PAD CONCATENATION UNIDIRECTIONAL_SEQUENCE_LSTM SLICE RESHAPE");
  const tflite::Operator& lstm = whole.Op(2);
  EXPECT_TRUE(whole.TensorOf(lstm, 18).is_variable);
  EXPECT_TRUE(whole.TensorOf(lstm, 19).is_variable);
  EXPECT_EQ(lstm.inputs[16], -1);
  EXPECT_EQ(ops(Layer(", direction=\"reverse\""), asked).Ops(),
            "REVERSE_V2 PAD CONCATENATION UNIDIRECTIONAL_SEQUENCE_LSTM SLICE REVERSE_V2 RESHAPE");
  EXPECT_EQ(ops(Layer("", ", %h as h"), asked).Ops(),
            "PAD CONCATENATION UNIDIRECTIONAL_SEQUENCE_LSTM SLICE RESHAPE SLICE RESHAPE");
  // What the operator cannot say, and what was not asked for.
  for (const std::string& other : {ops(Layer("", ", %c as c"), asked).Ops(), ops(Layer(", clip=0.5"), asked).Ops(),
                                   ops(Layer(", input_forget=1"), asked).Ops(), ops(Layer(""), {}).Ops()}) {
    EXPECT_EQ(other.find("SEQUENCE_LSTM"), std::string::npos) << other;
    EXPECT_NE(other.find("LOGISTIC"), std::string::npos) << other;
  }
}

}  // namespace
}  // namespace godwit
