// What a FlatBuffers verifier cannot know: that the numbers in the index fit the file and one another.
#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/artifact/reader.h"
#include "runtime/base/hash.h"

namespace r1::artifact {
namespace {

constexpr uint64_t kMaxMemory = uint64_t(1)
                                << 46; // no arena, segment or cache is larger; keeps every sum below 2^63
constexpr uint64_t kMaxTiles = uint64_t(1) << 31;
// What every GPU's driver takes: threads and shared memory of a block, buffers of the kernels' argument structure, and maps
// beside it in the 4 KiB that a kernel's parameters have.
constexpr uint32_t kMaxBlockThreads = 1024;
constexpr int32_t kMaxSharedBytes = 227 << 10;
constexpr uint32_t kMaxBuffers = 24, kMaxMaps = 30, kMaxRanks = 1024;
constexpr const char* kCure = "the artifact is damaged, compile it again";

Status corrupt(const std::string& what) { return fail(Code::kCorrupt, "%s; %s", what.c_str(), kCure); }

bool multiply(uint64_t a, uint64_t b, uint64_t limit, uint64_t* out) {
  return !__builtin_mul_overflow(a, b, out) && *out <= limit;
}

// The verifier aligns a vector's length, which is 4 bytes wide; elements of 8 bytes could still lie askew.
template <class Vector> bool aligned(const Vector& vector) {
  return reinterpret_cast<uintptr_t>(vector.Data()) % 8 == 0;
}

// Ranges of the main file that are taken; no two may overlap.
struct Ranges {
  struct Range {
    uint64_t begin, end;
    std::string what;
  };
  uint64_t file_bytes;
  std::vector<Range> taken;

  Status take(uint64_t offset, uint64_t bytes, const std::string& what) {
    if (offset > file_bytes || bytes > file_bytes - offset)
      return corrupt(format("%s lies at bytes %llu to %llu, but the file has %llu", what.c_str(),
                            (unsigned long long)offset, (unsigned long long)(offset + bytes),
                            (unsigned long long)file_bytes));
    if (bytes)
      taken.push_back({offset, offset + bytes, what});
    return Status();
  }
  Status check() {
    std::sort(taken.begin(), taken.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < taken.size(); ++i)
      if (taken[i].begin < taken[i - 1].end)
        return corrupt(taken[i - 1].what + " and " + taken[i].what + " overlap in the file");
    uint64_t end = taken.empty() ? 0 : taken.back().end;
    if (end != file_bytes)
      return corrupt(format("the file has %llu bytes, its last section ends at %llu",
                            (unsigned long long)file_bytes, (unsigned long long)end));
    return Status();
  }
};

struct Checker {
  const Artifact& a;
  Ranges ranges;
  uint64_t pages_per_sequence = 0;

  Status section(const Section& s, uint64_t alignment, const std::string& what, bool in_this_file) {
    if (s.offset() % alignment)
      return corrupt(format("%s begins at byte %llu, not at a multiple of %llu", what.c_str(),
                            (unsigned long long)s.offset(), (unsigned long long)alignment));
    if (!in_this_file) {
      if (s.offset() > kMaxMemory || s.bytes() > kMaxMemory)
        return corrupt(what + " is impossibly large");
      return Status();
    }
    return ranges.take(s.offset(), s.bytes(), what);
  }

