// The adapter of ONNX Runtime: what it says where there is none, and where there is one, that values cross unchanged.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "api/convert.h"
#include "api/load.h"
#include "exec/session.h"
#include "runtimes/find_library.h"
#include "runtimes/runtime.h"
#include "support/import.h"
#include "support/onnx_builder.h"
#include "support/temp_dir.h"
#include "verify/runtime_values.h"
#include "verify/values.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::OnnxAttr;
using testing::OnnxGraph;
using testing::OnnxModel;

ByteSpan Bytes(const std::string& text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

// Skips where no runtime is installed: its absence is tested, its presence cannot be asked for.
#define FIND_OR_SKIP(runtime)                                                               \
  auto found_runtime = runtimes::FindOnnxRuntime();                                         \
  if (!found_runtime.ok()) GTEST_SKIP() << "no ONNX Runtime here: pip install onnxruntime"; \
  runtimes::Runtime* runtime = *found_runtime

// An environment variable for as long as the object lives; null: unset.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    value != nullptr ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(RuntimeSearch, NewestLibraryOfAPackageFolder) {
  const testing::TempDir dir;
  const std::string lib = dir.Path("lib/python3.11/site-packages/thing/capi");
  ASSERT_EQ(std::system(("mkdir -p " + lib).c_str()), 0);
  for (const char* name : {"libthing.so.1.9.0", "libthing.so.1.10.0", "libthing_providers.so", "libthing.sobad"}) {
    std::ofstream(lib + "/" + name) << "x";
  }
  const Variable env("VIRTUAL_ENV", dir.Path("").c_str());
  constexpr std::string_view kPackages[] = {"thing/capi"};
  EXPECT_TRUE(runtimes::FindLibrary(kPackages, "libthing.so").ends_with("/libthing.so.1.10.0"));
  EXPECT_EQ(runtimes::FindLibrary(kPackages, "libnothing.so"), "");
}

TEST(OnnxRuntime, WhatIsNoRuntimeIsNamed) {
  const auto missing = runtimes::FindOnnxRuntime("/nowhere/libonnxruntime.so");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.diag().id, "runtime.library");
  EXPECT_EQ(missing.diag().file, "/nowhere/libonnxruntime.so");
  const auto other = runtimes::FindOnnxRuntime("libz.so.1");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.diag().id, "runtime.library");
  EXPECT_NE(other.diag().what.find("OrtGetApiBase"), std::string::npos);
}

TEST(OnnxRuntime, AbsenceIsOneClearLine) {
  const testing::TempDir dir;
  const Variable venv("VIRTUAL_ENV", nullptr), conda("CONDA_PREFIX", nullptr), libraries("LD_LIBRARY_PATH", nullptr);
  const Variable named("GODWIT_ONNXRUNTIME", nullptr);
  const Variable path("PATH", dir.Path("").c_str()), home("HOME", dir.Path("").c_str());
  const auto found = runtimes::FindOnnxRuntime();
  if (found.ok()) GTEST_SKIP() << "the system itself brings one: " << (*found)->library();
  EXPECT_EQ(found.diag().id, "runtime.absent");
  EXPECT_NE(found.diag().hint.find("--runtime-lib"), std::string::npos);
}

TEST(RuntimeValues, CrossAndComeBack) {
  std::vector<Tensor> tensors = {Tensor::F32({2, 2}, {1, -2, 3.5F, 0}), Tensor::I64({3}, {1, -2, 3}),
                                 Tensor::I64({0}, {})};
  Tensor nibbles(DType::kI4, {3}), crumbs(DType::kU2, {5}), texts(DType::kString, {2});
  for (int i = 0; i < 3; ++i) nibbles.mutable_data<int8_t>()[i] = static_cast<int8_t>(i * 5 - 8);
  for (int i = 0; i < 5; ++i) crumbs.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(i % 4);
  texts.mutable_data<StringRef>()[0] = Intern("a");
  texts.mutable_data<StringRef>()[1] = Intern("");
  tensors.insert(tensors.end(), {nibbles, crumbs, texts});
  for (const Tensor& t : tensors) {
    const auto array = ToArray(t);
    ASSERT_TRUE(array.ok());
    const auto back = FromArray(*array);
    ASSERT_TRUE(back.ok());
    EXPECT_TRUE(Identical(back->tensor, t)) << Name(t.dtype());
  }
  EXPECT_EQ(ToArray(nibbles)->bytes.size(), 2U);
  const auto sequence = ToArray(RtValue::Sequence({}));
  ASSERT_FALSE(sequence.ok());
  EXPECT_EQ(sequence.diag().id, "runtime.value");
}

