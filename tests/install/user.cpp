// A user's program in C++: says what a model takes and gives, runs it twice, and wants the same bits both times.
#include <cstdio>
#include <godwit/godwit.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  std::vector<godwit::Problem> problems;
  auto model = godwit::Model::Load(argv[1], {.threads = 2}, &problems);
  for (const godwit::Problem& problem : problems) std::fprintf(stderr, "%s\n", problem.text.c_str());
  if (!model) return 1;
  for (const godwit::Port& port : model->inputs()) std::printf("in  %s %s\n", port.name.c_str(), port.type.c_str());
  for (const godwit::Port& port : model->outputs()) std::printf("out %s %s\n", port.name.c_str(), port.type.c_str());

  const auto inputs = model->DrawInputs(&problems);
  const auto first = model->Run(inputs, &problems);
  const auto second = model->Run(inputs, &problems);
  if (!first || !second || first->empty()) return 1;
  float sum = 0;
  for (const float p : (*first)[0].values<float>()) sum += p;
  std::printf("godwit %s: %zu bytes, sum %.3f\n", godwit::Version(), (*first)[0].bytes.size(),
              static_cast<double>(sum));
  const bool softmax = sum > 0.999F && sum < 1.001F;
  return softmax && (*first)[0].bytes == (*second)[0].bytes ? 0 : 1;
}
