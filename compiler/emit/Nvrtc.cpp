#include "compiler/emit/Nvrtc.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <dlfcn.h>

namespace r1 {

// nvrtc.h of CUDA 12 and 13, as much as is used. Programs are opaque, results are 0 on success.
struct Nvrtc::Functions {
  void* library = nullptr;
  int (*version)(int*, int*);
  int (*numArchs)(int*);
  int (*archs)(int*);
  const char* (*errorString)(int);
  int (*create)(void**, const char*, const char*, int, const char* const*, const char* const*);
  int (*destroy)(void**);
  int (*compile)(void*, int, const char* const*);
  int (*logSize)(void*, size_t*);
  int (*log)(void*, char*);
  int (*cubinSize)(void*, size_t*);
  int (*cubin)(void*, char*);
  int (*ptxSize)(void*, size_t*);
  int (*ptx)(void*, char*);

  bool load() {
    auto get = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
      return function != nullptr;
    };
    return get(version, "nvrtcVersion") && get(numArchs, "nvrtcGetNumSupportedArchs") &&
           get(archs, "nvrtcGetSupportedArchs") && get(errorString, "nvrtcGetErrorString") &&
           get(create, "nvrtcCreateProgram") && get(destroy, "nvrtcDestroyProgram") &&
           get(compile, "nvrtcCompileProgram") && get(logSize, "nvrtcGetProgramLogSize") &&
           get(log, "nvrtcGetProgramLog") && get(cubinSize, "nvrtcGetCUBINSize") &&
           get(cubin, "nvrtcGetCUBIN") && get(ptxSize, "nvrtcGetPTXSize") && get(ptx, "nvrtcGetPTX");
  }
};

namespace {

// Newest first; the last is what a development package installs.
constexpr llvm::StringLiteral kNames[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};

using Paths = llvm::SmallVector<std::string>;

void addFolder(Paths& paths, const llvm::Twine& folder) {
  for (llvm::StringRef name : kNames)
    paths.push_back((folder + "/" + name).str());
}

// Folders below `root` that match <prefix>*, newest name first.
Paths foldersLike(const std::string& root, llvm::StringRef prefix) {
  Paths found;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(root, code), end; !code && it != end; it.increment(code))
    if (llvm::sys::path::filename(it->path()).starts_with(prefix))
      found.push_back(it->path());
  llvm::sort(found, std::greater<>());
  return found;
}

// nvidia/<package>/lib below every site-packages of a Python installation.
void addWheels(Paths& paths, const std::string& prefix) {
  for (const std::string& python : foldersLike(prefix + "/lib", "python3"))
    for (llvm::StringRef site : {"site-packages", "dist-packages"})
      for (const std::string& package : foldersLike(python + "/" + site.str() + "/nvidia", "cu"))
        addFolder(paths, package + "/lib");
}

Paths candidates() {
  Paths paths;
  auto variable = [](const char* name) { return llvm::sys::Process::GetEnv(name).value_or(""); };
  if (std::string own = variable("R1C_NVRTC"); !own.empty()) {
    if (llvm::sys::fs::is_directory(own))
      addFolder(paths, own);
    else
      paths.push_back(own);
    return paths; // who names one wants that one
  }
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
    if (std::string home = variable(name); !home.empty()) {
      addFolder(paths, home + "/lib64");
      addFolder(paths, home + "/lib");
    }
  for (llvm::StringRef name : kNames)
    paths.push_back(name.str());
  addFolder(paths, "/usr/local/cuda/lib64");
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (std::string home = variable(name); !home.empty())
      addWheels(paths, home);
  if (std::string home = variable("HOME"); !home.empty())
    addWheels(paths, home + "/.local");
  addWheels(paths, "/usr/local");
  addWheels(paths, "/usr");
  for (const std::string& package : foldersLike(R1C_NVRTC_DIR "/nvidia", "cu"))
    addFolder(paths, package + "/lib");
  return paths;
}

// The log's lines that complain, or all of it.
std::string complaint(llvm::StringRef log) {
  for (llvm::StringRef line : llvm::split(log, '\n'))
    if (line.contains("error"))
      return line.trim().str();
  return log.trim().str();
}

} // namespace

llvm::Expected<std::shared_ptr<const Nvrtc>> Nvrtc::open() {
  Paths paths = candidates();
  auto functions = std::make_shared<Functions>();
  std::string path, broken;
  for (const std::string& candidate : paths) {
    functions->library = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (functions->library) {
      path = candidate;
      break;
    }
    if (llvm::sys::fs::exists(candidate) && broken.empty())
      broken = dlerror();
  }
  if (!functions->library)
    return llvm::createStringError(
        (broken.empty() ? std::string("NVRTC, which compiles kernels for a GPU, was not found")
                        : "NVRTC cannot be loaded: " + broken) +
        "; install it with 'pip install nvidia-cuda-nvrtc' or the CUDA toolkit, or name libnvrtc.so in "
        "R1C_NVRTC");
  if (!functions->load())
    return llvm::createStringError(
        path + " is not NVRTC of CUDA 12 or newer; install 'nvidia-cuda-nvrtc' or name another in R1C_NVRTC");
  std::shared_ptr<Nvrtc> nvrtc(new Nvrtc);
  int major = 0, minor = 0;
  functions->version(&major, &minor);
  nvrtc->versionText = std::to_string(major) + "." + std::to_string(minor);
  nvrtc->path = path;
  nvrtc->call = std::move(functions);
  return nvrtc;
}

llvm::Error Nvrtc::checkChip(int chip) const {
  int count = 0;
  call->numArchs(&count);
  llvm::SmallVector<int> known(count);
  call->archs(known.data());
  if (llvm::is_contained(known, chip))
    return llvm::Error::success();
  return llvm::createStringError(
      "NVRTC " + versionText + " (" + path + ") cannot compile for sm_" + std::to_string(chip) +
      "; it knows " +
      llvm::join(llvm::map_range(known, [](int a) { return "sm_" + std::to_string(a); }), ", ") +
      "; install a newer one");
}

llvm::Expected<Nvrtc::Result> Nvrtc::compile(const std::string& source, const std::string& name,
                                             llvm::ArrayRef<kernels::SourceFile> headers,
                                             llvm::ArrayRef<std::string> options, bool ptx) const {
  llvm::SmallVector<const char*> texts, paths, flags;
  for (const kernels::SourceFile& header : headers) {
    texts.push_back(header.text);
    paths.push_back(header.path);
  }
  for (const std::string& option : options)
    flags.push_back(option.c_str());
  void* program = nullptr;
  auto fail = [&](int code) { return llvm::createStringError(name + ": NVRTC: " + call->errorString(code)); };
  if (int code = call->create(&program, source.c_str(), name.c_str(), static_cast<int>(texts.size()),
                              texts.data(), paths.data()))
    return fail(code);
  llvm::scope_exit destroy([&] { call->destroy(&program); });
  int code = call->compile(program, static_cast<int>(flags.size()), flags.data());
  Result result;
  size_t size = 0;
  if (call->logSize(program, &size) == 0 && size > 1) {
    result.log.resize(size);
    call->log(program, result.log.data());
    result.log.resize(size - 1);
  }
  if (code)
    return llvm::createStringError(name + ": NVRTC: " + call->errorString(code) + ": " +
                                   complaint(result.log));
  if (int failed = ptx ? call->ptxSize(program, &size) : call->cubinSize(program, &size))
    return fail(failed);
  result.code.resize(size);
  if (int failed = ptx ? call->ptx(program, result.code.data()) : call->cubin(program, result.code.data()))
    return fail(failed);
  return result;
}

} // namespace r1
