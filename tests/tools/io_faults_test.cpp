// Whatever interrupts a conversion, its output is the old file whole or the new one whole, nothing else is left in the
// folder, and the input is what it was.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <random>
#include <set>

#include "support/onnx_builder.h"
#include "support/tflite_builder.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

constexpr int64_t kSide = 1200;

// Large enough that writing takes a while: y = Relu(x W).
std::string LargeModel() {
  std::vector<float> weights(static_cast<size_t>(kSide * kSide));
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 97) * 0.01F;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, kSide})
      .Init<float>("w", {kSide, kSide}, weights)
      .Node("Identity", {"x"}, {"a"})
      .Node("MatMul", {"a", "w"}, {"b"})
      .Node("Relu", {"b"}, {"y"})
      .Output("y", DataType::kFloat, {1, kSide});
  return OnnxModel(g);
}

std::set<std::string> NamesIn(const std::string& folder) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) out.insert(entry.path().filename().string());
  return out;
}

// Starts the program with its output thrown away; `limit` is the largest file it may write, 0 for any.
pid_t Start(const std::vector<std::string>& words, rlim_t limit = 0) {
  const pid_t child = fork();
  if (child != 0) return child;
  const int null = open("/dev/null", O_WRONLY);
  dup2(null, 1);
  dup2(null, 2);
  if (limit != 0) {
    const rlimit size{limit, limit};
    setrlimit(RLIMIT_FSIZE, &size);
    std::signal(SIGXFSZ, SIG_IGN);
  }
  std::vector<char*> argv = {const_cast<char*>(GODWIT_BINARY)};
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  execv(GODWIT_BINARY, argv.data());
  _exit(127);
}

class IoFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    in_ = dir_.Write("in.onnx", LargeModel());
    out_ = dir_.Path("out.onnx");
    before_ = TempDir::Read(in_);
    ASSERT_EQ(RunGodwit({"simplify", in_, "-o", out_, "--verify=off"}).status, 0);
    whole_ = TempDir::Read(out_);
  }
  void ExpectOldOrNew(const std::string& old) {
    const std::string now = TempDir::Read(out_);
    EXPECT_TRUE(now == old || now == whole_) << now.size() << " bytes";
    for (const std::string& name : NamesIn(dir_.Path(""))) {
      if (name == "in.onnx" || name == "out.onnx") continue;
      // The new file is whole before it gets any name; a kill between its two names leaves the first.
      EXPECT_TRUE(name.ends_with(".tmp") && TempDir::Read(dir_.Path(name)) == whole_) << name;
      std::filesystem::remove(dir_.Path(name));
    }
  }

  TempDir dir_;
  std::string in_, out_, before_, whole_;
};

