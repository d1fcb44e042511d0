#include "runtime/device/cpu/cpu_device.h"

#include <algorithm>

#include "runtime/device/cpu/abi.h"
#include "runtime/device/cpu/features.h"
#include "runtime/device/cpu/pool.h"
#include "runtime/device/cpu/weights.h"
#include "runtime/device/plan.h"

namespace r1::cpu {
namespace {

using artifact::Dim;
using artifact::IoSlot;

// A launch with nothing left to look up.
struct Prepared {
  Kernel kernel;
  uint32_t buffers, factor, factors; // ranges of PreparedEntry::buffers and ::factors
  artifact::Dim rows;
  bool after;
};

struct PreparedEntry {
  const artifact::Entry* index;
  std::vector<Prepared> launches;
  std::vector<void*> buffers;
  std::vector<artifact::GridFactor> factors;
  std::vector<LaunchTime> times;
};

// A target's machine code, loaded.
struct Image {
  os::SharedObject object;
  const Kernel* kernels = nullptr;

  static Result<Image> load(const artifact::Reader& reader, const artifact::Target& target) {
    for (const flatbuffers::String* f : *target.features())
      if (f->str().find("amx") != std::string::npos) {
        R1_RETURN_IF_ERROR(os::request_amx());
        break;
      }
    std::string name = target.name()->str();
    R1_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes,
                        reader.read_section(*target.image(), ("the image of " + name).c_str()));
    Image image;
    R1_ASSIGN_OR_RETURN(image.object, os::SharedObject::load(bytes, name));
    R1_ASSIGN_OR_RETURN(void* symbol, image.object.symbol(kQuerySymbol));
    uint32_t count = 0;
    image.kernels = reinterpret_cast<Query>(symbol)(kAbiVersion, &count);
    if (!image.kernels)
      return fail(
          Code::kVersion,
          "the image of %s does not speak version %u of the kernel interface; compile the artifact again",
          name.c_str(), kAbiVersion);
    if (count != target.kernels()->size())
      return fail(Code::kCorrupt,
                  "the image of %s has %u kernels, the index names %u; compile the artifact again",
                  name.c_str(), count, target.kernels()->size());
    for (uint32_t i = 0; i < count; ++i)
      if (!image.kernels[i])
        return fail(Code::kCorrupt, "kernel %u of the image of %s is absent; compile the artifact again", i,
                    name.c_str());
    return image;
  }
};

uint64_t round64(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

class CpuDevice final : public Device {
public:
  CpuDevice(const artifact::Reader& reader, const artifact::Target& target, const DeviceOptions& options)
      : reader_(reader), target_(target), options_(options),
        pool_(options.threads > 0 ? options.threads : os::default_threads()) {}

  Status open() {
    plan();
    uint64_t available = options_.memory_limit ? options_.memory_limit : os::available_memory();
    R1_RETURN_IF_ERROR(check_memory(memory_, available, "memory", options_));
    R1_RETURN_IF_ERROR(load_image());
    R1_ASSIGN_OR_RETURN(weights_, load_weights(reader_, target_, options_, pool_));
    R1_ASSIGN_OR_RETURN(arena_, os::Memory::allocate(memory_.arena));
    R1_ASSIGN_OR_RETURN(cache_, os::Memory::allocate(memory_.cache));
    R1_ASSIGN_OR_RETURN(other_, os::Memory::allocate(memory_.other));
    for (const artifact::Entry* e : *target_.entries())
      prepare(*e);
    return Status();
  }

  const MemoryPlan& memory() const override { return memory_; }
  uint32_t cache_pages() const override { return sizes_.pages; }
  int threads() const override { return pool_.threads(); }

  Status write(IoSlot slot, uint64_t first, std::span<const int32_t> values) override {
    R1_RETURN_IF_ERROR(check_write(slot, first, values.size(), sizes_.io_bytes[int(slot)]));
    std::copy(values.begin(), values.end(), reinterpret_cast<int32_t*>(io(slot)) + first);
    return Status();
  }

  Status run(uint32_t number, const StepShape& shape) override {
    R1_RETURN_IF_ERROR(check_step(reader_.index(), target_, number, shape));
    PreparedEntry& entry = entries_[number];
    Step step{entry,
              {{shape.tokens, shape.logit_rows, shape.context},
               {shape.logit_rows, shape.logit_rows, shape.context}},
              *this};
    form_waves(entry, step.dims[int(Dim::Tokens)]);
    double begin = options_.profile ? os::now() : 0;
    pool_.run(wave_tiles_, &CpuDevice::work, &step, options_.profile ? ends_.data() : nullptr);
    if (options_.profile) {
      for (size_t i = 0; i < entry.launches.size(); ++i) {
        if (wave_tiles_[i] > 0)
          entry.times[i].add(*entry.index->launches()->Get(uint32_t(i)), shape, ends_[i] - begin);
        begin = ends_[i];
      }
    }
    return Status();
  }

  Result<const float*> logits(int64_t rows) override {
    uint64_t needed = uint64_t(rows) * reader_.index().model()->logits_stride() * 4;
    if (rows < 0 || needed > sizes_.io_bytes[int(IoSlot::Logits)])
      return fail(Code::kInternal, "%lld rows of logits asked for", (long long)rows);
    return reinterpret_cast<const float*>(io(IoSlot::Logits));
  }

  Result<std::span<const int32_t>> chosen(int64_t rows) override {
    if (rows < 0 || uint64_t(rows) > sizes_.rows)
      return fail(Code::kInternal, "%lld chosen ids asked for", (long long)rows);
    return std::span(reinterpret_cast<const int32_t*>(io(IoSlot::Chosen)), size_t(rows));
  }

  Status parallel(const std::function<void(int, int)>& body) override {
    // One wave of one tile a thread: a thread that comes late leaves its tile to another, which is what run() does too.
    struct Context {
      const std::function<void(int, int)>& body;
      int parts;
    } context{body, pool_.threads()};
    uint32_t tiles = uint32_t(pool_.threads());
    pool_.run(
        {&tiles, 1},
        [](void* p, size_t, int64_t begin, int64_t end, int) {
          Context& c = *static_cast<Context*>(p);
          for (int64_t i = begin; i < end; ++i)
            c.body(int(i), c.parts);
        },
        &context);
    return Status();
  }

  Result<double> copy_rate(uint64_t, int) override {
    return fail(Code::kUnsupported, "a CPU's bandwidth is measured with its threads");
  }

  std::vector<LaunchTime> take_profile(uint32_t entry) override { return take(entries_[entry].times); }

private:
  struct Step {
    PreparedEntry& entry;
    int64_t dims[2][kDimCount]; // of launches over tokens, and over rows of logits
    CpuDevice& device;
  };

  uint8_t* io(IoSlot slot) const { return other_.data() + io_offset_[int(slot)]; }

  void plan() {
    sizes_ = sizes_of(reader_.index(), target_, options_);
    for (uint32_t s : *target_.segments()) {
      const artifact::Segment& segment = *reader_.index().segments()->Get(s);
      if (!options_.map_weights || !segment.section() || segment.ranges())
        memory_.weights += segment.bytes(); // a mapped file is not ours
    }
    memory_.cache = sizes_.cache;
    memory_.arena = sizes_.arena;
    for (const artifact::Kernel* k : *target_.kernels())
      scratch_stride_ = std::max(scratch_stride_, k->scratch_bytes());
    scratch_stride_ = (scratch_stride_ + 4095) / 4096 * 4096; // no two threads on one page
    for (int s = 0; s < kIoSlots; ++s) {
      io_offset_[s] = memory_.other;
      memory_.other += round64(sizes_.io_bytes[s]);
    }
    scratch_offset_ = (memory_.other + 4095) / 4096 * 4096;
    memory_.other = scratch_offset_ + scratch_stride_ * uint64_t(pool_.threads());
  }

  Status load_image() {
    R1_ASSIGN_OR_RETURN(image_, Image::load(reader_, target_));
    return Status();
  }

  void* resolve(const artifact::Argument& a) const {
    switch (a.space()) {
    case artifact::Space::Arena:
      return arena_.data() + a.offset();
    case artifact::Space::Segment:
      return weights_[a.index()].data() + a.offset();
    case artifact::Space::Io:
      return io(IoSlot(a.index()));
    case artifact::Space::Cache:
      return cache_.data() + uint64_t(a.index()) * sizes_.pages * reader_.index().model()->cache_page_bytes();
    }
    return nullptr;
  }

  void prepare(const artifact::Entry& e) {
    PreparedEntry entry;
    entry.index = &e;
    uint32_t number = 0;
    for (const artifact::Launch* l : *e.launches()) {
      entry.launches.push_back({image_.kernels[l->kernel()], uint32_t(entry.buffers.size()),
                                uint32_t(entry.factors.size()), l->grid()->size(), l->rows(), l->after()});
      for (const artifact::Argument* a : *l->arguments())
        entry.buffers.push_back(resolve(*a));
      for (const artifact::GridFactor* f : *l->grid())
        entry.factors.push_back(*f);
      entry.times.push_back({number++, 0, 0});
    }
    entries_.push_back(std::move(entry));
  }

  // A wave is a launch that waits for all before it, and those after it that do not wait.
  void form_waves(const PreparedEntry& entry, const int64_t* dims) {
    size_t count = entry.launches.size();
    launch_tiles_.resize(count);
    wave_tiles_.clear();
    wave_first_.clear();
    for (size_t i = 0; i < count; ++i) {
      const Prepared& l = entry.launches[i];
      uint64_t tiles = 1;
      for (uint32_t f = l.factor; f < l.factor + l.factors; ++f) {
        const artifact::GridFactor& g = entry.factors[f];
        tiles *=
            g.dim() == Dim::Const ? g.value() : (uint64_t(dims[int(g.dim())]) + g.value() - 1) / g.value();
      }
      launch_tiles_[i] = uint32_t(tiles);
      bool joins = !l.after && !wave_tiles_.empty() && !options_.profile &&
                   uint64_t(wave_tiles_.back()) + tiles < UINT32_MAX;
      if (joins) {
        wave_tiles_.back() += uint32_t(tiles);
      } else {
        wave_tiles_.push_back(uint32_t(tiles));
        wave_first_.push_back(uint32_t(i));
      }
    }
    ends_.resize(wave_tiles_.size());
  }

  static void work(void* context, size_t wave, int64_t begin, int64_t end, int thread) {
    Step& step = *static_cast<Step*>(context);
    CpuDevice& d = step.device;
    void* scratch = d.other_.data() + d.scratch_offset_ + d.scratch_stride_ * uint64_t(thread);
    uint32_t launch = d.wave_first_[wave];
    for (int64_t first = 0; begin < end; ++launch) {
      int64_t tiles = d.launch_tiles_[launch];
      if (begin < first + tiles) {
        const Prepared& l = step.entry.launches[launch];
        int64_t stop = std::min(end, first + tiles);
        l.kernel(step.entry.buffers.data() + l.buffers, step.dims[int(l.rows)], begin - first, stop - first,
                 scratch);
        begin = stop;
      }
      first += tiles;
    }
  }

  const artifact::Reader& reader_;
  const artifact::Target& target_;
  DeviceOptions options_;
  Pool pool_;
  MemoryPlan memory_;
  TargetSizes sizes_;
  uint64_t io_offset_[kIoSlots];
  uint64_t scratch_offset_ = 0, scratch_stride_ = 0;
  Image image_;
  std::vector<os::Memory> weights_;
  os::Memory arena_, cache_, other_;
  std::vector<PreparedEntry> entries_;
  std::vector<uint32_t> launch_tiles_, wave_tiles_, wave_first_; // of the running step
  std::vector<double> ends_;
};

} // namespace

Status can_run(const artifact::Target& target) {
  if (target.device() != artifact::Device::Cpu)
    return fail(Code::kUnsupported, "%s is not for a CPU", target.name()->c_str());
  std::vector<std::string> needed, missing;
  for (const flatbuffers::String* f : *target.features())
    needed.push_back(f->str());
  missing = missing_features(needed);
  if (missing.empty())
    return Status();
  std::string list;
  for (const std::string& m : missing)
    list += (list.empty() ? "" : ", ") + m;
  return fail(Code::kUnsupported, "this CPU lacks %s, which %s needs; compile the model with --target %s",
              list.c_str(), target.name()->c_str(), std::string(best_target()).c_str());
}

Status check_image(const artifact::Reader& reader, const artifact::Target& target) {
  R1_RETURN_IF_ERROR(can_run(target));
  return Image::load(reader, target).status();
}

int strength(const artifact::Target& target) {
  int best = 0;
  for (const flatbuffers::String* f : *target.features()) {
    std::string_view name = f->string_view();
    int level = name.starts_with("amx")                                ? 4
                : name.starts_with("avx512") && name.ends_with("bf16") ? 3
                : name.starts_with("avx512")                           ? 2
                : name.starts_with("avx2")                             ? 1
                                                                       : 0;
    best = std::max(best, level);
  }
  return best * 1000 + int(std::min<uint32_t>(target.features()->size(), 999));
}

Result<std::unique_ptr<Device>> open(const artifact::Reader& reader, const artifact::Target& target,
                                     const DeviceOptions& options) {
  R1_RETURN_IF_ERROR(can_run(target));
  auto device = std::make_unique<CpuDevice>(reader, target, options);
  R1_RETURN_IF_ERROR(device->open());
  return std::unique_ptr<Device>(std::move(device));
}

} // namespace r1::cpu
