// A model of the builder, imported; and tensors with reproducible contents.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "frontends/onnx/import.h"
#include "support/onnx_builder.h"

namespace godwit::testing {

/// Fails the test where the model does not import; problems go to `sink` where one is given.
inline Graph ImportBuilt(const OnnxGraph& graph, DiagSink* sink = nullptr, const OnnxModelOptions& options = {}) {
  const std::string bytes = OnnxModel(graph, options);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  DiagSink own;
  DiagSink* problems = sink != nullptr ? sink : &own;
  auto imported = from_onnx::ImportModel(MappedFile::FromBytes({data, data + bytes.size()}), {}, problems);
  if (!imported.ok()) {
    ADD_FAILURE() << FormatDiag(imported.diag());
    return Graph();
  }
  if (sink == nullptr) {
    for (const Diag& d : problems->all()) {
      if (d.severity == Severity::kError) ADD_FAILURE() << FormatDiag(d);
    }
  }
  return *std::move(imported);
}

/// Numbers in [-1, 1) that depend on the seed alone.
inline std::vector<float> Numbers(size_t n, uint32_t seed) {
  std::vector<float> out(n);
  uint32_t state = seed * 2654435761U + 12345U;
  for (float& x : out) {
    state = state * 1664525U + 1013904223U;
    x = static_cast<float>(state >> 8) / 8388608.0F - 1.0F;
  }
  return out;
}

}  // namespace godwit::testing
