#include "verify/quantised_outputs.h"

#include "rewrite/ports.h"
#include "verify/carried_states.h"

namespace godwit {

Result<std::optional<std::pair<Graph, Graph>>> InRealNumbers(const Graph& source, const Graph& written,
                                                             ProofOptions* options) {
  std::optional<std::pair<Graph, Graph>> out;
  const std::vector<ValueId>& results = source.region(Graph::main()).results;
  for (size_t i = 0; i < results.size() && i < source.output_names.size(); ++i) {
    const Type& type = source.value(results[i]).type;
    if (!type.is_tensor() || type.tensor().quant == nullptr || type.tensor().quant->block != 0) continue;
    const size_t twin = FindName(written.output_names, source.output_names[i]);
    if (twin == written.output_names.size()) continue;
    const ValueId theirs = written.region(Graph::main()).results[twin];
    if (written.value(theirs).type.dtype() != type.dtype() || IsFloat(type.dtype())) continue;
    if (!out) out.emplace(source.Clone(), written.Clone());
    out->second.value(theirs).type.tensor().quant = type.tensor().quant;
    RETURN_IF_ERROR(DequantizeOutput(&out->first, i));
    RETURN_IF_ERROR(DequantizeOutput(&out->second, twin));
    options->judged_quants[source.output_names[i]] = type.tensor().quant;
  }
  return out;
}

}  // namespace godwit
