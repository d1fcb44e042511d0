"""prune-unread-rows where it prunes: prompts whose last row alone is wanted, in one chunk and in several, on a CPU or a simulated GPU.

  last_row.py FOLDER EXAMPLE TARGET
"""
import array
import ctypes
import json
import os
import shutil
import sys

import e2e

root, example, target = sys.argv[1:]
shutil.rmtree(root, ignore_errors=True)
os.makedirs(root)
CHUNK, LENGTHS = 48, (1, 47, 48, 129)
artifacts = {}
for name, flags in (("pruned", []), ("whole", ["--fusions=-prune-unread-rows"])):
    artifacts[name] = f"{root}/{name}.r1a"
    e2e.must("r1c", "compile", example, "--target", target, "--prefill-chunk", str(CHUNK), "-o", artifacts[name], *flags)
remarks = e2e.must("r1c", "inspect", "--json", artifacts["pruned"])[0]
found = [r for r in json.loads(remarks)["remarks"] if r["name"] == "prune-unread-rows" and r["kind"] == "Passed"]
assert found, "nothing was pruned"

programs = os.path.dirname(shutil.which("r1run"))
os.environ["R1_SIMCUDA"] = "chip=" + "".join(c for c in target if c.isdigit()) if target.startswith("sim:") else ""
ctypes.CDLL(f"{programs}/libsimcuda.so")  # so that the runtime, which is no program here, finds it by name
rt = ctypes.CDLL(f"{programs}/../../runtime/api/libr1rt.so")
rt.r1_model_error.restype = rt.r1_session_error.restype = ctypes.c_char_p
SIZE, INT, LONG, POINTER = ctypes.c_size_t, ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p


class Options(ctypes.Structure):
    _fields_ = [("size", SIZE), ("target", ctypes.c_char_p), ("threads", INT), ("sequences", ctypes.c_uint32), ("context", LONG),
                ("memory_limit", ctypes.c_uint64), ("map_weights", INT), ("verify_weights", INT)]


class Model:
    """What r1rt.h says, as a C program would use it."""

    def __init__(self, path):
        options = Options()
        rt.r1_model_options_init(ctypes.byref(options))
        options.target = target.encode()
        self.model, self.session = POINTER(), POINTER()
        code = rt.r1_model_open(path.encode(), ctypes.byref(options), ctypes.byref(self.model))
        e2e.expect(code == 0, f"{target}: {rt.r1_model_error(self.model)}")
        e2e.expect(rt.r1_session_open(self.model, ctypes.byref(self.session)) == 0, "no session")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        rt.r1_session_close(self.session)
        rt.r1_model_close(self.model)

    def last_row(self, ids, vocabulary):
        sequence, logits = INT(), (ctypes.c_float * vocabulary)()
        e2e.expect(rt.r1_sequence_open(self.session, ctypes.byref(sequence)) == 0, "no sequence")
        code = rt.r1_prefill(self.session, sequence, (INT * len(ids))(*ids), SIZE(len(ids)), logits)
        e2e.expect(code == 0, f"prefill: {rt.r1_session_error(self.session)}")
        rt.r1_sequence_close(self.session, sequence)
        return array.array("f", logits)


def every_row(ids):
    with open(f"{root}/tokens.json", "w", encoding="utf-8") as file:
        json.dump(ids, file)
    e2e.must("r1run", "logits", artifacts["whole"], "--target", target, "--tokens", f"{root}/tokens.json", "--out", f"{root}/out.npy")
    return e2e.read_npy(f"{root}/out.npy")


def compare():
    """Rows of a matrix product do not depend on one another, so only the order of sums may differ: by nothing where tiles add as few rows do."""
    for length in LENGTHS:
        ids = [(i * 131 + length * 17 + 5) % 500 for i in range(length)]
        truth = every_row(ids)[-1]
        with Model(artifacts["pruned"]) as model:
            row = model.last_row(ids, len(truth))
        off = e2e.norm([a - b for a, b in zip(row, truth)]) / e2e.norm(truth)
        print(f"{target}, {length} tokens: off by {off:.1e}")
        e2e.expect(off <= 2e-3, f"{length} tokens: off by {off:.2e}")


results = []
e2e.attempt(results, target, compare)
sys.exit(e2e.report(results))
