"""The top level holds exactly what the design names, and each folder two levels down says what is in it, in 40 lines."""

TOP = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md",
       "compiler", "dialects", "examples", "kernels", "runtime", "test", "tools"}
LINES = 40


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
    return problems


CLEAN = {"runtime/base/README.md": "# base\n", "runtime/base/a.h": "", "tools/setup.sh": "", ".ci/run": ""}
SEEDS = [
    ("a folder without README", {"kernels/gemm/a.h": ""}, "kernels/gemm: has no README.md"),
    ("a long README", {"runtime/base/README.md": "\n" * 41}, "at most 40"),
    ("a stray top-level file", {"notes.txt": ""}, "does not belong"),
]