  Status model() {
    const Model& m = *a.model();
    auto bound = [&](const char* name, uint64_t value, uint64_t low, uint64_t high) -> Status {
      if (value >= low && value <= high)
        return Status();
      return corrupt(format("model.%s is %llu, expected %llu to %llu", name, (unsigned long long)value,
                            (unsigned long long)low, (unsigned long long)high));
    };
    R1_RETURN_IF_ERROR(bound("vocab_size", m.vocab_size(), 1, 1u << 24));
    R1_RETURN_IF_ERROR(bound("logits_stride", m.logits_stride(), m.vocab_size(), 1u << 25));
    R1_RETURN_IF_ERROR(bound("hidden_size", m.hidden_size(), 1, 1u << 24));
    R1_RETURN_IF_ERROR(bound("layers", m.layers(), 1, 1u << 16));
    R1_RETURN_IF_ERROR(bound("max_context", m.max_context(), 1, 1u << 24));
    R1_RETURN_IF_ERROR(bound("max_batch", m.max_batch(), 1, 1u << 16));
    R1_RETURN_IF_ERROR(bound("prefill_chunk", m.prefill_chunk(), 1, 1u << 20));
    R1_RETURN_IF_ERROR(bound("page_tokens", m.page_tokens(), 1, 1u << 12));
    R1_RETURN_IF_ERROR(bound("cache_layers", m.cache_layers(), 1, 1u << 16));
    R1_RETURN_IF_ERROR(bound("cache_page_bytes", m.cache_page_bytes(), 1, 1u << 30));
    pages_per_sequence = (m.max_context() + m.page_tokens() - 1) / m.page_tokens();
    uint64_t total;
    if (!multiply(uint64_t(m.max_batch()) * pages_per_sequence, m.cache_page_bytes() * m.cache_layers(),
                  kMaxMemory, &total))
      return corrupt("the cache of max_batch sequences of max_context tokens is impossibly large");
    const Generation& g = *a.generation();
    for (int32_t id : *g.eos_tokens())
      R1_RETURN_IF_ERROR(bound("eos_tokens", uint64_t(id), 0, m.vocab_size() - 1));
    if (g.bos_token() != -1)
      R1_RETURN_IF_ERROR(bound("bos_token", uint64_t(g.bos_token()), 0, m.vocab_size() - 1));
    if (!(g.temperature() >= 0 && g.temperature() <= 1e6f) || !(g.top_p() > 0 && g.top_p() <= 1) ||
        g.top_k() < 0)
      return corrupt("the generation defaults are out of range");
    return Status();
  }

  Status segments() {
    for (uint32_t i = 0; i < a.segments()->size(); ++i) {
      const Segment& s = *a.segments()->Get(i);
      std::string what = format("weight segment %u", i);
      if (s.bytes() > kMaxMemory)
        return corrupt(what + " is impossibly large");
      if (s.section()) {
        R1_RETURN_IF_ERROR(section(*s.section(), kSegmentAlignment, what, !s.side_file()));
        uint64_t elsewhere = 0;
        if (const char* why = in_place(s, &elsewhere))
          return corrupt(what + " " + why);
        if (s.section()->bytes() != s.bytes() - elsewhere)
          return corrupt(format("%s has %llu bytes in memory and %llu in files", what.c_str(),
                                (unsigned long long)s.bytes(),
                                (unsigned long long)(s.section()->bytes() + elsewhere)));
      } else if (s.ranges() && s.ranges()->size() > 0) {
        return corrupt(what + " has ranges in a checkpoint but no bytes of its own");
      }
      if (s.side_file()) {
        std::string_view name = s.side_file()->string_view();
        if (!s.section())
          return corrupt(what + " names a side file but no range of it");
        if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
            name.find('\0') != name.npos)
          return corrupt(what + " names a side file that is not a plain file name");
      }
      for (const Tensor* t : *s.tensors())
        if (const char* why = tensor(s, i, *t))
          return corrupt(what + ", tensor " + t->name()->str() + " " + why);
    }
    return Status();
  }

  static bool plain_path(std::string_view name) {
    if (name.empty() || name.front() == '/' || name.find('\0') != name.npos)
      return false;
    for (size_t at = 0; at <= name.size();) {
      size_t end = std::min(name.find('/', at), name.size());
      if (name.substr(at, end - at) == "..")
        return false;
      at = end + 1;
    }
    return true;
  }

