#include "ir/text.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "ir/verify.h"
#include "test_ops.h"

namespace godwit {
namespace {

Type T(std::string_view text) { return *Type::Parse(text); }

constexpr std::string_view kExample = R"(graph "a model" {
  producer "pytorch 2.4"
  format "ONNX IR 8"
  opset "" 17
  opset "com.microsoft" 1
  meta "author" "some\nbody"
  const %w: f32[2] = [0.5,-1e-07]
  const %0: i64[0] = []
  const %"layer.0/w 1": string[2] = ["a","\x00\xff"]
  main (%x: f32[1,3,H,2*W + 1], %1: ?) {
    %2: f32[1,N] = neg(%x) from Neg_0 op Neg scope "block/1"
    _, %y: seq(f32[*]) = opaque(%2, _, %w, a=1, b=1.0, c="t\"", d=[1,-2], e=[1.0,nan], f=["u"], g=f32, h=tensor i8[1]{scales=[0.5]} [3], i=type opt(i64[]), j=ints[], k=floats[], l=strings[], "odd name"=-inf) from ""
    %3: f32[2] = if(%x) region (%4: i64[]) {
      %5"dup": f32[2] = add(%w, %w, axis=-1)
      yield(%5)
    }
    region () {
      %6"dup": f32[2] = opaque() region () {
        yield()
      }
      yield(%6)
    }
    opaque(%0, %"layer.0/w 1", %1)
    yield(%3 as "output:0", %y as y)
  }
}
)";

TEST(Text, ExampleParsesAndPrintsBack) {
  Result<Graph> graph = ParseGraph(kExample, test::FindOp);
  ASSERT_TRUE(graph.ok()) << graph.diag().what;
  const Status status = VerifyGraph(*graph);
  EXPECT_TRUE(status.ok()) << FormatDiag(status.diag());
  // The quantisation of a tensor attribute's type is not part of a tensor.
  std::string expected(kExample);
  expected.erase(expected.find("{scales=[0.5]}"), 14);
  EXPECT_EQ(*PrintGraph(*graph), expected);
  EXPECT_EQ(graph->output_names, (std::vector<std::string>{"output:0", "y"}));
  EXPECT_EQ(graph->metadata.at("author"), "some\nbody");
}

TEST(Text, FullDataIsExact) {
  Graph g;
  std::vector<ValueId> in;
  for (int d = 1; d < kDTypeCount; ++d) {
    const auto dtype = static_cast<DType>(d);
    for (int64_t n : {0, 1, 7, 100}) {
      Tensor t(dtype, {n, 1});
      for (size_t i = 0; i < t.bytes(); ++i) {
        if (dtype != DType::kString) t.mutable_raw()[i] = static_cast<std::byte>(i * 37 + 11);
      }
      if (dtype == DType::kBool || Info(dtype).bits < 8) {
        for (size_t i = 0; i < t.bytes(); ++i) t.mutable_raw()[i] &= std::byte{1};
      }
      for (int64_t i = 0; dtype == DType::kString && i < n; ++i) {
        t.mutable_data<StringRef>()[i] = Intern("s\"\xff" + std::to_string(i));
      }
      in.push_back(g.AddConstant(t));
    }
  }
  const double specials[] = {-0.0, 5e-324, std::numeric_limits<double>::max(), -std::numeric_limits<double>::infinity(),
                             0.1};
  in.push_back(g.AddConstant(Tensor::Of<double>(DType::kF64, {5}, specials)));
  const uint32_t nan_payload[] = {0x7FC12345};
  in.push_back(g.AddConstant(Tensor::Of<uint32_t>(DType::kF32, {1}, nan_payload)));
  const uint64_t largest[] = {UINT64_MAX};
  in.push_back(g.AddConstant(Tensor::Of<uint64_t>(DType::kU64, {}, largest)));
  g.AddNode(Graph::main(), test::kFree, in, 0);
  TextOptions full;
  full.data = TextOptions::Data::kFull;
  Result<std::string> text = PrintGraph(g, full);
  ASSERT_TRUE(text.ok());
  Result<Graph> back = ParseGraph(*text, test::FindOp);
  ASSERT_TRUE(back.ok()) << back.diag().what;
  EXPECT_EQ(*PrintGraph(*back, full), *text);
  const std::vector<ValueId>& again = back->node(back->region(Graph::main()).nodes[0]).in;
  ASSERT_EQ(again.size(), in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    EXPECT_TRUE(
        Identical(*g.constant(g.value(in[i]).constant).Load(), *back->constant(back->value(again[i]).constant).Load()))
        << g.value(in[i]).type.ToString();
  }
}

