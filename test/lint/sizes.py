"""Lines a file may have. One that wants to be longer wants to be two."""

from tree import allowed


def limit(path):
    if path.endswith(".fbs"):
        return 400
    if path.endswith((".td", ".pdll")):
        return 400
    if path.startswith("test/") and path.endswith((".cpp", ".h", ".mlir", ".test", ".py")):
        return 300
    if path.startswith("kernels/") and path.endswith((".cpp", ".h", ".cuh", ".cu")):
        return 500
    if path.endswith((".cpp", ".h", ".cuh", ".cu", ".py", ".sh", ".cmake")) or path.endswith("CMakeLists.txt"):
        return 600
    return None


def check(tree):
    problems = {}
    for path in tree.files:
        most = limit(path)
        if most is None:
            continue
        lines = tree.text(path).count("\n")
        if lines > most:
            problems[path] = f"{path}: {lines} lines; at most {most}: split it"
    return allowed(tree, "sizes", problems)


CLEAN = {"runtime/base/a.cpp": "\n" * 600, "test/unit/a_test.cpp": "\n" * 300}
SEEDS = [
    ("a long source", {"compiler/plan/B.cpp": "\n" * 601}, "at most 600"),
    ("a long kernel", {"kernels/gemm/b.cpp": "\n" * 501}, "at most 500"),
    ("a long table", {"dialects/R1/R1Ops.td": "\n" * 401}, "at most 400"),
    ("a long test", {"test/unit/b_test.cpp": "\n" * 301}, "at most 300"),
]
