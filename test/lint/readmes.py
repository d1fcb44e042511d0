"""The top level holds exactly what the design names, each folder two levels down says what is in it, in 40 lines, and no README
names a file or folder that is not there."""

import re

TOP = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md",
       "compiler", "dialects", "examples", "kernels", "runtime", "test", "tools"}
LINES = 40
# In backticks, below a folder of the top level; not what a build makes, and not a pattern.
PATH = re.compile(r"`((?:compiler|dialects|examples|kernels|runtime|test|tools)/[\w./-]*\w)/?`")


def check(tree):
    problems = []
    for top in sorted({path.split("/")[0] for path in tree.files}):
        if top not in TOP and not top.startswith("."):
            problems.append(f"{top}: does not belong at the top level")
    for folder in sorted({"/".join(p.split("/")[:2]) for p in tree.files if p.count("/") >= 2 and not p.startswith(".")}):
        path = folder + "/README.md"
        if path not in tree.files:
            problems.append(f"{folder}: has no README.md (what is here, in the order data flows; at most {LINES} lines)")
        elif (lines := tree.text(path).count("\n")) > LINES:
            problems.append(f"{path}: {lines} lines; at most {LINES}")
    present = set(tree.files)
    for path in tree.files:
        present.update(path[:i] for i, c in enumerate(path) if c == "/")
    for path in tree.files:
        if not path.endswith("README.md"):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            problems += [f"{path}:{number}: names {name}, which is not there" for name in PATH.findall(line) if name not in present]
    return problems


CLEAN = {"runtime/base/README.md": "# base: `runtime/base/a.h`, `runtime/base`, `kernels/<family>/reference.cpp`\n", "runtime/base/a.h": "", "tools/setup.sh": "", ".ci/run": ""}
SEEDS = [
    ("a folder without README", {"kernels/gemm/a.h": ""}, "kernels/gemm: has no README.md"),
    ("a long README", {"runtime/base/README.md": "\n" * 41}, "at most 40"),
    ("a README that names what is not there", {"runtime/base/README.md": "see `runtime/base/b.h`\n"}, "names runtime/base/b.h"),
    ("a stray top-level file", {"notes.txt": ""}, "does not belong"),
]
