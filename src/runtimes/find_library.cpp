#include "runtimes/find_library.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <vector>

#include "base/text.h"

namespace godwit::runtimes {

namespace fs = std::filesystem;

namespace {

void AddPathFolders(const char* variable, std::vector<fs::path>* out) {
  if (const char* path = std::getenv(variable)) {
    for (const std::string_view folder : Split(path, ':')) {
      if (!folder.empty()) out->emplace_back(folder);
    }
  }
}

// Folders in which Python keeps packages: those of the environment, of each python3 on the path, of the user and of
// the system.
std::vector<fs::path> PackageFolders() {
  std::vector<fs::path> roots, path;
  if (const char* env = std::getenv("VIRTUAL_ENV")) roots.emplace_back(env);
  if (const char* env = std::getenv("CONDA_PREFIX")) roots.emplace_back(env);
  AddPathFolders("PATH", &path);
  for (const fs::path& folder : path) {
    std::error_code ignored;
    if (fs::exists(folder / "python3", ignored)) roots.push_back(folder.parent_path());
  }
  if (const char* home = std::getenv("HOME")) roots.push_back(fs::path(home) / ".local");
  roots.emplace_back("/usr/local");
  roots.emplace_back("/usr");
  std::vector<fs::path> out;
  for (const fs::path& root : roots) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root / "lib", ignored)) {
      if (!entry.path().filename().string().starts_with("python3")) continue;
      out.push_back(entry.path() / "site-packages");
      out.push_back(entry.path() / "dist-packages");
    }
  }
  return out;
}

// The figures of "libx.so.1.31.1" as numbers, so that 1.9 is older than 1.10.
std::vector<int64_t> VersionOf(std::string_view name, std::string_view prefix) {
  std::vector<int64_t> out;
  for (const std::string_view part : Split(name.substr(prefix.size()), '.')) {
    int64_t number = 0;
    if (ParseInt(part, &number)) out.push_back(number);
  }
  return out;
}

std::string FindIn(const fs::path& folder, std::string_view prefix) {
  std::error_code ignored;
  std::string best;
  std::vector<int64_t> best_version;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || (name.size() > prefix.size() && name[prefix.size()] != '.')) continue;
    std::vector<int64_t> version = VersionOf(name, prefix);
    if (!best.empty() && version <= best_version) continue;
    best = entry.path().string();
    best_version = std::move(version);
  }
  return best;
}

}  // namespace

std::string FindLibrary(std::span<const std::string_view> packages, std::string_view prefix) {
  for (const fs::path& folder : PackageFolders()) {
    for (const std::string_view package : packages) {
      if (std::string found = FindIn(folder / package, prefix); !found.empty()) return found;
    }
  }
  std::vector<fs::path> folders;
  AddPathFolders("LD_LIBRARY_PATH", &folders);
  for (const char* folder : {"/usr/local/lib", "/usr/local/lib64", "/usr/lib/x86_64-linux-gnu",
                             "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"}) {
    folders.emplace_back(folder);
  }
  for (const fs::path& folder : folders) {
    if (std::string found = FindIn(folder, prefix); !found.empty()) return found;
  }
  return {};
}

Result<Runtime*> FindRuntime(const RuntimeKind& kind, const std::string& path) {
  std::string library = path;
  if (const char* named = std::getenv(kind.variable); library.empty() && named != nullptr) library = named;
  if (library.empty()) library = FindLibrary(std::span(&kind.folder, 1), kind.prefix);
  if (library.empty()) {
    return Diag(diag::kRuntimeAbsent, Concat(kind.name, " is not installed here: no ", kind.prefix, " was found"))
        .Hint(Concat("pip install ", kind.package, ", or --runtime-lib /path/to/", kind.prefix));
  }
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Runtime>> loaded;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Runtime>& known = loaded[Concat(kind.name, ":", library)];
  if (known == nullptr) {
    TRY(known, kind.load(library));
  }
  return known.get();
}

}  // namespace godwit::runtimes
