// Operators of com.microsoft that take in several nodes: written where the domain is allowed, alone where it is, read
// back to the same results, and run by ONNX Runtime where there is one.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "backends/onnx/export.h"
#include "base/text.h"
#include "exec/region_runner.h"
#include "formats/onnx/write.h"
#include "frontends/onnx/import.h"
#include "ir/convert.h"
#include "ir/inference.h"
#include "ir/text.h"
#include "ops/ops.h"
#include "ops/sample_graph.h"
#include "runtimes/runtime.h"
#include "verify/runtime_values.h"
#include "verify/values.h"

namespace godwit {
namespace {

using Texts = std::vector<std::string>;

Graph Parsed(std::string_view body) {
  auto graph = ParseGraph(Concat("graph g {\n", body, "\n}\n"), ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  return graph.ok() ? *std::move(graph) : Graph();
}

std::vector<RtValue> Run(const Graph& graph, std::vector<RtValue> in) {
  const GraphFacts facts(graph);
  Widening as_stored;
  RegionRunner runner(facts, {}, &as_stored);
  auto out = runner.Run(Graph::main(), std::move(in));
  EXPECT_TRUE(out.ok()) << FormatDiag(out.diag());
  return out.ok() ? *std::move(out) : std::vector<RtValue>();
}

// Reals from -2 to 2, integers of one row of a table.
std::vector<RtValue> Drawn(const Graph& graph) {
  std::mt19937 random(7);
  std::vector<RtValue> out;
  for (const ValueId v : graph.region(Graph::main()).params) {
    const TensorType& type = graph.value(v).type.tensor();
    Dims dims;
    for (const Dim& d : type.shape) dims.push_back(d.is_static() ? d.value() : 3);
    Tensor t(type.dtype, dims);
    for (int64_t i = 0; i < t.size(); ++i) {
      const double real = static_cast<double>(random() % 4001) / 1000.0 - 2;
      const double value = IsFloat(t.dtype()) ? real : static_cast<double>(random() % 4);
      StoreF64(t.dtype(), value, t.mutable_raw() + static_cast<size_t>(i) * ByteSize(t.dtype()));
    }
    out.emplace_back(std::move(t));
  }
  return out;
}

to_onnx::Exported Written(const Graph& graph, const Texts& domains, int opset) {
  to_onnx::ExportOptions options;
  options.opset = opset;
  options.domains = domains;
  DiagSink sink;
  auto exported = to_onnx::ExportModel(graph, options, &sink);
  EXPECT_TRUE(exported.ok()) << FormatDiag(exported.diag());
  for (const Diag& d : sink.all()) ADD_FAILURE() << FormatDiag(d);
  return exported.ok() ? *std::move(exported) : to_onnx::Exported();
}

/// Operators of the written file, those of other domains with the domain before them.
Texts OperatorsOf(const Graph& graph, const Texts& domains, int opset) {
  const to_onnx::Exported exported = Written(graph, domains, opset);
  Texts out;
  bool imported = false;
  for (const onnx::OperatorSet& set : exported.model.opset_imports)
    imported = imported || set.domain == "com.microsoft";
  for (const onnx::Node& n : exported.model.graph.nodes) {
    out.emplace_back(n.op_type);
    EXPECT_TRUE(n.domain.empty() || imported) << n.op_type;
    if (!n.domain.empty()) out.back() = Concat("ms.", out.back());
  }
  return out;
}

/// The model says `wanted` where the domain is allowed, `plain` where it is not, and computes the same either way.
void CheckFused(std::string_view body, const Texts& wanted, const Texts& plain, int opset = 17,
                const Texts& domains = {"com.microsoft"}) {
  SCOPED_TRACE(body);
  const Graph graph = Parsed(body);
  EXPECT_EQ(OperatorsOf(graph, domains, opset), wanted);
  EXPECT_EQ(OperatorsOf(graph, {}, opset), plain);
  const std::vector<RtValue> in = Drawn(graph);
  const std::vector<RtValue> expected = Run(graph, in);
  const std::string bytes = onnx::SerializeModel(Written(graph, domains, opset).model);
  DiagSink sink;
  const ByteSpan span = AsBytes(bytes);
  const auto back = from_onnx::ImportModel(MappedFile::FromBytes({span.begin(), span.end()}), {}, &sink);
  ASSERT_TRUE(back.ok() && !sink.has_errors());
  const std::vector<RtValue> got = Run(*back, in);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(Difference(got[i], expected[i], {1e-5, 1e-6}), "") << i;
  const auto runtime = runtimes::FindOnnxRuntime();
  if (!runtime.ok()) return;  // its absence is said by the runtime's own test
  auto model = (*runtime)->Open(span, {.threads = 1, .optimise = runtimes::OpenOptions::Optimise::kNone});
  ASSERT_TRUE(model.ok()) << model.diag().what;
  std::vector<std::pair<std::string, RtValue>> named;
  for (size_t i = 0; i < in.size(); ++i) {
    named.emplace_back(graph.value(graph.region(Graph::main()).params[i]).name, in[i]);
  }
  const auto theirs = RunInRuntime(model->get(), named);
  ASSERT_TRUE(theirs.ok()) << theirs.diag().what;
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(Difference((*theirs)[i], expected[i], {1e-4, 1e-5}), "") << i;
}

// --- convolutions and products with activations

std::string Conv(std::string_view activation, std::string_view more = "") {
  return Concat("const %w: f32[2,1,3,3] = [0.5,-1.0,0.25,1.0,0.0,2.0,-0.5,0.75,1.5,1.0,1.0,-1.0,0.5,-0.5,0.25,2.0,0.0,",
                "-2.0]\nconst %b: f32[2] = [0.25,-0.5]\n", more,
                "main (%x: f32[1,1,5,4]) {\n%c: f32[1,2,3,2] = conv(%x, %w, %b, pads=[0,0,0,0])\n",
                "%y: f32[1,2,3,2] = ", activation, "\nyield(%y as y)\n}");
}

TEST(FusedConv, TakesActivations) {
  const std::pair<std::string_view, std::string> cases[] = {
      {"relu(%c)", "Relu"},
      {"sigmoid(%c)", "Sigmoid"},
      {"tanh(%c)", "Tanh"},
      {"leaky_relu(%c, alpha=0.125)", "LeakyRelu"},
      {"hard_sigmoid(%c, alpha=0.25, beta=0.375)", "HardSigmoid"}};
  for (const auto& [text, op] : cases) CheckFused(Conv(text), {"ms.FusedConv"}, {"Conv", op});
  constexpr std::string_view kBounds = "const %lo: f32[] = [0.5]\nconst %hi: f32[] = [6.0]\n";
  CheckFused(Conv("clip(%c, %lo, %hi)", kBounds), {"ms.FusedConv"}, {"Conv", "Clip"});
}

TEST(FusedConv, LeavesWhatItDoesNotHave) {
  CheckFused(Conv("hard_swish(%c)"), {"Conv", "HardSwish"}, {"Conv", "HardSwish"});
  CheckFused(Conv("clip(%c, %lo)", "const %lo: f32[] = [0.5]\n"), {"Conv", "Clip"}, {"Conv", "Clip"});
  // Somebody else wants the convolution as it is.
  CheckFused(R"(const %w: f32[1,1,1,1] = [2.0]
    main (%x: f32[1,1,2,2]) {
      %c: f32[1,1,2,2] = conv(%x, %w)
      %y: f32[1,1,2,2] = relu(%c)
      yield(%c as c, %y as y)
    })",
             {"Conv", "Relu"}, {"Conv", "Relu"});
}

TEST(FusedGemm, TakesActivations) {
  const auto gemm = [](std::string_view activation) {
    return Concat("const %w: f32[2,3] = [1.0,2.0,3.0,-4.0,0.5,0.25]\nconst %b: f32[2] = [1.0,-1.0]\n",
                  "main (%x: f32[N,3]) {\n%g: f32[N,2] = gemm(%x, %w, %b, transpose_b=1, alpha=0.5)\n",
                  "%y: f32[N,2] = ", activation, "\nyield(%y as y)\n}");
  };
  CheckFused(gemm("relu(%g)"), {"ms.FusedGemm"}, {"Gemm", "Relu"});
  CheckFused(gemm("leaky_relu(%g, alpha=0.25)"), {"ms.FusedGemm"}, {"Gemm", "LeakyRelu"});
  CheckFused(gemm("hard_sigmoid(%g, alpha=0.25, beta=0.375)"), {"ms.FusedGemm"}, {"Gemm", "HardSigmoid"});
}

TEST(FusedMatMul, TakesTranspositionsAndFactors) {
  CheckFused(R"(const %c: f32[] = [0.125]
    main (%a: f32[2,3,4], %b: f32[2,5,4]) {
      %t: f32[2,4,5] = transpose(%b, perm=[0,2,1])
      %s: f32[2,3,4] = mul(%a, %c)
      %m: f32[2,3,5] = matmul(%s, %t)
      %y: f32[2,3,5] = div(%m, %c)
      yield(%y as y)
    })",
             {"ms.FusedMatMul"}, {"Transpose", "Mul", "MatMul", "Div"});
  CheckFused(R"(main (%a: f32[2,4,3], %b: f32[4,5]) {
      %t: f32[2,3,4] = transpose(%a, perm=[0,2,1])
      %y: f32[2,3,5] = matmul(%t, %b)
      yield(%y as y)
    })",
             {"ms.FusedMatMul"}, {"Transpose", "MatMul"});
}

