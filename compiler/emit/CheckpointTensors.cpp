#include "compiler/emit/CheckpointTensors.h"

namespace r1 {

using artifact::DataType;
using checkpoint::DType;

llvm::Expected<SourceTensor> CheckpointTensors::find(llvm::StringRef tensor) const {
  const checkpoint::TensorInfo* info = checkpoint.find(tensor);
  if (!info)
    return llvm::createStringError("the checkpoint has no tensor " + tensor);
  switch (info->dtype) {
  case DType::F32:
    return SourceTensor{DataType::F32, info->shape};
  case DType::BF16:
    return SourceTensor{DataType::BF16, info->shape};
  case DType::F16:
    return SourceTensor{DataType::F16, info->shape};
  case DType::F8E4M3:
    return SourceTensor{DataType::F8E4M3, info->shape};
  default:
    return llvm::createStringError("tensor " + tensor + " has elements of type " +
                                   checkpoint::nameOf(info->dtype) + ", expected F32, BF16, F16 or F8_E4M3");
  }
}

llvm::Error CheckpointTensors::read(llvm::StringRef tensor, uint64_t offset,
                                    llvm::MutableArrayRef<uint8_t> out) const {
  return checkpoint.readTensor(tensor, offset, out);
}

std::optional<TensorPlace> CheckpointTensors::place(llvm::StringRef tensor) const {
  const checkpoint::TensorInfo* info = checkpoint.find(tensor);
  if (!info || !checkpoint.hasData())
    return std::nullopt;
  return TensorPlace{info->file, info->offset};
}

} // namespace r1