  // What is wrong with the ranges of a segment that lie in the checkpoint, or null; their bytes in all.
  const char* in_place(const Segment& s, uint64_t* bytes) const {
    if (!s.ranges() || s.ranges()->size() == 0)
      return nullptr;
    if (!aligned(*s.ranges()))
      return "has ranges that are not aligned";
    if (!s.hash())
      return "lies in a checkpoint in part and has no hash of the whole";
    if (!a.checkpoint() || a.checkpoint()->size() == 0 ||
        a.checkpoint()->string_view().find('\0') != std::string_view::npos)
      return "lies in a checkpoint that has no name";
    const auto& files = *a.provenance()->inputs();
    uint64_t end = 0;
    for (const Range* r : *s.ranges()) {
      if (r->offset() < end || r->bytes() == 0 || r->bytes() > s.bytes() ||
          r->offset() > s.bytes() - r->bytes())
        return "has ranges that overlap or leave it";
      if (r->file() >= files.size() || !plain_path(files.Get(r->file())->name()->string_view()))
        return "has a range in a file that the checkpoint cannot have";
      if (r->file_offset() > kMaxMemory)
        return "has a range at an impossible place of its file";
      end = r->offset() + r->bytes();
      *bytes += r->bytes();
    }
    return nullptr;
  }

  // What is wrong with a tensor, or null.
  static const char* tensor(const Segment& s, uint32_t number, const Tensor& t) {
    if (t.type() > DataType::MAX)
      return "has an unknown element type";
    if (t.segment() != number)
      return "says it is in another segment";
    if (t.offset() > s.bytes() || t.bytes() > s.bytes() - t.offset())
      return "leaves its segment";
    if (!aligned(*t.shape()))
      return "has a shape that is not aligned";
    uint64_t elements = 1;
    for (uint64_t d : *t.shape())
      if (!multiply(elements, d, kMaxMemory, &elements))
        return "has an impossible shape";
    if (!(std::fabs(t.random_scale()) <= 1e30f))
      return "has a bad random_scale";
    return nullptr;
  }

  // What is wrong with an argument, or null.
  const char* argument(const Target& t, const Entry& e, const Argument& arg) const {
    switch (arg.space()) {
    case Space::Arena:
      return arg.offset() < e.arena_bytes() ? nullptr : "points outside the arena";
    case Space::Segment:
      if (arg.index() >= t.segments()->size())
        return "points into a segment that the target does not have";
      return arg.offset() < a.segments()->Get(t.segments()->Get(arg.index()))->bytes()
                 ? nullptr
                 : "points outside its weight segment";
    case Space::Io:
      return arg.index() <= uint16_t(IoSlot::MAX) && arg.offset() == 0 ? nullptr : "names no input or output";
    case Space::Cache:
      return arg.index() < a.model()->cache_layers() && arg.offset() == 0 ? nullptr
                                                                          : "names no layer of the cache";
    }
    return "points into an unknown space";
  }

  // Bytes from where an argument points to the end of its space. The argument is sound.
  uint64_t room(const Target& t, const Entry& e, const Argument& arg) const {
    const Model& m = *a.model();
    switch (arg.space()) {
    case Space::Arena:
      return e.arena_bytes() - arg.offset();
    case Space::Segment:
      return a.segments()->Get(t.segments()->Get(arg.index()))->bytes() - arg.offset();
    case Space::Cache: // at most: how many pages there are is decided when it is opened
      return m.max_batch() * pages_per_sequence * m.cache_page_bytes();
    case Space::Io:
      break;
    }
    return 0;
  }

