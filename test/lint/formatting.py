"""clang-format has nothing to change. One version, that of the compiler: versions differ in what they print."""

import os
import re
import shutil
import subprocess
import tempfile

TOOL = shutil.which("clang-format-22")


def skip():
    return None if TOOL else "clang-format-22 is not installed"


def check(tree):
    paths = tree.below("compiler", "dialects", "kernels", "runtime", "test", "tools", suffix=(".h", ".cpp", ".cuh", ".cu"))
    if not paths:
        return []
    result = subprocess.run([TOOL, "--dry-run", *paths], cwd=tree.root, capture_output=True, text=True)
    bad = {}
    for path, line in re.findall(r"^(.*?):(\d+):\d+: warning: code should be clang-formatted", result.stderr, re.M):
        bad.setdefault(path, line)
    if result.returncode and not bad:
        return [f"{TOOL}: {result.stderr.strip()}"]
    return [f"{path}:{line}: not formatted; run: {os.path.basename(TOOL)} -i {path}" for path, line in sorted(bad.items())]


CLEAN = {}
SEEDS = []


def self_test():
    from tree import Tree

    with tempfile.TemporaryDirectory() as root:
        os.makedirs(root + "/runtime")
        subprocess.run(["git", "init", "-q", root], check=True)
        for body, want in (("int a;\n", 0), ("int  a ;\n", 1)):
            with open(root + "/runtime/a.h", "w") as file:
                file.write(body)
            assert len(check(Tree(root=root))) == want, body
