// The text form of a graph: what people read, what golden tests compare, what bug reports carry. It parses back to the
// same graph (docs/ir.md shows it by example).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

struct TextOptions {
  enum class Data : uint8_t {
    kElide,  ///< big constants as their byte size; they are not loaded, and load with an error after parsing
    kHash,   ///< and a hash of their contents
    kFull,   ///< everything; parses back to the identical graph
  };
  Data data = Data::kElide;
  int64_t inline_elements = 16;  ///< up to that many elements are always written out
  bool origins = true;
};

/// Fails only where a constant must be loaded and cannot be.
Result<std::string> PrintGraph(const Graph& graph, const TextOptions& options = {});
/// "1", "0.5", "\"linear\"", "[1,2]", "f32", "tensor i64[2] [3,4]".
std::string AttrText(const AttrValue& value);

using OpLookup = const OpDef* (*)(std::string_view name);
/// ir.parse with the line and column of the first problem. The result is well formed as text; VerifyGraph judges the
/// rest.
Result<Graph> ParseGraph(std::string_view text, OpLookup lookup);
/// An attribute of a known kind, as operator tables spell their defaults; a string may stand without quotes.
Result<AttrValue> ParseAttr(AttrKind kind, std::string_view text);

}  // namespace godwit