TEST(FusedMatMul, LeavesOtherOrders) {
  const Texts plain = {"Transpose", "MatMul"};
  CheckFused(R"(main (%a: f32[2,3,4], %b: f32[4,2,5]) {
      %t: f32[2,4,5] = transpose(%b, perm=[1,0,2])
      %y: f32[2,3,5] = matmul(%a, %t)
      yield(%y as y)
    })",
             plain, plain);
  const Texts twice = {"MatMul", "Mul"};
  CheckFused(R"(const %c: f32[2,1,1] = [0.5,2.0]
    main (%a: f32[3,4], %b: f32[4,5]) {
      %m: f32[3,5] = matmul(%a, %b)
      %y: f32[2,3,5] = mul(%m, %c)
      yield(%y as y)
    })",
             twice, twice);
  CheckFused(
      "main (%a: f64[3,4], %b: f64[5,4]) {\n%t: f64[4,5] = transpose(%b)\n%y: f64[3,5] = matmul(%a, %t)\n"
      "yield(%y as y)\n}",
      plain, plain);
}

// --- activations

TEST(MicrosoftGelu, TakesABias) {
  const auto gelu = [](std::string_view approximate) {
    return Concat("const %b: f32[4] = [1.0,-1.0,0.5,0.0]\nmain (%x: f32[2,3,4]) {\n%s: f32[2,3,4] = add(%x, %b)\n",
                  "%y: f32[2,3,4] = gelu(%s", approximate, ")\nyield(%y as y)\n}");
  };
  CheckFused(gelu(""), {"ms.BiasGelu"}, {"Add", "Gelu"}, 20);
  CheckFused(gelu(", approximate=\"tanh\""), {"ms.FastGelu"}, {"Add", "Gelu"}, 20);
  CheckFused("main (%x: f32[2,4]) {\n%y: f32[2,4] = gelu(%x)\nyield(%y as y)\n}", {"Gelu"}, {"Gelu"}, 20);
}

