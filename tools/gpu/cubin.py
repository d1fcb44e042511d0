#!/usr/bin/env python3
"""Compiles a CUDA source that includes this repository's headers to a cubin with NVRTC, and fails on a spill or a warning of the assembler.

  cubin.py SOURCE PROCESSOR OUT      PROCESSOR: sm_80, sm_90a, ...

NVRTC is looked for as r1c does (compiler/emit/Nvrtc.cpp): R1C_NVRTC, CUDA_HOME, the loader's path, /usr/local/cuda, Python's wheels.
"""
import ctypes
import glob
import os
import re
import site
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ("libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12")


def candidates():
    own = os.environ.get("R1C_NVRTC")
    if own:
        return [os.path.join(own, name) for name in NAMES] if os.path.isdir(own) else [own]
    homes = [os.environ[key] + lib for key in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(key) for lib in ("/lib64", "/lib")]
    wheels = [path for place in site.getsitepackages() + [site.getusersitepackages()] for path in sorted(glob.glob(f"{place}/nvidia/cu*/lib"), reverse=True)]
    return ([f"{home}/{name}" for home in homes for name in NAMES] + list(NAMES) +
            [f"{folder}/{name}" for folder in ["/usr/local/cuda/lib64"] + wheels for name in NAMES])


def open_nvrtc():
    for path in candidates():
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    sys.exit("cubin.py: error: NVRTC was not found; install it with 'pip install nvidia-cuda-nvrtc' or name libnvrtc.so in R1C_NVRTC")


def text_of(nvrtc, program, what):
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, text)
    return text.raw


def compile_cubin(source, processor):
    nvrtc = open_nvrtc()
    program = ctypes.c_void_p()
    with open(source, "rb") as file:
        nvrtc.nvrtcCreateProgram(ctypes.byref(program), file.read(), os.path.basename(source).encode(), 0, None, None)
    chip = re.fullmatch(r"sm_(\d+)([af]?)", processor)
    if not chip:
        sys.exit(f"cubin.py: error: {processor} is not a processor such as sm_90a")
    # As compiler/emit/CudaCodegen.cpp asks for kernels.
    options = [f"--gpu-architecture={processor}", "-std=c++20", "--ptxas-options=-v", "-default-device", f"-I{ROOT}", f"-DR1_SM={chip[1]}",
               f"-DR1_SM_A={int(chip[2] == 'a')}"]
    code = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*(o.encode() for o in options)))
    log = text_of(nvrtc, program, "ProgramLog").decode(errors="replace").rstrip("\0")
    if code != 0:
        sys.exit(f"cubin.py: error: {source} for {processor}:\n{log}")
    # A stack frame is no fault here: sine and cosine of large numbers have one.
    bad = [line for line in log.splitlines() if re.search(r"C75\d\d|[1-9]\d* bytes spill", line)]
    if bad:
        sys.exit("cubin.py: error: " + processor + ":\n" + "\n".join(bad))
    return text_of(nvrtc, program, "CUBIN")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    image = compile_cubin(sys.argv[1], sys.argv[2])
    with open(sys.argv[3], "wb") as out:
        out.write(image)
