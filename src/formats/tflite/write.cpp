#include "formats/tflite/write.h"

#include <optional>

#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/appended.h"
#include "formats/tflite/layout.h"
#include "formats/tflite/names.h"

namespace godwit::tflite {

namespace {

// Custom options from this size on are not held in memory with the tables.
constexpr size_t kLargeOptions = size_t{1} << 16;
// Kernels may read this far past the end of a constant.
constexpr uint64_t kBehind = 16;

Result<ModelContents> CollectContents(const Model& model) {
  ModelContents out;
  for (const Buffer& b : model.buffers) out.of_buffer.push_back(out.contents.Add(b));
  for (const SubGraph& g : model.subgraphs) {
    for (const Operator& op : g.operators) {
      if (op.custom_options.size() < kLargeOptions) continue;
      out.custom.emplace_back(&op, out.contents.Add({op.custom_options, nullptr}));
    }
  }
  out.location = out.contents.Add({AsBytes(kOutside), nullptr});
  RETURN_IF_ERROR(out.contents.Merge());
  return out;
}

// A model that is ready to be written.
struct Ready {
  ModelContents contents;
  std::unique_ptr<Layout> layout;
  MovedArchive appended;

  [[nodiscard]] uint64_t bytes() const {
    return layout->builder().total() + appended.members.size() + appended.directory.size();
  }
  Status Write(const flat::Builder::Sink& sink) const {
    RETURN_IF_ERROR(layout->builder().Write(sink, [&](size_t block, const flat::Builder::Sink& to) {
      return contents.contents.Write(layout->ContentOf(block), to);
    }));
    if (!appended.members.empty()) RETURN_IF_ERROR(sink(appended.members));
    return appended.directory.empty() ? Status(Ok{}) : sink(AsBytes(appended.directory));
  }
};

Result<std::unique_ptr<Ready>> Prepare(const Model& model, const WriteOptions& options) {
  CHECK(options.alignment >= 16 && (options.alignment & (options.alignment - 1)) == 0);
  auto out = std::make_unique<Ready>();
  TRY(out->contents, CollectContents(model));
  for (const bool outside : {false, true}) {
    out->layout = std::make_unique<Layout>(model, out->contents, options.alignment, outside);
    out->layout->builder().Finish(kBehind);
    if (out->layout->builder().total() <= options.longest_flatbuffer) break;
  }
  flat::Builder& builder = out->layout->builder();
  if (builder.tables() > options.longest_tables) {
    return Diag(diag::kTfliteTooLarge, Concat("the tables alone take ", HumanBytes(builder.tables())));
  }
  out->appended = MoveAppended(model.appended, builder.total());
  return out;
}

}  // namespace

Status WriteModel(const Model& model, const WriteOptions& options, AtomicFile* file) {
  TRY(const std::unique_ptr<Ready> ready, Prepare(model, options));
  return ready->Write([&](ByteSpan bytes) { return file->Write(bytes); });
}

Result<uint64_t> ModelBytes(const Model& model, const WriteOptions& options) {
  TRY(const std::unique_ptr<Ready> ready, Prepare(model, options));
  return ready->bytes();
}

Result<std::string> SerializeModel(const Model& model, const WriteOptions& options) {
  TRY(const std::unique_ptr<Ready> ready, Prepare(model, options));
  std::string out;
  out.reserve(ready->bytes());
  RETURN_IF_ERROR(ready->Write([&](ByteSpan bytes) -> Status {
    out.append(AsText(bytes));
    return Ok{};
  }));
  return out;
}

}  // namespace godwit::tflite
