#include "runtime/device/cuda/cuda_device.h"

#include <algorithm>

#include "runtime/device/cuda/launches.h"
#include "runtime/device/cuda/weights.h"
#include "runtime/device/plan.h"

namespace r1::cuda {
namespace {

using artifact::IoSlot;

// Arrays begin where the driver would let an allocation begin.
uint64_t round256(uint64_t bytes) { return (bytes + 255) / 256 * 256; }

// A driver and the first of its GPUs that runs the target.
struct Choice {
  Driver driver;
  Gpu gpu;
};

Result<Choice> choose_gpu(const artifact::Artifact& artifact, const artifact::Target& target) {
  R1_ASSIGN_OR_RETURN(Driver driver, Driver::open(target.device()));
  R1_ASSIGN_OR_RETURN(std::vector<Gpu> gpus, list_gpus(driver));
  for (const Gpu& gpu : gpus)
    if (runs_on(target.processor()->string_view(), gpu.capability))
      return Choice{driver, gpu};
  const Gpu& first = gpus.front();
  std::string best = best_processor(first.capability), names;
  if (target.device() == artifact::Device::Sim)
    best = "sim:" + best;
  for (const artifact::Target* t : *artifact.targets()) {
    if (t->device() == target.device() && runs_on(t->processor()->string_view(), first.capability))
      return fail(Code::kUnsupported, "%s does not run on %s, compute capability %d.%d; use --target %s",
                  target.name()->c_str(), first.name.c_str(), first.capability.major, first.capability.minor,
                  t->name()->c_str());
    names += (names.empty() ? "" : ", ") + t->name()->str();
  }
  return fail(
      Code::kUnsupported,
      "no image for this GPU: %s has compute capability %d.%d, the artifact has %s; compile the model "
      "with --target %s%s",
      first.name.c_str(), first.capability.major, first.capability.minor, names.c_str(), best.c_str(),
      target.device() == artifact::Device::Sim ? ", or simulate another chip (R1_SIMCUDA=chip=...)" : "");
}

class CudaDevice final : public Device {
public:
  CudaDevice(const artifact::Reader& reader, const artifact::Target& target, const DeviceOptions& options)
      : reader_(reader), target_(target), options_(options) {}

  ~CudaDevice() override {
    if (context_) // what is in flight must not outlive the memory it uses
      (void)(context_->enter().ok() && context_->finish("closing the GPU").ok());
  }

  Status open() {
    R1_ASSIGN_OR_RETURN(Choice choice, choose_gpu(reader_.index(), target_));
    R1_ASSIGN_OR_RETURN(context_, Context::open(choice.driver, choice.gpu));
    plan();
    R1_ASSIGN_OR_RETURN(uint64_t available, context_->free_memory());
    if (options_.memory_limit)
      available = std::min(available, options_.memory_limit);
    R1_RETURN_IF_ERROR(check_memory(memory_, available, "GPU memory", options_));
    R1_ASSIGN_OR_RETURN(image_, Image::load(*context_, reader_, target_));
    R1_ASSIGN_OR_RETURN(weights_, load_weights(*context_, reader_, target_, image_, options_));
    R1_ASSIGN_OR_RETURN(cache_, DeviceMemory::allocate(*context_, memory_.cache, "the cache"));
    R1_ASSIGN_OR_RETURN(arena_, DeviceMemory::allocate(*context_, memory_.arena, "activations"));
    R1_ASSIGN_OR_RETURN(io_, DeviceMemory::allocate(*context_, io_bytes_, "inputs and outputs"));
    R1_ASSIGN_OR_RETURN(staging_, PinnedMemory::allocate(*context_, input_bytes_));
    R1_ASSIGN_OR_RETURN(chosen_, PinnedMemory::allocate(*context_, sizes_.io_bytes[int(IoSlot::Chosen)]));
    std::fill_n(staging_.data(), input_bytes_, uint8_t(0));
    dirty_ = input_bytes_;
    for (const artifact::Entry* e : *target_.entries())
      R1_RETURN_IF_ERROR(prepare_entry(*e));
    return context_->finish("preparing the steps");
  }

  const MemoryPlan& memory() const override { return memory_; }
  uint32_t cache_pages() const override { return sizes_.pages; }
  int threads() const override { return 1; } // of the host: the one that launches

