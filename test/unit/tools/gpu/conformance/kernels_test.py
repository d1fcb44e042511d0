"""A fault in any family of primitives shows: the conformance program meets an image built with primitives that are each wrong in one place.

  kernels_test.py SOURCE_TREE CONFORMANCE IMAGE SIMCUDA COMPILER

The model inside the program is right, so exactly the families that a fault reaches must be told, by name, and no other.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

root, conformance, image, simcuda, compiler = sys.argv[1:]

# header of kernels/primitives/cuda, what stands there for the host, what stands there instead, the families that must be wrong
FAULTS = [
    ("convert.h", "(bits + 0x7fff + (bits >> 16 & 1))", "(bits + 0x8000)", {"convert", "memory"}),  # ties away from zero
    ("memory.h", "kWide * sizeof(T))) {\n    R1_UNROLL for (int i = 0; i < V; i += kWide) {\n      Pack", "kWide * sizeof(T))) {\n    R1_UNROLL for (int i = kWide; i < V; i += kWide) {\n      Pack", {"memory"}),
    ("warp.h", "const int from = lane_index() + delta;", "const int from = lane_index() + delta - 1;", {"warp"}),
    ("atomic.h", "__atomic_fetch_add(p, v, __ATOMIC_RELAXED)", "__atomic_fetch_or(p, v, __ATOMIC_RELAXED)", {"atomic"}),
    ("math.h", "R1_MATH(tanhf, __builtin_tanhf)(x)", "R1_MATH(tanhf, __builtin_tanhf)(x) * 1.000001f", {"math"}),
    ("copy_async.h", "simt::copy_async(shared, global, bytes, 16, place)", "simt::copy_async(shared, global, bytes < 16 ? bytes & 14 : 16, 16, place)", {"copy_async"}),
    ("copy_async.h", "simt::copy_async(shared, global, bytes, 4, place)", "simt::copy_async(shared, global, bytes & 6, 4, place)", {"copy_async_words"}),
    ("matrix.h", "simt::load_matrix(r, 2, true, shared_row, place)", "simt::load_matrix(r, 2, false, shared_row, place)", {"load_matrix"}),
    ("matrix.h", "simt::mma_bf16(d, a, b0, b1, place)", "simt::mma_bf16(d, a, b1, b0, place)", {"mma_bf16", "mma_bf16, random numbers"}),
    ("tma.h", "const int at[] = {c0, c1, c2};", "const int at[] = {c0, c2, c1};", {"tma_load"}),
    ("wgmma.h", "simt::wgmma(d, a, b, accumulate, N, true, false, place)", "simt::wgmma(d, a, a, accumulate, N < 16 ? 8 : 16, true, false, place)",
     {"wgmma_e4m3", "wgmma_e4m3, random numbers"}),
    ("wgmma.h", "simt::wgmma(d, a, b, accumulate, N, false, true, place)", "simt::wgmma(d, a, b, accumulate, N < 16 ? 8 : 16, false, true, place)",
     {"wgmma_columns", "wgmma_columns, random numbers"}),
]


def run(module, folder):
    report = f"{folder}/report.json"
    done = subprocess.run([conformance, "--sim", "--json", report, module], capture_output=True, text=True,
                          env={**os.environ, "R1_CUDA_LIBRARY": simcuda, "R1_SIMCUDA": ""})
    with open(report) as file:
        checks = json.load(file)["checks"]
    return done, {c["name"] for c in checks}, {c["name"] for c in checks if c["wrong"]}


with tempfile.TemporaryDirectory() as folder:
    done, names, wrong = run(image, folder)
    assert done.returncode == 0 and not wrong, done.stdout + done.stderr
    assert len(names) == 24, sorted(names)

    faulty = f"{folder}/kernels/primitives/cuda"
    shutil.copytree(f"{root}/kernels/primitives/cuda", faulty)
    expected = set()
    for header, right, mistake, families in FAULTS:
        with open(f"{faulty}/{header}") as file:
            text = file.read()
        assert text.count(right) == 1, f"{header} no longer has '{right}' once: adapt this test"
        with open(f"{faulty}/{header}", "w") as file:
            file.write(text.replace(right, mistake))
        expected |= families
    # The copy comes first where headers are looked for, so its includes of one another are of the copy, too.
    module = f"{folder}/faulty.sm_90a.so"
    subprocess.run([compiler, "-x", "c++", "-std=c++20", "-O1", "-fPIC", "-shared", "-DR1_SIMT", "-DR1_SM=90", "-DR1_SM_A=1", "-fno-strict-aliasing",
                    "-ffp-contract=off", f"-I{folder}", f"-I{root}", "-o", module, f"{root}/tools/gpu/conformance/kernels.cu"], check=True)
    done, names, wrong = run(module, folder)
    print(done.stdout, done.stderr)
    assert done.returncode == 1, done.returncode
    assert wrong == expected, f"not seen: {sorted(expected - wrong)}; seen without a fault: {sorted(wrong - expected)}"
