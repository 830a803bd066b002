// Tensors whose bytes lie in files beside the model. A location in a model is text from a stranger: it may name a file
// in the model's folder or in the real folder of the model file (caches keep models behind links), nothing else,
// unless the caller allows a folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/diag.h"
#include "base/limits.h"
#include "base/mapped_file.h"
#include "formats/onnx/model.h"

namespace godwit::onnx {

/// The entries of TensorProto.external_data, checked one by one but not yet against the file.
struct ExternalReference {
  std::string_view location;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool has_length = false;
};
/// Unknown keys are reported to `warnings` (may be null); duplicate keys and values that are no numbers are errors.
Result<ExternalReference> ReadExternalReference(const Tensor& tensor, DiagSink* warnings);

/// One side file that a model refers to.
struct SideFile {
  std::string location;
  uint64_t bytes = 0;  ///< that the model needs of it, as far as its tensors say
  size_t tensors = 0;
};
/// In the order of first use. References that make no sense are left out: decoding their tensor reports them.
/// What else is odd about them goes to `warnings`.
std::vector<SideFile> ListSideFiles(const Model& model, DiagSink* warnings = nullptr);

/// Maps each side file once and hands out slices of it.
class ExternalFiles {
 public:
  /// An empty `model_path` means a model from memory: it has no folder, only allowed folders serve.
  ExternalFiles(const std::string& model_path, const std::vector<std::string>& allowed_folders, const Limits& limits,
                DiagSink* warnings = nullptr);

  struct Slice {
    ByteSpan bytes;
    MappedFile::Ptr file;
  };
  /// The bytes of a tensor that needs `wanted` of them.
  Result<Slice> Open(const Tensor& tensor, uint64_t wanted);
  /// The whole file of a location; `bytes_wanted` only makes the message of a missing one exact.
  Result<MappedFile::Ptr> OpenFile(std::string_view location, uint64_t bytes_wanted);

  /// What a location holds, whatever lies on the disk.
  void Provide(const std::string& location, MappedFile::Ptr file) {
    files_.insert_or_assign(location, std::move(file));
  }

  /// Lets messages about missing files name all that is missing, not one tensor's part.
  void Expect(const std::vector<SideFile>& files);

 private:
  struct Root {
    std::string path;  // real path, without a slash at its end
    bool allowed = false;
  };
  Result<MappedFile::Ptr> Resolve(const std::string& location, uint64_t bytes_wanted) const;
  Result<MappedFile::Ptr> OpenBeneath(const Root& root, const std::string& real, const std::string& location) const;

  std::string folder_;  // as given, empty without a model path
  std::vector<Root> roots_;
  Limits limits_;
  DiagSink* warnings_;
  std::map<std::string, Result<MappedFile::Ptr>, std::less<>> files_;
  std::map<std::string, uint64_t, std::less<>> expected_;
};

}  // namespace godwit::onnx
