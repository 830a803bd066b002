// What a conversion needs to know of the format that it writes: how a graph is made ready for it, written, and read
// back. One object is one file in the making.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/convert.h"
#include "api/load.h"
#include "runtimes/runtime.h"

namespace godwit {

class OutputFormat {
 public:
  virtual ~OutputFormat() = default;

  /// Rules that put together what the written file cannot have, or what runs slower there.
  [[nodiscard]] virtual std::set<std::string> RulesOff(const Graph& graph, int level) const = 0;
  /// Of ai.onnx, for the types that its operators take; 0: any.
  [[nodiscard]] virtual int64_t Opset(const Graph& graph) const = 0;
  /// The graph as it was read, before anything is done to it.
  virtual void SeeSource(const Graph&) {}
  /// What half precision means in the format: `half` as it was asked for becomes what is to be done to the graph, kNone
  /// where the writer sees to it. cli.usage for what the format has not.
  virtual Status SettleHalf(Graph*, HalfOptions*) const { return Ok{}; }
  /// The graph as the format wants it, once it is rewritten.
  virtual Status Prepare(Graph* graph, DiagSink* sink, ConvertReport* report) = 0;
  /// A further way to enter the file, prepared like the model itself; false where the format has only one.
  virtual Result<bool> AddEntry(Graph&&) { return false; }
  /// Writes beside the output's place, which must be none of `inputs`, and says what was written.
  virtual Status Write(const Graph& graph, std::vector<std::string> inputs, DiagSink* sink, ConvertReport* report) = 0;
  /// The model from the bytes that were written.
  virtual Result<Graph> ReadBack(LoadOptions load, DiagSink* sink) = 0;
  /// The runtime that the file is for, where it is installed: at `library`, or in the usual places.
  virtual Result<runtimes::Runtime*> FindJudge(const std::string& library) const = 0;
  /// Whether what it refuses of the file is the file's fault: it is no older than the file asks for.
  [[nodiscard]] virtual bool JudgeMustTake(const runtimes::Runtime& judge) const = 0;
  /// Where that runtime can read the file before it is in its place, and side files beside it; "" where it cannot.
  virtual std::string JudgedFile() = 0;
  virtual Status Commit() = 0;
};

std::unique_ptr<OutputFormat> MakeOnnxOutput(const ConvertOptions& options, std::string path);
Result<std::unique_ptr<OutputFormat>> MakeTfliteOutput(const ConvertOptions& options, const Target& target,
                                                       std::string path);

}  // namespace godwit