TEST(MicrosoftGelu, IsThereBeforeTheStandards) {
  const Graph gelu = Parsed("main (%x: f32[2,4]) {\n%y: f32[2,4] = gelu(%x)\nyield(%y as y)\n}");
  EXPECT_EQ(OperatorsOf(gelu, {"com.microsoft"}, 17), Texts{"ms.Gelu"});
  CheckFused("main (%x: f32[2,4]) {\n%y: f32[2,4] = silu(%x, alpha=1.702)\nyield(%y as y)\n}", {"ms.QuickGelu"},
             {"Mul", "Sigmoid", "Mul"});
  // In the standard ai.onnx has it too, which ONNX Runtime is slower with.
  CheckFused("main (%x: f32[2,4]) {\n%y: f32[2,4] = silu(%x)\nyield(%y as y)\n}", {"ms.QuickGelu"}, {"Swish"}, 24);
}

// --- normalisations of sums

constexpr std::string_view kScale =
    "const %s: f32[4] = [1.0,-1.0,0.5,2.0]\nconst %b: f32[4] = [0.25,0.5,-1.0,0.0]\n"
    "const %c: f32[4] = [1.5,0.5,0.0,-0.25]\n";
const Texts kSkip = {"com.microsoft", "com.microsoft.SkipLayerNormalization",
                     "com.microsoft.SkipSimplifiedLayerNormalization"};

