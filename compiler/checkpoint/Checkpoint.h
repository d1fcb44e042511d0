// The weights of a Hugging Face folder: every tensor's name, type, shape and place, read from the shards'
// headers alone, and the bytes on demand. Names are read, never built. Immutable after opening; const members
// may be called from many threads.
#pragma once
#include "compiler/checkpoint/InputFile.h"
#include "compiler/checkpoint/Safetensors.h"
#include "llvm/ADT/StringMap.h"
#include <memory>

namespace r1::checkpoint {

struct ShardFile {
  std::string name;       // within the folder
  Hash headerHash{};      // provenance: which file this was, without reading its data
  uint64_t dataBytes = 0; // after the header
  std::unique_ptr<InputFile> input;
};

class Checkpoint {
public:
  // With model.safetensors.index.json the shards it names, each entry checked against the headers; without it
  // every *.safetensors file of the folder. A tensor that lies in two shards is an error. Three-dimensional
  // expert tensors (mlp.experts.gate_up_proj [E][2I][H], mlp.experts.down_proj [E][H][I], as recent versions
  // of transformers hold them) are found under the per-expert names as well.
  static llvm::Expected<Checkpoint> open(llvm::StringRef folder);

  // Tensors that exist only as a declaration, for compiling without weights; reading one is an error.
  static Checkpoint declared(std::vector<TensorInfo> tensors);

  Checkpoint(Checkpoint&&) = default;
  Checkpoint& operator=(Checkpoint&&) = default;

  bool hasData() const { return !shards.empty(); }
  // What is handed out belongs to this checkpoint, so a temporary one hands out nothing.
  const TensorInfo* find(llvm::StringRef name) const&; // nullptr if absent
  const TensorInfo* find(llvm::StringRef name) const&& = delete;
  const std::vector<TensorInfo>& tensors() const& { return all; } // by file, then by place in it
  const std::vector<TensorInfo>& tensors() const&& = delete;
  const std::vector<ShardFile>& files() const& { return shards; }
  const std::vector<ShardFile>& files() const&& = delete;
  // BLAKE2b-256 over all shards' names and header hashes in order; all zeros for declared tensors.
  Hash hashOfHeaders() const;
  uint64_t dataBytes() const; // of all shards together
  // Things worth a remark that stop nothing, one line each: files ignored, tensors that the index does not
  // list.
  const std::vector<std::string>& notes() const { return remarks; }

  // Fills `out` from byte `offset` of the tensor on.
  llvm::Error readTensor(llvm::StringRef name, uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const;
  llvm::Error readTensor(const TensorInfo& tensor, uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const;
  llvm::Expected<MappedRange> mapTensor(const TensorInfo& tensor) const;

private:
  Checkpoint() = default;
  llvm::Error add(TensorInfo tensor);
  llvm::Error addShard(llvm::StringRef folder, llvm::StringRef name);
  llvm::Error checkIndex(llvm::StringRef indexPath, const llvm::StringMap<std::string>& weightMap);
  llvm::Error splitFusedExperts();

  std::vector<ShardFile> shards;
  std::vector<TensorInfo> all;
  llvm::StringMap<uint32_t> places; // name -> index into `all`
  std::vector<std::string> remarks;
};

// The weight_map of an index file: tensor name -> file name. File names that leave the folder are refused.
llvm::Expected<llvm::StringMap<std::string>> parseIndex(llvm::StringRef text, llvm::StringRef file);

} // namespace r1::checkpoint
