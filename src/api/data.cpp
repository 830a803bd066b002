#include "api/data.h"

#include <algorithm>
#include <filesystem>

#include "api/inputs.h"
#include "api/picture_input.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "formats/npy/npy.h"
#include "formats/sniff.h"
#include "ir/state.h"

namespace godwit {

namespace fs = std::filesystem;

namespace {

// A folder with more than this many files is read as far as this.
constexpr size_t kMostFiles = 100000;

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool IsPicture(const std::string& path) {
  const std::string name = Lower(path);
  for (const std::string_view end : {".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".pnm"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}
bool IsData(const std::string& path) {
  const std::string name = Lower(path);
  return IsPicture(path) || name.ends_with(".npy") || name.ends_with(".npz") || name.ends_with(".pb");
}

Result<std::vector<std::string>> ReadList(const std::string& path, const Limits& limits) {
  TRY(const MappedFile::Ptr file, MappedFile::Open(path, limits));
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->size());
  std::vector<std::string> out;
  for (const std::string_view line : Split(text, '\n')) {
    const std::string_view entry = Trim(line);
    if (entry.empty() || entry.front() == '#') continue;
    const fs::path named{std::string(entry)};
    out.push_back(named.is_absolute() ? named.string() : (fs::path(path).parent_path() / named).string());
  }
  return out;
}

Result<std::vector<std::string>> FilesOf(const std::string& source, const Limits& limits) {
  std::error_code error;
  if (!fs::is_directory(source, error)) {
    if (Lower(source).ends_with(".txt")) return ReadList(source, limits);
    return std::vector<std::string>{source};
  }
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(source, error)) {
    if (IsData(entry.path().string()) && out.size() < kMostFiles) out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  if (out.empty()) {
    return Diag(diag::kExecInput, "--data: the folder holds no .npy, .npz, .pb or pictures").File(source);
  }
  return out;
}

// An array with more rows than the model takes at once, or with an axis before the model's: several samples.
std::vector<RtValue> SplitRows(const RtValue& value, const Type& type) {
  if (!value.is_tensor() || !type.ranked() || value.tensor.dtype() == DType::kString) return {value};
  const Tensor& t = value.tensor;
  Dims dims = t.dims();
  int64_t parts = 0;
  if (t.rank() == type.rank() + 1) {
    dims.erase(dims.begin());
    parts = t.dim(0);
  } else {
    if (type.rank() != t.rank() || type.rank() == 0) return {value};
    const Dim& first = type.shape()[0];
    if (!first.is_static() || first.value() <= 0 || t.dim(0) <= first.value() || t.dim(0) % first.value() != 0) {
      return {value};
    }
    dims[0] = first.value();
    parts = t.dim(0) / first.value();
  }
  if (parts == 0) return {value};
  const size_t bytes = t.bytes() / static_cast<size_t>(parts);
  std::vector<RtValue> out;
  for (int64_t i = 0; i < parts; ++i) {
    const auto owner = std::make_shared<Tensor>(t);
    out.emplace_back(Tensor(t.dtype(), dims, t.raw() + static_cast<size_t>(i) * bytes, owner));
  }
  return out;
}

Result<std::vector<RtValue>> ReadOne(const std::string& path, const Value& input, const DataOptions& options) {
  if (IsPicture(path)) {
    TRY(const MappedFile::Ptr file, MappedFile::Open(path, options.limits));
    auto picture = DecodePicture(file->bytes(), options.limits);
    if (!picture.ok()) {
      picture.diag().file = path;
      return picture.TakeDiag();
    }
    auto tensor = PictureAsInput(*picture, input.type, options.pictures);
    if (!tensor.ok()) {
      tensor.diag().file = path;
      return tensor.TakeDiag();
    }
    return std::vector<RtValue>{RtValue(*std::move(tensor))};
  }
  TRY(const RtValue value, ReadInputFile(path, input.name, input.type, options.limits));
  return SplitRows(value, input.type);
}

// Which inputs a file speaks of: all whose names an archive has, else the model's only one.
Result<std::vector<size_t>> InputsIn(const std::string& path, const Graph& graph, const Limits& limits) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  // State is not what a caller gives, unless a file names it.
  TRY(const std::vector<StateSlot> states, StatesOf(graph));
  std::vector<size_t> given;
  for (size_t i = 0; i < params.size(); ++i) {
    const auto is = [&](const StateSlot& slot) { return slot.input == graph.value(params[i]).name; };
    if (std::none_of(states.begin(), states.end(), is)) given.push_back(i);
  }
  if (params.size() == 1) return std::vector<size_t>{0};
  std::vector<size_t> out;
  std::string known;
  for (const ValueId id : params)
    known += Concat(known.empty() ? "'" : ", '", Printable(graph.value(id).name, 80), "'");
  if (Lower(path).ends_with(".npz")) {
    TRY(const MappedFile::Ptr file, MappedFile::Open(path, limits));
    TRY(const auto members, ReadNpz(file->bytes(), limits));
    for (size_t i = 0; i < params.size(); ++i) {
      for (const NamedNpy& m : members) {
        if (m.name == graph.value(params[i]).name) out.push_back(i);
      }
    }
  }
  if (out.empty() && given.size() == 1) return given;
  if (out.empty()) {
    return Diag(diag::kExecInput,
                Concat("--data: the model has several inputs (", known, "), and this is for none of them"))
        .File(path)
        .Hint("--data NAME=D says for which, or give .npz files with arrays of these names");
  }
  return out;
}

struct Series {
  std::vector<size_t> inputs;
  std::vector<std::vector<RtValue>> samples;  // values for `inputs`
};

Result<Series> ReadSeries(const std::string& source, const Graph& graph, const DataOptions& options) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  Series out;
  std::string path = source;
  size_t length = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string& name = graph.value(params[i]).name;
    if (!source.starts_with(name + "=") || name.size() < length) continue;
    out.inputs.assign(1, i);
    length = name.size();
    path = source.substr(name.size() + 1);
  }
  TRY(const std::vector<std::string> files, FilesOf(path, options.limits));
  for (const std::string& file : files) {
    if (options.samples > 0 && static_cast<int64_t>(out.samples.size()) >= options.samples) break;
    if (out.inputs.empty()) {
      TRY(out.inputs, InputsIn(file, graph, options.limits));
    }
    std::vector<std::vector<RtValue>> columns;
    size_t rows = SIZE_MAX;
    for (const size_t i : out.inputs) {
      TRY(auto values, ReadOne(file, graph.value(params[i]), options));
      rows = std::min(rows, values.size());
      columns.push_back(std::move(values));
    }
    for (size_t row = 0; row < rows; ++row) {
      std::vector<RtValue> sample;
      sample.reserve(columns.size());
      for (const auto& column : columns) sample.push_back(column[row]);
      out.samples.push_back(std::move(sample));
    }
  }
  return out;
}

}  // namespace

Result<std::vector<std::vector<RtValue>>> ReadData(const Graph& graph, const DataOptions& options) {
  const size_t n_inputs = graph.region(Graph::main()).params.size();
  std::vector<Series> all;
  size_t count = SIZE_MAX;
  for (const std::string& source : options.sources) {
    TRY(Series series, ReadSeries(source, graph, options));
    count = std::min(count, series.samples.size());
    all.push_back(std::move(series));
  }
  std::vector<std::vector<RtValue>> out;
  if (all.empty()) return out;
  if (options.samples > 0) count = std::min(count, static_cast<size_t>(options.samples));
  for (size_t s = 0; s < count; ++s) {
    std::vector<RtValue> sample(n_inputs);
    for (const Series& series : all) {
      for (size_t k = 0; k < series.inputs.size(); ++k) sample[series.inputs[k]] = series.samples[s][k];
    }
    out.push_back(std::move(sample));
  }
  return out;
}

}  // namespace godwit
