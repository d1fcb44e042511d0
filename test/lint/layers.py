"""Who may include and link whom: the table of layers, checked on include lines and on CMake's link lists."""

import json
import os
import re

from tree import allowed

# Libraries that are not ours, by how their headers begin and by what CMake calls them. Other headers are the system's.
EXTERNAL = {
    "llvm": (r"(mlir|mlir-c|llvm|llvm-c|lld|clang)/", r"(MLIR|LLVM|lld)"),
    "flatbuffers": (r"flatbuffers/", r"flatbuffers"),
    "sodium": (r"sodium", r".*sodium"),
    "pcre2": (r"pcre2", r".*pcre2"),
    "json": (r"nlohmann/", r"nlohmann"),
    "cli": (r"CLI/", r"CLI11"),
    "cuda": (r"(cuda|nvrtc|nv_|cooperative_groups)", r"(CUDA|cuda|nvrtc)"),
    "gtest": (r"(gtest|gmock|benchmark)/", r"(GTest|benchmark)"),
}
PHASES = ("import", "optimize", "select", "plan", "emit")
SHARED = ("dialects", "kernels/registry", "compiler/checkpoint", "compiler/target")


def rule(path):
    """(folders of ours, libraries of others) that a file may know beside its own folder; None: anything."""
    parts = path.split("/")
    top, folder = parts[0], "/".join(parts[:2])
    if top == "dialects":
        return ("dialects",), ("llvm",)
    if folder == "compiler/checkpoint":
        return (), ("llvm", "json", "sodium")
    if folder == "compiler/target":
        return ("kernels/registry",), ("llvm",)
    if folder == "compiler/interpret":
        return SHARED + ("kernels",), ("llvm",)
    if folder == "compiler/pipeline":
        return ("compiler", "dialects", "kernels/registry", "runtime/artifact"), ("llvm", "json")
    if folder == "compiler/emit":
        # The skeletons' bitcode is what it links, their CUDA C++ what it hands to NVRTC, kernels/common how narrow types are converted
        # when weights are packed.
        skeletons = ("kernels/bitcode", "kernels/bitcode.h", "kernels/sources", "kernels/sources.h")
        return SHARED + ("runtime/artifact", "kernels/common") + skeletons, ("llvm", "flatbuffers", "sodium", "json", "pcre2")
    if folder == "compiler/import":
        # Tokenizer and chat template are compiled straight into the artifact's table.
        return SHARED + ("runtime/artifact",), ("llvm", "json")
    if top == "compiler":
        return SHARED, ("llvm", "json")
    if folder == "kernels/registry":
        return (), ()
    if folder == "kernels/bench":
        # Times the native build of every family.
        return ("kernels",), ("gtest",)
    if folder in ("kernels/bitcode", "kernels/sources"):
        return (folder + ".h",), ()
    if folder == "kernels/simt":
        return (), ()
    if folder == "kernels/primitives":
        # CUDA primitives have a body for the host: the emulator's.
        return ("kernels/common", "kernels/simt/device.h"), ()
    if top == "kernels":
        return ("kernels/registry", "kernels/primitives", "kernels/common"), ()
    if top == "runtime":
        return ("runtime",), ("flatbuffers", "sodium", "pcre2")
    if folder == "tools/r1run":
        return ("runtime",), ("cli", "json")
    if folder == "tools/simcuda":
        # A driver for the runtime, made of the emulator.
        return ("kernels/simt", "runtime/device/cuda"), ()
    return None


def groups(name, column):
    return [group for group, patterns in EXTERNAL.items() if re.match(patterns[column], name)]


def judge(path, target, outside):
    """Why `path` may not know `target`, a path of ours or (outside) a library's name; None if it may."""
    limits = rule(path)
    if limits is None:
        return None
    ours, others = limits
    if outside:
        return None if target in others else f"may not know {target}"
    own = "/".join(path.split("/")[:2])
    if any(target == f or target.startswith(f + "/") for f in (own,) + ours):
        return None
    return "may know only " + ", ".join((own,) + ours) + " of ours"


