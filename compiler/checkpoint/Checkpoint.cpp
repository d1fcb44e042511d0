#include "compiler/checkpoint/Checkpoint.h"
#include "compiler/checkpoint/Json.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using nlohmann::json;

namespace r1::checkpoint {
namespace {

constexpr StringLiteral kIndexName = "model.safetensors.index.json";
constexpr uint64_t kMaxIndexBytes = 256u << 20; // R1's has 9 MB

std::string joined(StringRef folder, StringRef name) {
  SmallString<256> path(folder);
  sys::path::append(path, name);
  return std::string(path);
}

bool isSafeFileName(StringRef name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of("/\\") == StringRef::npos &&
         none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; }) &&
         name.ends_with(".safetensors");
}

Expected<std::vector<std::string>> safetensorsIn(StringRef folder) {
  std::vector<std::string> names;
  std::error_code code;
  sys::fs::directory_iterator entry(folder, code), end;
  for (; !code && entry != end; entry.increment(code)) {
    StringRef name = sys::path::filename(entry->path());
    if (name.ends_with(".safetensors"))
      names.push_back(name.str());
  }
  if (code)
    return fail(Twine(folder) + ": cannot be listed: " + code.message() +
                "; name a folder that holds a checkpoint");
  llvm::sort(names);
  return names;
}

} // namespace

Expected<StringMap<std::string>> parseIndex(StringRef text, StringRef file) {
  Expected<json> root = parseJson(text, file);
  if (!root)
    return root.takeError();
  auto map = root->is_object() ? root->find("weight_map") : root->end();
  if (!root->is_object() || map == root->end() || !map->is_object())
    return fail(Twine(file) +
                ": has no object 'weight_map', expected tensor names with their files; fetch the file again");
  StringMap<std::string> files;
  for (const auto& [name, value] : map->items()) {
    if (!value.is_string())
      return fail(Twine(file) + ": tensor " + quote(name) +
                  " has no file name, expected text; fetch the file again");
    const std::string& shard = value.get_ref<const std::string&>();
    if (!isSafeFileName(shard))
      return fail(
          Twine(file) + ": tensor " + quote(name) + " lies in " + quote(shard) +
          ", expected the plain name of a .safetensors file in the same folder; do not use this checkpoint");
    files[name] = shard;
  }
  return files;
}

Error Checkpoint::add(TensorInfo tensor) {
  auto [place, fresh] = places.try_emplace(tensor.name, static_cast<uint32_t>(all.size()));
  if (!fresh) {
    const ShardFile& first = shards[all[place->second].file];
    return fail(Twine(shards[tensor.file].name) + ": tensor " + quote(tensor.name) + " also lies in " +
                first.name + ", expected one place; remove the file that does not belong to the checkpoint");
  }
  all.push_back(std::move(tensor));
  return Error::success();
}

Error Checkpoint::addShard(StringRef folder, StringRef name) {
  Expected<InputFile> input = InputFile::open(joined(folder, name));
  if (!input)
    return input.takeError();
  Expected<SafetensorsHeader> header = readSafetensorsHeader(*input);
  if (!header)
    return header.takeError();
  uint32_t file = static_cast<uint32_t>(shards.size());
  uint64_t dataBytes = input->size() - header->headerBytes;
  shards.push_back({name.str(), header->hash, dataBytes, std::make_unique<InputFile>(std::move(*input))});
  all.reserve(all.size() + header->tensors.size());
  for (TensorInfo& tensor : header->tensors) {
    tensor.file = file;
    if (Error error = add(std::move(tensor)))
      return error;
  }
  return Error::success();
}

Error Checkpoint::checkIndex(StringRef indexPath, const StringMap<std::string>& weightMap) {
  // In name order, so that the same damage gives the same message.
  const StringMapEntry<std::string>* wrong = nullptr;
  for (const auto& entry : weightMap) {
    const TensorInfo* tensor = find(entry.getKey());
    bool right = tensor && shards[tensor->file].name == entry.getValue();
    if (!right && (!wrong || entry.getKey() < wrong->getKey()))
      wrong = &entry;
  }
  if (wrong) {
    const TensorInfo* tensor = find(wrong->getKey());
    return fail(Twine(indexPath) + ": tensor " + quote(wrong->getKey()) + " should lie in " +
                wrong->getValue() + ", found " +
                (tensor ? "it in " + shards[tensor->file].name : std::string("it in no shard")) +
                "; index and shards are of different versions, fetch the folder again");
  }
  size_t unlisted = 0;
  StringRef example;
  for (const TensorInfo& tensor : all)
    if (!weightMap.contains(tensor.name) && unlisted++ == 0)
      example = tensor.name;
  if (unlisted)
    remarks.push_back((Twine(unlisted) + " tensors lie in shards but are not listed in " + kIndexName +
                       ", for instance " + quote(example))
                          .str());
  return Error::success();
}

