#include "runtime/device/cuda/driver.h"

#include <string>

#include "runtime/base/os.h"

namespace r1::cuda {
namespace {

// The release that brought version 13.0 of the interface, which the images' compiler belongs to.
constexpr const char* kDriverRelease = "580";

std::string version_text(int version) { return format("%d.%d", version / 1000, version % 1000 / 10); }

// Finds the function that finds the others.
Result<driver::GetProcAddress> find_library(artifact::Device kind) {
  auto from = [](const std::string& name) -> Result<driver::GetProcAddress> {
    R1_ASSIGN_OR_RETURN(void* symbol, os::resident_symbol(name, driver::kGetProcAddress));
    return reinterpret_cast<driver::GetProcAddress>(symbol);
  };
  auto too_old = [](const Status& s) {
    return fail(Code::kUnsupported,
                "the NVIDIA driver is too old (%s); install release %s or newer, or use a cpu: target",
                s.message().c_str(), kDriverRelease);
  };
  if (std::string name = os::environment("R1_CUDA_LIBRARY"); !name.empty()) {
    auto found = from(name);
    if (found.ok())
      return found;
    if (found.status().code() == Code::kUnsupported)
      return too_old(found.status());
    return fail(Code::kUnsupported,
                "the driver that R1_CUDA_LIBRARY names cannot be loaded: %s; correct or unset it",
                found.status().message().c_str());
  }
  if (kind == artifact::Device::Cuda) {
    auto found = from("libcuda.so.1");
    if (found.ok())
      return found;
    if (found.status().code() == Code::kUnsupported)
      return too_old(found.status());
    return fail(Code::kUnsupported,
                "no NVIDIA driver here (%s); install release %s or newer, or use a cpu: target",
                found.status().message().c_str(), kDriverRelease);
  }
  std::string folder = os::executable_folder(), reason;
  for (const std::string& name :
       {folder + "/libsimcuda.so", folder + "/../lib/libsimcuda.so", std::string("libsimcuda.so")}) {
    auto found = from(name);
    if (found.ok())
      return found;
    // That one is not there is no news, that one cannot be used is.
    if (reason.empty() || reason.find("No such file") != std::string::npos)
      reason = found.status().message();
  }
  return fail(Code::kUnsupported,
              "no simulated GPU: libsimcuda.so was looked for beside the program, in ../lib and where the "
              "loader looks (%s); "
              "set R1_CUDA_LIBRARY to its path",
              reason.c_str());
}

} // namespace

Result<Driver> Driver::open(artifact::Device kind) {
  R1_ASSIGN_OR_RETURN(driver::GetProcAddress find, find_library(kind));
  Driver d;
  const char* missing = nullptr;
#define R1_FIND(name, version, symbol, parameters)                                                           \
  {                                                                                                          \
    void* function = nullptr;                                                                                \
    int found = 0;                                                                                           \
    if (find(#name, &function, version, 0, &found) != driver::kSuccess || !function)                         \
      missing = missing ? missing : #name;                                                                   \
    d.name = reinterpret_cast<decltype(d.name)>(function);                                                   \
  }
  R1_CUDA_DRIVER(R1_FIND)
#undef R1_FIND
  int version = 0;
  if (d.cuDriverGetVersion && d.cuDriverGetVersion(&version) == driver::kSuccess &&
      version < driver::kVersion)
    return fail(Code::kUnsupported,
                "the NVIDIA driver offers CUDA %s, this program needs %s; install release %s or newer, or "
                "use a cpu: target",
                version_text(version).c_str(), version_text(driver::kVersion).c_str(), kDriverRelease);
  if (missing)
    return fail(Code::kUnsupported,
                "the NVIDIA driver lacks %s; it is damaged, too old, or a toolkit's stub of it: install "
                "release %s or newer, "
                "or use a cpu: target",
                missing, kDriverRelease);
  R1_RETURN_IF_ERROR(d.check(d.cuInit(0), "starting the driver"));
  return d;
}

Status Driver::check(int result, const char* doing) const {
  if (result == driver::kSuccess)
    return Status();
  const char *name = nullptr, *text = nullptr;
  if (cuGetErrorName)
    (void)cuGetErrorName(result, &name);
  if (cuGetErrorString)
    (void)cuGetErrorString(result, &text);
  std::string what = format("%s: %s", name ? name : format("error %d", result).c_str(),
                            text ? text : "the driver knows no text for it");
  auto say = [&](Code code, const char* cause, const char* cure) {
    return fail(code, "%s while %s (%s); %s", cause, doing, what.c_str(), cure);
  };
  switch (result) {
  case driver::kNoDevice:
    return say(Code::kUnsupported, "the NVIDIA driver sees no GPU",
               "check nvidia-smi and CUDA_VISIBLE_DEVICES, or use a cpu: target");
  case driver::kStubLibrary:
    return say(Code::kUnsupported, "libcuda.so.1 is a toolkit's stub, not a driver",
               "take the toolkit's stubs folder out of LD_LIBRARY_PATH");
  case driver::kNewerDriverNeeded:
  case driver::kUnsupportedPtxVersion:
  case driver::kSystemDriverMismatch:
  case driver::kCompatNotSupported:
    return say(Code::kUnsupported, "the NVIDIA driver is too old or does not match its kernel module",
               "install release 580 or newer and restart the machine");
  case driver::kOutOfMemory:
    return say(Code::kOutOfMemory, "the GPU has too little free memory",
               "end other programs on it (nvidia-smi), or use a smaller --context or --batch");
  case driver::kInvalidImage:
  case driver::kNoBinaryForGpu:
  case driver::kInvalidPtx:
  case driver::kNotFound:
    return say(Code::kUnsupported, "the driver refuses the target's code",
               "compile the model again for this GPU (r1run info names it)");
  case driver::kIllegalAddress:
  case driver::kLaunchOutOfResources:
  case driver::kLaunchTimeout:
  case driver::kAssert:
  case driver::kHardwareStackError:
  case driver::kIllegalInstruction:
  case driver::kMisalignedAddress:
  case driver::kInvalidAddressSpace:
  case driver::kInvalidPc:
  case driver::kLaunchFailed:
    return say(Code::kDevice, "a kernel failed on the GPU",
               "open the model again in a new process; r1run bench --profile tells which launch it was");
  case driver::kDeviceUnavailable:
  case driver::kEccUncorrectable:
  case driver::kNvlinkUncorrectable:
  case driver::kContained:
  case driver::kUnknown:
    return say(Code::kDevice, "the GPU was lost",
               "look for Xid in the system's log, reset the GPU (nvidia-smi --gpu-reset) and start again");
  default:
    return say(Code::kDevice, "the driver refused a call", "this is a defect of r1run or of the driver");
  }
}

} // namespace r1::cuda
