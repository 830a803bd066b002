#include "formats/onnx/external_data.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/checked.h"
#include "base/text.h"
#include "formats/onnx/tensor_data.h"
#include "formats/onnx/walk.h"

namespace godwit::onnx {

namespace {

bool ParseUnsigned(std::string_view text, uint64_t* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

Diag BadKey(const Tensor& tensor, std::string what) {
  return Diag(diag::kOnnxExternalKey, std::move(what)).Tensor(std::string(tensor.name));
}

// Why a location is refused as text, before the file system is asked; null if it may be looked up. Climbing paths are
// left to the caller: they serve when a folder is allowed.
const char* RefusedText(std::string_view location) {
  if (location.empty()) return "is empty";
  if (location.size() >= PATH_MAX) return "is longer than any path";
  if (location.find('\0') != std::string_view::npos) return "holds a NUL";
  if (location.find('\\') != std::string_view::npos) return "holds a backslash";
  const bool letter = (location[0] | 0x20) >= 'a' && (location[0] | 0x20) <= 'z';
  if (location.size() > 1 && letter && location[1] == ':') return "names a drive";
  if (location.back() == '.' || location.back() == '/') return "ends in a dot or slash";
  return nullptr;
}

bool Climbs(std::string_view location) {
  if (location[0] == '/') return true;
  const std::vector<std::string_view> parts = Split(location, '/');
  return std::find(parts.begin(), parts.end(), "..") != parts.end();
}

Diag Unsafe(const std::string& location, std::string_view why) {
  return Diag(diag::kOnnxExternalUnsafe, Concat("external data '", location, "' refused: it ", why))
      .Hint("weights may lie beside the model; --allow-external DIR opens one more folder");
}

bool RealPath(const std::string& path, std::string* out) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return false;
  *out = real;
  std::free(real);
  return true;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool IsBeneath(const std::string& real, const std::string& root) {
  if (root == "/") return true;
  return real.size() > root.size() + 1 && real.compare(0, root.size(), root) == 0 && real[root.size()] == '/';
}

}  // namespace

Result<ExternalReference> ReadExternalReference(const Tensor& tensor, DiagSink* warnings) {
  ExternalReference out;
  bool has_location = false;
  bool has_offset = false;
  for (const StringPair& entry : tensor.external_data()) {
    bool* seen = entry.key == "location" ? &has_location
                 : entry.key == "offset" ? &has_offset
                 : entry.key == "length" ? &out.has_length
                                         : nullptr;
    if (seen == nullptr) {
      if (entry.key != "checksum" && warnings != nullptr) {
        warnings->Add(BadKey(tensor, Concat("external data has an unknown entry '", Printable(entry.key, 64),
                                            "', which was ignored"))
                          .As(Severity::kWarning));
      }
      continue;
    }
    if (std::exchange(*seen, true)) return BadKey(tensor, Concat("external data gives '", entry.key, "' twice"));
    if (entry.key == "location") {
      out.location = entry.value;
      continue;
    }
    uint64_t* number = entry.key == "offset" ? &out.offset : &out.length;
    if (!ParseUnsigned(entry.value, number)) {
      return BadKey(tensor, Concat("external data: ", entry.key, " '", Printable(entry.value, 64),
                                   "' is not a whole number from 0 on"));
    }
  }
  if (!has_location) return BadKey(tensor, "external data names no file ('location' is missing)");
  return out;
}

std::vector<SideFile> ListSideFiles(const Model& model, DiagSink* warnings) {
  std::vector<SideFile> files;
  std::map<std::string_view, size_t> index;
  ForEachTensor(model, [&](const Tensor& tensor) {
    if (!tensor.external) return;
    const auto reference = ReadExternalReference(tensor, warnings);
    if (!reference.ok()) return;
    const auto [it, added] = index.emplace(reference->location, files.size());
    if (added) files.push_back({std::string(reference->location), 0, 0});
    SideFile& file = files[it->second];
    ++file.tensors;
    const auto stored = StoredBytes(tensor);
    const uint64_t length = reference->has_length ? reference->length : stored.ok() ? *stored : 0;
    file.bytes = std::max(file.bytes, CheckedAdd(reference->offset, length).value_or(0));
  });
  return files;
}

ExternalFiles::ExternalFiles(const std::string& model_path, const std::vector<std::string>& allowed_folders,
                             const Limits& limits, DiagSink* warnings)
    : limits_(limits), warnings_(warnings) {
  std::string real;
  if (!model_path.empty()) {
    folder_ = FolderOf(model_path);
    if (RealPath(folder_, &real)) roots_.push_back({real, false});
    if (RealPath(model_path, &real)) roots_.push_back({FolderOf(real), false});
  }
  for (const std::string& folder : allowed_folders) {
    if (RealPath(folder, &real)) roots_.push_back({real, true});
  }
}

void ExternalFiles::Expect(const std::vector<SideFile>& files) {
  for (const SideFile& file : files) expected_[file.location] = file.bytes;
}

Result<ExternalFiles::Slice> ExternalFiles::Open(const Tensor& tensor, uint64_t wanted) {
  TRY(const ExternalReference reference, ReadExternalReference(tensor, warnings_));
  const auto range_error = [&](std::string what) {
    return Diag(diag::kOnnxExternalRange, std::move(what))
        .File(Printable(reference.location))
        .Tensor(std::string(tensor.name));
  };
  if (reference.has_length && reference.length != wanted) {
    return range_error(Concat("external data says ", std::to_string(reference.length),
                              " bytes where shape and type need ", std::to_string(wanted)));
  }
  if (wanted == 0) return Slice{};
  auto file = OpenFile(reference.location, CheckedAdd(reference.offset, wanted).value_or(wanted));
  if (!file.ok()) {
    Diag diag = file.diag();
    diag.tensors.assign(1, std::string(tensor.name));
    return diag;
  }
  const uint64_t size = (*file)->size();
  if (!FitsWithin(reference.offset, wanted, size)) {
    return range_error(Concat("external data at offset ", std::to_string(reference.offset), ", ",
                              std::to_string(wanted), " bytes long, lies beyond the end of a file of ",
                              std::to_string(size), " bytes"));
  }
  return Slice{(*file)->bytes().subspan(static_cast<size_t>(reference.offset), static_cast<size_t>(wanted)), *file};
}

Result<MappedFile::Ptr> ExternalFiles::OpenFile(std::string_view location, uint64_t bytes_wanted) {
  auto it = files_.find(location);
  if (it == files_.end()) {
    const auto expected = expected_.find(location);
    if (expected != expected_.end()) bytes_wanted = std::max(bytes_wanted, expected->second);
    std::string key(location);
    auto opened = Resolve(key, bytes_wanted);
    it = files_.emplace(std::move(key), std::move(opened)).first;
  }
  if (!it->second.ok()) return it->second.diag();
  return *it->second;
}

Result<MappedFile::Ptr> ExternalFiles::Resolve(const std::string& location, uint64_t bytes_wanted) const {
  if (const char* why = RefusedText(location)) return Unsafe(location, why);
  const bool any_allowed = std::any_of(roots_.begin(), roots_.end(), [](const Root& r) { return r.allowed; });
  const bool climbs = Climbs(location);
  if (climbs && !any_allowed) return Unsafe(location, "leads out of the model's folder");
  if (folder_.empty() && !any_allowed) {
    return Unsafe(location, "belongs to a model that was read from memory and has no folder");
  }
  // Where it may be: relative to the model's folder, or for a model from memory to an allowed folder.
  std::vector<std::string> candidates;
  if (location[0] == '/') {
    candidates.push_back(location);
  } else {
    if (!folder_.empty()) candidates.push_back(Concat(folder_, "/", location));
    for (const Root& root : roots_) {
      if (root.allowed) candidates.push_back(Concat(root.path, "/", location));
    }
  }
  for (const std::string& candidate : candidates) {
    std::string real;
    if (!RealPath(candidate, &real)) {
      if (errno == ENOENT) continue;
      return errno == ELOOP ? Unsafe(location, "is a loop of links")
                            : Diag(diag::kFileOpen, Concat("cannot open: ", std::strerror(errno))).File(candidate);
    }
    for (const bool allowed : {false, true}) {
      for (const Root& root : roots_) {
        if (root.allowed != allowed || (climbs && !root.allowed) || !IsBeneath(real, root.path)) continue;
        auto file = OpenBeneath(root, real, location);
        // A file that the model's own folder may not offer may still be offered by an allowed folder.
        if (file.ok() || allowed || !any_allowed) return file;
      }
    }
    return Unsafe(location, "leads out of the model's folder");
  }
  return Diag(diag::kOnnxExternalMissing,
              Concat("weights in '", location, "' (", HumanBytes(bytes_wanted), ") not found"))
      .File(candidates.front())
      .Hint("put the file beside the model, under this name");
}

// The path was resolved and found to lie beneath the root; it is opened step by step without following links, so that
// nothing can be swapped in between.
Result<MappedFile::Ptr> ExternalFiles::OpenBeneath(const Root& root, const std::string& real,
                                                   const std::string& location) const {
  const auto failed = [&](int error) -> Diag {
    if (error == ELOOP || error == ENOTDIR) return Unsafe(location, "changed while it was being opened");
    return Diag(diag::kFileOpen, Concat("cannot open: ", std::strerror(error))).File(real);
  };
  int at = open(root.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (at < 0) return failed(errno);
  const std::string rest = real.substr(root.path == "/" ? 1 : root.path.size() + 1);
  const std::vector<std::string_view> parts = Split(rest, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const int flags = last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
    const int next = openat(at, std::string(parts[i]).c_str(), flags | O_NOFOLLOW | O_CLOEXEC);
    const int error = errno;
    close(at);
    if (next < 0) return failed(error);
    at = next;
  }
  struct stat info {};
  if (fstat(at, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(at);
    return Unsafe(location, "is not a regular file");
  }
  if (info.st_nlink > 1 && !root.allowed) {
    close(at);
    return Unsafe(location, "has a second name (hard link) elsewhere");
  }
  return MappedFile::FromDescriptor(at, real, limits_);
}

}  // namespace godwit::onnx
