// A file made to do harm, and how the program must meet it: a documented exit status, one diagnostic that names what is
// wrong, nothing in the output that a terminal would obey, and memory and time within their bounds.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "support/onnx_builder.h"
#include "tools/run_program.h"

namespace godwit::testing {

struct HostileCase {
  std::string name;  ///< the number in the list of hostile inputs, and what it is: "G1_Empty"
  /// Makes the files and returns the path of the model.
  std::function<std::string(const TempDir&)> make;
  std::vector<int> exits;                      ///< those allowed
  std::string id = {};                         ///< of a diagnostic that must be shown
  std::vector<std::string> words = {"check"};  ///< before the path
};

inline void PrintTo(const HostileCase& c, std::ostream* out) { *out << c.name; }
inline std::string HostileName(const ::testing::TestParamInfo<HostileCase>& info) { return info.param.name; }

/// Runs it and holds it to its bounds.
void MeetHostile(const HostileCase& c);

/// The exit status that loading these bytes means.
int LoadStatus(const std::string& bytes);
/// Cut after every byte, a model is refused as one that is not whole; it may be whole without its last `spare` bytes.
void MeetCutsAtEveryByte(const std::string& bytes, size_t spare);
/// Ten thousand times one bit of it is another: it loads, or says why not.
void MeetFlippedBits(const std::string& bytes);

/// A case whose file is these bytes.
inline HostileCase HostileBytes(std::string name, std::string bytes, std::vector<int> exits, std::string id = {},
                                std::vector<std::string> words = {"check"}, const char* file = "model.onnx") {
  return {std::move(name), [bytes = std::move(bytes), file](const TempDir& dir) { return dir.Write(file, bytes); },
          std::move(exits), std::move(id), std::move(words)};
}

/// x f32[1,2,4,4] -> one node -> y.
inline OnnxGraph OneNode(std::string_view op, const std::vector<OnnxAttr>& attributes, const OnnxNames& inputs = {"x"},
                         const OnnxNames& outputs = {"y"}) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 2, 4, 4}).Node(op, inputs, outputs, attributes, "", "the_node");
  g.Output("y", DataType::kFloat);
  return g;
}

}  // namespace godwit::testing
