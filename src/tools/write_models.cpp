// The flights of a command line: one, or several into a folder.
#include <fmt/format.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "api/convert.h"
#include "base/atomic_file.h"
#include "base/text.h"
#include "tools/conversion.h"
#include "tools/problems.h"
#include "tools/recipe_file.h"

namespace godwit::tools {

namespace {

namespace fs = std::filesystem;

// Weights come and go one at a time. glibc would learn from the first to keep the room of the largest.
void GiveWeightsBack() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 2 << 20);
#endif
}

bool IsFolder(const std::string& path) {
  std::error_code ignored;
  return path.ends_with('/') || fs::is_directory(path, ignored);
}

// Where each input goes.
Result<std::vector<std::string>> OutputsOf(const Args& args, const ConvertOptions& options) {
  const std::vector<std::string>& inputs = args.words();
  const std::string named = args.Text("--output");
  const std::string_view suffix = SuffixOf(options.target.format);
  if (named.empty()) {
    if (!options.dry_run) {
      return Diag(diag::kUsage, "no output is named").Hint("-o OUT, or --dry-run to see what would be written");
    }
    // A dry run puts nothing in its place: any folder that can be written to serves.
    return std::vector<std::string>(inputs.size(), Concat("/tmp/dry-run", suffix));
  }
  if (options.same_format || !IsFolder(named)) {
    if (inputs.size() == 1) return std::vector<std::string>{named};
    return Diag(diag::kUsage, Concat("'", Printable(named, 200), "' is to hold ", std::to_string(inputs.size()),
                                     " models, and is no folder"))
        .Hint("-o DIR/");
  }
  if (options.target.format == Format::kNone) {
    return Diag(diag::kUsage, Concat("'", Printable(named, 200), "' is a folder: its name does not say what to write"))
        .Hint("--target tflite, --target onnx");
  }
  std::vector<std::string> out;
  std::set<std::string> taken;
  for (const std::string& input : inputs) {
    const fs::path path(input);
    const std::string name = Concat(path.stem().string(), suffix);
    if (!taken.insert(name).second) {
      return Diag(diag::kUsage, Concat("two of the models would be '", Printable(name, 200), "' in the folder"));
    }
    out.push_back((fs::path(named) / name).string());
  }
  std::error_code failed;
  if (!options.dry_run) fs::create_directories(named, failed);
  if (failed) return Diag(diag::kFileWrite, Concat("cannot make the folder: ", failed.message())).File(named);
  return out;
}

Status SaveRecipe(const Verb& verb, const Args& args) {
  TRY(AtomicFile file, AtomicFile::Create(args.Text("--save-recipe"), args.words()));
  RETURN_IF_ERROR(file.Write(RecipeText(verb, args)));
  return file.Commit();
}

}  // namespace

int WriteModels(const Verb& verb, const Args& args, bool same_format) {
  GiveWeightsBack();
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  auto options = ConvertOptionsOf(args, *problems);
  if (!options.ok()) return problems->Show(options.diag());
  options->same_format = same_format;
  const auto outputs = OutputsOf(args, *options);
  if (!outputs.ok()) return problems->Show(outputs.diag());
  const std::vector<std::string>& inputs = args.words();
  if (args.Has("--report") && inputs.size() > 1) {
    return problems->Show(Diag(diag::kUsage, "--report shows one conversion, and several models are given"));
  }
  const bool json = args.Has("--json"), several = inputs.size() > 1;
  int worst = 0;
  std::string all;
  for (size_t i = 0; i < inputs.size(); ++i) {
    DiagSink sink;
    Progress::Say(Concat("converting ", inputs[i]), i, inputs.size());
    const auto report = ConvertModel(inputs[i], (*outputs)[i], *options, &sink);
    if (!report.ok() && !sink.has_errors()) sink.Add(report.diag());
    const int status = problems->Show(sink);
    if (worst == 0) worst = status;
    if (!report.ok()) continue;
    Progress::Hide();
    if (const std::string page = args.Text("--report"); !page.empty()) {
      const Status written = WriteConversionReport(page, inputs[i], (*outputs)[i], *report, inputs);
      if (!written.ok()) return problems->Show(written.diag());
    }
    if (json) {
      all += Concat(all.empty() ? "" : ",", ConversionJson(inputs[i], (*outputs)[i], *report));
    } else if (!problems->quiet()) {
      fmt::print("{}{}", several && i > 0 ? "\n" : "", ConversionText((*outputs)[i], *report, args.Has("--verbose")));
      std::fflush(stdout);
    }
  }
  if (json) fmt::print("{}", several ? Concat("[", all, "]\n") : all);
  if (worst == 0 && args.Has("--save-recipe")) {
    if (const Status saved = SaveRecipe(verb, args); !saved.ok()) return problems->Show(saved.diag());
  }
  return worst;
}

}  // namespace godwit::tools
