// The parser behind parse.h, one function a message. Internal to this folder.
#pragma once

#include <initializer_list>

#include "formats/onnx/model.h"
#include "formats/onnx/view_arena.h"

namespace godwit::onnx {

class Parser {
 public:
  explicit Parser(proto::WireContext* context) : context_(context), arena_(context) {}

  using Reader = proto::WireReader;

  // model_parser.cpp
  void ReadModel(Reader r, Model* out);
  Graph ReadGraph(Reader r, int depth);
  Function ReadFunction(Reader r);
  TrainingInfo ReadTrainingInfo(Reader r);
  Node ReadNode(Reader r, int depth);
  Attribute ReadAttribute(Reader r, int depth);
  ValueInfo ReadValueInfo(Reader r);
  TensorAnnotation ReadAnnotation(Reader r);
  OperatorSet ReadOperatorSet(Reader r);
  StringPair ReadPair(Reader r);

  // value_parser.cpp
  Tensor ReadTensor(Reader r);
  SparseTensor ReadSparseTensor(Reader r);
  Type ReadType(Reader r);
  Sequence ReadSequence(Reader r);
  Optional ReadOptional(Reader r);
  Map ReadMap(Reader r);

  [[nodiscard]] const ViewArena& arena() const { return arena_; }

 private:
  // Protobuf would merge a message that occurs twice into one; views cannot, and no writer does it.
  void RequireOnce(const FieldCounts& counts, const Reader& r, std::initializer_list<uint32_t> fields);
  void ReadTensorType(Reader r, Type* out);
  Dim ReadDim(Reader r);
  std::span<const int64_t> ReadDims(Reader r, uint32_t field, size_t count);
  void SetArray(Attribute* out, AttributeType type, const void* data, size_t count);

  proto::WireContext* context_;
  ViewArena arena_;
  uint64_t nodes_ = 0;
  uint64_t tensors_ = 0;
};

}  // namespace godwit::onnx