  // What is wrong with a tensor map, or null. The bounds are those of the driver's cuTensorMapEncodeTiled.
  const char* map(const Target& t, const Entry& e, const Launch& l, const TensorMap& m) const {
    uint32_t rank = m.extents()->size();
    if (m.argument() >= l.arguments()->size())
      return "is of an argument that the launch does not have";
    const Argument& arg = *l.arguments()->Get(m.argument());
    if (arg.space() == Space::Io)
      return "is of an input or output";
    if (arg.offset() % 16 != 0)
      return "begins at no multiple of 16 bytes";
    if (m.type() > DataType::MAX)
      return "has an unknown element type";
    if (!aligned(*m.extents()) || !aligned(*m.strides()))
      return "has sizes that are not aligned";
    if (rank < 1 || rank > 5 || m.strides()->size() != rank - 1 || m.box()->size() != rank)
      return "has extents, strides and a box that do not belong together";
    uint64_t element = m.type() == DataType::F32 || m.type() == DataType::I32     ? 4
                       : m.type() == DataType::F8E4M3 || m.type() == DataType::U8 ? 1
                                                                                  : 2;
    for (uint32_t i = 0; i < rank; ++i) {
      if (m.extents()->Get(i) == 0 || m.extents()->Get(i) > UINT32_MAX)
        return "has an extent outside 1 to 2^32 - 1";
      if (m.box()->Get(i) == 0 || m.box()->Get(i) > 256)
        return "has a box outside 1 to 256";
    }
    uint64_t end = m.extents()->Get(0) * element; // of the last element; no sum here passes 2^63
    for (uint32_t i = 0; i + 1 < rank; ++i) {
      uint64_t stride = m.strides()->Get(i), last;
      if (stride == 0 || stride % 16 != 0 || stride >= uint64_t(1) << 40)
        return "has a stride that is not a multiple of 16 below 2^40";
      if (!multiply(m.extents()->Get(i + 1) - 1, stride, kMaxMemory, &last))
        return "is impossibly large";
      end += last;
    }
    if (end > room(t, e, arg))
      return "leaves the memory it looks at";
    uint64_t line = m.box()->Get(0) * element;
    if (line % 16 != 0)
      return "has a box whose lines are no multiple of 16 bytes";
    uint32_t swizzle = m.swizzle_bytes();
    if (swizzle != 0 && swizzle != 32 && swizzle != 64 && swizzle != 128)
      return "has a swizzle that is none of 0, 32, 64 and 128";
    if (swizzle != 0 && line > swizzle)
      return "has a box wider than its swizzle";
    return nullptr;
  }

  // What is wrong with a kernel of a GPU, or null.
  static const char* gpu_kernel(const Target& t, const Kernel& k) {
    if (!k.symbol() || k.symbol()->size() == 0)
      return "has no symbol";
    if (k.code_bytes() == 0)
      return "has no code";
    if (k.code_offset() > t.image()->bytes() || k.code_bytes() > t.image()->bytes() - k.code_offset())
      return "has code outside the image";
    if (k.threads() == 0 || k.threads() % 32 != 0 || k.threads() > kMaxBlockThreads)
      return "has a bad number of threads";
    if (k.shared_bytes() < 0 || k.shared_bytes() > kMaxSharedBytes ||
        k.static_shared_bytes() > kMaxSharedBytes)
      return "has an impossible amount of shared memory";
    if (k.static_shared_bytes() < -1 || k.registers() < -1 || k.registers() > 255 || k.stack_bytes() < -1 ||
        k.spill_bytes() < -1)
      return "has impossible resources";
    return nullptr;
  }

