# How `lit` runs the tests of this folder: README.md. Values of one build folder come from lit.site.cfg.py.
import ctypes
import glob
import os
import shutil

import lit.formats

config.name = "r1c"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = config.source + "/test/lit"
config.test_exec_root = config.build + "/test/lit"

# A test says `r1-opt`, `FileCheck`, `not`; they are this build's and LLVM's.
tools = [config.build + "/tools/" + tool for tool in ("r1-opt", "r1c", "r1run")]
config.environment["PATH"] = os.pathsep.join(tools + [config.llvm_bin, os.environ["PATH"]])
config.environment["FILECHECK_OPTS"] = "--dump-input-filter=error"
config.substitutions.append(("%example", config.source + "/examples/tiny_r1"))
config.substitutions.append(("%python", config.python))

for folder in tools:
    if os.path.exists(os.path.join(folder, os.path.basename(folder))):
        config.available_features.add(os.path.basename(folder))

with open("/proc/cpuinfo") as file:
    flags = next((line.split() for line in file if line.startswith("flags")), [])
for feature, needed in (("avx2", ["avx2", "fma"]), ("avx512", ["avx512f", "avx512bw", "avx512vl", "avx512dq"]),
                        ("amx", ["amx_tile", "amx_bf16"])):
    if all(flag in flags for flag in needed):
        config.available_features.add(feature)

# What r1c compiles kernels with: NVRTC for a GPU, where compiler/emit/Nvrtc.cpp would find it, and any C++ compiler for a simulated one.
for name in ("R1C_NVRTC", "CUDA_HOME", "CUDA_PATH", "R1C_HOST_CXX", "LD_LIBRARY_PATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
# Compiled kernels are kept from test to test and from run to run, apart from the user's.
config.environment["R1C_CACHE"] = config.build + "/test/kernel-cache"


def loads(library):
    try:
        ctypes.CDLL(library)
        return True
    except OSError:
        return False


def nvrtc():
    own = os.environ.get("R1C_NVRTC")
    if own:
        return [own] if os.path.isfile(own) else glob.glob(own + "/libnvrtc.so*")
    homes = [os.environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    return (["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"] +
            [path for home in homes + ["/usr/local/cuda"] for path in glob.glob(home + "/lib*/libnvrtc.so*")] +
            glob.glob(config.source + "/build/cuda/nvidia/cu*/lib/libnvrtc.so*"))


library = next((path for path in nvrtc() if loads(path)), None)
if library:
    config.available_features.add("nvrtc")
    config.substitutions.append(("%nvrtc", library))
own = os.environ.get("R1C_HOST_CXX")
compiler = next((name for name in ([own] if own else ["clang++-22", "clang++", "g++", "c++"]) if shutil.which(name)), None)
if compiler:
    config.available_features.add("hostcxx")
    config.substitutions.append(("%hostcxx", compiler))

# Data too big to ship lies beside the checkout; where it is absent, tests that say `REQUIRES: shared` do not run.
shared = os.environ.get("R1C_SHARED", config.source + "/../shared")
if os.path.isdir(shared):
    config.available_features.add("shared")
    config.substitutions.append(("%shared", os.path.abspath(shared)))
