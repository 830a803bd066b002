#include "runtimes/litert_model.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>

#include "base/checked.h"
#include "base/text.h"
#include "runtimes/muffled.h"

namespace godwit::runtimes::litert {

namespace {

struct ElementRow {
  Element element;
  int number;
};
constexpr ElementRow kElements[] = {
    {Element::kF32, 1},  {Element::kI32, 2},   {Element::kU8, 3},   {Element::kI64, 4},  {Element::kString, 5},
    {Element::kBool, 6}, {Element::kI16, 7},   {Element::kC64, 8},  {Element::kI8, 9},   {Element::kF16, 10},
    {Element::kF64, 11}, {Element::kC128, 12}, {Element::kU64, 13}, {Element::kU32, 16}, {Element::kU16, 17},
    {Element::kI4, 18},  {Element::kBF16, 19}, {Element::kI2, 20},  {Element::kU4, 21},
};
Element ElementOf(int number) {
  for (const ElementRow& row : kElements) {
    if (row.number == number) return row.element;
  }
  return Element::kNone;
}
int NumberOf(Element element) {
  for (const ElementRow& row : kElements) {
    if (row.element == element) return row.number;
  }
  return 0;
}

// Memory as the runtime wants it: on a cache line, and readable for a vector past its end.
constexpr size_t kAlignment = 64;
// What an output holds before the run: a value that stays all over was not written.
constexpr int kUnwritten = 0xA5;

using Memory = std::unique_ptr<void, void (*)(void*)>;
size_t WithSlack(size_t bytes) { return (bytes / kAlignment + 2) * kAlignment; }
Memory Allocate(size_t bytes) { return {std::aligned_alloc(kAlignment, WithSlack(bytes)), std::free}; }

// An output that has grown while the model runs is copied whole into the buffer that was made for the size before.
// Where a run is tried, the memory ends at pages that nobody may touch, and touching them is an answer. Such memory
// stays until the process ends, which is soon.
constexpr size_t kBarred = size_t{1} << 32;
constexpr int kOutgrown = 3;  // what the process that tries ends with
struct Bar {
  uintptr_t begin = 0, end = 0;
};
std::vector<Bar>* bars = nullptr;  // not null in a process that tries

Memory AllocateBarred(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t room = (WithSlack(bytes) + page - 1) / page * page;
  void* at = mmap(nullptr, room + kBarred, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return Allocate(bytes);
  auto* begin = static_cast<char*>(at);
  if (mprotect(begin, room, PROT_READ | PROT_WRITE) != 0) return {nullptr, std::free};
  const auto end = reinterpret_cast<uintptr_t>(begin + room);
  bars->push_back({end, end + kBarred});
  return {begin + (room - WithSlack(bytes)), [](void*) {}};
}

void Touched(int number, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Bar& bar : *bars) {
    if (at >= bar.begin && at < bar.end) _exit(kOutgrown);
  }
  std::signal(number, SIG_DFL);
  raise(number);
}
void Keep(void*) {}  // the memory is ours

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

struct Buffer {
  Memory memory{nullptr, std::free};
  size_t bytes = 0;
  Owned<LiteRtTensorBuffer> handle{nullptr, nullptr};
};

}  // namespace

class Runner {
 public:
  Runner(const Calls& calls, Opened opened)
      : calls_(calls),
        keep_(std::move(opened.keep)),
        model_(opened.model, calls.LiteRtDestroyModel),
        compiled_(opened.compiled, calls.LiteRtDestroyCompiledModel) {}

  [[nodiscard]] const std::vector<Port>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<Port>& outputs() const { return outputs_; }
  Status Describe();
  Result<std::vector<Array>> Run(std::span<const Array> inputs);

 private:
  Status Try(int status, std::string_view doing) const { return Check(calls_, status, doing); }
  Result<Port> DescribePort(LiteRtSignature* signature, bool input, size_t index) const;
  Result<Buffer> MakeBuffer(Element element, const std::vector<int64_t>& shape, const Port& port) const;
  Status Resize(std::span<const Array> inputs);
  Result<std::vector<Layout>> OutputLayouts(bool update);

