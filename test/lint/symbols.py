"""The deploy side holds no compiler: neither a symbol nor a needed library of LLVM or MLIR, in r1run or any runtime library."""

import glob
import os
import re
import subprocess

FORBIDDEN = re.compile(r"(?:llvm|mlir|lld)::|\bLLVM[A-Z]\w+|\blibLLVM|\blibMLIR|\bliblld")


def judge(name, text):
    found = FORBIDDEN.search(text)
    return [f"{name}: refers to {found.group(0)}; the runtime must not know the compiler's libraries"] if found else []


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def check(tree):
    archives = sorted(glob.glob(os.path.join(tree.build, "runtime/**/*.a"), recursive=True))
    programs = [p for p in (os.path.join(tree.build, "tools/r1run/r1run"),) if os.path.exists(p)]
    problems = []
    for path in archives + programs:
        problems += judge(os.path.relpath(path, tree.build), output("nm", "-C", path))
    for path in programs:
        problems += judge(os.path.relpath(path, tree.build), output("readelf", "-d", path))
    return problems


CLEAN = {}
SEEDS = []


def self_test():
    assert not judge("a", "0000 T r1::runtime::Thing\n U memcpy\n (NEEDED) Shared library: [libc.so.6]\n")
    assert judge("a", " U llvm::StringRef::find(char)\n")
    assert judge("a", " U LLVMContextCreate\n")
    assert judge("a", " (NEEDED) Shared library: [libLLVM.so.22.1]\n")