TEST(OnnxRuntime, RunsAModelAsTheInterpreterDoes) {
  FIND_OR_SKIP(runtime);
  EXPECT_EQ(runtime->name(), "ONNX Runtime");
  EXPECT_FALSE(runtime->version().empty());
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 3}).Init("w", {3, 4}, testing::Numbers(12, 1));
  g.Node("MatMul", {"x", "w"}, {"y"}).Node("Softmax", {"y"}, {"z"}, {OnnxAttr("axis", 1)});
  g.Node("ArgMax", {"y"}, {"best"}, {OnnxAttr("axis", 1)});
  g.Output("z", DataType::kFloat).Output("best", DataType::kInt64);
  const std::string bytes = OnnxModel(g, {.opset = 17});
  const Tensor x = Tensor::F32({2, 3}, {0.5F, -1, 2, 3, 0.25F, -0.5F});
  for (const auto level : {runtimes::OpenOptions::Optimise::kNone, runtimes::OpenOptions::Optimise::kAll}) {
    auto model = runtime->Open(Bytes(bytes), {.threads = 1, .optimise = level});
    ASSERT_TRUE(model.ok()) << model.diag().what;
    ASSERT_EQ((*model)->inputs().size(), 1U);
    EXPECT_EQ((*model)->inputs()[0].name, "x");
    EXPECT_EQ((*model)->inputs()[0].shape, (std::vector<int64_t>{-1, 3}));
    EXPECT_EQ((*model)->outputs()[1].element, runtimes::Element::kI64);
    const auto theirs = RunInRuntime(model->get(), {{"x", x}});
    ASSERT_TRUE(theirs.ok()) << theirs.diag().what;
    DiagSink sink;
    const auto graph = LoadModel(MappedFile::Borrow(Bytes(bytes)), {}, &sink);
    ASSERT_TRUE(graph.ok());
    Session session(*graph, {});
    const auto ours = session.Run({x});
    ASSERT_TRUE(ours.ok());
    for (size_t i = 0; i < 2; ++i) EXPECT_EQ(Difference((*theirs)[i], (*ours)[i], {1e-5, 1e-7}), "");
    const auto wanting = RunInRuntime(model->get(), {{"other", x}});
    ASSERT_FALSE(wanting.ok());
    EXPECT_EQ(wanting.diag().id, "exec.input");
  }
}

// The written pair is judged before it is in place: the runtime finds the weights beside the model.
TEST(OnnxRuntime, JudgesAModelWithASideFile) {
  FIND_OR_SKIP(runtime);
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 40}).Init("w", {40, 40}, testing::Numbers(1600, 1));
  g.Node("MatMul", {"x", "w"}, {"h"}).Node("Tanh", {"h"}, {"y"}).Output("y", DataType::kFloat);
  const testing::TempDir dir;
  const std::string source = dir.Write("in.onnx", OnnxModel(g, {.opset = 17})), out = dir.Path("out.onnx");
  ConvertOptions options;
  options.weights = to_onnx::FileOptions::Weights::kBeside;
  DiagSink sink;
  const auto report = ConvertModel(source, out, options, &sink);
  ASSERT_TRUE(report.ok()) << FormatDiag(report.diag());
  EXPECT_TRUE(report->proved && report->proof.ok());
  EXPECT_NE(report->proof.judges.find(runtime->name()), std::string::npos) << report->proof.judges;
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.Path("")), {}), 3);
}

TEST(OnnxRuntime, StringsCross) {
  FIND_OR_SKIP(runtime);
  OnnxGraph g;
  g.Input("x", DataType::kString, {3}).Node("Identity", {"x"}, {"y"}).Output("y", DataType::kString);
  const std::string bytes = OnnxModel(g, {.opset = 17});
  Tensor x(DType::kString, {3});
  for (int i = 0; i < 3; ++i) x.mutable_data<StringRef>()[i] = Intern(std::string(static_cast<size_t>(i), 'q'));
  auto model = runtime->Open(Bytes(bytes), {});
  ASSERT_TRUE(model.ok()) << model.diag().what;
  const auto out = RunInRuntime(model->get(), {{"x", x}});
  ASSERT_TRUE(out.ok()) << out.diag().what;
  EXPECT_EQ(Difference((*out)[0], x, {}), "");
}

TEST(OnnxRuntime, ARefusalSpeaksInItsOwnWords) {
  FIND_OR_SKIP(runtime);
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Node("NoSuchOperator", {"x"}, {"y"}).Output("y", DataType::kFloat);
  const auto model = runtime->Open(Bytes(OnnxModel(g, {.opset = 17})), {});
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.diag().id, "runtime.refused");
  EXPECT_NE(model.diag().what.find("NoSuchOperator"), std::string::npos) << model.diag().what;
  EXPECT_FALSE(runtime->Open("/nowhere/model.onnx", {}).ok());
}

}  // namespace
}  // namespace godwit