  Status write(IoSlot slot, uint64_t first, std::span<const int32_t> values) override {
    R1_RETURN_IF_ERROR(check_write(slot, first, values.size(), sizes_.io_bytes[int(slot)]));
    uint64_t begin = offset_[int(slot)] + first * 4;
    if (begin + values.size_bytes() > input_bytes_)
      return fail(Code::kInternal, "%s is no input", EnumNameIoSlot(slot));
    std::copy_n(reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes(),
                staging_.data() + begin);
    dirty_ = std::max(dirty_, begin + values.size_bytes());
    return Status();
  }

  Status run(uint32_t number, const StepShape& shape) override {
    R1_RETURN_IF_ERROR(check_step(reader_.index(), target_, number, shape));
    R1_RETURN_IF_ERROR(failed_);
    Status s = step(entries_[number], shape);
    if (s.code() == Code::kDevice) // a GPU that failed once answers nothing any more
      failed_ = s;
    return s;
  }

  Result<const float*> logits(int64_t rows) override {
    R1_RETURN_IF_ERROR(check_rows(rows));
    R1_RETURN_IF_ERROR(failed_);
    if (rows > rows_here_) {
      Status s = fetch_logits(uint64_t(rows));
      if (s.code() == Code::kDevice)
        failed_ = s;
      R1_RETURN_IF_ERROR(s);
      rows_here_ = rows;
    }
    return reinterpret_cast<const float*>(logits_.data());
  }

  Result<std::span<const int32_t>> chosen(int64_t rows) override {
    R1_RETURN_IF_ERROR(check_rows(rows));
    return std::span(reinterpret_cast<const int32_t*>(chosen_.data()), size_t(rows));
  }

  Status parallel(const std::function<void(int, int)>&) override {
    return fail(Code::kUnsupported, "a GPU lends no threads");
  }

  Result<double> copy_rate(uint64_t bytes, int passes) override;

  std::vector<LaunchTime> take_profile(uint32_t entry) override { return take(entries_[entry].times); }

private:
  struct BucketGraph {
    uint64_t tokens;
    StepGraph graph;
  };
  struct PreparedEntry {
    const artifact::Entry* index;
    std::vector<Launch> launches;
    std::vector<BucketGraph> graphs; // ascending; none where launches are timed one by one
    std::vector<LaunchTime> times;
  };

  // Inputs come first and together, the small ones before the page table, so that one copy brings all that a step changed.
  void plan() {
    sizes_ = sizes_of(reader_.index(), target_, options_);
    io_bytes_ = round256(2 * kDimCount * sizeof(int32_t));
    for (IoSlot s :
         {IoSlot::TokenIds, IoSlot::Positions, IoSlot::Slots, IoSlot::LogitRows, IoSlot::ChoiceOptions,
          IoSlot::Draws, IoSlot::PageTable, IoSlot::Logits, IoSlot::Hidden, IoSlot::Chosen}) {
      if (s == IoSlot::Logits)
        input_bytes_ = io_bytes_;
      offset_[int(s)] = io_bytes_;
      io_bytes_ += round256(sizes_.io_bytes[int(s)]);
    }
    memory_.weights = sizes_.segments;
    memory_.cache = sizes_.cache;
    memory_.arena = sizes_.arena;
    memory_.other = io_bytes_ + target_.image()->bytes();
  }

  std::pair<driver::Pointer, uint64_t> resolve(const artifact::Argument& a) const {
    auto within = [&](const DeviceMemory& memory, uint64_t offset, uint64_t end) {
      return std::pair(memory.address() + offset, end - offset);
    };
    switch (a.space()) {
    case artifact::Space::Arena:
      return within(arena_, a.offset(), arena_.bytes());
    case artifact::Space::Segment:
      return within(weights_[a.index()], a.offset(), weights_[a.index()].bytes());
    case artifact::Space::Io:
      return {io_.address() + offset_[a.index()], sizes_.io_bytes[a.index()]};
    case artifact::Space::Cache: {
      uint64_t layer = uint64_t(sizes_.pages) * reader_.index().model()->cache_page_bytes();
      return within(cache_, a.index() * layer, (a.index() + uint64_t(1)) * layer);
    }
    }
    return {0, 0};
  }

  Bucket bucket(const PreparedEntry& entry, uint64_t tokens) const {
    return {tokens, std::min<uint64_t>(tokens, entry.index->max_logit_rows()),
            reader_.index().model()->max_context()};
  }

