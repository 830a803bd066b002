// Real samples: folders, lists, archives, stacks of rows, pictures in the layout of the input.
#include "api/data.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "api/arrays.h"
#include "api/picture_input.h"
#include "support/import.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::OnnxGraph;

Graph OneInput(const std::vector<testing::OnnxDim>& shape) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, shape).Node("Neg", {"x"}, {"y"}).Output("y", DataType::kFloat);
  return ImportBuilt(g);
}

void WriteNpz(const std::string& path, const std::vector<std::pair<std::string, RtValue>>& values) {
  ASSERT_TRUE(WriteValues(path, values, {}).ok());
}

// 2 x 2 pixels: red, green / blue, white.
std::string SmallPicture(const testing::TempDir& dir, const std::string& name) {
  const std::string path = dir.Path(name);
  std::ofstream out(path, std::ios::binary);
  out << "P6\n2 2\n255\n" << std::string("\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff", 12);
  return path;
}

TEST(Data, AStackOfRowsIsSeveralSamples) {
  const testing::TempDir dir;
  WriteNpz(dir.Path("stack.npz"), {{"x", Tensor::F32({6, 3}, testing::Numbers(18, 1))}});
  DataOptions options;
  options.sources = {dir.Path("stack.npz")};
  const auto all = ReadData(OneInput({2, 3}), options);
  ASSERT_TRUE(all.ok()) << all.diag().what;
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[1][0].tensor.dims(), (Dims{2, 3}));
  EXPECT_EQ((*all)[1][0].tensor.data<float>()[0], testing::Numbers(18, 1)[6]);
  options.samples = 2;
  EXPECT_EQ(ReadData(OneInput({2, 3}), options)->size(), 2U);
  // With an open first dim they are one sample.
  EXPECT_EQ(ReadData(OneInput({"N", 3}), options)->size(), 1U);
}

TEST(Data, FoldersAndListsInOrder) {
  const testing::TempDir dir;
  for (int i = 0; i < 3; ++i) {
    WriteNpz(dir.Path("s" + std::to_string(2 - i) + ".npz"), {{"x", Tensor::F32({1}, {static_cast<float>(2 - i)})}});
  }
  std::ofstream(dir.Path("notes.md")) << "not data";
  std::ofstream(dir.Path("list.txt")) << "# chosen\ns2.npz\n\ns0.npz\n";
  const auto first = [](const std::vector<RtValue>& sample) { return sample[0].tensor.data<float>()[0]; };
  DataOptions options;
  options.sources = {dir.Path("")};
  const auto folder = ReadData(OneInput({1}), options);
  ASSERT_TRUE(folder.ok()) << folder.diag().what;
  ASSERT_EQ(folder->size(), 3U);
  EXPECT_EQ(first((*folder)[0]), 0);
  EXPECT_EQ(first((*folder)[2]), 2);
  options.sources = {dir.Path("list.txt")};
  const auto list = ReadData(OneInput({1}), options);
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(first((*list)[0]), 2);
}

TEST(Data, SeveralInputsNeedNames) {
  OnnxGraph g;
  g.Input("a", DataType::kFloat, {2}).Input("b", DataType::kFloat, {2}).Node("Add", {"a", "b"}, {"y"});
  g.Output("y", DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  const testing::TempDir dir;
  WriteNpz(dir.Path("both.npz"), {{"a", Tensor::F32({2}, {1, 2})}, {"b", Tensor::F32({2}, {3, 4})}});
  WriteNpz(dir.Path("other.npz"), {{"c", Tensor::F32({2}, {5, 6})}});
  DataOptions options;
  options.sources = {dir.Path("both.npz")};
  EXPECT_EQ((*ReadData(graph, options))[0][1].tensor.data<float>()[0], 3);
  options.sources = {"b=" + dir.Path("other.npz")};
  const auto one = ReadData(graph, options);
  ASSERT_TRUE(one.ok()) << one.diag().what;
  EXPECT_TRUE((*one)[0][0].absent());
  EXPECT_EQ((*one)[0][1].tensor.data<float>()[1], 6);
  options.sources = {dir.Path("other.npz")};
  const auto none = ReadData(graph, options);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.diag().id, "exec.input");
  EXPECT_NE(none.diag().hint.find("NAME=D"), std::string::npos);
}

TEST(Data, PicturesTakeTheInputsLayoutAndSize) {
  const testing::TempDir dir;
  DataOptions options;
  options.sources = {SmallPicture(dir, "p.ppm")};
  const auto planes = ReadData(OneInput({1, 3, 2, 2}), options);
  ASSERT_TRUE(planes.ok()) << planes.diag().what;
  const Tensor& t = (*planes)[0][0].tensor;
  EXPECT_EQ(t.dims(), (Dims{1, 3, 2, 2}));
  const std::vector<float> red(t.data<float>(), t.data<float>() + 4);
  EXPECT_EQ(red, (std::vector<float>{1, 0, 0, 1}));
  const auto last = ReadData(OneInput({1, 2, 2, 3}), options);
  EXPECT_EQ((*last)[0][0].tensor.data<float>()[0], 1);
  EXPECT_EQ((*last)[0][0].tensor.data<float>()[1], 0);
  options.pictures.mean = {255, 0, 0};
  options.pictures.scale = {2};
  options.pictures.colour = PictureOptions::Colour::kBgr;
  const auto other = ReadData(OneInput({"N", 3, "H", "W"}), options);
  EXPECT_EQ((*other)[0][0].tensor.dims(), (Dims{1, 3, 2, 2}));
  // Blue comes first now: the third pixel has it.
  EXPECT_EQ((*other)[0][0].tensor.data<float>()[0], -510);
  EXPECT_EQ((*other)[0][0].tensor.data<float>()[2], 0);
  // Twice as wide, then the middle: red falls from the first pixel to the second.
  options.pictures = {};
  options.pictures.resize = {2, 4};
  options.pictures.crop = {2};
  const auto cut = ReadData(OneInput({1, 3, "H", "W"}), options);
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ((*cut)[0][0].tensor.dims(), (Dims{1, 3, 2, 2}));
  EXPECT_NEAR((*cut)[0][0].tensor.data<float>()[0], 0.75, 1e-6);
  EXPECT_NEAR((*cut)[0][0].tensor.data<float>()[1], 0.25, 1e-6);
  options.pictures.resize = {8};
  options.pictures.crop = {4, 2};
  EXPECT_EQ((*ReadData(OneInput({1, 3, "H", "W"}), options))[0][0].tensor.dims(), (Dims{1, 3, 4, 2}));
  options.pictures.resize = {};
  const auto beyond = ReadData(OneInput({1, 3, "H", "W"}), options);
  ASSERT_FALSE(beyond.ok());
  EXPECT_NE(beyond.diag().what.find("smaller than the crop of 4 x 2"), std::string::npos);
  options.pictures = {};
  const auto large = ReadData(OneInput({1, 1, 4, 4}), options);
  ASSERT_TRUE(large.ok());
  EXPECT_NEAR((*large)[0][0].tensor.data<float>()[15], 1, 1e-6);
  const auto wrong = ReadData(OneInput({1, 7}), options);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.diag().id, "exec.input");
}

}  // namespace
}  // namespace godwit
