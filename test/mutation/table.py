"""The table of faults: faults/*.toml, one file for each test source that must notice them. README.md says what a row holds."""

import dataclasses
import fnmatch
import pathlib
import re
import tomllib

KINDS = ("barrier", "wait", "guard", "index", "mask", "rounding")
FIELDS = {"name", "kind", "file", "find", "replace", "tests", "defines", "fast", "needs", "limit"}
TEST = re.compile(r"\bTEST\((\w+), (\w+)\)")


class Stale(Exception):
    """The table and the tree disagree."""


@dataclasses.dataclass(frozen=True)
class Fault:
    group: str  # the table's file, without its ending
    test: str  # the source of the tests
    defines: tuple
    name: str
    kind: str
    file: str
    find: str
    replace: str
    tests: tuple  # patterns of Suite.Name; at least one of these tests must fail
    fast: bool = False
    needs: str = ""  # the sanitizer without which nobody sees it
    limit: int = 120  # seconds its tests may run

    @property
    def title(self):
        return f"{self.group}/{self.name}"


def names_of_tests(text):
    return [f"{suite}.{name}" for suite, name in TEST.findall(text)]


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def keep_tests(text, patterns):
    """The source with all other tests made templates that nobody instantiates: what only they use costs no compile time."""
    def one(match):
        suite, name = match.groups()
        if matches(f"{suite}.{name}", patterns):
            return match.group(0)
        return f"template <int> void left_out_{suite}_{name}()"
    return TEST.sub(one, text)


def mutate(text, fault):
    count = text.count(fault.find)
    if count != 1:
        raise Stale(f"{fault.title}: the text to replace occurs {count} times in {fault.file}, and must once: "
                    f"mend test/mutation/faults/{fault.group}.toml")
    return text.replace(fault.find, fault.replace)


def read(text, group):
    table = tomllib.loads(text)
    unknown = set(table) - {"test", "defines", "fault"}
    if unknown:
        raise Stale(f"{group}: unknown {sorted(unknown)}")
    faults = []
    for row in table.get("fault", []):
        if set(row) - FIELDS or not {"name", "kind", "file", "find", "replace", "tests"} <= set(row):
            raise Stale(f"{group}/{row.get('name', '?')}: fields are {sorted(row)}; known: {sorted(FIELDS)}")
        row["tests"], row["defines"] = tuple(row["tests"]), tuple(row.get("defines", table.get("defines", ())))
        faults.append(Fault(group=group, test=table["test"], **row))
    return faults


def check(faults, root):
    """Holds every row against the tree."""
    root = pathlib.Path(root)
    seen = set()
    for fault in faults:
        if fault.title in seen:
            raise Stale(f"{fault.title}: two faults have this name")
        seen.add(fault.title)
        if fault.kind not in KINDS:
            raise Stale(f"{fault.title}: kind '{fault.kind}' is none of {', '.join(KINDS)}")
        # Other headers are part of the precompiled one, and would not be looked for again.
        if not re.fullmatch(r"kernels/(primitives/cuda/|\w+/cuda)\w*\.h", fault.file):
            raise Stale(f"{fault.title}: {fault.file} is no header of CUDA kernels")
        for path in (fault.file, fault.test):
            if not (root / path).is_file():
                raise Stale(f"{fault.title}: there is no {path}")
        mutate((root / fault.file).read_text(), fault)
        for pattern in fault.tests:
            if not any(matches(name, [pattern]) for name in names_of_tests((root / fault.test).read_text())):
                raise Stale(f"{fault.title}: {fault.test} has no test {pattern}")


def load(root):
    faults = []
    for path in sorted(pathlib.Path(__file__).parent.glob("faults/*.toml")):
        faults += read(path.read_text(), path.stem)
    check(faults, root)
    return faults


def self_test():
    """A table that is wrong must be found out, and a test left out must stay out."""
    good = dict(name="a", kind="wait", file="kernels/fill/cuda.h", find="x", replace="y", tests=["S.A"])

    def fault(**changes):
        row = {**good, **changes}
        rows = "".join(f"{key} = {value!r}\n" for key, value in row.items() if value is not None)
        return read(f"test = 't.cpp'\n[[fault]]\n{rows}", "seed")[0]

    def refused(action):
        try:
            action()
        except Stale:
            return True
        return False

    assert mutate("a x b", fault()) == "a y b"
    assert refused(lambda: mutate("a b", fault())), "a text that is not there"
    assert refused(lambda: mutate("x x", fault())), "a text that is there twice"
    assert refused(lambda: fault(find=None)), "a row without its text"
    assert refused(lambda: fault(because="so")), "a field that nobody knows"
    tests = "TEST(S, A) { a(); }\nTEST(S, B) { b(); }\n"
    assert keep_tests(tests, ["S.A"]) == "TEST(S, A) { a(); }\ntemplate <int> void left_out_S_B() { b(); }\n"
    assert names_of_tests(tests) == ["S.A", "S.B"]