  Status launch(const Target& t, const Entry& e, const Launch& l, const std::string& where) const {
    auto bad = [&](const std::string& why) {
      return corrupt(where + ", launch " + l.location()->str() + " " + why);
    };
    if (l.kernel() >= t.kernels()->size())
      return bad(format("wants kernel %u of %u", l.kernel(), t.kernels()->size()));
    if (!aligned(*l.arguments()))
      return bad("has arguments that are not aligned");
    for (uint32_t i = 0; i < l.arguments()->size(); ++i)
      if (const char* why = argument(t, e, *l.arguments()->Get(i)))
        return bad(format("argument %u %s", i, why));
    uint64_t tiles = 1;
    for (const GridFactor* f : *l.grid()) {
      uint64_t most;
      if (f->value() == 0)
        return bad("has a grid factor of zero");
      switch (f->dim()) {
      case Dim::Const:
        most = f->value();
        break;
      case Dim::Tokens:
        most = (e.max_tokens() + uint64_t(f->value()) - 1) / f->value();
        break;
      case Dim::LogitRows:
        most = (e.max_logit_rows() + uint64_t(f->value()) - 1) / f->value();
        break;
      case Dim::Context:
        most = (a.model()->max_context() + uint64_t(f->value()) - 1) / f->value();
        break;
      default:
        return bad("has a grid over an unknown size");
      }
      if (!multiply(tiles, most, kMaxTiles, &tiles))
        return bad("has an impossibly large grid");
    }
    if (t.device() == Device::Cpu && l.maps() && l.maps()->size() > 0)
      return bad("has tensor maps, which a CPU has no use for");
    if (t.device() != Device::Cpu) {
      if (l.arguments()->size() > kMaxBuffers)
        return bad(format("has %u arguments; a GPU kernel takes %u", l.arguments()->size(), kMaxBuffers));
      if (tiles >= kMaxTiles)
        return bad("has an impossibly large grid");
      if (l.maps() && l.maps()->size() > kMaxMaps)
        return bad(format("has %u tensor maps; a kernel takes %u", l.maps()->size(), kMaxMaps));
      for (uint32_t i = 0; l.maps() && i < l.maps()->size(); ++i)
        if (const char* why = map(t, e, l, *l.maps()->Get(i)))
          return bad(format("tensor map %u %s", i, why));
    }
    if (l.rows() != Dim::Tokens && l.rows() != Dim::LogitRows)
      return bad("has rows of an unknown kind");
    if (!(l.expert_fraction() >= 0 && l.expert_fraction() <= 1))
      return bad("has a bad expert_fraction");
    if (std::max({l.weight_bytes(), l.flops_per_token(), l.position_bytes(), l.flops_per_pair()}) >
        kMaxMemory)
      return bad("has impossible costs");
    return Status();
  }

  static bool uses_chosen(const Launch* l) {
    return std::any_of(l->arguments()->begin(), l->arguments()->end(), [](const Argument* arg) {
      return arg->space() == Space::Io && arg->index() == uint16_t(IoSlot::Chosen);
    });
  }

  Status target(const Target& t) {
    std::string what = "target " + t.name()->str();
    if (t.name()->size() == 0)
      return corrupt("a target has no name");
    if (t.device() > Device::MAX)
      return corrupt(what + " is for an unknown kind of device");
    R1_RETURN_IF_ERROR(section(*t.image(), kImageAlignment, what + ", image", true));
    if (t.image()->bytes() == 0)
      return corrupt(what + " has an empty image");
    for (uint32_t s : *t.segments())
      if (s >= a.segments()->size())
        return corrupt(format("%s uses weight segment %u of %u", what.c_str(), s, a.segments()->size()));
    for (const Kernel* k : *t.kernels()) {
      if (k->scratch_bytes() > (uint64_t(1) << 32))
        return corrupt(what + ", kernel " + k->name()->str() + " wants too much scratch");
      if (const char* why = t.device() == Device::Cpu ? nullptr : gpu_kernel(t, *k))
        return corrupt(what + ", kernel " + k->name()->str() + " " + why);
    }
    if (t.ranks() == 0 || t.ranks() > kMaxRanks || (t.device() == Device::Cpu && t.ranks() != 1))
      return corrupt(format("%s is for %u ranks", what.c_str(), t.ranks()));
    int64_t kernels = t.device() == Device::Cpu ? 0 : t.kernels()->size();
    if (t.fill_kernel() < -1 || t.fill_kernel() >= kernels)
      return corrupt(format("%s fills weights with kernel %d of %lld", what.c_str(), t.fill_kernel(),
                            (long long)kernels));
    bool has[2] = {};
    std::set<std::pair<int, uint32_t>> sizes;
    for (const Entry* e : *t.entries()) {
      if (e->kind() > EntryKind::MAX)
        return corrupt(what + " has an unknown kind of entry");
      std::string where = what + ", " + EnumNameEntryKind(e->kind());
      has[int(e->kind())] = true;
      uint32_t most = e->kind() == EntryKind::Decode ? a.model()->max_batch() : 1u << 20;
      if (e->max_tokens() == 0 || e->max_tokens() > most)
        return corrupt(where + " has a bad max_tokens");
      if (e->max_logit_rows() == 0 || e->max_logit_rows() > e->max_tokens())
        return corrupt(where + " has a bad max_logit_rows");
      if (e->arena_bytes() > kMaxMemory)
        return corrupt(where + " has an impossibly large arena");
      if (!sizes.insert({int(e->kind()), e->max_tokens()}).second)
        return corrupt(where + " appears twice for the same size");
      for (const Launch* l : *e->launches())
        R1_RETURN_IF_ERROR(launch(t, *e, *l, where));
      if (e->chooses() && !std::any_of(e->launches()->begin(), e->launches()->end(), uses_chosen))
        return corrupt(where + " chooses tokens, but no launch gives them");
    }
    if (!has[0] || !has[1])
      return corrupt(what + " lacks a prefill or a decode entry");
    return Status();
  }