Error Checkpoint::splitFusedExperts() {
  size_t count = all.size();
  for (size_t i = 0; i < count; ++i) {
    StringRef name = all[i].name;
    bool scale = name.consume_back("_scale_inv");
    bool gateUp = name.ends_with(".mlp.experts.gate_up_proj"),
         down = name.ends_with(".mlp.experts.down_proj");
    if ((!gateUp && !down) || all[i].shape.size() != 3 || bitsOf(all[i].dtype) % 8 != 0 || all[i].bytes == 0)
      continue;
    const TensorInfo fused = all[i];
    StringRef prefix = name.substr(0, name.rfind('.'));
    int64_t experts = fused.shape[0], rows = fused.shape[1], cols = fused.shape[2];
    if (gateUp && rows % 2 != 0)
      return fail(Twine(shards[fused.file].name) + ": tensor " + quote(fused.name) + " has shape " +
                  shapeText(fused.shape) +
                  ", expected an even second size (gate rows, then up rows); convert the checkpoint to one "
                  "tensor an expert");
    std::string suffix = scale ? ".weight_scale_inv" : ".weight";
    std::string fusedPrefix = prefix.str();
    auto part = [&](int64_t expert, StringRef projection, int64_t firstRow, int64_t partRows) {
      TensorInfo tensor;
      tensor.name = (Twine(fusedPrefix) + "." + Twine(expert) + "." + projection + suffix).str();
      tensor.dtype = fused.dtype;
      tensor.shape = {partRows, cols};
      tensor.file = fused.file;
      uint64_t rowBytes = static_cast<uint64_t>(cols) * bitsOf(fused.dtype) / 8;
      tensor.offset = fused.offset + static_cast<uint64_t>(expert * rows + firstRow) * rowBytes;
      tensor.bytes = static_cast<uint64_t>(partRows) * rowBytes;
      return add(std::move(tensor));
    };
    for (int64_t expert = 0; expert < experts; ++expert) {
      Error error = down ? part(expert, "down_proj", 0, rows) : part(expert, "gate_proj", 0, rows / 2);
      if (!error && gateUp)
        error = part(expert, "up_proj", rows / 2, rows / 2);
      if (error)
        return error;
    }
  }
  return Error::success();
}

Expected<Checkpoint> Checkpoint::open(StringRef folder) {
  Checkpoint checkpoint;
  Expected<std::vector<std::string>> present = safetensorsIn(folder);
  if (!present)
    return present.takeError();
  std::string indexPath = joined(folder, kIndexName);
  StringMap<std::string> weightMap;
  std::vector<std::string> wanted = *present;
  bool indexed = sys::fs::exists(indexPath);
  if (indexed) {
    Expected<std::string> text = readTextFile(indexPath, kMaxIndexBytes);
    if (!text)
      return text.takeError();
    Expected<StringMap<std::string>> map = parseIndex(*text, indexPath);
    if (!map)
      return map.takeError();
    weightMap = std::move(*map);
    StringSet<> unique;
    for (const auto& entry : weightMap)
      unique.insert(entry.getValue());
    wanted.assign(unique.keys().begin(), unique.keys().end());
    llvm::sort(wanted);
    for (const std::string& name : wanted)
      if (!llvm::is_contained(*present, name))
        return fail(Twine(folder) + ": shard " + quote(name) + " is missing, but " + kIndexName +
                    " names it; fetch the file into the folder");
    for (const std::string& name : *present)
      if (!unique.contains(name))
        checkpoint.remarks.push_back(name + " is ignored: " + kIndexName.str() + " does not name it");
  }
  if (wanted.empty())
    return fail(Twine(folder) +
                ": has no .safetensors file, expected at least one; fetch the weights, or compile with "
                "--weights=none");
  for (const std::string& name : wanted)
    if (Error error = checkpoint.addShard(folder, name))
      return std::move(error);
  if (indexed)
    if (Error error = checkpoint.checkIndex(indexPath, weightMap))
      return std::move(error);
  if (Error error = checkpoint.splitFusedExperts())
    return std::move(error);
  return checkpoint;
}

Checkpoint Checkpoint::declared(std::vector<TensorInfo> tensors) {
  Checkpoint checkpoint;
  for (TensorInfo& tensor : tensors)
    if (checkpoint.places.try_emplace(tensor.name, static_cast<uint32_t>(checkpoint.all.size())).second)
      checkpoint.all.push_back(std::move(tensor));
  return checkpoint;
}

const TensorInfo* Checkpoint::find(StringRef name) const& {
  auto place = places.find(name);
  return place == places.end() ? nullptr : &all[place->second];
}

Hash Checkpoint::hashOfHeaders() const {
  if (shards.empty())
    return {};
  std::vector<uint8_t> bytes;
  for (const ShardFile& shard : shards) {
    bytes.insert(bytes.end(), shard.name.begin(), shard.name.end());
    bytes.push_back(0); // ends the name: no name holds a NUL
    bytes.insert(bytes.end(), shard.headerHash.begin(), shard.headerHash.end());
  }
  return blake2b(bytes);
}

uint64_t Checkpoint::dataBytes() const {
  uint64_t total = 0;
  for (const ShardFile& shard : shards)
    total += shard.dataBytes;
  return total;
}

Error Checkpoint::readTensor(StringRef name, uint64_t offset, MutableArrayRef<uint8_t> out) const {
  const TensorInfo* tensor = find(name);
  if (!tensor)
    return fail("tensor " + quote(name) + " is not in the checkpoint; check it against config.json first");
  return readTensor(*tensor, offset, out);
}

Error Checkpoint::readTensor(const TensorInfo& tensor, uint64_t offset, MutableArrayRef<uint8_t> out) const {
  if (offset > tensor.bytes || out.size() > tensor.bytes - offset)
    return fail("tensor " + quote(tensor.name) + " has " + Twine(tensor.bytes) + " bytes, asked for " +
                Twine(offset) + " + " + Twine(out.size()) + "; this is a defect of the compiler");
  if (shards.empty())
    return fail("tensor " + quote(tensor.name) + " has no data: the folder was opened without weights");
  if (Error error = shards[tensor.file].input->readAt(tensor.offset + offset, out))
    return fail("tensor " + quote(tensor.name) + ": " + toString(std::move(error)));
  return Error::success();
}

Expected<MappedRange> Checkpoint::mapTensor(const TensorInfo& tensor) const {
  if (shards.empty())
    return fail("tensor " + quote(tensor.name) + " has no data: the folder was opened without weights");
  return shards[tensor.file].input->map(tensor.offset, tensor.bytes);
}

} // namespace r1::checkpoint