TEST(SkipNorm, AddsAndGivesTheSumToo) {
  const std::string body = Concat(kScale, R"(main (%x: f32[2,3,4], %z: f32[2,3,4]) {
      %biased: f32[2,3,4] = add(%x, %c)
      %sum: f32[2,3,4] = add(%z, %biased)
      %n: f32[2,3,4] = layer_norm(%sum, %s, %b, epsilon=0.001)
      %y: f32[2,3,4] = add(%sum, %n)
      yield(%y as y)
    })");
  CheckFused(body, {"ms.SkipLayerNormalization", "Add"}, {"Add", "Add", "LayerNormalization", "Add"}, 17, kSkip);
  // The sum itself may be what the model gives.
  const std::string given = Concat(kScale, R"(main (%x: f32[2,3,4], %z: f32[2,3,4]) {
      %sum: f32[2,3,4] = add(%x, %z)
      %n: f32[2,3,4] = rms_norm(%sum, %s)
      yield(%n as n, %sum as sum)
    })");
  CheckFused(given, {"ms.SkipSimplifiedLayerNormalization"}, {"Add", "RMSNormalization"}, 23, kSkip);
}

TEST(SkipNorm, OnlyWhereItIsAllowedByName) {
  const Texts plain = {"Add", "LayerNormalization"};
  const std::string body = Concat(kScale, R"(main (%x: f32[2,3,4], %z: f32[2,3,4]) {
      %sum: f32[2,3,4] = add(%x, %z)
      %n: f32[2,3,4] = layer_norm(%sum, %s, %b)
      yield(%n as n)
    })");
  CheckFused(body, plain, plain);
  CheckFused(body, {"ms.SkipLayerNormalization"}, plain, 17, {"com.microsoft.SkipLayerNormalization"});
}

TEST(SkipNorm, NotWhenTheSumIsNeededBefore) {
  const Texts plain = {"Add", "Neg", "LayerNormalization", "Add"};
  const std::string body = Concat(kScale, R"(main (%x: f32[2,3,4], %z: f32[2,3,4]) {
      %sum: f32[2,3,4] = add(%x, %z)
      %neg: f32[2,3,4] = neg(%sum)
      %n: f32[2,3,4] = layer_norm(%sum, %s, %b)
      %y: f32[2,3,4] = add(%neg, %n)
      yield(%y as y)
    })");
  CheckFused(body, plain, plain, 17, kSkip);
  // A row that is added to all others is not a sum of equals.
  const Texts row = {"Add", "LayerNormalization"};
  CheckFused(Concat(kScale, R"(main (%x: f32[2,3,4]) {
      %sum: f32[2,3,4] = add(%x, %c)
      %n: f32[2,3,4] = layer_norm(%sum, %s, %b)
      yield(%n as n)
    })"),
             row, row, 17, kSkip);
}

