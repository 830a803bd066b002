// The C interface over the C++ one. No exception crosses it.
#include <exception>

#include "godwit/godwit.h"
#include "godwit/godwit.hpp"

struct godwit_model {
  godwit::Model model;
  std::vector<godwit::Array> outputs;  // of the last run
};

namespace {

constexpr int kUsage = 1, kDefect = 70;
thread_local std::string last_error;

int Fail(int status, std::string text) {
  last_error = std::move(text);
  return status;
}
int Fail(const std::vector<godwit::Problem>& problems) {
  last_error.clear();
  int status = kDefect;
  for (const godwit::Problem& p : problems) {
    if (!p.error) continue;
    if (last_error.empty()) status = p.status;
    last_error += p.text;
  }
  return status;
}

// Runs `body`, which returns a status; what it throws (memory that is not there) becomes one.
template <class Body>
int Guarded(Body&& body) noexcept {
  try {
    last_error.clear();
    return body();
  } catch (const std::exception& error) {
    try {
      return Fail(kDefect, error.what());
    } catch (...) {
      return kDefect;
    }
  } catch (...) {
    return kDefect;
  }
}

template <class Load>
godwit_model* Loaded(Load&& load) noexcept {
  godwit_model* out = nullptr;
  Guarded([&] {
    std::vector<godwit::Problem> problems;
    std::optional<godwit::Model> model = load(&problems);
    if (!model) return Fail(problems);
    out = new godwit_model{*std::move(model), {}};
    return 0;
  });
  return out;
}

const char* NameAt(const std::vector<godwit::Port>& ports, size_t index) {
  return index < ports.size() ? ports[index].name.c_str() : nullptr;
}
const char* TypeAt(const std::vector<godwit::Port>& ports, size_t index) {
  return index < ports.size() ? ports[index].type.c_str() : nullptr;
}

}  // namespace

const char* godwit_version(void) { return godwit::Version(); }
const char* godwit_last_error(void) { return last_error.c_str(); }

godwit_model* godwit_load(const char* path, int threads) {
  return Loaded([&](std::vector<godwit::Problem>* problems) {
    godwit::Settings settings;
    settings.threads = threads;
    return godwit::Model::Load(path == nullptr ? "" : path, settings, problems);
  });
}

godwit_model* godwit_load_memory(const void* bytes, size_t size, int threads) {
  return Loaded([&](std::vector<godwit::Problem>* problems) {
    godwit::Settings settings;
    settings.threads = threads;
    return godwit::Model::FromMemory({static_cast<const std::byte*>(bytes), bytes == nullptr ? 0 : size}, settings,
                                     problems);
  });
}

void godwit_free(godwit_model* model) { delete model; }

size_t godwit_input_count(const godwit_model* model) { return model->model.inputs().size(); }
const char* godwit_input_name(const godwit_model* model, size_t index) { return NameAt(model->model.inputs(), index); }
const char* godwit_input_type(const godwit_model* model, size_t index) { return TypeAt(model->model.inputs(), index); }
size_t godwit_output_count(const godwit_model* model) { return model->model.outputs().size(); }
const char* godwit_output_name(const godwit_model* model, size_t index) {
  return NameAt(model->model.outputs(), index);
}
const char* godwit_output_type(const godwit_model* model, size_t index) {
  return TypeAt(model->model.outputs(), index);
}

int godwit_run(godwit_model* model, const godwit_array* inputs, size_t input_count) {
  return Guarded([&] {
    if (model == nullptr) return Fail(kUsage, "there is no model");
    std::vector<godwit::Problem> problems;
    std::vector<godwit::Array> values;
    if (inputs == nullptr) {
      values = model->model.DrawInputs(&problems);
      if (!problems.empty()) return Fail(problems);
    }
    for (size_t i = 0; inputs != nullptr && i < input_count; ++i) {
      const godwit_array& in = inputs[i];
      if (in.shape == nullptr && in.rank > 0) return Fail(kUsage, "an array has dims but no shape");
      godwit::Array value;
      value.dtype = in.dtype == nullptr ? "" : in.dtype;
      value.shape.assign(in.shape, in.shape + in.rank);
      const auto* data = static_cast<const std::byte*>(in.data);
      value.bytes.assign(data, data + (data == nullptr ? 0 : in.bytes));
      values.push_back(std::move(value));
    }
    auto outputs = model->model.Run(values, &problems);
    if (!outputs) return Fail(problems);
    model->outputs = *std::move(outputs);
    return 0;
  });
}

int godwit_output(const godwit_model* model, size_t index, godwit_array* out) {
  return Guarded([&] {
    if (model == nullptr || index >= model->outputs.size()) return Fail(kUsage, "there is no such output of a run");
    const godwit::Array& array = model->outputs[index];
    *out = {array.dtype.c_str(), array.shape.data(), array.shape.size(), array.bytes.data(), array.bytes.size()};
    return 0;
  });
}

int godwit_simplify(const char* input, const char* output, int opset, int prove) {
  return Guarded([&] {
    if (input == nullptr || output == nullptr) return Fail(kUsage, "a path is NULL");
    godwit::WriteSettings settings;
    settings.opset = opset;
    settings.prove = prove != 0;
    std::vector<godwit::Problem> problems;
    return godwit::Simplify(input, output, settings, &problems) ? 0 : Fail(problems);
  });
}

int godwit_convert(const char* input, const char* output, const char* target, const char* io_layout, int prove) {
  return Guarded([&] {
    if (input == nullptr || output == nullptr) return Fail(kUsage, "a path is NULL");
    godwit::WriteSettings settings;
    if (target != nullptr) settings.target = target;
    if (io_layout != nullptr) settings.io_layout = {io_layout};
    settings.prove = prove != 0;
    std::vector<godwit::Problem> problems;
    return godwit::Convert(input, output, settings, &problems) ? 0 : Fail(problems);
  });
}
