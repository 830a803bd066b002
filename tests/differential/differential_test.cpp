// Every imported ONNX operator against what ONNX Runtime made of the same node, on its own kernel and through the plan.
// The fixtures are written by tests/oracle/differential.py, which says how they are laid out.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "base/mapped_file.h"
#include "exec/session.h"
#include "formats/zip/zip_reader.h"
#include "frontends/onnx/import.h"
#include "frontends/onnx/tensor_import.h"
#include "verify/values.h"

namespace godwit {
namespace {

const std::string kData = std::string(GODWIT_SOURCE_DIR) + "/tests/differential/data/";

using Bytes = std::vector<std::byte>;

struct Case {
  std::string name;
  Bytes model;
  std::vector<Bytes> inputs, outputs;
};

/// The cases of one operator, unpacked from their block.
class Unpacker {
 public:
  explicit Unpacker(Bytes block) : block_(std::move(block)) {}

  std::vector<Case> All() {
    std::vector<Case> cases;
    while (at_ < block_.size() && sound_) {
      Case one;
      one.inputs.resize(Number());
      one.outputs.resize(Number());
      const Bytes name = Blob();
      one.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
      one.model = Blob();
      for (Bytes& input : one.inputs) input = Blob();
      for (Bytes& output : one.outputs) output = Blob();
      cases.push_back(std::move(one));
    }
    EXPECT_TRUE(sound_) << "the block ends early";
    return cases;
  }

 private:
  uint32_t Number() {
    if (block_.size() - at_ < 4) {
      sound_ = false;
      return 0;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value |= static_cast<uint32_t>(block_[at_ + i]) << (8 * i);
    at_ += 4;
    return value;
  }
  Bytes Blob() {
    const uint32_t size = Number();
    if (!sound_ || block_.size() - at_ < size) {
      sound_ = false;
      return {};
    }
    Bytes out(block_.begin() + static_cast<std::ptrdiff_t>(at_),
              block_.begin() + static_cast<std::ptrdiff_t>(at_ + size));
    at_ += size;
    return out;
  }

  Bytes block_;
  size_t at_ = 0;
  bool sound_ = true;
};

struct Operator {
  std::string family, name;
  friend void PrintTo(const Operator& op, std::ostream* out) { *out << op.family << "/" << op.name; }
};

std::vector<Operator> AllOperators() {
  std::vector<Operator> all;
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    auto file = MappedFile::Open(entry.path().string());
    if (!file.ok()) continue;
    auto zip = ZipReader::Open((*file)->bytes(), {});
    if (!zip.ok()) continue;
    for (const ZipEntry& e : zip->entries()) all.push_back({entry.path().stem().string(), std::string(e.name)});
  }
  std::sort(all.begin(), all.end(), [](const Operator& a, const Operator& b) {
    return std::tie(a.family, a.name) < std::tie(b.family, b.name);
  });
  return all;
}

std::vector<Case> Load(const Operator& op) {
  auto file = MappedFile::Open(kData + op.family + ".zip");
  if (!file.ok()) return {};
  auto zip = ZipReader::Open((*file)->bytes(), {});
  if (!zip.ok()) return {};
  for (const ZipEntry& e : zip->entries()) {
    if (e.name != op.name) continue;
    Bytes owned;
    auto bytes = zip->Read(e, &owned);
    if (!bytes.ok()) return {};
    return Unpacker(Bytes(bytes->begin(), bytes->end())).All();
  }
  return {};
}

// The runtime computes in the element type itself, we in a wider one and round once.
Tolerance ToleranceOf(DType dtype) {
  switch (dtype) {
    case DType::kF64: return {1e-7, 1e-9};
    case DType::kF16: return {4e-3, 4e-3};
    default: return {1e-4, 2e-5};
  }
}

void Check(const Case& test, const SessionOptions& options) {
  DiagSink sink;
  auto graph = from_onnx::ImportModel(MappedFile::FromBytes(test.model, test.name), {}, &sink);
  ASSERT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  for (const Diag& diag : sink.all()) ASSERT_NE(diag.severity, Severity::kError) << FormatDiag(diag);
  const Region& main = graph->region(Graph::main());
  ASSERT_EQ(main.params.size(), test.inputs.size());
  ASSERT_EQ(main.results.size(), test.outputs.size());
  const auto read = [&](const Bytes& bytes, ValueId id) {
    return from_onnx::LoadTestData(MappedFile::FromBytes(bytes), graph->value(id).type);
  };
  std::vector<RtValue> inputs;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    auto value = read(test.inputs[i], main.params[i]);
    ASSERT_TRUE(value.ok()) << FormatDiag(value.diag());
    inputs.push_back(*std::move(value));
  }
  Session session(*graph, options);
  auto outputs = session.Run(std::move(inputs));
  ASSERT_TRUE(outputs.ok()) << FormatDiag(outputs.diag());
  for (size_t i = 0; i < test.outputs.size(); ++i) {
    auto expected = read(test.outputs[i], main.results[i]);
    ASSERT_TRUE(expected.ok()) << FormatDiag(expected.diag());
    EXPECT_EQ(Difference((*outputs)[i], *expected, ToleranceOf(expected->tensor.dtype())), "") << "output " << i;
  }
}

class Differential : public testing::TestWithParam<Operator> {};

TEST_P(Differential, AgreesWithOnnxRuntime) {
  const std::vector<Case> cases = Load(GetParam());
  ASSERT_FALSE(cases.empty());
  for (const Case& test : cases) {
    for (const bool reference : {true, false}) {
      SCOPED_TRACE(test.name + (reference ? " on reference kernels" : " through the plan"));
      SessionOptions options;
      options.reference = reference;
      Check(test, options);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Onnx, Differential, testing::ValuesIn(AllOperators()),
                         [](const auto& test) { return test.param.family + "_" + test.param.name; });

}  // namespace
}  // namespace godwit