constexpr std::string_view kTables =
    R"(const %words: f32[4,4] = [1.0,2.0,3.0,4.0,0.5,0.25,-1.0,2.0,0.0,1.0,0.0,-1.0,2.0,2.0,1.0,0.5]
    const %places: f32[4,4] = [0.5,-1.0,2.0,0.0,1.5,1.0,0.25,0.0,-2.0,0.0,1.0,1.0,0.75,0.5,0.25,3.0]
    const %kinds: f32[4,4] = [1.0,1.0,0.0,0.0,0.5,2.0,-1.0,0.0,0.0,0.0,0.5,1.0,-0.5,1.0,1.0,1.0]
)";

TEST(EmbedNorm, WordsPlacesAndKinds) {
  CheckFused(Concat(kScale, kTables, R"(main (%ids: i64[2,3], %seg: i32[2,3], %pos: i64[1,3]) {
      %w: f32[2,3,4] = gather(%words, %ids, axis=0)
      %k: f32[2,3,4] = gather(%kinds, %seg, axis=0)
      %p: f32[1,3,4] = gather(%places, %pos, axis=0)
      %a: f32[2,3,4] = add(%w, %k)
      %e: f32[2,3,4] = add(%a, %p)
      %n: f32[2,3,4] = layer_norm(%e, %s, %b)
      yield(%n as n)
    })"),
             {"Cast", "Cast", "ms.EmbedLayerNormalization"},
             {"Gather", "Gather", "Gather", "Add", "Add", "LayerNormalization"});
}

TEST(EmbedNorm, PlacesAsTheyLie) {
  constexpr std::string_view kPlaces = "const %p: f32[1,2,4] = [0.5,-1.0,2.0,0.0,1.5,1.0,0.25,0.0]\n";
  CheckFused(Concat(kScale, kTables, kPlaces, R"(main (%ids: i32[N,2]) {
      %w: f32[N,2,4] = gather(%words, %ids, axis=0)
      %e: f32[N,2,4] = add(%w, %p)
      %n: f32[N,2,4] = layer_norm(%e, %s, %b)
      yield(%n as n)
    })"),
             {"Reshape", "ms.EmbedLayerNormalization"}, {"Gather", "Add", "LayerNormalization"});
  const Texts plain = {"Gather", "Gather", "Add", "LayerNormalization"};
  CheckFused(Concat(kScale, kTables, R"(main (%ids: i32[2,2], %pos: i32[2]) {
      %w: f32[2,2,4] = gather(%words, %ids, axis=0)
      %p: f32[2,4] = gather(%places, %pos, axis=0)
      %e: f32[2,2,4] = add(%w, %p)
      %n: f32[2,2,4] = layer_norm(%e, %s, %b)
      yield(%n as n)
    })"),
             plain, plain);
}

// --- attention

TEST(MicrosoftAttention, PackedHeadsWithAMask) {
  const Graph graph = Parsed(R"(main (%q: f32[2,3,8], %k: f32[2,5,8], %v: f32[2,5,8], %m: f32[3,5]) {
      %y: f32[2,3,8] = attention(%q, %k, %v, %m, q_heads=2, kv_heads=2, scale=0.25)
      yield(%y as y)
    })");
  EXPECT_EQ(OperatorsOf(graph, {"com.microsoft"}, 17), (Texts{"Unsqueeze", "ms.MultiHeadAttention"}));
  CheckFused(R"(main (%q: f32[2,3,8], %k: f32[2,5,8], %v: f32[2,5,8], %m: f32[3,5]) {
      %y: f32[2,3,8] = attention(%q, %k, %v, %m, q_heads=2, kv_heads=2, scale=0.25)
      yield(%y as y)
    })",
             {"Unsqueeze", "ms.MultiHeadAttention"}, OperatorsOf(graph, {}, 17));
}

