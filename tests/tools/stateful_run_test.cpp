// Several runs of a model with state, and what comes back of a conversion that keeps it.
#include <gtest/gtest.h>

#include <cstring>

#include "support/tflite_import.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Set = tflite::OptionsSetter;

// y = what x has been in all runs together.
std::string RunningSum(const TempDir& dir) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 2});
  const int32_t handle = b.Add("total", T::kResource, {});
  const int32_t before = b.Add("before", T::kFloat32, {1, 2}), y = b.Add("y", T::kFloat32, {1, 2});
  b.Emit(B::kVarHandle, {}, {handle}, [](Set& s) { s.Text("shared_name", "total"); });
  b.Emit(B::kReadVariable, {handle}, {before});
  b.Emit(B::kAdd, {before, x}, {y});
  b.Emit(B::kAssignVariable, {handle, y}, {});
  b.Outputs({y});
  return dir.Write("sum.tflite", b.Bytes());
}

std::string Npy(const std::string& shape, const std::vector<float>& values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize((header.size() + 10 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xFF);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return out;
}

TEST(StatefulRun, StateGoesFromRunToRun) {
  const TempDir dir;
  const std::string model = RunningSum(dir);
  const ProgramRun three = RunGodwit({"run", model, "--sample", "x=1", "--runs", "3", "--json"});
  EXPECT_EQ(three.status, 0) << three.err;
  EXPECT_TRUE(Has(three.out, R"("name":"y","type":"f32[3,1,2]")")) << three.out;
  EXPECT_TRUE(Has(three.out, R"("min":1,"max":3,"mean":2)")) << three.out;
  const ProgramRun reset = RunGodwit({"run", model, "--sample", "x=1", "--runs", "3", "--reset", "--json"});
  EXPECT_EQ(reset.status, 0) << reset.err;
  EXPECT_TRUE(Has(reset.out, R"("min":1,"max":1,"mean":1)")) << reset.out;
  const ProgramRun stated =
      RunGodwit({"run", model, "--sample", "x=1", "--sample", "total=10", "--runs", "2", "--json"});
  EXPECT_EQ(stated.status, 0) << stated.err;
  EXPECT_TRUE(Has(stated.out, R"("min":11,"max":12,"mean":11.5)")) << stated.out;
}

TEST(StatefulRun, DataIsASequence) {
  const TempDir dir;
  const std::string model = RunningSum(dir);
  // Rows of the input, or whole inputs along an axis of their own.
  for (const std::string shape : {"(4, 2)", "(4, 1, 2)"}) {
    const std::string data = dir.Write("x.npy", Npy(shape, {1, 1, 2, 2, 3, 3, 4, 4}));
    const ProgramRun all = RunGodwit({"run", model, "--data", data, "--runs", "all", "--json"});
    EXPECT_EQ(all.status, 0) << all.err;
    EXPECT_TRUE(Has(all.out, R"("type":"f32[4,1,2]")")) << all.out;
    EXPECT_TRUE(Has(all.out, R"("min":1,"max":10,"mean":5)")) << all.out;
  }
  const ProgramRun more = RunGodwit({"run", model, "--data", dir.Path("x.npy"), "--runs", "5"});
  EXPECT_EQ(more.status, 1);
  EXPECT_TRUE(Has(more.err, "has 4 samples")) << more.err;
}

TEST(StatefulRun, WrongUse) {
  const TempDir dir;
  const std::string model = RunningSum(dir);
  EXPECT_EQ(RunGodwit({"run", model, "--runs", "all"}).status, 1);
  EXPECT_EQ(RunGodwit({"run", model, "--runs", "0"}).status, 1);
  EXPECT_EQ(RunGodwit({"run", model, "--reset"}).status, 1);
}

TEST(StatefulRun, TheProofGoesOnFromTheStateBefore) {
  const TempDir dir;
  const std::string model = RunningSum(dir), out = dir.Path("again.tflite");
  const ProgramRun again = RunGodwit({"convert", model, "-o", out, "--verify", "own", "-v"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(Has(again.out, "10 runs one after the other")) << again.out;
  const ProgramRun three = RunGodwit({"run", out, "--sample", "x=1", "--runs", "3", "--json"});
  EXPECT_TRUE(Has(three.out, R"("min":1,"max":3,"mean":2)")) << three.out << three.err;
  const ProgramRun compared = RunGodwit({"compare", model, out, "-v"});
  EXPECT_EQ(compared.status, 0) << compared.err;
  EXPECT_TRUE(Has(compared.out, "10 runs one after the other")) << compared.out;
}

}  // namespace
}  // namespace godwit::testing
