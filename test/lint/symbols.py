"""The deploy side holds no compiler: neither a symbol nor a needed library of LLVM or MLIR, in r1run or any runtime library. The shared one
needs only what every machine has, and shows only the C interface."""

import glob
import os
import re
import subprocess

NEEDED = re.compile(r"\[(lib(?:c|m|stdc\+\+|gcc_s|dl|pthread)\.so|ld-linux)")
SHOWN = re.compile(r"\br1_\w+$")
FORBIDDEN = re.compile(r"(?:llvm|mlir|lld)::|\bLLVM[A-Z]\w+|\blibLLVM|\blibMLIR|\bliblld")


def judge(name, text):
    found = FORBIDDEN.search(text)
    return [f"{name}: refers to {found.group(0)}; the runtime must not know the compiler's libraries"] if found else []


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def judge_shared(name, dynamic, symbols):
    problems = [f"{name}: needs {line.split('[')[-1].rstrip(']')}; a machine that serves need not have it"
                for line in dynamic.splitlines() if "(NEEDED)" in line and not NEEDED.search(line)]
    shown = [line for line in symbols.splitlines() if line.strip()]
    problems += [f"{name}: shows {line.split()[-1]}; only what r1rt.h declares is for others" for line in shown if not SHOWN.search(line)]
    return problems + ([] if shown else [f"{name}: shows nothing"])


def check(tree):
    archives = sorted(glob.glob(os.path.join(tree.build, "runtime/**/*.a"), recursive=True))
    programs = [p for p in (os.path.join(tree.build, "tools/r1run/r1run"),) if os.path.exists(p)]
    shared = sorted(glob.glob(os.path.join(tree.build, "runtime/**/*.so"), recursive=True))
    problems = []
    for path in archives + programs + shared:
        problems += judge(os.path.relpath(path, tree.build), output("nm", "-C", path))
    for path in programs + shared:
        problems += judge(os.path.relpath(path, tree.build), output("readelf", "-d", path))
    for path in shared:
        problems += judge_shared(os.path.relpath(path, tree.build), output("readelf", "-d", path), output("nm", "-D", "--defined-only", path))
    return problems


CLEAN = {}
SEEDS = []


def self_test():
    assert not judge("a", "0000 T r1::runtime::Thing\n U memcpy\n (NEEDED) Shared library: [libc.so.6]\n")
    assert judge("a", " U llvm::StringRef::find(char)\n")
    assert judge("a", " U LLVMContextCreate\n")
    needed = " 0x01 (NEEDED) Shared library: [libm.so.6]\n 0x01 (NEEDED) Shared library: [libstdc++.so.6]\n"
    assert not judge_shared("a", needed, "0000 T r1_version\n")
    assert judge_shared("a", needed + " 0x01 (NEEDED) Shared library: [libz.so.1]\n", "0000 T r1_version\n")
    assert judge_shared("a", needed, "0000 T r1_version\n0000 W _ZNSt6vectorIiE\n")
    assert judge_shared("a", needed, "")
    assert judge("a", " (NEEDED) Shared library: [libLLVM.so.22.1]\n")