// --- 8-bit numbers

TEST(QLinear, BetweenDequantizeAndQuantize) {
  // No result lies half way between two steps: ONNX Runtime rounds those its own way.
  constexpr std::string_view kScales =
      "const %s: f32[] = [0.11]\nconst %t: f32[] = [0.07]\nconst %u: f32[] = [0.23]\n"
      "const %z: u8[] = [3]\nconst %w: u8[] = [1]\n";
  const auto two = [&](std::string_view op) {
    return Concat(kScales, "main (%a: u8[2,3], %b: u8[2,3]) {\n%x: f32[2,3] = dequantize(%a, %s, %z, to=f32)\n",
                  "%v: f32[2,3] = dequantize(%b, %t, %w, to=f32)\n%r: f32[", op == "concat" ? "4" : "2", ",3] = ", op,
                  "(%x, %v", op == "concat" ? ", axis=0" : "", ")\n%y: u8[", op == "concat" ? "4" : "2",
                  ",3] = quantize(%r, %u, %z, to=u8)\nyield(%y as y)\n}");
  };
  const auto parts = [](std::string op) { return Texts{"DequantizeLinear", "DequantizeLinear", op, "QuantizeLinear"}; };
  CheckFused(two("add"), {"ms.QLinearAdd"}, parts("Add"));
  CheckFused(two("mul"), {"ms.QLinearMul"}, parts("Mul"));
  CheckFused(two("concat"), {"ms.QLinearConcat"}, parts("Concat"));
  CheckFused(two("sub"), parts("Sub"), parts("Sub"));
  const auto one = [&](std::string_view op) {
    return Concat(kScales, "main (%a: u8[2,3]) {\n%x: f32[2,3] = dequantize(%a, %s, %z, to=f32)\n%r: f32[2,3] = ", op,
                  "\n%y: u8[2,3] = quantize(%r, %t, %z, to=u8)\nyield(%y as y)\n}");
  };
  CheckFused(one("sigmoid(%x)"), {"ms.QLinearSigmoid"}, {"DequantizeLinear", "Sigmoid", "QuantizeLinear"});
  CheckFused(one("leaky_relu(%x, alpha=0.5)"), {"ms.QLinearLeakyRelu"},
             {"DequantizeLinear", "LeakyRelu", "QuantizeLinear"});
}

// --- what was not asked for

TEST(StandardDomain, IsAllThatIsWrittenUnlessAnotherIsAllowed) {
  int written = 0;
  for (const OpDef* op : ops::All()) {
    if (op->samples == nullptr || op->regions != 0) continue;
    for (const Sample& sample : op->samples()) {
      const auto operands = test::MakeOperands(sample);
      ASSERT_TRUE(operands.ok());
      test::SampleGraph made = test::MakeGraph(*op, sample, *operands);
      Inference inference(made.graph);
      if (!inference.InferRegion(Graph::main()).ok()) continue;
      for (const int opset : {17, 24}) {
        to_onnx::ExportOptions options;
        options.opset = opset;
        DiagSink sink;
        const auto exported = to_onnx::ExportModel(made.graph, options, &sink);
        if (!exported.ok() || sink.has_errors()) continue;
        ++written;
        for (const onnx::Node& n : exported->model.graph.nodes) {
          EXPECT_TRUE(n.domain.empty() || n.domain == "ai.onnx.ml") << op->name << ": " << n.domain << "." << n.op_type;
        }
        for (const onnx::OperatorSet& set : exported->model.opset_imports) {
          EXPECT_TRUE(set.domain.empty() || set.domain == "ai.onnx.ml") << op->name << ": " << set.domain;
        }
      }
    }
  }
  EXPECT_GT(written, 500);
}

}  // namespace
}  // namespace godwit