  Status all(const Header& h) {
    R1_RETURN_IF_ERROR(ranges.take(0, sizeof(Header), "the header"));
    R1_RETURN_IF_ERROR(ranges.take(h.index_offset, h.index_bytes, "the index"));
    R1_RETURN_IF_ERROR(model());
    R1_RETURN_IF_ERROR(segments());
    if (a.targets()->size() == 0)
      return corrupt("the artifact has no target");
    std::set<std::string_view> names;
    for (const Target* t : *a.targets()) {
      R1_RETURN_IF_ERROR(target(*t));
      if (!names.insert(t->name()->string_view()).second)
        return corrupt("two targets are named " + t->name()->str());
    }
    for (const Remark* r : *a.remarks())
      if (r->kind() > RemarkKind::MAX)
        return corrupt("a remark has an unknown kind");
    return ranges.check();
  }
};

} // namespace

Status check_header(const Header& h, uint64_t file_bytes) {
  if (memcmp(h.magic, kMagic, sizeof kMagic) != 0)
    return fail(Code::kCorrupt, "not an r1c artifact (it does not begin with R1ARTIFC); make one with: r1c "
                                "compile FOLDER -o OUT.r1a");
  if (h.min_reader_version > kSchemaVersion)
    return fail(
        Code::kVersion,
        "the artifact needs a reader of version %u, this one is version %u; use a newer r1run, or compile it "
        "again with the r1c that belongs to this one",
        h.min_reader_version, kSchemaVersion);
  if (h.min_reader_version == 0 || h.schema_version < h.min_reader_version)
    return corrupt(format("the header says schema version %u for readers from %u", h.schema_version,
                          h.min_reader_version));
  if (h.index_offset % kIndexAlignment || h.index_bytes < 16 || h.index_bytes > kMaxIndexBytes ||
      h.index_offset > file_bytes || h.index_bytes > file_bytes - h.index_offset)
    return fail(Code::kCorrupt,
                "the index should lie at bytes %llu to %llu, but the file has %llu; it is truncated or "
                "damaged, copy it again",
                (unsigned long long)h.index_offset, (unsigned long long)(h.index_offset + h.index_bytes),
                (unsigned long long)file_bytes);
  return Status();
}

Result<const Artifact*> check_index(const Header& header, uint64_t file_bytes,
                                    std::span<const uint8_t> bytes) {
  HashBytes found = hash(bytes);
  if (memcmp(found.data(), header.index_hash, found.size()) != 0)
    return corrupt("the index does not match its hash");
  // A table takes at least 4 bytes, so this bounds the work without refusing a sound index.
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), 64, flatbuffers::uoffset_t(bytes.size() / 4));
  if (!VerifyArtifactBuffer(verifier))
    return corrupt("the index is not a sound FlatBuffer of schema R1A1");
  const Artifact* artifact = GetArtifact(bytes.data());
  R1_RETURN_IF_ERROR((Checker{*artifact, {file_bytes, {}}}.all(header)));
  return artifact;
}

} // namespace r1::artifact
