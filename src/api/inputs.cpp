#include "api/inputs.h"

#include <cmath>
#include <map>

#include "api/arrays.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "formats/sniff.h"
#include "frontends/onnx/tensor_import.h"

namespace godwit {

namespace {

Diag BadSample(std::string what) {
  return Diag(diag::kUsage, std::move(what)).Hint("--sample NAME=FILE.npy, NAME=0.5 or NAME=0:255");
}

// What is stated, with the file that is still to be read.
struct Stated {
  InputSpec spec;
  std::string file;
};

Result<std::map<size_t, Stated>> ReadSamples(const Graph& graph, const std::vector<std::string>& samples) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  std::map<size_t, Stated> out;
  for (const std::string& sample : samples) {
    size_t index = params.size(), length = 0;
    std::string known;
    for (size_t i = 0; i < params.size(); ++i) {
      const std::string& name = graph.value(params[i]).name;
      known += Concat(known.empty() ? "'" : ", '", Printable(name, 100), "'");
      // Names may hold '=' themselves: the longest that fits is meant.
      if (sample.starts_with(name + "=") && name.size() >= length) index = i, length = name.size();
    }
    if (index == params.size()) {
      if (sample.find('=') == std::string::npos) return BadSample(Concat("--sample ", sample, " is not NAME=VALUE"));
      return Diag(diag::kExecInput, Concat("--sample ", sample, ": the model has no input of that name"))
          .Hint(known.empty() ? "it has no inputs" : Concat("its inputs are ", known));
    }
    const std::string& name = graph.value(params[index]).name;
    if (out.contains(index)) return BadSample(Concat("two values are given for input '", name, "'"));
    Stated stated;
    InputSpec& r = stated.spec;
    r.text = sample.substr(length + 1);
    const std::string& text = r.text;
    const size_t colon = text.find(':');
    if (ParseDouble(text, &r.least) || text == "true" || text == "false") {
      if (text == "true" || text == "false") r.least = text == "true" ? 1 : 0;
      r.most = r.least, r.ranged = true;
    } else if (colon != std::string::npos && ParseDouble(text.substr(0, colon), &r.least) &&
               ParseDouble(text.substr(colon + 1), &r.most)) {
      if (!std::isfinite(r.least) || !std::isfinite(r.most) || r.least > r.most) {
        return BadSample(Concat("--sample ", sample, ": the range is empty or has no end"));
      }
      r.ranged = true;
    } else if (graph.value(params[index]).type.dtype() != DType::kString || text.ends_with(".npy") ||
               text.ends_with(".npz") || text.ends_with(".pb")) {
      stated.file = text;
    }
    out.emplace(index, std::move(stated));
  }
  return out;
}

}  // namespace

Result<RtValue> ReadInputFile(const std::string& path, std::string_view name, const Type& type, const Limits& limits) {
  TRY(MappedFile::Ptr file, MappedFile::Open(path, limits));
  const auto in_file = [&](Diag diag) {
    if (diag.file.empty()) diag.file = path;
    return diag;
  };
  const FileKind kind = Sniff(file->bytes());
  const DType dtype = type.dtype();
  if (kind == FileKind::kNpy) {
    auto array = ReadNpy(file->bytes(), limits);
    if (!array.ok()) return in_file(std::move(array.diag()));
    auto tensor = TensorFromNpy(*array, dtype, file);
    if (!tensor.ok()) return in_file(std::move(tensor.diag()));
    return RtValue(*std::move(tensor));
  }
  if (kind == FileKind::kNpz) {
    auto members = ReadNpz(file->bytes(), limits);
    if (!members.ok()) return in_file(std::move(members.diag()));
    const NamedNpy* found = members->size() == 1 ? &members->front() : nullptr;
    for (const NamedNpy& m : *members) {
      if (m.name == name) found = &m;
    }
    if (found == nullptr) {
      return in_file(Diag(diag::kExecInput, Concat("the archive has no array named '", name, "'")));
    }
    auto tensor = TensorFromNpy(found->array, dtype, file);
    if (!tensor.ok()) return in_file(std::move(tensor.diag()));
    return RtValue(*std::move(tensor));
  }
  if (kind != FileKind::kUnknown && kind != FileKind::kOnnx && !path.ends_with(".pb")) {
    return in_file(Diag(diag::kFormatOther, Concat("this is ", Describe(kind), ", not values for an input"))
                       .Hint("give a .npy, a .npz, or an ONNX tensor (.pb)"));
  }
  auto value = from_onnx::LoadTestData(file, type);
  if (!value.ok()) return in_file(std::move(value.diag()));
  return value;
}

Result<InputSpecs> StatedInputs(const Graph& graph, const std::vector<std::string>& samples, const Limits& limits) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  TRY(auto stated, ReadSamples(graph, samples));
  InputSpecs specs;
  for (auto& [index, sample] : stated) {
    const Value& param = graph.value(params[index]);
    if (!sample.file.empty()) {
      auto value = ReadInputFile(sample.file, param.name, param.type, limits);
      if (!value.ok()) {
        if (value.diag().id == diag::kFileOpen.id && value.diag().hint.empty()) {
          value.diag().hint = Concat("a value for '", param.name, "' is a file, a number, or a range lo:hi");
        }
        return value.TakeDiag();
      }
      sample.spec.value = *std::move(value);
    }
    specs[param.name] = std::move(sample.spec);
  }
  return specs;
}

Result<std::vector<RtValue>> MakeInputs(const Graph& graph, const InputOptions& options) {
  TRY(const InputSpecs specs, StatedInputs(graph, options.samples, options.limits));
  SampleRequest request;
  request.seed = options.seed;
  request.sizes = options.sizes;
  return DrawSample(graph, specs, request);
}

}  // namespace godwit