  Status prepare_entry(const artifact::Entry& e) {
    Places places{reinterpret_cast<const int32_t*>(io_.address()),
                  [this](const artifact::Argument& a) { return resolve(a); }};
    PreparedEntry entry;
    entry.index = &e;
    R1_ASSIGN_OR_RETURN(entry.launches, prepare(*context_, target_, e, image_, places));
    for (uint32_t i = 0; i < entry.launches.size(); ++i)
      entry.times.push_back({i, 0, 0});
    // Smaller entries of the kind take the smaller steps.
    uint64_t smaller = 0;
    for (const artifact::Entry* other : *target_.entries())
      if (other->kind() == e.kind() && other->max_tokens() < e.max_tokens())
        smaller = std::max<uint64_t>(smaller, other->max_tokens());
    for (uint64_t tokens = 1; !options_.profile; tokens *= 2) {
      tokens = std::min<uint64_t>(tokens, e.max_tokens());
      if (tokens > smaller) {
        R1_ASSIGN_OR_RETURN(StepGraph graph,
                            StepGraph::build(*context_, entry.launches, bucket(entry, tokens),
                                             waits_itself(target_.processor()->string_view())));
        entry.graphs.push_back({tokens, std::move(graph)});
      }
      if (tokens == e.max_tokens())
        break;
    }
    if (options_.profile)
      while (marks_.size() <= entry.launches.size()) {
        R1_ASSIGN_OR_RETURN(Event mark, Event::create(*context_, true));
        marks_.push_back(std::move(mark));
      }
    entries_.push_back(std::move(entry));
    return Status();
  }

  // Inputs in, the launches, ids out; all in one stream.
  Status step(PreparedEntry& entry, const StepShape& shape) {
    const Driver& driver = context_->driver;
    R1_RETURN_IF_ERROR(context_->enter());
    rows_ = rows_here_ = 0;
    const int32_t tokens_now = int32_t(shape.tokens), rows = int32_t(shape.logit_rows),
                  context = int32_t(shape.context);
    const int32_t dims[2 * kDimCount] = {tokens_now, rows, context, rows, rows, context};
    std::copy_n(reinterpret_cast<const uint8_t*>(dims), sizeof dims, staging_.data());
    dirty_ = std::max<uint64_t>(dirty_, sizeof dims);
    R1_CUDA(driver, cuMemcpyHtoDAsync, "copying a step's inputs to the GPU", io_.address(), staging_.data(),
            dirty_, context_->stream);
    uint64_t tokens = uint64_t(std::max(shape.tokens, shape.logit_rows));
    if (options_.profile) {
      R1_RETURN_IF_ERROR(time_launches(entry, bucket(entry, tokens), shape));
    } else {
      for (const BucketGraph& b : entry.graphs)
        if (b.tokens >= tokens) {
          R1_RETURN_IF_ERROR(b.graph.enqueue());
          break;
        }
    }
    if (shape.logit_rows > 0 && entry.index->chooses())
      R1_CUDA(driver, cuMemcpyDtoHAsync, "copying chosen ids from the GPU", chosen_.data(),
              io_.address() + offset_[int(IoSlot::Chosen)], uint64_t(shape.logit_rows) * 4, context_->stream);
    R1_RETURN_IF_ERROR(context_->finish("running a step"));
    rows_ = shape.logit_rows;
    dirty_ = 0;
    return Status();
  }

  Status check_rows(int64_t rows) const {
    if (rows >= 0 && rows <= rows_)
      return Status();
    return fail(Code::kInternal, "%lld rows of logits asked for, the last step has %lld", (long long)rows,
                (long long)rows_);
  }
  Status fetch_logits(uint64_t rows) {
    R1_RETURN_IF_ERROR(context_->enter());
    R1_RETURN_IF_ERROR(reserve_logits(rows));
    R1_CUDA(context_->driver, cuMemcpyDtoHAsync, "copying logits from the GPU", logits_.data(),
            io_.address() + offset_[int(IoSlot::Logits)], rows * row_bytes(), context_->stream);
    return context_->finish("copying logits from the GPU");
  }

  Status time_launches(PreparedEntry& entry, const Bucket& sizes, const StepShape& shape) {
    R1_RETURN_IF_ERROR(marks_[0].record());
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      R1_RETURN_IF_ERROR(enqueue(*context_, entry.launches[i], sizes));
      R1_RETURN_IF_ERROR(marks_[i + 1].record());
    }
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      const artifact::Launch& l = *entry.index->launches()->Get(uint32_t(i));
      std::string doing = format("running launch %zu, kernel %s at %s", i,
                                 target_.kernels()->Get(l.kernel())->name()->c_str(), l.location()->c_str());
      R1_RETURN_IF_ERROR(marks_[i + 1].wait(doing.c_str()));
      R1_ASSIGN_OR_RETURN(double seconds, Event::seconds(marks_[i], marks_[i + 1]));
      entry.times[i].add(l, shape, seconds);
    }
    return Status();
  }

