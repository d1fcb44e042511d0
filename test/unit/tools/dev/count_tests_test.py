"""tools/dev/count_tests.py adds up cases, never loses a failure, and calls an empty run a failure."""

import os
import subprocess
import sys
import tempfile

SCRIPT = os.path.join(os.path.dirname(__file__), "../../../../tools/dev/count_tests.py")
GTEST = "[==========] Running 3 tests\nx.cpp:5: Skipped\nno data here\n[  PASSED  ] 2 tests.\n[  SKIPPED ] 1 test, listed below:\n"
BROKEN = "[==========] Running 3 tests\n[  PASSED  ] 1 test.\n[  FAILED  ] 2 tests, listed below:\n[  FAILED  ] A.b\n"
LIT = "Total Discovered Tests: 9\n  Unsupported: 2 (22.2%)\n  Passed     : 6 (66.7%)\n  Failed     : 1 (11.1%)\n"


def case(status, text, inner=""):
    return f'<testcase name="t" status="{status}">{inner}<system-out>{text}</system-out></testcase>'


def count(*cases):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tests.xml")
        with open(path, "w") as file:
            file.write("<testsuite>" + "".join(cases) + "</testsuite>")
        result = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True)
        return result.returncode, result.stdout.splitlines()[-1]


for want, cases in [
    ((0, "3 passed, 0 failed, 1 skipped"), [case("run", GTEST), case("run", "")]),
    ((1, "1 passed, 2 failed, 0 skipped"), [case("fail", BROKEN)]),
    ((1, "0 passed, 1 failed, 0 skipped"), [case("fail", "[==========] Running 3 tests\nkilled")]),
    ((1, "6 passed, 1 failed, 2 skipped"), [case("fail", LIT)]),
    ((0, "1 passed, 0 failed, 1 skipped"), [case("run", ""), case("notrun", "skipped: no tool", '<skipped message="77"/>')]),
    ((1, "0 passed, 0 failed, 0 skipped"), []),
]:
    got = count(*cases)
    assert got == want, f"found {got}, expected {want}"
