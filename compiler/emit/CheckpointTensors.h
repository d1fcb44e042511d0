// A checkpoint's tensors as packing wants them.
#pragma once
#include "compiler/checkpoint/Checkpoint.h"
#include "compiler/emit/Packing.h"

namespace r1 {

// `checkpoint` must outlive this.
class CheckpointTensors : public TensorReader {
public:
  explicit CheckpointTensors(const checkpoint::Checkpoint& checkpoint) : checkpoint(checkpoint) {}
  llvm::Expected<SourceTensor> find(llvm::StringRef tensor) const override;
  llvm::Error read(llvm::StringRef tensor, uint64_t offset,
                   llvm::MutableArrayRef<uint8_t> out) const override;
  std::optional<TensorPlace> place(llvm::StringRef tensor) const override;

private:
  const checkpoint::Checkpoint& checkpoint;
};

} // namespace r1