TEST_F(IoFaults, KilledAtAnyInstant) {
  const std::string old = "what stood there before";
  std::mt19937 random(7);
  int cut_short = 0;
  for (int i = 0; i < 200; ++i) {
    dir_.Write("out.onnx", old);
    const pid_t child = Start({"simplify", in_, "-o", out_, "--verify=off"});
    usleep(static_cast<useconds_t>(random() % 40000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    cut_short += WIFSIGNALED(status) ? 1 : 0;
    ExpectOldOrNew(old);
    if (HasFailure()) break;
  }
  EXPECT_GT(cut_short, 0) << "no run was killed in time";
  EXPECT_EQ(TempDir::Read(in_), before_);
}

// A model and its weights, replaced again and again by those of another model: never one with the other's.
TEST(IoFaultsOfPairs, KilledAtAnyInstant) {
  const TempDir dir;
  const std::string out = dir.Path("out.onnx"), data = dir.Path("out.onnx.data");
  std::vector<std::string> models;
  std::vector<std::pair<std::string, std::string>> whole;
  for (const float factor : {1.0F, -3.0F}) {
    const int64_t size = factor > 0 ? 4000 : 5000;
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {size})
        .Init<float>("w", {size}, std::vector<float>(static_cast<size_t>(size), factor));
    g.Node("Mul", {"x", "w"}, {"y"}).Output("y", DataType::kFloat, {size});
    models.push_back(dir.Write(factor > 0 ? "a.onnx" : "b.onnx", OnnxModel(g)));
    ASSERT_EQ(RunGodwit({"simplify", models.back(), "-o", out, "--external-data", "--verify=off"}).status, 0);
    whole.emplace_back(TempDir::Read(out), TempDir::Read(data));
  }
  std::mt19937 random(11);
  int cut_short = 0;
  for (size_t i = 0; i < 200 && !::testing::Test::HasFailure(); ++i) {
    const pid_t child = Start({"simplify", models[i % 2], "-o", out, "--external-data", "--verify=off"});
    usleep(static_cast<useconds_t>(random() % 20000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    cut_short += WIFSIGNALED(status) ? 1 : 0;
    if (std::filesystem::exists(out)) {
      const auto now = std::make_pair(TempDir::Read(out), TempDir::Read(data));
      EXPECT_TRUE(now == whole[0] || now == whole[1]) << now.first.size() << " and " << now.second.size() << " bytes";
    }
    for (const std::string& name : NamesIn(dir.Path(""))) {
      if (name.ends_with(".tmp")) std::filesystem::remove(dir.Path(name));
    }
  }
  EXPECT_GT(cut_short, 0) << "no run was killed in time";
}

TEST_F(IoFaults, FullDiskAndUnwritablePlaces) {
  const std::string old = "what stood there before";
  dir_.Write("out.onnx", old);
  for (const rlim_t limit : {1UL, 4096UL, 100'000UL, 5'000'000UL}) {
    int status = 0;
    waitpid(Start({"simplify", in_, "-o", out_, "--verify=off"}, limit), &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 2) << limit;
    EXPECT_EQ(TempDir::Read(out_), old);
  }
  ExpectOldOrNew(old);
  EXPECT_EQ(RunGodwit({"simplify", in_, "-o", "/dev/full", "--verify=off"}).status, 2);
  EXPECT_EQ(RunGodwit({"simplify", in_, "-o", "/proc/nothing/out.onnx"}).status, 2);
  EXPECT_EQ(RunGodwit({"simplify", in_, "-o", dir_.Path("")}).status, 2);
}

TEST_F(IoFaults, OutputThatNamesTheInput) {
  std::filesystem::create_symlink(in_, dir_.Path("link.onnx"));
  std::filesystem::create_hard_link(in_, dir_.Path("twin.onnx"));
  for (const std::string& name : {in_, dir_.Path("link.onnx"), dir_.Path("twin.onnx"), dir_.Path("./in.onnx")}) {
    EXPECT_EQ(RunGodwit({"simplify", in_, "-o", name}).status, 1) << name;
    EXPECT_EQ(TempDir::Read(in_), before_);
  }
}

// Constants that a TFLite model has in a file beside it are inputs like the model itself.
TEST(IoFaultsOfTflite, OutputThatNamesASideFile) {
  const TempDir dir;
  TfliteModel m;
  const int32_t x = m.Input("x", {4}), w = m.Tensor("w", tflite::TensorType::kFloat32, {4}), y = m.Output("y", {4});
  m.main().tensors[static_cast<size_t>(w)].external_buffer = 1;
  m.rest.external_buffer_groups = m.arena.Array(std::vector<std::string_view>{"weights.onnx"});
  m.rest.external_buffers = m.arena.Array(std::vector<tflite::ExternalBuffer>{{1, 0, 0, 16, {}}});
  m.Op(tflite::BuiltinOperator::kAdd, {x, w}, {y});
  (void)m.Build();
  const std::string model = dir.Write("model.tflite", m.Bytes());
  const std::string weights = dir.Write("weights.onnx", std::string(16, '\0'));
  EXPECT_EQ(RunGodwit({"convert", model, "-o", weights}).status, 1);
  EXPECT_EQ(TempDir::Read(weights), std::string(16, '\0'));
  EXPECT_EQ(RunGodwit({"convert", model, "-o", dir.Path("other.onnx"), "--verify", "own"}).status, 0);
}

TEST_F(IoFaults, SameBytesWithAnyThreads) {
  for (int run = 0; run < 10; ++run) {
    const std::string threads = run % 3 == 0 ? "1" : run % 3 == 1 ? "2" : "8";
    ASSERT_EQ(RunGodwit({"simplify", in_, "-o", out_, "--verify=own", "--threads", threads}).status, 0);
    EXPECT_EQ(TempDir::Read(out_), whole_);
  }
}

}  // namespace
}  // namespace godwit::testing
