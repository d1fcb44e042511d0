// What of a segment may stay in the checkpoint: exactly the bytes that packing would copy as they are.
#include "test/unit/compiler/emit/PackFixture.h"

namespace r1::test {
namespace {

// Tensors one behind the other in two files.
struct PlacedTensors : MemoryTensors {
  std::map<std::string, TensorPlace> places;
  std::vector<uint8_t> files[2] = {std::vector<uint8_t>(40), std::vector<uint8_t>(8)}; // behind a header

  void put(const std::string& name, DataType type, std::vector<int64_t> shape, uint32_t file) {
    add(name, type, shape, unsigned(places.size()) + 1);
    places[name] = {file, files[file].size()};
    llvm::append_range(files[file], tensors.at(name).bytes);
  }
  std::optional<TensorPlace> place(llvm::StringRef name) const override {
    auto it = places.find(name.str());
    return it == places.end() ? std::nullopt : std::optional(it->second);
  }
};

PackSource whole(const char* name, int64_t rows, int64_t cols, int64_t batch = 0, int64_t accumulator = 0,
                 int64_t destRow = 0, const char* scale = "") {
  return {name, scale, 0, rows, 0, cols, false, batch, accumulator, destRow};
}

// Every piece holds what was packed, and nothing that could stay was left out: `share` of the segment's bytes.
void expectInPlace(std::vector<PackJob> jobs, const PlacedTensors& tensors, size_t pieces, uint64_t kept) {
  uint64_t end = 0;
  for (PackJob& j : jobs)
    end = (j.offset = (end + 255) / 256 * 256) + j.bytes;
  const std::vector<uint8_t> packed = pack(jobs, tensors);
  const std::vector<InPlace> found = inPlace(jobs, tensors);
  EXPECT_EQ(found.size(), pieces);
  uint64_t total = 0;
  end = 0;
  for (const InPlace& piece : found) {
    EXPECT_GE(piece.offset, end);
    end = piece.offset + piece.bytes;
    total += piece.bytes;
    ASSERT_LE(end, packed.size());
    const std::vector<uint8_t>& file = tensors.files[piece.place.file];
    ASSERT_LE(piece.place.offset + piece.bytes, file.size());
    EXPECT_TRUE(
        std::equal(packed.begin() + piece.offset, packed.begin() + end, file.begin() + piece.place.offset));
  }
  EXPECT_EQ(total, kept);
}

TEST(InPlace, RowsWithoutPaddingStay) {
  PlacedTensors t;
  t.put("a", DataType::BF16, {300, 256}, 0);
  t.put("b", DataType::BF16, {500, 256}, 1);
  const PackJob rows = job(PackLayout::Rows, {1, 300, 256, 1}, DataType::BF16, {whole("a", 300, 256)});
  const PackJob matrix = job(PackLayout::RowMajor, {1, 500, 256, 1}, DataType::BF16, {whole("b", 500, 256)});
  expectInPlace({rows, matrix}, t, 2, (300 + 500) * 512);
}

TEST(InPlace, ExpertsOfOneFileAreOnePiece) {
  PlacedTensors t;
  t.put("scale", DataType::F32, {2, 1}, 1);
  for (const char* name : {"up", "gate", "next up", "next gate"})
    t.put(name, DataType::F8E4M3, {256, 128}, name[0] == 'n' ? 1 : 0);
  std::vector<PackSource> sources = {
      whole("gate", 256, 128, 0, 0, 0, "scale"), whole("up", 256, 128, 0, 1, 0, "scale"),
      whole("next up", 256, 128, 1, 0, 0, "scale"), whole("next gate", 256, 128, 1, 1, 0, "scale")};
  PackJob experts = job(PackLayout::RowMajorF8, {2, 256, 128, 2}, DataType::F8E4M3, sources);
  // Of the first expert the order differs, and each matrix is too small for a piece of its own.
  expectInPlace({experts}, t, 1, 2 * 256 * 128);
}

TEST(InPlace, WhatPackingChangesDoesNotStay) {
  PlacedTensors t;
  t.put("bf16", DataType::BF16, {256, 256}, 0);
  t.put("padded", DataType::BF16, {512, 200}, 0);
  t.put("f16", DataType::F16, {256, 256}, 0);
  t.put("f32", DataType::F32, {256, 256}, 0);
  t.put("vector", DataType::F32, {65536}, 0);
  t.put("f8", DataType::F8E4M3, {512, 256}, 0);
  t.put("scale", DataType::F32, {4, 2}, 0);
  PackSource transposed = whole("bf16", 256, 256), columns = whole("bf16", 256, 256);
  transposed.transposed = true;
  columns.colBegin = 128;
  const DataType bf16 = DataType::BF16;
  expectInPlace({job(PackLayout::RowMajor, {1, 256, 256, 1}, bf16, {transposed}),
                 job(PackLayout::RowMajor, {1, 256, 128, 1}, bf16, {columns}),
                 job(PackLayout::RowMajor, {1, 512, 200, 1}, bf16, {whole("padded", 512, 200)}),
                 job(PackLayout::RowMajor, {1, 256, 256, 1}, bf16, {whole("f16", 256, 256)}),
                 job(PackLayout::RowMajor, {1, 256, 256, 1}, bf16, {whole("f32", 256, 256)}),
                 job(PackLayout::RowMajor, {1, 512, 256, 1}, bf16, {whole("f8", 512, 256, 0, 0, 0, "scale")}),
                 job(PackLayout::Vnni16, {1, 256, 256, 1}, bf16, {whole("bf16", 256, 256)}),
                 job(PackLayout::Vector, {1, 1, 65536, 1}, DataType::F32, {whole("vector", 1, 65536)}),
                 job(PackLayout::RowScales, {1, 512, 256, 1}, DataType::F32,
                     {whole("f8", 512, 256, 0, 0, 0, "scale")})},
                t, 0, 0);
}

TEST(InPlace, PartsOfATensorStayWhereTheyAre) {
  PlacedTensors t;
  t.put("a", DataType::BF16, {600, 128}, 0);
  t.put("b", DataType::BF16, {300, 128}, 1);
  PackSource part = whole("a", 600, 128);
  part.rowBegin = 200;
  PackJob stacked = job(PackLayout::RowMajor, {1, 700, 128, 1}, DataType::BF16, {whole("b", 300, 128), part});
  stacked.sources[1].destRow = 300;
  expectInPlace({stacked}, t, 2, 700 * 256);
}

TEST(InPlace, WhatLiesInNoFileDoesNot) {
  PlacedTensors t;
  t.add("a", DataType::BF16, {300, 256}, 1);
  expectInPlace({job(PackLayout::Rows, {1, 300, 256, 1}, DataType::BF16, {whole("a", 300, 256)})}, t, 0, 0);
}

} // namespace
} // namespace r1::test
