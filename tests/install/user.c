/* A user's program in C: loads a model, runs it on inputs of its own and reads the result. */
#include <godwit/godwit.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  godwit_model* model = godwit_load(argv[1], 1);
  if (model == NULL) {
    fprintf(stderr, "%s\n", godwit_last_error());
    return 1;
  }
  printf("in  %s %s\n", godwit_input_name(model, 0), godwit_input_type(model, 0));
  printf("out %s %s\n", godwit_output_name(model, 0), godwit_output_type(model, 0));

  static float picture[32 * 32];
  for (int i = 0; i < 32 * 32; ++i) picture[i] = (float)(i % 32) / 32.0F;
  const int64_t shape[4] = {1, 1, 32, 32};
  const godwit_array input = {"f32", shape, 4, picture, sizeof picture};
  godwit_array output;
  int status = godwit_run(model, &input, 1);
  if (status == 0) status = godwit_output(model, 0, &output);
  if (status != 0) {
    fprintf(stderr, "%s\n", godwit_last_error());
  } else {
    float sum = 0;
    for (size_t i = 0; i < output.bytes / sizeof(float); ++i) sum += ((const float*)output.data)[i];
    printf("godwit %s: %s of rank %zu, sum %.3f\n", godwit_version(), output.dtype, output.rank, (double)sum);
    if (sum < 0.999F || sum > 1.001F) status = 1;
  }
  /* A file that is no model is refused, with a reason. */
  if (godwit_load("/dev/null", 1) != NULL || godwit_last_error()[0] == '\0') status = 1;
  godwit_free(model);
  return status;
}
