// The model: kernels.cu as built for the host, on the emulator.
#include <cstdlib>
#include <map>

#include "kernels/simt/launch.h"
#include "kernels/simt/tensor_map.h"
#include "runtime/device/cuda/abi.h"
#include "tools/gpu/conformance/kernels.inc"
#include "tools/gpu/conformance/machine.h"

#define R1_DECLARE(name, ...)                                                                                \
  extern "C" void name(void** params);                                                                       \
  extern "C" const r1::simt::KernelInfo name##_info;
R1_KERNELS_80(R1_DECLARE)
R1_KERNELS_89(R1_DECLARE)
R1_KERNELS_90(R1_DECLARE)
R1_KERNELS_90_MAPS(R1_DECLARE)
R1_KERNELS_90A(R1_DECLARE)
R1_KERNELS_90A_MAPS(R1_DECLARE)
#undef R1_DECLARE

namespace r1::conformance {
namespace {

struct Known {
  simt::Entry entry;
  KernelFacts facts;
};

const std::map<std::string, Known>& kernels() {
#define R1_ROW(name, chip, only) {#name, {name, {name##_info.threads, name##_info.shared_bytes, chip, only}}},
#define R1_ROW_80(name, ...) R1_ROW(name, 80, false)
#define R1_ROW_89(name, ...) R1_ROW(name, 89, false)
#define R1_ROW_90(name, ...) R1_ROW(name, 90, false)
#define R1_ROW_90A(name, ...) R1_ROW(name, 90, true)
  static const std::map<std::string, Known> all = {
      R1_KERNELS_80(R1_ROW_80) R1_KERNELS_89(R1_ROW_89) R1_KERNELS_90(R1_ROW_90) R1_KERNELS_90_MAPS(R1_ROW_90)
          R1_KERNELS_90A(R1_ROW_90A) R1_KERNELS_90A_MAPS(R1_ROW_90A)};
  return all;
}

const Known& known(const std::string& kernel) {
  auto found = kernels().find(kernel);
  if (found == kernels().end())
    std::abort(); // cases.cpp and kernels.inc disagree
  return found->second;
}

class Model final : public Machine {
public:
  explicit Model(bool hopper_sums) { schedule_.hopper_sums = hopper_sums; }

  Status run(Launch& launch) override {
    const Known& kernel = known(launch.kernel);
    int32_t dims[cuda::kDimCount] = {};
    cuda::KernelArguments arguments{dims, {}};
    for (size_t i = 0; i < launch.buffers.size(); ++i)
      arguments.buffers[i] = launch.buffers[i].data();
    std::vector<driver::TensorMap> maps(launch.maps.size());
    for (size_t i = 0; i < maps.size(); ++i) {
      const MapRequest& m = launch.maps[i];
      const std::vector<uint32_t> ones(m.extents.size(), 1);
      simt::TensorMapFacts facts{.data_type = uint32_t(m.type),
                                 .rank = uint32_t(m.extents.size()),
                                 .address = launch.buffers[size_t(m.buffer)].data(),
                                 .dims = m.extents.data(),
                                 .strides = m.strides.data(),
                                 .box = m.box.data(),
                                 .element_strides = ones.data(),
                                 .swizzle = uint32_t(m.swizzle)};
      if (std::string why = simt::encode_tensor_map(&maps[i], facts); !why.empty())
        return fail(Code::kInternal, "%s: %s", launch.kernel.c_str(), why.c_str());
    }
    void* params[] = {&arguments, maps.data()};
    for (int i = 0; i < launch.times; ++i)
      if (std::string why =
              simt::launch(kernel.entry, {launch.grid, kernel.facts.threads, kernel.facts.shared_bytes},
                           params, schedule_);
          !why.empty())
        return fail(Code::kInternal, "the model: %s", why.c_str());
    return Status();
  }

private:
  simt::Schedule schedule_;
};

} // namespace

std::unique_ptr<Machine> make_model(bool hopper_sums) { return std::make_unique<Model>(hopper_sums); }

const KernelFacts& facts_of(const std::string& kernel) { return known(kernel).facts; }

} // namespace r1::conformance
