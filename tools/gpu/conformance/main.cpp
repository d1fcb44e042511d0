// conformance [--sim] [--rates] [--seed N] [--json FILE] IMAGE...: feeds every primitive random inputs on a device and compares its
// bits with the model's. An image is named NAME.PROCESSOR.cubin (with --sim, .so); the best for the device is used.
// Exit code: 0 where all agree, 1 where something does not, 2 where nothing could be compared.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "runtime/base/os.h"
#include "tools/gpu/conformance/compare.h"

namespace r1::conformance {
namespace {

struct Options {
  bool sim = false, rates = false;
  uint64_t seed = 1;
  std::string json;
  std::vector<std::string> images;
};

std::string processor_of(const std::string& image) {
  const size_t last = image.rfind('.'), before = last == 0 ? std::string::npos : image.rfind('.', last - 1);
  return last == std::string::npos || before == std::string::npos
             ? ""
             : image.substr(before + 1, last - before - 1);
}

// The best for this device.
Result<std::string> choose_image(const Options& options, const cuda::Gpu& gpu) {
  const std::string* best = nullptr;
  for (const std::string& image : options.images)
    if (cuda::runs_on(processor_of(image), gpu.capability) &&
        (!best || cuda::strength(processor_of(image)) > cuda::strength(processor_of(*best))))
      best = &image;
  if (!best)
    return fail(Code::kUnsupported,
                "%s has compute capability %d.%d, and no image is for it; bundle.sh makes one for %s",
                gpu.name.c_str(), gpu.capability.major, gpu.capability.minor,
                cuda::best_processor(gpu.capability).c_str());
  return *best;
}

std::string line_of(const std::string& name, const Outcome& o) {
  std::string text = format("%-5s  %-28s %9llu values", o.wrong ? "WRONG" : "ok", name.c_str(),
                            (unsigned long long)o.values);
  if (o.sums)
    text += format("; of plain sums %5.1f %% equal, deviation %.2g; of Hopper's %5.1f %%, %.2g",
                   100.0 * double(o.plain_equal) / double(o.values), o.plain_deviation,
                   100.0 * double(o.hopper_equal) / double(o.values), o.hopper_deviation);
  if (o.wrong)
    text += format("; %llu wrong, first %s", (unsigned long long)o.wrong, o.first.c_str());
  return text + "\n";
}

nlohmann::ordered_json json_of(const std::string& name, const Outcome& o) {
  nlohmann::ordered_json json = {{"name", name}, {"values", o.values}, {"wrong", o.wrong}};
  if (o.wrong)
    json["first"] = o.first;
  if (o.sums)
    json["sums"] = {{"plain_deviation", o.plain_deviation},
                    {"plain_equal", o.plain_equal},
                    {"hopper_deviation", o.hopper_deviation},
                    {"hopper_equal", o.hopper_equal}};
  return json;
}

Result<int> run(const Options& options) {
  R1_ASSIGN_OR_RETURN(cuda::Driver driver,
                      cuda::Driver::open(options.sim ? artifact::Device::Sim : artifact::Device::Cuda));
  R1_ASSIGN_OR_RETURN(std::vector<cuda::Gpu> gpus, cuda::list_gpus(driver));
  const cuda::Gpu& gpu = gpus.front();
  R1_ASSIGN_OR_RETURN(std::string chosen, choose_image(options, gpu));
  R1_ASSIGN_OR_RETURN(os::File file, os::File::open(chosen));
  Bytes image(file.bytes());
  R1_RETURN_IF_ERROR(file.read(0, image));
  R1_ASSIGN_OR_RETURN(std::unique_ptr<Gpu> device, Gpu::open(driver, gpu, image));
  int version = 0;
  R1_CUDA(driver, cuDriverGetVersion, "asking for the driver's version", &version);
  const int chip = gpu.capability.major * 10 + gpu.capability.minor;
  nlohmann::ordered_json json = {
      {"gpu", gpu.name},
      {"compute_capability", format("%d.%d", gpu.capability.major, gpu.capability.minor)},
      {"image", processor_of(chosen)},
      {"multiprocessors", device->multiprocessors()},
      {"cuda_version", format("%d.%d", version / 1000, version % 1000 / 10)},
      {"seed", options.seed}};
  std::printf("%s, compute capability %d.%d, driver for CUDA %d.%d\n", gpu.name.c_str(), gpu.capability.major,
              gpu.capability.minor, version / 1000, version % 1000 / 10);

  const auto here = [&](const std::string& kernel) {
    const KernelFacts& facts = facts_of(kernel);
    return facts.only ? chip == facts.chip : chip >= facts.chip;
  };
  std::unique_ptr<Machine> plain = make_model(false), hopper = make_model(true);
  std::vector<std::string> names;
  std::map<std::string, Outcome> outcomes;
  for (const Case& c : make_cases(options.seed)) {
    if (!here(c.launch.kernel))
      continue;
    if (!outcomes.count(c.name))
      names.push_back(c.name);
    outcomes[c.name].add(run_case(c, *device, *plain, *hopper));
  }
  uint64_t wrong = 0;
  for (const std::string& name : names) {
    wrong += outcomes[name].wrong > 0;
    json["checks"].push_back(json_of(name, outcomes[name]));
    std::fputs(line_of(name, outcomes[name]).c_str(), stdout);
  }
  if (options.rates) {
    for (Rate& rate : make_rates(device->multiprocessors())) {
      if (!here(rate.launch.kernel))
        continue;
      R1_ASSIGN_OR_RETURN(double seconds, device->seconds(rate.launch));
      json["operations_per_second"][rate.name] = rate.operations / seconds;
      std::printf("rate   %-28s %9.1f TFLOP/s\n", rate.name.c_str(), rate.operations / seconds / 1e12);
    }
  }
  if (!options.json.empty()) {
    const std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    R1_ASSIGN_OR_RETURN(os::OutputFile file, os::OutputFile::create(options.json));
    R1_RETURN_IF_ERROR(file.write({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
    R1_RETURN_IF_ERROR(file.commit());
  }
  std::printf("%zu families of primitives, %llu disagree with the model\n", names.size(),
              (unsigned long long)wrong);
  return wrong > 0;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--sim")
      options.sim = true;
    else if (arg == "--rates")
      options.rates = true;
    else if (arg == "--seed" && i + 1 < argc)
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (arg == "--json" && i + 1 < argc)
      options.json = argv[++i];
    else if (arg.starts_with("-"))
      return false;
    else
      options.images.push_back(arg);
  }
  return !options.images.empty();
}

} // namespace
} // namespace r1::conformance

int main(int argc, char** argv) {
  r1::conformance::Options options;
  if (!r1::conformance::parse(argc, argv, options)) {
    std::fputs("usage: conformance [--sim] [--rates] [--seed N] [--json FILE] NAME.PROCESSOR.cubin...\n",
               stderr);
    return 2;
  }
  r1::Result<int> code = r1::conformance::run(options);
  if (code.ok())
    return *code;
  std::fprintf(stderr, "conformance: error: %s\n", code.status().message().c_str());
  return 2;
}
