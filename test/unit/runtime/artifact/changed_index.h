// What the tests of the index's checks share: fields changed under a right hash, so that only those checks can refuse them.
#pragma once
#include "runtime/artifact/reader.h"

#include <functional>
#include <gtest/gtest.h>
#include <random>

#include "runtime/base/hash.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::artifact {

using Change = std::function<void(ArtifactT&)>;

struct Case {
  const char* what;
  Change change;
};

// `open` makes an artifact with the change and opens it. Each is refused as corrupt, in one line.
inline void expect_refused(const std::vector<Case>& cases, const std::function<Status(const Change&)>& open) {
  for (const Case& c : cases) {
    Status s = open(c.change);
    EXPECT_EQ(s.code(), Code::kCorrupt) << c.what << ": " << s.message();
    EXPECT_EQ(s.message().find('\n'), std::string::npos) << s.message();
  }
}

// How many of so many indices with random bytes are refused. None may crash: the verifier and the checks of meaning stand alone.
inline int refused_of(int count, const std::string& path, unsigned seed) {
  const std::vector<uint8_t> sound = testing::read_file(path);
  Header header;
  memcpy(&header, sound.data(), sizeof header);
  std::vector<uint64_t> aligned((header.index_bytes + 7) / 8);
  std::span<uint8_t> index(reinterpret_cast<uint8_t*>(aligned.data()), header.index_bytes);
  std::mt19937 rng(seed);
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    memcpy(index.data(), sound.data() + header.index_offset, index.size());
    for (int k = 0; k < 1 + i % 4; ++k)
      index[rng() % index.size()] = uint8_t(rng());
    HashBytes digest = hash(index);
    memcpy(header.index_hash, digest.data(), digest.size());
    refused += !check_index(header, sound.size(), index).ok();
  }
  return refused;
}

} // namespace r1::artifact