  Calls calls_;
  std::shared_ptr<const void> keep_;
  Owned<LiteRtModel> model_;
  Owned<LiteRtCompiledModel> compiled_;
  std::vector<Port> inputs_, outputs_;
};

namespace {

std::vector<int64_t> DimsOf(const Layout& layout) {
  return {layout.dims, layout.dims + std::min(layout.rank(), kMostDims)};
}

Diag NoCrossing(const Port& port, std::string_view why) {
  return Diag(diag::kRuntimeValue, Concat("LiteRT: '", Printable(port.name, 200), "' ", why));
}

}  // namespace

Status Runner::Describe() {
  LiteRtSignature* signature = nullptr;
  size_t n_in = 0, n_out = 0;
  RETURN_IF_ERROR(Try(calls_.LiteRtGetModelSignature(model_.get(), 0, &signature), "reading the signature"));
  RETURN_IF_ERROR(Try(calls_.LiteRtGetNumSignatureInputs(signature, &n_in), "reading inputs"));
  RETURN_IF_ERROR(Try(calls_.LiteRtGetNumSignatureOutputs(signature, &n_out), "reading outputs"));
  for (size_t i = 0; i < n_in; ++i) {
    TRY(Port port, DescribePort(signature, true, i));
    inputs_.push_back(std::move(port));
  }
  for (size_t i = 0; i < n_out; ++i) {
    TRY(Port port, DescribePort(signature, false, i));
    outputs_.push_back(std::move(port));
  }
  return Ok{};
}

Result<Port> Runner::DescribePort(LiteRtSignature* signature, bool input, size_t index) const {
  Port port;
  const char* name = nullptr;
  LiteRtTensor* tensor = nullptr;
  RETURN_IF_ERROR(Try(input ? calls_.LiteRtGetSignatureInputName(signature, index, &name)
                            : calls_.LiteRtGetSignatureOutputName(signature, index, &name),
                      "reading names"));
  port.name = name;
  RETURN_IF_ERROR(Try(input ? calls_.LiteRtGetSignatureInputTensorByIndex(signature, index, &tensor)
                            : calls_.LiteRtGetSignatureOutputTensorByIndex(signature, index, &tensor),
                      "reading types"));
  int kind = 0;
  RETURN_IF_ERROR(Try(calls_.LiteRtGetTensorTypeId(tensor, &kind), "reading types"));
  constexpr int kRanked = 0;
  if (kind != kRanked) return port;
  TensorType type;
  RETURN_IF_ERROR(Try(calls_.LiteRtGetRankedTensorType(tensor, &type), "reading types"));
  port.element = ElementOf(type.element);
  for (const int64_t dim : DimsOf(type.layout)) port.shape.push_back(std::max<int64_t>(dim, -1));
  return port;
}

Result<Buffer> Runner::MakeBuffer(Element element, const std::vector<int64_t>& shape, const Port& port) const {
  TensorType type;
  type.element = NumberOf(element);
  if (type.element == 0 || BitsOf(element) == 0) return NoCrossing(port, "is not of numbers");
  if (shape.size() > kMostDims) return NoCrossing(port, "has more than 8 dims");
  type.layout.rank_and_flags = static_cast<uint32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0 || shape[i] > INT32_MAX) return NoCrossing(port, "has a dim that cannot be");
    type.layout.dims[i] = static_cast<int32_t>(shape[i]);
  }
  const auto count = CheckedProduct(shape);
  const auto bits =
      count ? CheckedMul(static_cast<size_t>(*count), static_cast<size_t>(BitsOf(element))) : std::optional<size_t>();
  if (!bits) return NoCrossing(port, "is larger than can be");
  if (*count == 0) return NoCrossing(port, "has no elements");
  Buffer out;
  out.bytes = *bits / 8 + (*bits % 8 != 0 ? 1 : 0);
  out.memory = bars != nullptr ? AllocateBarred(out.bytes) : Allocate(out.bytes);
  if (out.memory == nullptr) return Diag(diag::kLimitExceeded, "this machine has not enough memory for that");
  LiteRtTensorBuffer* handle = nullptr;
  RETURN_IF_ERROR(Try(calls_.LiteRtCreateTensorBufferFromHostMemory(&type, out.memory.get(), out.bytes, Keep, &handle),
                      "making a buffer"));
  out.handle = {handle, calls_.LiteRtDestroyTensorBuffer};
  return out;
}

Status Runner::Resize(std::span<const Array> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    Layout now;
    RETURN_IF_ERROR(
        Try(calls_.LiteRtGetCompiledModelInputTensorLayout(compiled_.get(), 0, i, &now), "reading the shapes"));
    if (DimsOf(now) == inputs[i].shape) continue;
    std::vector<int> dims;
    for (const int64_t dim : inputs[i].shape) {
      if (dim < 0 || dim > INT32_MAX) return NoCrossing(inputs_[i], "has a dim that cannot be");
      dims.push_back(static_cast<int>(dim));
    }
    RETURN_IF_ERROR(
        Try(calls_.LiteRtCompiledModelResizeInputTensorNonStrict(compiled_.get(), 0, i, dims.data(), dims.size()),
            Concat("giving input '", Printable(inputs_[i].name, 200), "' another shape")));
  }
  return Ok{};
}

Result<std::vector<Layout>> Runner::OutputLayouts(bool update) {
  std::vector<Layout> out(outputs_.size());
  if (out.empty()) return out;
  RETURN_IF_ERROR(
      Try(calls_.LiteRtGetCompiledModelOutputTensorLayouts(compiled_.get(), 0, out.size(), out.data(), update),
          "working out the outputs' shapes"));
  return out;
}

namespace {

bool Unwritten(const Buffer& buffer) {
  const auto* bytes = static_cast<const unsigned char*>(buffer.memory.get());
  return buffer.bytes > 0 && std::all_of(bytes, bytes + buffer.bytes, [](unsigned char b) { return b == kUnwritten; });
}

}  // namespace

