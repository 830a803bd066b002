// What may be wrong with a file of any format (G), as ONNX models.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "api/load.h"
#include "base/mapped_file.h"
#include "hostile/case.h"

namespace godwit::testing {
namespace {

std::string Small() {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 2, 4, 4}).Init<float>("w", {2, 2, 1, 1}, {1, 2, 3, 4});
  g.Node("Conv", {"x", "w"}, {"c"}).Node("Relu", {"c"}, {"y"}).Output("y", DataType::kFloat);
  return OnnxModel(g);
}

std::string Chain(int nodes) {
  OnnxGraph g;
  g.Input("v0", DataType::kFloat, {4});
  for (int i = 0; i < nodes; ++i) {
    g.Node("Neg", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)});
  }
  g.Output("v" + std::to_string(nodes), DataType::kFloat, {4});
  return OnnxModel(g);
}

/// One node whose input has this shape.
std::string Shaped(const std::vector<OnnxDim>& shape) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, shape).Node("Relu", {"x"}, {"y"}).Output("y", DataType::kFloat);
  return OnnxModel(g);
}

/// A weight that states these dims and holds four bytes.
std::string Weighted(const std::vector<int64_t>& dims) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1}).InitTensor(OnnxRawTensor("w", DataType::kFloat, dims, std::string(4, '\0')));
  g.Node("Add", {"x", "w"}, {"y"}).Output("y", DataType::kFloat);
  return OnnxModel(g);
}

/// A model whose every name is this one.
std::string Named(const std::string& name) {
  OnnxGraph g(name);
  g.Input(name + "x", DataType::kFloat, {1, name}).Init<float>(name + "w", {1}, {1.0F});
  g.Node("Add", {name + "x", name + "w"}, {name + "a"}, {}, "", name);
  g.Node(name, {name + "a"}, {name + "y"}, {OnnxAttr(name, name)}, name, name);
  g.Output(name + "y", DataType::kFloat);
  return OnnxModel(g, {.other_opsets = {{name, 1}}});
}

std::string NestedType(int depth) {
  OnnxType type(DataType::kFloat);
  for (int i = 0; i < depth; ++i) type = OnnxType::Sequence(type);
  OnnxGraph g;
  g.Input("x", type).Node("Identity", {"x"}, {"y"}).Output("y", DataType::kFloat);
  return OnnxModel(g);
}

std::string Valued(float value) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {4}).Init<float>("w", {4}, {value, value, value, value});
  g.Node("Add", {"x", "w"}, {"y"}).Output("y", DataType::kFloat);
  return OnnxModel(g);
}

std::function<std::string(const TempDir&)> Fixed(std::string path) {
  return [path = std::move(path)](const TempDir&) { return path; };
}

