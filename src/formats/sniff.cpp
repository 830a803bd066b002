#include "formats/sniff.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/text.h"
#include "formats/protobuf/wire_reader.h"
#include "formats/zip/zip_reader.h"

namespace godwit {

namespace {

using proto::Wire;
using proto::WireContext;
using proto::WireReader;
using std::string_view_literals::operator""sv;

// How much of a text file is looked at.
constexpr size_t kTextProbe = 4096;

struct Signature {
  FileKind kind;
  size_t offset;
  std::string_view bytes;
};
constexpr Signature kSignatures[] = {
    {FileKind::kTflite, 4, "TFL3"sv},
    {FileKind::kOrt, 4, "ORTM"sv},
    {FileKind::kExecutorch, 4, "ET12"sv},
    {FileKind::kGguf, 0, "GGUF"sv},
    {FileKind::kHdf5, 0, "\x89HDF\r\n\x1a\n"sv},
    {FileKind::kNpy, 0, "\x93NUMPY"sv},
    {FileKind::kPicture, 0, "\x89PNG\r\n\x1a\n"sv},
    {FileKind::kPicture, 0, "\xff\xd8\xff"sv},
    {FileKind::kGzip, 0, "\x1f\x8b\x08"sv},
    {FileKind::kLfsPointer, 0, "version https://git-lfs.github.com/spec/"sv},
    {FileKind::kNcnn, 0, "7767517\n"sv},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// What one protobuf format looks like at its top level: the wire type of each field, and which must be there.
struct Shape {
  FileKind kind;
  uint32_t varints;   // bit n: field n is a varint
  uint32_t messages;  // bit n: field n is length-delimited
  uint32_t required;  // all of these must occur
};
constexpr uint32_t Bits(std::initializer_list<unsigned> fields) {
  uint32_t out = 0;
  for (const unsigned f : fields) out |= uint32_t{1} << f;
  return out;
}
constexpr Shape kShapes[] = {
    {FileKind::kOnnx, Bits({1, 5}), Bits({2, 3, 4, 6, 7, 8, 14, 20, 25, 26}), Bits({7})},
    {FileKind::kSavedModel, Bits({1}), Bits({2}), Bits({1, 2})},
    {FileKind::kGraphDef, Bits({3}), Bits({1, 2, 4, 5}), Bits({1})},
};

FileKind SniffProtobuf(ByteSpan bytes) {
  for (const Shape& shape : kShapes) {
    const Limits limits;
    WireContext context(bytes, limits);
    WireReader r(&context, bytes);
    uint32_t seen = 0;
    bool fits = true;
    ByteSpan first;
    while (fits && r.Next()) {
      const uint32_t bit = r.field() < 32 ? uint32_t{1} << r.field() : 0;
      fits = (r.wire() == Wire::kVarint && (shape.varints & bit) != 0) ||
             (r.wire() == Wire::kBytes && (shape.messages & bit) != 0);
      seen |= bit;
      if (first.empty() && r.wire() == Wire::kBytes) first = r.Bytes();
    }
    // A file that is cut off still shows what it was meant to be, if the fields before the end are right.
    const bool whole = context.ok();
    if (!fits || (seen & shape.required) != shape.required) continue;
    if (!whole && shape.kind != FileKind::kOnnx) continue;
    if (shape.kind == FileKind::kGraphDef) {
      // A NodeDef has its name first and its operator second; a TensorProto starts like one too.
      WireReader node(&context, first);
      if (!node.Next() || node.field() != 1 || node.wire() != Wire::kBytes) continue;
      if (!node.Next() || node.field() != 2 || node.wire() != Wire::kBytes) continue;
    }
    if (shape.kind == FileKind::kSavedModel) {
      // The start of an ONNX file, with the producer's name as its last field, has the same two fields.
      WireReader meta_graph(&context, first);
      while (meta_graph.Next()) meta_graph.Skip();
      if (!context.ok()) continue;
    }
    return shape.kind;
  }
  return FileKind::kUnknown;
}

FileKind SniffZip(ByteSpan bytes) {
  const Limits limits;
  const auto archive = ZipReader::Open(bytes, limits);
  if (!archive.ok()) return FileKind::kZip;
  bool all_npy = !archive->entries().empty();
  bool code = false, pickle = false, exported = false, keras = false;
  for (const ZipEntry& e : archive->entries()) {
    const std::string_view name = e.name;
    all_npy = all_npy && name.ends_with(".npy");
    code = code || name.ends_with("/constants.pkl") || name.find("/code/") != std::string_view::npos;
    pickle = pickle || name == "data.pkl" || name.ends_with("/data.pkl");
    exported = exported || name.ends_with("archive_format") || name == "serialized_exported_program.json";
    keras = keras || name == "model.weights.h5" || name == "config.json";
  }
  if (exported) return FileKind::kTorchExport;
  if (code) return FileKind::kTorchScript;
  if (pickle) return FileKind::kTorchCheckpoint;
  if (keras) return FileKind::kKeras;
  return all_npy ? FileKind::kNpz : FileKind::kZip;
}

bool IsSafetensors(ByteSpan bytes) {
  if (bytes.size() < 10 || bytes[8] != std::byte{'{'}) return false;
  const auto header = LoadLe<uint64_t>(bytes.data());
  return header >= 2 && header <= bytes.size() - 8 && header <= 100000000;
}

FileKind SniffText(ByteSpan bytes) {
  std::string_view text = AsText(bytes.first(std::min(bytes.size(), kTextProbe)));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text = Trim(text);
  const std::string lower = Lower(text);
  if (lower.starts_with("<!doctype html") || lower.starts_with("<html") || lower.starts_with("<head")) {
    return FileKind::kHtml;
  }
  if (lower.starts_with("<?xml") || lower.starts_with("<net ")) {
    if (lower.find("<net ") != std::string::npos) return FileKind::kOpenvinoXml;
    return lower.find("<html") != std::string::npos ? FileKind::kHtml : FileKind::kUnknown;
  }
  if (text.find('\0') != std::string_view::npos) return FileKind::kUnknown;
  for (const std::string_view line : Split(text, '\n')) {
    const std::string_view trimmed = Trim(line);
    if (trimmed.empty() || trimmed[0] == '#' || trimmed[0] == ';') continue;
    if (trimmed == "[net]" || trimmed == "[network]") return FileKind::kDarknet;
    if (trimmed.starts_with("ir_version:") || trimmed.starts_with("<ir_version:") || trimmed == "<") {
      return text.find("ir_version") != std::string_view::npos ? FileKind::kOnnxText : FileKind::kUnknown;
    }
    if (trimmed.starts_with("node {") || trimmed.starts_with("saved_model_schema_version:"))
      return FileKind::kGraphText;
    break;
  }
  return FileKind::kUnknown;
}

}  // namespace

FileKind Sniff(ByteSpan bytes) {
  if (bytes.empty()) return FileKind::kEmpty;
  const std::string_view text = AsText(bytes);
  for (const Signature& s : kSignatures) {
    if (text.size() >= s.offset && text.substr(s.offset).starts_with(s.bytes)) return s.kind;
  }
  if (text.starts_with("PK\3\4") || text.starts_with("PK\5\6")) return SniffZip(bytes);
  if (const FileKind kind = SniffText(bytes); kind != FileKind::kUnknown) return kind;
  if (IsSafetensors(bytes)) return FileKind::kSafetensors;
  if (bytes[0] == std::byte{0x80} && bytes.size() > 1 && bytes[1] >= std::byte{2} && bytes[1] <= std::byte{5}) {
    return FileKind::kPickle;
  }
  return SniffProtobuf(bytes);
}

std::string_view Describe(FileKind kind) {
  switch (kind) {
    case FileKind::kUnknown: return "no kind of file that is known here";
    case FileKind::kEmpty: return "an empty file";
    case FileKind::kOnnx: return "an ONNX model";
    case FileKind::kOnnxText: return "an ONNX model in text form";
    case FileKind::kOrt: return "a model in ONNX Runtime's own format";
    case FileKind::kTflite: return "a TensorFlow Lite model";
    case FileKind::kSavedModel: return "a TensorFlow SavedModel";
    case FileKind::kGraphDef: return "a frozen TensorFlow graph";
    case FileKind::kGraphText: return "a TensorFlow graph in text form";
    case FileKind::kKeras: return "a Keras model";
    case FileKind::kHdf5: return "an HDF5 file (often a Keras model or its weights)";
    case FileKind::kTorchScript: return "a TorchScript model";
    case FileKind::kTorchCheckpoint: return "a PyTorch checkpoint";
    case FileKind::kTorchExport: return "an exported PyTorch program";
    case FileKind::kExecutorch: return "an ExecuTorch program";
    case FileKind::kPickle: return "a Python pickle";
    case FileKind::kSafetensors: return "a safetensors file";
    case FileKind::kGguf: return "a GGUF file";
    case FileKind::kDarknet: return "a Darknet configuration";
    case FileKind::kNcnn: return "an ncnn model";
    case FileKind::kOpenvinoXml: return "an OpenVINO model";
    case FileKind::kNpy: return "a NumPy array";
    case FileKind::kNpz: return "an archive of NumPy arrays";
    case FileKind::kZip: return "a zip archive";
    case FileKind::kGzip: return "a gzip-compressed file";
    case FileKind::kPicture: return "a picture";
    case FileKind::kLfsPointer: return "a Git-LFS pointer";
    case FileKind::kHtml: return "an HTML page";
  }
  return "no kind of file that is known here";
}

Diag NotOnnx(FileKind kind, std::string path) {
  switch (kind) {
    case FileKind::kEmpty: return Diag(diag::kFileEmpty, "the file is empty").File(std::move(path));
    case FileKind::kLfsPointer:
      return Diag(diag::kFormatLfsPointer, "this is a Git-LFS pointer, not the model itself")
          .File(std::move(path))
          .Hint("git lfs pull");
    case FileKind::kHtml:
      return Diag(diag::kFormatHtml, "this is an HTML page, not a model: the download fetched a web page")
          .File(std::move(path))
          .Hint("take the address of the file itself (on most hosts: the 'raw' or 'download' link)");
    case FileKind::kUnknown:
      return Diag(diag::kFormatUnknown, "this is not a model in any format that is known here").File(std::move(path));
    default: break;
  }
  Diag diag = Diag(diag::kFormatOther, Concat("this is ", Describe(kind), ", which is not read yet"));
  diag.file = std::move(path);
  if (kind == FileKind::kTorchCheckpoint || kind == FileKind::kSafetensors || kind == FileKind::kPickle) {
    diag.what = Concat("this is ", Describe(kind), ": weights without the network that uses them");
    diag.hint = "export the model to ONNX where its code is at hand (torch.onnx.export)";
  } else if (kind == FileKind::kGzip || kind == FileKind::kZip) {
    diag.what = Concat("this is ", Describe(kind), ", not a model");
    diag.hint = "unpack it first";
  } else if (kind == FileKind::kNpy || kind == FileKind::kNpz || kind == FileKind::kPicture) {
    diag.what = Concat("this is ", Describe(kind), ", not a model");
  }
  return diag;
}

}  // namespace godwit
