"""What the end-to-end tests share: running r1c and r1run as a stranger would, reading .npy, judging logits.

Standard library only: the tests run on a bare machine.
"""
import array
import ast
import json
import math
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ORACLE = os.path.normpath(f"{HERE}/../../../oracle")
sys.path.insert(0, ORACLE)
import synthetic  # noqa: E402

# What BF16 may cost. A rounding to 8 bits is off by 2^-9 at most, 1e-3 in the quadratic mean; one token's logits
# pass some ten of them a layer (and as many again where F32 or F16 weights become BF16), so three layers give
# sqrt(30..60) * 1e-3 = 0.6 to 0.8 % of the logits' norm. Measured: 0.4 to 1.0 % for a whole golden, 1.6 % (5 % where
# a gate's gain is 24) for its worst position. A wrong expert, head or position costs 20 % and more.
WHOLE = 0.02
POSITION = 0.06
# Where the golden's gate leaves an expert by less than this, the rounding of its input may choose another one; so
# many positions (a share of all) may then be off as they like. Measured in one golden (ue8m0, layer 2, position 10, a gap of
# 1.3e-3 to 2e-3): a CPU's roundings widened it by 2e-3, a GPU's closed it.
NEAR_TIE = 2e-3
FLIPPED = 0.1
# Greedy tokens are the same where the two best logits are further apart than six standard deviations of the error
# of one logit, which is WHOLE / 2 of the position's mean logit.
GREEDY_MARGIN = 6 * WHOLE / 2


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


def run(*command, stdin=None, cwd=None, before=None, env=None):
    """(exit code, stdout, stderr); text is bytes where it must be exact. `env`: variables beside those of the test."""
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, preexec_fn=before, timeout=300,
                          env={**os.environ, **env} if env else None)
    return done.returncode, done.stdout, done.stderr


def must(*command, **options):
    code, out, err = run(*command, **options)
    expect(code == 0, f"{' '.join(map(str, command))}: exit code {code}: {err.decode(errors='replace').strip()}")
    return out, err


def cpu_flags():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split() for line in file if line.startswith("flags")), [])


def runnable(targets):
    """Those of the targets that this machine can run."""
    wide = all(flag in cpu_flags() for flag in ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"))
    return [t for t in targets if t != "cpu:x86-64-v4" or wide]


def ways_to_run(target):
    """(flags, environment) of r1run that must not change a bit: how many threads there are, or on a simulated GPU which of its
    threads goes on and when its copies happen."""
    if not target.startswith("sim:"):
        return [(["--threads", number], {}) for number in "13"]
    orders = ("schedule=fifo,async=eager", "schedule=priority,async=lazy,seed=1", "schedule=priority,async=random,seed=2")
    return [([], {"R1_SIMCUDA": order}) for order in orders]


def golden(name):
    with open(f"{ORACLE}/golden/{name}.json", encoding="utf-8") as file:
        case = json.load(file)
    return case, read_npy(f"{ORACLE}/golden/{name}.npy")


def read_npy(path):
    """Rows of float32, as arrays."""
    with open(path, "rb") as file:
        data = file.read()
    expect(data[:8] == b"\x93NUMPY\x01\x00", f"{path}: not a .npy file of version 1.0")
    size = int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:10 + size].decode())
    expect(header["descr"] == "<f4" and not header["fortran_order"], f"{path}: not float32 rows: {header}")
    rows, columns = header["shape"]
    expect(len(data) == 10 + size + rows * columns * 4, f"{path}: {len(data)} bytes for {rows} x {columns}")
    values = array.array("f", data[10 + size:])
    return [values[r * columns:(r + 1) * columns] for r in range(rows)]


def norm(row):
    return math.sqrt(sum(x * x for x in row))


def judge(ours, truth, gate_margin=1.0):
    """(what is wrong with ours or "", a line of figures). A NaN or infinity anywhere makes it wrong."""
    if len(ours) != len(truth) or len(ours[0]) != len(truth[0]):
        return f"shape {len(ours)} x {len(ours[0])}, expected {len(truth)} x {len(truth[0])}", ""
    off, size = [norm([a - b for a, b in zip(x, y)]) for x, y in zip(ours, truth)], [norm(y) for y in truth]
    share = [o / s for o, s in zip(off, size)]
    far = [i for i, s in enumerate(share) if not s <= POSITION]
    kept = [i for i in range(len(truth)) if i not in far]
    whole = norm([off[i] for i in kept]) / norm([size[i] for i in kept]) if kept else math.nan
    figures = f"error {whole:.2e}, worst position {max(share):.2e}, {len(far)} of {len(truth)} positions far off"
    if not all(math.isfinite(v) for row in ours for v in row):
        return "not a finite number among the logits", figures
    allowed = FLIPPED * len(truth) if gate_margin < NEAR_TIE else 0
    if not len(far) <= allowed:
        return f"positions {far} are off by more than {POSITION} ({allowed:.0f} may be)", figures
    if not whole <= WHOLE:
        return f"error {whole:.3e}, at most {WHOLE} expected", figures
    for i in kept:
        best = max(range(len(truth[i])), key=truth[i].__getitem__)
        second = max(v for j, v in enumerate(truth[i]) if j != best)
        mine = max(range(len(ours[i])), key=ours[i].__getitem__)
        margin = (truth[i][best] - second) / (size[i] / math.sqrt(len(truth[i])))
        if mine != best and not margin < GREEDY_MARGIN:
            return f"greedy token {mine} for {best} at position {i}, margin {margin:.3f} of the mean logit", figures
    return "", figures


def tiny_case(**changes):
    """A checkpoint that compiles quickly: one dense and one expert layer."""
    case, _ = golden("deepseek_v3_f16")
    return {**case, "weights": "bf16", **changes}


def error_line(tool, err):
    """The one line that says what is wrong; notes and progress may stand beside it, a second error may not."""
    lines = err.decode(errors="replace").strip().splitlines()
    errors = [line for line in lines if re.match(rf"{tool}: error: \S", line)]
    expect(len(errors) == 1, f"expected one line '{tool}: error: ...', got {lines}")
    extra = [line for line in lines if not line.startswith((f"{tool}: error: ", f"{tool}: note: "))]
    expect(not extra, f"beside the error line: {extra}")
    return errors[0]


def report(results):
    """Prints every (name, problem or ""); the exit code."""
    for name, problem in results:
        print(f"{'FAIL' if problem else 'ok'}: {name}{': ' + problem if problem else ''}")
    return 1 if any(problem for _, problem in results) else 0


def attempt(results, name, body):
    try:
        body()
        results.append((name, ""))
    except (Failure, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
        results.append((name, str(error)))
