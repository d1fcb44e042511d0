#include "test/oracle/synthetic_checkpoint.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "test/oracle/synthetic_tensors.h"

namespace r1::oracle {
namespace {

using Json = nlohmann::ordered_json;

// The bytes of one safetensors file.
std::string safetensors(const std::vector<Stored>& tensors, size_t begin, size_t end) {
  std::ostringstream header;
  header << '{';
  size_t at = 0;
  for (size_t i = begin; i < end; ++i) {
    const Stored& t = tensors[i];
    header << (i > begin ? "," : "") << '"' << t.name << "\":{\"dtype\":\"" << t.dtype << "\",\"shape\":[";
    for (size_t d = 0; d < t.shape.size(); ++d)
      header << (d ? "," : "") << t.shape[d];
    header << "],\"data_offsets\":[" << at << ',' << at + t.bytes.size() << "]}";
    at += t.bytes.size();
  }
  std::string text = header.str() + '}';
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string content;
  append(content, static_cast<uint64_t>(text.size()));
  content += text;
  for (size_t i = begin; i < end; ++i)
    content += tensors[i].bytes;
  return content;
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

} // namespace

std::optional<Case> read_case(const std::filesystem::path& file) {
  std::ifstream in(file);
  const Json json = Json::parse(in, nullptr, false);
  if (!json.is_object() || !json.contains("config") || !json.contains("weights") || !json.contains("seed"))
    return std::nullopt;
  Case out;
  out.config = json["config"];
  out.weights = json["weights"].get<std::string>();
  out.seed = json["seed"].get<uint32_t>();
  out.shards = json.value("shards", 1);
  if (json.contains("gains"))
    out.gains = json["gains"].get<std::map<std::string, double>>();
  if (json.contains("tokens"))
    out.tokens = json["tokens"].get<std::vector<int>>();
  out.crc32 = json.value("crc32", 0u);
  return out;
}

std::optional<Matrix> read_npy(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(in)), {});
  if (all.size() < 10 || all.compare(0, 6, "\x93NUMPY") != 0 || all[6] != 1)
    return std::nullopt;
  const size_t start = 10 + static_cast<uint8_t>(all[8]) + 256 * static_cast<uint8_t>(all[9]);
  const std::string header = all.substr(10, start - 10);
  const size_t shape = header.find("'shape': (");
  if (header.find("'<f4'") == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos || shape == std::string::npos)
    return std::nullopt;
  Matrix out;
  if (std::sscanf(header.c_str() + shape, "'shape': (%zu, %zu)", &out.rows, &out.columns) != 2 ||
      all.size() - start != out.rows * out.columns * 4)
    return std::nullopt;
  out.values.resize(out.rows * out.columns);
  std::memcpy(out.values.data(), all.data() + start, out.values.size() * 4);
  return out;
}

uint32_t write_checkpoint(const Case& test_case, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  write_file(folder / "config.json", test_case.config.dump(2));
  const std::vector<Stored> tensors = stored_tensors(test_case);
  const size_t shards = test_case.shards;
  uint32_t crc = 0;
  size_t total = 0;
  Json weight_map = Json::object();
  for (size_t i = 0; i < shards; ++i) {
    char name[64] = "model.safetensors";
    if (shards > 1)
      std::snprintf(name, sizeof name, "model-%05zu-of-%06zu.safetensors", i + 1, shards);
    const size_t begin = tensors.size() * i / shards, end = tensors.size() * (i + 1) / shards;
    const std::string content = safetensors(tensors, begin, end);
    crc = crc32(content.data(), content.size(), crc);
    write_file(folder / name, content);
    for (size_t t = begin; t < end; ++t) {
      weight_map[tensors[t].name] = name;
      total += tensors[t].bytes.size();
    }
  }
  if (shards > 1) {
    const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
    write_file(folder / "model.safetensors.index.json", index.dump(2));
  }
  return crc;
}

} // namespace r1::oracle