Result<std::vector<Array>> Runner::Run(std::span<const Array> inputs) {
  if (inputs.size() != inputs_.size()) {
    return Diag(diag::kRuntimeValue, Concat("LiteRT: the model has ", std::to_string(inputs_.size()), " inputs, ",
                                            std::to_string(inputs.size()), " values were given"));
  }
  const Muffled quiet;
  RETURN_IF_ERROR(Resize(inputs));
  TRY(const std::vector<Layout> layouts, OutputLayouts(true));
  std::vector<Buffer> in, out;
  std::vector<LiteRtTensorBuffer*> in_handles, out_handles;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TRY(Buffer buffer, MakeBuffer(inputs[i].element, inputs[i].shape, inputs_[i]));
    if (buffer.bytes != inputs[i].bytes.size()) return NoCrossing(inputs_[i], "has bytes that disagree with its shape");
    if (buffer.bytes > 0) std::memcpy(buffer.memory.get(), inputs[i].bytes.data(), buffer.bytes);
    in_handles.push_back(buffer.handle.get());
    in.push_back(std::move(buffer));
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    TRY(Buffer buffer, MakeBuffer(outputs_[i].element, DimsOf(layouts[i]), outputs_[i]));
    std::memset(buffer.memory.get(), kUnwritten, buffer.bytes);
    out_handles.push_back(buffer.handle.get());
    out.push_back(std::move(buffer));
  }
  const int status = calls_.LiteRtRunCompiledModel(compiled_.get(), 0, in_handles.size(), in_handles.data(),
                                                   out_handles.size(), out_handles.data());
  if (status != 0) return Check(calls_, status, "running the model", quiet.Error()).TakeDiag();
  // An output whose shape the run decides lies in memory of the runtime's own, which this interface does not give.
  TRY(const std::vector<Layout> after, OutputLayouts(false));
  std::vector<Array> arrays;
  for (size_t i = 0; i < out.size(); ++i) {
    if (DimsOf(after[i]) != DimsOf(layouts[i]) || Unwritten(out[i])) {
      return NoCrossing(outputs_[i], "has a shape that only the run decides");
    }
    Array array;
    array.element = outputs_[i].element;
    array.shape = DimsOf(layouts[i]);
    const auto* bytes = static_cast<const std::byte*>(out[i].memory.get());
    array.bytes.assign(bytes, bytes + out[i].bytes);
    arrays.push_back(std::move(array));
  }
  return arrays;
}

namespace {

class GuardedModel : public Model {
 public:
  GuardedModel(std::shared_ptr<Runner> runner, Reopen reopen, int threads)
      : runner_(std::move(runner)), reopen_(std::move(reopen)), threads_(threads) {}

  [[nodiscard]] const std::vector<Port>& inputs() const override { return runner_->inputs(); }
  [[nodiscard]] const std::vector<Port>& outputs() const override { return runner_->outputs(); }
  Result<std::vector<Array>> Run(std::span<const Array> inputs) override {
    std::vector<std::vector<int64_t>> shapes;
    for (const Array& array : inputs) shapes.push_back(array.shape);
    if (!tried_.contains(shapes)) {
      RETURN_IF_ERROR(Survives(inputs));
      tried_.insert(shapes);
    }
    if (!last_.empty() && shapes != last_) {
      TRY(runner_, reopen_(threads_));
    }
    last_ = std::move(shapes);
    return runner_->Run(inputs);
  }

 private:
  // Threads do not outlive a fork, so the child opens the model again, with none.
  [[nodiscard]] Status Survives(std::span<const Array> inputs) const {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      constexpr unsigned kLongest = 600;  // seconds: a lock that is held for ever
      alarm(kLongest);
      for (const int number : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGINT, SIGTERM}) std::signal(number, SIG_DFL);
      std::vector<Bar> none;
      bars = &none;
      struct sigaction touched = {};
      touched.sa_sigaction = Touched;
      touched.sa_flags = SA_SIGINFO;
      sigaction(SIGSEGV, &touched, nullptr);
      const int nowhere = open("/dev/null", O_RDWR);
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);
      auto again = reopen_(1);
      if (again.ok()) (void)(*again)->Run(inputs);
      _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return Ok{};
    if (WIFEXITED(status) && WEXITSTATUS(status) == kOutgrown) {
      return Diag(diag::kRuntimeValue, "LiteRT: an output has a size that only the run decides");
    }
    if (!WIFSIGNALED(status)) return Ok{};
    return Diag(diag::kRuntimeRefused,
                Concat("LiteRT crashes when it runs the model (signal ", std::to_string(WTERMSIG(status)), ")"));
  }

  std::shared_ptr<Runner> runner_;
  Reopen reopen_;
  int threads_;
  std::set<std::vector<std::vector<int64_t>>> tried_;
  std::vector<std::vector<int64_t>> last_;
};

}  // namespace

Result<std::shared_ptr<Runner>> MakeRunner(const Calls& calls, Opened opened) {
  auto runner = std::make_shared<Runner>(calls, std::move(opened));
  RETURN_IF_ERROR(runner->Describe());
  return runner;
}

std::unique_ptr<Model> MakeModel(std::shared_ptr<Runner> runner, Reopen reopen, int threads) {
  return std::make_unique<GuardedModel>(std::move(runner), std::move(reopen), threads);
}

}  // namespace godwit::runtimes::litert
