// A throw-away folder with safetensors files of chosen contents, and the text of an error.
#pragma once
#include "compiler/checkpoint/Checkpoint.h"
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <unistd.h>

namespace r1::checkpoint::test {

struct Tensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
};

// The bytes of a file that holds these tensors one after another; each byte of data is fill(position in the
// data).
inline std::string safetensors(
    const std::vector<Tensor>& tensors,
    const std::function<char(size_t)>& fill = [](size_t i) { return static_cast<char>(i * 37 + 11); }) {
  nlohmann::ordered_json header;
  size_t end = 0;
  for (const Tensor& tensor : tensors) {
    size_t bytes = bitsOf(*parseDType(tensor.dtype)) / 8, begin = end;
    for (int64_t size : tensor.shape)
      bytes *= static_cast<size_t>(size);
    end += bytes;
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string json = header.is_null() ? "{}" : header.dump(), text;
  for (int i = 0; i < 8; ++i)
    text += static_cast<char>(json.size() >> (8 * i) & 0xff);
  text += json;
  for (size_t i = 0; i < end; ++i)
    text += fill(i);
  return text;
}

class Folder {
public:
  Folder() {
    static int count = 0;
    path = std::filesystem::temp_directory_path() /
           ("r1c-checkpoint-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  std::string str() const { return path.string(); }
  std::filesystem::path path;
};

template <typename T> std::string messageOf(llvm::Expected<T> result) {
  if (result)
    return "";
  return llvm::toString(result.takeError());
}
inline std::string messageOf(llvm::Error error) { return error ? llvm::toString(std::move(error)) : ""; }

// One line that names everything in `parts`.
inline void expectLine(const std::string& message, const std::vector<std::string>& parts) {
  EXPECT_FALSE(message.empty()) << "accepted, expected a message with "
                                << (parts.empty() ? "" : parts.front());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  for (const std::string& part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << "no '" << part << "' in: " << message;
}

inline std::string sharedPath(const std::string& relative) {
  const char* shared = std::getenv("R1C_SHARED");
  std::string path = std::string(shared ? shared : "") + "/data/" + relative;
  return shared && std::filesystem::exists(path) ? path : "";
}

inline std::string readAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace r1::checkpoint::test
