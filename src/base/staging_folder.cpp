#include "base/staging_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/temporaries.h"
#include "base/text.h"

namespace godwit {

Result<StagingFolder> StagingFolder::Create(const std::string& path) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name = TemporaryName(path);
    if (mkdir(name.c_str(), 0700) == 0) {
      RememberTemporary(name);
      return StagingFolder(std::move(name));
    }
    if (errno != EEXIST) break;
  }
  return Diag(diag::kFileWrite, Concat("cannot create a folder: ", std::strerror(errno))).File(path);
}

StagingFolder::StagingFolder(StagingFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

StagingFolder::~StagingFolder() {
  if (path_.empty()) return;
  rmdir(path_.c_str());
  ForgetTemporary(path_);
}

}  // namespace godwit
