#include "api/bind.h"

#include "api/inputs.h"
#include "base/diag_passes.h"
#include "base/text.h"
#include "ir/convert.h"

namespace godwit {

namespace {

// Names may hold '=' themselves: the longest input name that fits is meant.
Result<ValueId> InputOf(const Graph& graph, const std::string& text) {
  ValueId found;
  std::string known;
  for (const ValueId id : graph.region(Graph::main()).params) {
    const std::string& name = graph.value(id).name;
    known += Concat(known.empty() ? "'" : ", '", Printable(name, 100), "'");
    if (text.starts_with(name + "=") && (!found || name.size() > graph.value(found).name.size())) found = id;
  }
  if (found) return found;
  return Diag(diag::kPassEdge, Concat("--bind ", Printable(text, 200), ": the model has no input of that name"))
      .Hint(known.empty() ? "it has no inputs" : Concat("its inputs are ", known));
}

Result<Tensor> Filled(const std::string& name, const TensorType& type, double number) {
  Dims dims;
  for (const Dim& dim : type.shape) {
    if (!dim.is_static()) break;
    dims.push_back(dim.value());
  }
  if (!type.ranked || dims.size() != type.shape.size() || type.dtype == DType::kNone || type.dtype == DType::kString) {
    return Diag(diag::kPassEdge, Concat("--bind: input '", Printable(name, 200), "' is ", Type(type).ToString(),
                                        ": one number does not say what it is"))
        .Hint(Concat("--bind ", Printable(name, 200), "=FILE.npy"));
  }
  TRY(Tensor tensor, Tensor::Make(type.dtype, dims));
  for (int64_t i = 0; i < tensor.size(); ++i) {
    StoreF64(type.dtype, number, tensor.mutable_raw() + static_cast<size_t>(i) * ByteSize(type.dtype));
  }
  return tensor;
}

}  // namespace

bool BindsInput(const Graph& graph, const std::string& text) { return InputOf(graph, text).ok(); }

Result<std::vector<std::pair<std::string, Tensor>>> ReadBindings(const Graph& graph,
                                                                 const std::vector<std::string>& texts,
                                                                 const Limits& limits) {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const std::string& text : texts) {
    TRY(const ValueId input, InputOf(graph, text));
    const Value& value = graph.value(input);
    const std::string stated = text.substr(value.name.size() + 1);
    double number = 0;
    if (ParseDouble(stated, &number) && value.type.is_tensor()) {
      TRY(Tensor filled, Filled(value.name, value.type.tensor(), number));
      out.emplace_back(value.name, std::move(filled));
      continue;
    }
    TRY(RtValue read, ReadInputFile(stated, value.name, value.type, limits));
    if (!read.is_tensor()) {
      return Diag(diag::kPassEdge, Concat("--bind ", Printable(text, 200), ": only a tensor can be bound"));
    }
    out.emplace_back(value.name, std::move(read.tensor));
  }
  return out;
}

}  // namespace godwit
