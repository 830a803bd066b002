/* godwit's C interface. Functions that fail return NULL or a status other than 0 (the exit status of the command line
 * for the same problem) and godwit_last_error() says what, where, why and what to do. */
#ifndef GODWIT_GODWIT_H
#define GODWIT_GODWIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct godwit_model godwit_model;

/* A dense row-major array of numbers or bools; strings are served by the C++ interface. */
typedef struct godwit_array {
  const char* dtype; /* "f32", "i64", "u8", "bool" ... */
  const int64_t* shape;
  size_t rank;
  const void* data;
  size_t bytes;
} godwit_array;

/* "0.1.0" */
const char* godwit_version(void);
/* Of the calling thread; "" when its last call succeeded. Valid until its next call. */
const char* godwit_last_error(void);

/* threads: 0 for one a processor; never changes a result. */
godwit_model* godwit_load(const char* path, int threads);
godwit_model* godwit_load_memory(const void* bytes, size_t size, int threads);
void godwit_free(godwit_model* model);

/* Names and types ("f32[N,3,224,224]") live as long as the model; NULL for an index that is none. */
size_t godwit_input_count(const godwit_model* model);
const char* godwit_input_name(const godwit_model* model, size_t index);
const char* godwit_input_type(const godwit_model* model, size_t index);
size_t godwit_output_count(const godwit_model* model);
const char* godwit_output_name(const godwit_model* model, size_t index);
const char* godwit_output_type(const godwit_model* model, size_t index);

/* One array for each input, in order; NULL draws them all. */
int godwit_run(godwit_model* model, const godwit_array* inputs, size_t input_count);
/* An output of the last run, valid until the next; status 1 for an index that is none. */
int godwit_output(const godwit_model* model, size_t index, godwit_array* out);

/* The same format in fewer and cheaper nodes. opset: 0 for the source's. prove: not 0 runs the written file beside the
 * source, and writes nothing when they differ (status 7). */
int godwit_simplify(const char* input, const char* output, int opset, int prove);
/* From any format that is read to any that is written. target: "tflite@2.14", "onnx@17" ..., NULL for what the output's
 * name says. io_layout: "nhwc", "nchw", "auto", NULL to keep the source's. */
int godwit_convert(const char* input, const char* output, const char* target, const char* io_layout, int prove);

#ifdef __cplusplus
}
#endif

#endif