std::vector<HostileCase> Cases() {
  using Dir = const TempDir&;
  const std::string small = Small();
  std::vector<HostileCase> c = {
      HostileBytes("G1_Empty", "", {3}, "file.empty"),
      HostileBytes("G2_OneByteZero", std::string(1, '\0'), {3}),
      HostileBytes("G2_OneByteTag", "\x08", {3}),
      HostileBytes("G2_OneByteText", "a", {3}),
      HostileBytes("G2_OneByteHigh", "\xFF", {3}),
      {"G5_ModelNamedAsPicture", [=](Dir dir) { return dir.Write("model.png", small); }, {0}},
      HostileBytes("G5_PictureNamedAsModel", "\x89PNG\r\n\x1A\n" + std::string(100, 'x'), {3, 4}, "format.other"),
      HostileBytes("G5_ZipNamedAsModel", "PK\x03\x04" + std::string(100, 'x'), {3, 4}),
      HostileBytes("G5_PdfBeforeZip", "%PDF-1.4\nPK\x03\x04" + std::string(60, 'x') + "%%EOF", {3, 4}),
      HostileBytes("G5_ZipBehindModel", small + "PK\x03\x04" + std::string(60, 'x'), {0, 3}),
      HostileBytes("G6_LfsPointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", {3},
                   "format.lfs_pointer"),
      HostileBytes("G6_WebPage", "<!DOCTYPE html><html><body>Not Found</body></html>", {3}, "format.html"),
      {"G7_Directory", [](Dir dir) { return dir.Path(); }, {2}, "file.not_regular"},
      {"G7_Absent", [](Dir dir) { return dir.Path("none.onnx"); }, {2}, "file.open"},
      {"G7_Pipe",
       [](Dir dir) {
         EXPECT_EQ(mkfifo(dir.Path("pipe.onnx").c_str(), 0600), 0);
         return dir.Path("pipe.onnx");
       },
       {2},
       "file.not_regular"},
      {"G7_DevZero", Fixed("/dev/zero"), {2}, "file.not_regular"},
      {"G7_DevFull", Fixed("/dev/full"), {2}, "file.not_regular"},
      {"G7_ProcFile", Fixed("/proc/self/maps"), {2, 3}},
      {"G7_Unreadable", Fixed("/proc/self/mem"), {2, 3}},
      {"G7_LargerThanMemory",
       [=](Dir dir) {
         const std::string path = dir.Write("giant.onnx", small);
         EXPECT_EQ(truncate(path.c_str(), int64_t{1} << 40), 0);
         return path;
       },
       {3, 5}},
      {"G7_LargerThanTheLimit",
       [=](Dir dir) { return dir.Write("model.onnx", small); },
       {5},
       "limit.exceeded",
       {"check", "--limit", "file-bytes=16"}},
      HostileBytes("G11_DimZero", Shaped({0, 4}), {0}),
      HostileBytes("G11_DimNegative", Shaped({-1, 4}), {0, 3}),
      HostileBytes("G11_DimMoreNegative", Shaped({-2, 4}), {0, 3}),
      HostileBytes("G11_DimHuge", Shaped({int64_t{1} << 31, int64_t{1} << 31}), {0, 3, 5}),
      HostileBytes("G11_CountOverflows",
                   Shaped({int64_t{1} << 62, int64_t{1} << 62, int64_t{1} << 62, int64_t{1} << 62}), {0, 3, 5}),
      HostileBytes("G11_CountOverflowsWhenRun", Shaped({int64_t{1} << 62, 4}), {1, 3, 5}, {}, {"run", "-q"}),
      HostileBytes("G11_TooLargeToRun", Shaped({int64_t{1} << 40}), {5}, "limit.exceeded", {"run", "-q"}),
      HostileBytes("G11_Rank33", Shaped(std::vector<OnnxDim>(33, OnnxDim(1))), {5}, "limit.exceeded"),
      HostileBytes("G11_WeightDimNegative", Weighted({-1}), {3}, "tensor.shape"),
      HostileBytes("G11_WeightCountOverflows", Weighted({int64_t{1} << 62, 4}), {3, 5}),
      HostileBytes("G11_WeightCountWraps", Weighted({int64_t{1} << 32, int64_t{1} << 32, 1}), {3, 5}),
      HostileBytes("G11_WeightLargerThanFile", Weighted({int64_t{1} << 31}), {3}, "onnx.tensor.size"),
      HostileBytes("G11_WeightRank33", Weighted(std::vector<int64_t>(33, 1)), {5}, "limit.exceeded"),
      HostileBytes("G12_LongChain", Chain(100000), {0}, {}, {"inspect", "--json"}),
      HostileBytes("G12_TypesNestedDeep", NestedType(10000), {5}, "limit.exceeded"),
      HostileBytes("G13_WeightsNan", Valued(NAN), {0}, "check.weight_values"),
      HostileBytes("G13_WeightsInfinite", Valued(INFINITY), {0}, "check.weight_values"),
      HostileBytes("G13_WeightsDenormal", Valued(1e-42F), {0}, "check.weight_values"),
      HostileBytes("G13_WeightsNanStrict", Valued(NAN), {3}, "check.weight_values", {"check", "--strict"}),
  };

  const std::pair<const char*, std::string> names[] = {
      {"Nul", std::string("a\0b", 3)},     {"Newline", "a\nerror[x]: b"},      {"Climbing", "../../etc/passwd"},
      {"NotUtf8", "a\xC3\x28\xFF"},        {"Escape", "a\x1B[2J\x1B]0;x\x07"}, {"Long", std::string(60000, 'n')},
      {"TooLong", std::string(70000, 'n')}};
  for (const auto& [name, text] : names) {
    const std::string bytes = Named(text);
    c.push_back(HostileBytes(std::string("G9_Name") + name, bytes, {0, 3, 5}));
    c.push_back(HostileBytes(std::string("G9_Shown") + name, bytes, {0, 3, 5}, {}, {"inspect", "--layers"}));
    c.push_back(HostileBytes(std::string("G9_Json") + name, bytes, {0, 3, 5}, {}, {"inspect", "--layers", "--json"}));
    c.push_back(HostileBytes(std::string("G9_Run") + name, bytes, {3, 4, 5}, {}, {"run"}));
  }

  OnnxGraph twice = OneNode("Relu", {});
  twice.Node("Neg", {"x"}, {"y"});
  c.push_back(HostileBytes("G10_NameDefinedTwice", OnnxModel(twice), {3}, "onnx.graph.name"));
  OnnxGraph input_twice;
  input_twice.Input("x", DataType::kFloat, {1}).Input("x", DataType::kFloat, {1}).Node("Relu", {"x"}, {"y"});
  input_twice.Output("y", DataType::kFloat);
  c.push_back(HostileBytes("G10_InputDefinedTwice", OnnxModel(input_twice), {3}, "onnx.graph.name"));
  OnnxGraph cycle;
  cycle.Input("x", DataType::kFloat, {1}).Node("Add", {"x", "b"}, {"a"}).Node("Relu", {"a"}, {"b"});
  cycle.Output("b", DataType::kFloat);
  c.push_back(HostileBytes("G10_Cycle", OnnxModel(cycle), {3}, "onnx.graph.cycle"));
  c.push_back(HostileBytes("G10_OwnResult", OnnxModel(OneNode("Add", {}, {"x", "y"})), {3}, "onnx.graph.cycle"));
  OnnxGraph unsorted;
  unsorted.Input("x", DataType::kFloat, {1}).Node("Relu", {"a"}, {"y"}).Node("Neg", {"x"}, {"a"});
  unsorted.Output("y", DataType::kFloat);
  // Sorted and said so; an error where warnings count.
  c.push_back(HostileBytes("G10_UseBeforeDefinition", OnnxModel(unsorted), {0}, "onnx.graph.unsorted"));
  c.push_back(HostileBytes("G10_UseBeforeDefinitionStrict", OnnxModel(unsorted), {3}, "onnx.graph.unsorted",
                           {"check", "--strict"}));
  c.push_back(HostileBytes("G10_InputUndefined", OnnxModel(OneNode("Relu", {}, {"z"})), {3}, "onnx.graph.name"));
  OnnxGraph no_output;
  no_output.Input("x", DataType::kFloat, {1}).Node("Relu", {"x"}, {"y"}).Output("z", DataType::kFloat);
  c.push_back(HostileBytes("G10_OutputUndefined", OnnxModel(no_output), {3}, "onnx.graph.name"));
  OnnxGraph no_outputs;
  no_outputs.Input("x", DataType::kFloat, {1}).Node("Relu", {"x"}, {"y"});
  c.push_back(HostileBytes("G10_NoOutputs", OnnxModel(no_outputs), {0, 3}));
  return c;
}