TEST(Text, ElidedConstantsLoadWithAnError) {
  Graph g;
  const ValueId c = g.AddConstant(Tensor(DType::kI4, {100}), "c");
  g.AddNode(Graph::main(), test::kFree, {c}, 0);
  TextOptions hash;
  hash.data = TextOptions::Data::kHash;
  EXPECT_NE(PrintGraph(g, hash)->find("elided 50 hash"), std::string::npos);
  Result<Graph> back = ParseGraph(*PrintGraph(g, hash), test::FindOp);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*PrintGraph(*back), *PrintGraph(g));
  EXPECT_TRUE(VerifyGraph(*back).ok());
  EXPECT_EQ(back->constant(ConstantId{0}).Load().diag().id, "ir.elided");
  EXPECT_EQ(PrintGraph(*back, hash).diag().id, "ir.elided");
}

TEST(Text, EveryPrefixIsRefusedOrParses) {
  for (size_t n = 0; n + 2 < kExample.size(); ++n) {
    Result<Graph> graph = ParseGraph(kExample.substr(0, n), test::FindOp);
    ASSERT_FALSE(graph.ok()) << n;
    ASSERT_EQ(graph.diag().id, "ir.parse");
  }
}

TEST(Text, ProblemsNameTheirLine) {
  struct Case {
    const char* text;
    const char* at;
  };
  const Case cases[] = {
      {"graph {\n  main () {\n    yield(%y)\n  }\n}", "3:11"},
      {"graph {\n  main () {\n    %y: f32[] = nothing()\n    yield(%y)\n  }\n}", "3:17"},
      {"graph { const %c: f32[1000000000] = [0] main () { yield() } }", "1:41"},
      {"graph { const %c: f32[2] = base64 \"AAAA\" main () { yield() } }", "1:28"},
      {"graph { const %c: i8[1] = [200] main () { yield() } }", "1:28"},
      {"graph { const %c: f32[99999999999999,99999999] = elided 1 main () { yield() } }", "1:50"},
      {"graph { main (%x: ?, %x: ?) { yield() } }", "1:22"},
      {"graph { main () { opaque(a=1, a=2) yield() } }", "1:31"},
  };
  for (const Case& c : cases) {
    Result<Graph> graph = ParseGraph(c.text, test::FindOp);
    ASSERT_FALSE(graph.ok()) << c.text;
    EXPECT_EQ(graph.diag().id, "ir.parse");
    EXPECT_EQ(graph.diag().at, c.at) << graph.diag().what;
  }
}

TEST(Text, NestingIsBounded) {
  std::string text = "graph { main () {";
  for (int i = 0; i < 100000; ++i) text += "opaque() region () {";
  Result<Graph> graph = ParseGraph(text, test::FindOp);
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.diag().id, "ir.parse");
}

TEST(Text, AttributesOfAKnownKind) {
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kString, "linear")), "\"linear\"");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kString, "")), "\"\"");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kString, "\"a b\"")), "\"a b\"");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kFloat, "1")), "1.0");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kInt, "-1")), "-1");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kIntList, "[]")), "ints[]");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kFloatList, "[]")), "floats[]");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kFloatList, "[1,2]")), "[1.0,2.0]");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kStringList, "[]")), "strings[]");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kDType, "f32")), "f32");
  EXPECT_EQ(AttrText(*ParseAttr(AttrKind::kType, "seq(f32[*])")), "type seq(f32[*])");
  EXPECT_EQ(ParseAttr(AttrKind::kInt, "1.5").diag().id, "ir.parse");
  EXPECT_EQ(ParseAttr(AttrKind::kInt, "1 2").diag().id, "ir.parse");
  EXPECT_EQ(ParseAttr(AttrKind::kDType, "f33").diag().id, "ir.parse");
}

TEST(Text, LongChainsAreLinear) {
  Graph g;
  ValueId x = g.AddParam(Graph::main(), T("f32[N]"), "x");
  for (int i = 0; i < 100000; ++i) {
    const NodeId n = g.AddNode(Graph::main(), test::kNeg, {x}, 1);
    x = g.node(n).out[0];
    g.value(x).type = T("f32[N]");
  }
  g.region(Graph::main()).results = {x};
  ASSERT_TRUE(VerifyGraph(g).ok());
  Result<std::string> text = PrintGraph(g);
  Result<Graph> back = ParseGraph(*text, test::FindOp);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*PrintGraph(*back), *text);
}

}  // namespace
}  // namespace godwit