def includes(tree, problems):
    tops = ("compiler", "dialects", "kernels", "runtime", "tools")
    for path in tree.below(*tops, suffix=(".h", ".cpp", ".cuh", ".cu", ".td", ".inc")):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            found = re.match(r'\s*#?\s*include\s+["<]([^">]+)[">]', line)
            if not found:
                continue
            name = found.group(1)
            if name.split("/")[0] in tops + ("test",):
                why = judge(path, name, False)
            else:
                whys = [judge(path, group, True) for group in groups(name, 0)]
                why = next((w for w in whys if w), None)
            if why:
                problems[f"{path} {name}"] = f"{path}:{number}: includes {name}, but {layer(path)} {why}"
    return problems


def layer(path):
    return "/".join(path.split("/")[:2])


def links(targets, problems):
    """`targets`: name -> {"folder": ..., "links": [...]}, as tools/cmake/R1CTargets.cmake writes them."""
    for name, target in sorted(targets.items()):
        for link in target["links"]:
            if link in targets:
                why = judge(target["folder"] + "/x", targets[link]["folder"] + "/x", False)
            else:
                whys = [judge(target["folder"] + "/x", group, True) for group in groups(link, 1)]
                why = next((w for w in whys if w), None)
            if why:
                problems[f"{name} {link}"] = f"{target['folder']}/CMakeLists.txt: {name} links {link}, but {layer(target['folder'])} {why}"
    return problems


def check(tree):
    problems = includes(tree, {})
    written = os.path.join(tree.build, "targets.json") if tree.build else None
    if written and os.path.exists(written):
        with open(written) as file:
            links(json.load(file), problems)
    return allowed(tree, "layers", problems)


CLEAN = {
    "runtime/base/a.h": '#include <vector>\n#include "flatbuffers/flatbuffers.h"\n',
    "compiler/plan/A.cpp": '#include "mlir/IR/Builders.h"\n#include "dialects/Kern/Kern.h"\n',
    "kernels/gemm/a.cpp": '#include "kernels/registry/params.h"\n',
}
SEEDS = [
    ("runtime knows LLVM", {"runtime/base/b.h": '#include "llvm/ADT/StringRef.h"\n'}, "may not know llvm"),
    ("runtime knows the compiler", {"runtime/base/b.h": '#include "compiler/plan/A.h"\n'}, "may know only runtime"),
    ("a phase knows another", {"compiler/plan/B.cpp": '#include "compiler/select/B.h"\n'}, "compiler/plan"),
    ("a family knows another", {"kernels/mla/b.cpp": '#  include "kernels/gemm/a.h"\n'}, "kernels/mla"),
    ("the emulator knows a kernel", {"kernels/simt/b.cpp": '#include "kernels/primitives/cuda/base.h"\n'}, "kernels/simt"),
    ("a primitive launches", {"kernels/primitives/cuda/b.h": '#include "kernels/simt/launch.h"\n'}, "kernels/simt/device.h"),
    ("the registry knows CUDA", {"kernels/registry/b.h": "#include <cuda.h>\n"}, "may not know cuda"),
    ("a dialect knows a kernel", {"dialects/R1/R1.td": 'include "kernels/registry/x.td"\n'}, "dialects/R1"),
    ("a stale excuse", {"test/lint/allow/layers.txt": "runtime/base/a.h cuda.h  # was needed\n"}, "no longer needed"),
]


def self_test():
    """Link lists come from the build, not from the tree: seeded here."""
    targets = {"r1c-runtime-base": {"folder": "runtime/base", "links": ["LLVM"]},
               "r1c-compiler-plan": {"folder": "compiler/plan", "links": ["r1c-compiler-select", "MLIR"]},
               "r1c-compiler-select": {"folder": "compiler/select", "links": []}}
    found = links(targets, {})
    assert set(found) == {"r1c-runtime-base LLVM", "r1c-compiler-plan r1c-compiler-select"}, found