class HostileGeneric : public ::testing::TestWithParam<HostileCase> {};
TEST_P(HostileGeneric, IsMet) { MeetHostile(GetParam()); }
INSTANTIATE_TEST_SUITE_P(G, HostileGeneric, ::testing::ValuesIn(Cases()), HostileName);

// What follows the graph is optional: a model cut there is whole.
TEST(Hostile, G3_CutAtEveryByteOfASmallModel) { MeetCutsAtEveryByte(Small(), 9); }

TEST(Hostile, G3_CutAtAThousandPointsOfALargeModel) {
  const std::string bytes = Chain(3000);
  for (size_t i = 0; i < 1000; ++i) {
    const size_t size = bytes.size() * i / 1000;
    EXPECT_EQ(LoadStatus(bytes.substr(0, size)), 3) << size << " bytes";
  }
}

TEST(Hostile, G4_TenThousandFlippedBits) { MeetFlippedBits(Small()); }

using HostileDeathTest = ::testing::Test;

TEST(HostileDeathTest, G8_FileThatShrinksWhileItIsRead) {
  const TempDir dir;
  const std::string path = dir.Write("model.onnx", Chain(20000));
  EXPECT_EXIT(
      {
        InstallMapGuard();
        const auto file = MappedFile::Open(path);
        if (!file.ok() || truncate(path.c_str(), 5000) != 0) std::_Exit(99);
        DiagSink sink;
        std::_Exit(LoadModel(*file, {}, &sink).ok() ? 98 : 97);
      },
      ::testing::ExitedWithCode(2), "file.read");
}

}  // namespace
}  // namespace godwit::testing
