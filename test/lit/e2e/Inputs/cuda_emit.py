"""r1c compile --emit cuda: the folder it writes is all that a compiler needs, and the same for every run.

  cuda_emit.py FOLDER EXAMPLE nvrtc LIBRARY      each kernel through NVRTC, for the chip itself
  cuda_emit.py FOLDER EXAMPLE host COMPILER      a kernel of each family through a C++ compiler, for the emulator
"""
import ctypes
import glob
import os
import shutil
import sys

import e2e

folder, example, kind, tool = sys.argv[1:]
folder = os.path.abspath(folder)
shutil.rmtree(folder, ignore_errors=True)
results = []


def files(root):
    found = {}
    for path in sorted(glob.glob(f"{root}/**/*", recursive=True)):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


# Neither weights nor NVRTC nor a host compiler is asked for.
for name in ("one", "two"):
    e2e.must("r1c", "compile", example, "--emit", "cuda", f"{folder}/{name}", "--target", "sm_90a,sm_80",
             env={"R1C_NVRTC": "/nonexistent", "R1C_HOST_CXX": "/nonexistent"})
written = files(f"{folder}/one")
e2e.expect(written == files(f"{folder}/two"), "two runs write different files")
sources = [path for path in written if path.endswith(".cu")]
e2e.expect(len([path for path in sources if path.startswith("sm_90a/")]) > 30, f"only {sources}")
e2e.expect(len({os.path.dirname(path) for path in sources}) == 2, f"no folder for each chip: {sources}")
for path in sources:
    e2e.expect(b"/" + os.path.basename(folder).encode() not in written[path], f"{path} names a folder of this machine")
print(f"{len(sources)} kernels, {len(written) - len(sources)} headers")


class Nvrtc:
    def __init__(self, library):
        self.call = ctypes.CDLL(library)

    def __call__(self, path):
        """The log of a kernel that does not compile; "" of one that does."""
        chip = os.path.dirname(path)
        options = [f"--gpu-architecture={chip}", "-std=c++20", "-default-device", f"-I{folder}/one",
                   f"-DR1_SM={chip[3:].rstrip('a')}", f"-DR1_SM_A={int(chip.endswith('a'))}"]
        program, call = ctypes.c_void_p(), self.call
        call.nvrtcCreateProgram(ctypes.byref(program), written[path], path.encode(), 0, None, None)
        texts = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        code, size = call.nvrtcCompileProgram(program, len(options), texts), ctypes.c_size_t()
        call.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        call.nvrtcGetProgramLog(program, log)
        call.nvrtcDestroyProgram(ctypes.byref(program))
        return log.value.decode().strip() or f"error {code}" if code else ""


def host(path):
    command = [tool, "-std=c++20", "-fsyntax-only", "-w", "-DR1_SIMT", "-DR1_SM=90", "-DR1_SM_A=1", f"-I{folder}/one", "-x", "c++"]
    code, _, err = e2e.run(*command, f"{folder}/one/{path}")
    return err.decode() if code else ""


def compiles(path):
    log = compiler(path)
    e2e.expect(not log, log)


if kind == "nvrtc":
    compiler, chosen = Nvrtc(tool), sources
else:
    compiler, chosen = host, {os.path.basename(path).split("__")[0]: path for path in sources if path.startswith("sm_90a/")}.values()
for path in chosen:
    e2e.attempt(results, path, lambda: compiles(path))
shutil.rmtree(folder)
sys.exit(e2e.report(results))
