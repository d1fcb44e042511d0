"""GPU targets that r1c must refuse, and compilers that are missing: one line with cause and cure, and nothing left behind.

  cuda_refused.py FOLDER
"""
import os
import shutil
import sys

import e2e

root = sys.argv[1]
shutil.rmtree(root, ignore_errors=True)
os.makedirs(root)
model = f"{root}/model"
e2e.synthetic.write(e2e.tiny_case(), model)
CHIPS = ["sm_80", "sm_86", "sm_87", "sm_89", "sm_90a", "sm_100a", "sm_103a", "sm_110a", "sm_120a", "sm_121a", "sim:<chip>", "ptx:compute_80"]
NO_NVRTC = ["NVRTC", "was not found", "pip install nvidia-cuda-nvrtc", "R1C_NVRTC"]
results = []


def refused(name, target, words, env=None, flags=(), code=1):
    def body():
        place = f"{root}/out"
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        got, out, err = e2e.run("r1c", "compile", model, "--target", target, "-o", f"{place}/model.r1a", "--kernel-cache", "", *flags, env=env)
        e2e.expect(got == code, f"exit code {got}, expected {code}: {err.decode(errors='replace')}")
        e2e.expect(not out and not os.listdir(place), f"left behind: {out[:80]} {os.listdir(place)}")
        line = e2e.error_line("r1c", err)
        missing = [word for word in words if word not in line]
        e2e.expect(not missing, f"{missing} not in: {line}")
        print(f"    {line.replace(root, 'FOLDER')}")
    e2e.attempt(results, name, body)


for target in ("sm_91", "sm_90", "sm_90a,sm_75", "sim:sm_42", "sim:", "ptx:sm_90a", "ptx:compute_70"):
    refused(f"unknown chip {target}", target, ["no such GPU", f"'{target.split(',')[-1]}'"] + CHIPS)
refused("no GPU and no CPU", "gpu", ["'gpu'", "cpu:native", "sm_90a", "sim:"])
refused("a target twice", "sim:sm_90a,cpu:x86-64-v3,sim:sm_90a", ["'sim:sm_90a' twice", "name each target once"])
refused("no NVRTC", "sm_90a", NO_NVRTC, env={"R1C_NVRTC": "/nonexistent"})
refused("no NVRTC for PTX", "ptx:compute_90", NO_NVRTC, env={"R1C_NVRTC": "/nonexistent"})
refused("no NVRTC for one of two", "cpu:x86-64-v3,sm_90a", NO_NVRTC, env={"R1C_NVRTC": "/nonexistent/libnvrtc.so"})
with open(f"{root}/libnvrtc.so.13", "wb") as file:
    file.write(b"no library")
refused("a broken NVRTC", "sm_90a", ["cannot be loaded", "libnvrtc.so.13", "R1C_NVRTC"], env={"R1C_NVRTC": root})
refused("no host compiler", "sim:sm_90a", ["C++20 compiler", "/nonexistent/c++", "R1C_HOST_CXX"], env={"R1C_HOST_CXX": "/nonexistent/c++"})
refused("a host compiler that fails", "sim:sm_90a", ["false", "R1C_HOST_CXX"], env={"R1C_HOST_CXX": "false"})
refused("sources nowhere", "sm_90a", ["cannot create the folder", "/proc/nowhere"], flags=("--emit", "cuda", "/proc/nowhere"))
sys.exit(e2e.report(results))
