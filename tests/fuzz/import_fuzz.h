// Any bytes as a model, imported whole: every operator's row and type rule, then the checks and the text form.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/diag.h"
#include "base/mapped_file.h"
#include "ir/text.h"
#include "ir/verify.h"

namespace godwit {

/// `import` takes the file, its options and the sink for problems.
template <class Options, class Import>
void FuzzImport(Import import, const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  Options options;
  // Small models show as much as large ones, and many more of them fit into a second.
  options.limits.growth_bytes = 1 << 18;
  options.limits.view_bytes = 1 << 24;
  options.limits.nodes = 200;
  options.limits.tensors = 2000;
  DiagSink problems;
  const auto graph = import(MappedFile::FromBytes({bytes, bytes + size}), options, &problems);
  if (!graph.ok()) return;
  DiagSink defects;
  VerifyGraph(*graph, &defects);
  // Whatever a file holds, a graph without reported problems is sound: anything else is a defect of the importer.
  if (!problems.has_errors() && defects.has_errors()) __builtin_trap();
  (void)PrintGraph(*graph).ok();
}

}  // namespace godwit
