// The artifact's file: what is written can be read back, is the same every time, and leaves nothing behind on
// failure.
#include "compiler/emit/ArtifactWriter.h"
#include "compiler/emit/Interrupt.h"
#include "test/unit/compiler/emit/MemoryTensors.h"
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace r1::test {
namespace {

using artifact::DataType;
namespace fs = std::filesystem;

class ArtifactWriterTest : public testing::Test {
protected:
  void SetUp() override {
    char pattern[] = "/tmp/r1c-writer-XXXXXX";
    folder = mkdtemp(pattern);
    tensors.add("w", DataType::BF16, {640, 4096}, 1);
    job.name = "w";
    job.layout = PackLayout::Vnni16;
    job.shape = {1, 640, 4096, 1};
    job.type = DataType::BF16;
    job.sources = {{"w", "", 0, 640, 0, 4096, false, 0, 0, 0}};
    job.bytes = packedBytes(job.layout, job.shape, job.type);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string path(const char* name) { return (folder / name).string(); }

  llvm::Error write(const std::string& to, unsigned threads, bool side = false) {
    llvm::Expected<ArtifactWriter> writer = ArtifactWriter::create(to);
    if (!writer)
      return writer.takeError();
    artifact::ArtifactT index;
    index.model = std::make_unique<artifact::ModelT>();
    index.generation = std::make_unique<artifact::GenerationT>();
    index.provenance = std::make_unique<artifact::ProvenanceT>();
    llvm::Expected<artifact::SectionT> image = writer->addImage(std::string(5000, 'i'));
    if (!image)
      return image.takeError();
    auto stored =
        writer->addSegment(side ? "model.0.weights" : "", {job}, job.bytes + 100, {}, tensors, threads);
    if (!stored)
      return stored.takeError();
    sectionOffset = stored->section.offset;
    auto segment = std::make_unique<artifact::SegmentT>();
    segment->bytes = stored->section.bytes;
    segment->section = std::make_unique<artifact::SectionT>(std::move(stored->section));
    if (side)
      segment->side_file = "model.0.weights";
    segment->tensors.push_back(std::make_unique<artifact::TensorT>(describeTensor(job, 0)));
    index.segments.push_back(std::move(segment));
    return writer->finish(index);
  }

  std::string read(const std::string& from) {
    std::ifstream file(from, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  size_t filesInFolder() { return std::distance(fs::directory_iterator(folder), fs::directory_iterator()); }

  fs::path folder;
  MemoryTensors tensors;
  PackJob job;
  uint64_t sectionOffset = 0;
};

TEST_F(ArtifactWriterTest, HeaderIndexAndSectionsAgree) {
  ASSERT_FALSE(bool(write(path("a.r1a"), 2)));
  std::string file = read(path("a.r1a"));
  artifact::Header header;
  ASSERT_GT(file.size(), sizeof header);
  std::memcpy(&header, file.data(), sizeof header);
  EXPECT_EQ(std::memcmp(header.magic, artifact::kMagic, 8), 0);
  ASSERT_EQ(header.index_offset + header.index_bytes, file.size());
  auto bytes = reinterpret_cast<const uint8_t*>(file.data());
  HashBytes digest = hash({bytes + header.index_offset, header.index_bytes});
  EXPECT_EQ(std::memcmp(digest.data(), header.index_hash, 32), 0);
  flatbuffers::Verifier verifier(bytes + header.index_offset, header.index_bytes);
  ASSERT_TRUE(artifact::VerifyArtifactBuffer(verifier));
  const artifact::Artifact* index = artifact::GetArtifact(bytes + header.index_offset);
  const artifact::Segment* segment = index->segments()->Get(0);
  EXPECT_EQ(segment->section()->offset() % artifact::kSegmentAlignment, 0u);
  EXPECT_EQ(segment->bytes(), job.bytes + 100);
  digest = hash({bytes + segment->section()->offset(), segment->section()->bytes()});
  EXPECT_EQ(std::memcmp(digest.data(), segment->section()->hash()->bytes()->data(), 32), 0);
  EXPECT_EQ(segment->tensors()->Get(0)->layout()->str(), "vnni16");
  EXPECT_EQ(filesInFolder(), 1u);
}

TEST_F(ArtifactWriterTest, SameInputsSameBytes) {
  ASSERT_FALSE(bool(write(path("a.r1a"), 1)));
  ASSERT_FALSE(bool(write(path("b.r1a"), 4)));
  EXPECT_EQ(read(path("a.r1a")), read(path("b.r1a")));
}

TEST_F(ArtifactWriterTest, SideFilesAppearTogetherWithTheArtifact) {
  ASSERT_FALSE(bool(write(path("a.r1a"), 2, /*side=*/true)));
  EXPECT_EQ(fs::file_size(path("model.0.weights")), job.bytes + 100);
  EXPECT_EQ(sectionOffset, 0u);
  EXPECT_LT(fs::file_size(path("a.r1a")), 16384u);
  EXPECT_EQ(filesInFolder(), 2u);
}

TEST_F(ArtifactWriterTest, FailureWhilePackingLeavesNothing) {
  tensors.failing = "w";
  for (bool side : {false, true}) {
    EXPECT_EQ(llvm::toString(write(path("a.r1a"), 2, side)), "cannot read w");
    EXPECT_EQ(filesInFolder(), 0u);
  }
}

TEST_F(ArtifactWriterTest, FailureKeepsTheFormerFile) {
  ASSERT_FALSE(bool(write(path("a.r1a"), 2)));
  std::string before = read(path("a.r1a"));
  tensors.failing = "w";
  EXPECT_TRUE(bool(write(path("a.r1a"), 2)));
  EXPECT_EQ(read(path("a.r1a")), before);
  EXPECT_EQ(filesInFolder(), 1u);
}

TEST_F(ArtifactWriterTest, FileSizeLimitIsAnErrorAndLeavesNothing) {
  pid_t child = fork(); // the limit cannot be raised again
  if (child == 0) {
    InterruptScope scope; // or SIGXFSZ would end the process
    rlimit limit{3 << 20, 3 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::string error = llvm::toString(write(path("a.r1a"), 2));
    _exit(error.find("cannot write") != std::string::npos && filesInFolder() == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(ArtifactWriterTest, FullDiskIsAnError) {
  if (access("/dev/full", W_OK) != 0)
    GTEST_SKIP() << "no /dev/full here";
  std::string error = llvm::toString(write("/dev/full", 1));
  EXPECT_NE(error.find("No space left"), std::string::npos) << error;
}

TEST_F(ArtifactWriterTest, SignalsEndThePackingAndLeaveNothing) {
  for (int signal : {SIGINT, SIGTERM}) {
    InterruptScope scope;
    raise(signal);
    std::string error = llvm::toString(write(path("a.r1a"), 2));
    EXPECT_NE(error.find("nothing was written"), std::string::npos) << error;
    EXPECT_EQ(filesInFolder(), 0u);
  }
  InterruptScope scope; // forgets what came before
  EXPECT_FALSE(bool(write(path("a.r1a"), 2)));
}

TEST_F(ArtifactWriterTest, MissingFolderIsNamed) {
  std::string error = llvm::toString(write(path("none/a.r1a"), 1));
  EXPECT_NE(error.find("none/a.r1a"), std::string::npos) << error;
}

} // namespace
} // namespace r1::test