  uint64_t row_bytes() const { return uint64_t(reader_.index().model()->logits_stride()) * 4; }

  // Most callers want a row a sequence; room for a row of every token of a prefill would be gigabytes of locked memory.
  Status reserve_logits(uint64_t rows) {
    if (rows * row_bytes() <= logits_.bytes())
      return Status();
    logits_ = PinnedMemory();
    R1_ASSIGN_OR_RETURN(logits_, PinnedMemory::allocate(*context_, rows * row_bytes()));
    return Status();
  }

  const artifact::Reader& reader_;
  const artifact::Target& target_;
  const DeviceOptions options_;
  MemoryPlan memory_;
  TargetSizes sizes_;
  uint64_t offset_[kIoSlots] = {};
  uint64_t input_bytes_ = 0, io_bytes_ = 0; // of io_: what the host fills, and all of it
  std::unique_ptr<Context> context_;        // outlives everything below
  Image image_;
  std::vector<DeviceMemory> weights_;
  DeviceMemory cache_, arena_, io_;
  PinnedMemory staging_, logits_, chosen_;
  std::vector<PreparedEntry> entries_;
  std::vector<Event> marks_; // between launches that are timed
  uint64_t dirty_ = 0;       // staging_ differs from io_ below this offset only
  int64_t rows_ = 0;         // of logits, of the last step
  int64_t rows_here_ = 0;    // of them, in logits_
  Status failed_;
};

Result<double> CudaDevice::copy_rate(uint64_t bytes, int passes) {
  constexpr const char* kDoing = "measuring the copy bandwidth";
  R1_RETURN_IF_ERROR(context_->enter());
  R1_ASSIGN_OR_RETURN(uint64_t free, context_->free_memory());
  // Half to read, half to write; the last of the memory is left to the driver.
  bytes = std::min(bytes, free / 2) / 2 / 4096 * 4096;
  if (bytes == 0)
    return fail(Code::kOutOfMemory, "no GPU memory is left to copy in");
  R1_ASSIGN_OR_RETURN(DeviceMemory from, DeviceMemory::allocate(*context_, bytes, "measuring"));
  R1_ASSIGN_OR_RETURN(DeviceMemory to, DeviceMemory::allocate(*context_, bytes, "measuring"));
  R1_ASSIGN_OR_RETURN(Event begin, Event::create(*context_, true));
  R1_ASSIGN_OR_RETURN(Event end, Event::create(*context_, true));
  std::vector<double> rates;
  for (int pass = 0; pass <= passes; ++pass) {
    R1_RETURN_IF_ERROR(begin.record());
    R1_CUDA(context_->driver, cuMemcpyDtoDAsync, kDoing, to.address(), from.address(), bytes,
            context_->stream);
    R1_RETURN_IF_ERROR(end.record());
    R1_RETURN_IF_ERROR(end.wait(kDoing));
    R1_ASSIGN_OR_RETURN(double seconds, Event::seconds(begin, end));
    if (pass > 0 && seconds > 0) // the first pass warms up
      rates.push_back(2.0 * double(bytes) / seconds);
  }
  if (rates.empty())
    return fail(Code::kInternal, "copies of %llu bytes take no time that can be measured",
                (unsigned long long)bytes);
  std::nth_element(rates.begin(), rates.begin() + ptrdiff_t(rates.size() / 2), rates.end());
  return rates[rates.size() / 2];
}

} // namespace

Status can_run(const artifact::Artifact& artifact, const artifact::Target& target) {
  return choose_gpu(artifact, target).status();
}

int strength(const artifact::Target& target) { return strength(target.processor()->string_view()); }

Status check_image(const artifact::Reader& reader, const artifact::Target& target) {
  R1_ASSIGN_OR_RETURN(Choice choice, choose_gpu(reader.index(), target));
  R1_ASSIGN_OR_RETURN(auto context, Context::open(choice.driver, choice.gpu));
  return Image::load(*context, reader, target).status();
}

Result<std::unique_ptr<Device>> open(const artifact::Reader& reader, const artifact::Target& target,
                                     const DeviceOptions& options) {
  auto device = std::make_unique<CudaDevice>(reader, target, options);
  R1_RETURN_IF_ERROR(device->open());
  return std::unique_ptr<Device>(std::move(device));
}

} // namespace r1::cuda
