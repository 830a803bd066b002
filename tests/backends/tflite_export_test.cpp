// What the TFLite writer makes of core operators: the operators of the file, its names, numbers and versions, and what
// it says when it cannot write one. Every written model is read again and checked.
#include "backends/tflite/export.h"

#include <gtest/gtest.h>

#include "backends/tflite/partition.h"
#include "backends/tflite_written.h"
#include "base/text.h"
#include "ir/state.h"

namespace godwit {
namespace {

using test::ParsedGraph;
using test::Profile;
using Written = test::WrittenTflite;

Written Export(const Graph& graph, const targets::TfliteProfile& profile = {}) {
  return test::WriteTflite(graph, {profile});
}

Written Export(std::string_view text, const targets::TfliteProfile& profile = {}) {
  return Export(ParsedGraph(text), profile);
}

std::string OpsOf(std::string_view text) { return Export(text).Ops(); }

std::string ProblemOf(std::string_view text, const targets::TfliteProfile& profile = {}) {
  const Graph graph = ParsedGraph(text);
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
  EXPECT_EQ(Export(ParsedGraph(R"(graph net {
    main (%a: f32[2]) {
      %s: f32[2] = neg(%a)
      yield(%s as first)
    }
  })"))
                .bytes,
            Export(ParsedGraph(R"(graph net {
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
  Graph graph = ParsedGraph(R"(graph g {
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

}  // namespace
}  // namespace godwit
