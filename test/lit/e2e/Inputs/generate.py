"""The example model speaks: the same seed gives the same text, texts end cleanly, characters stay whole.

  generate.py FOLDER EXAMPLE
"""
import os
import statistics
import sys
import time

import e2e

folder, example = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
artifact = f"{folder}/tiny.r1a"
e2e.must("r1c", "compile", example, "--target", "cpu:native", "-o", artifact)
QUESTION = "What is 27 plus 58?"
results = []


def said(*flags, prompt=QUESTION):
    out, err = e2e.must("r1run", "generate", artifact, "--prompt", prompt, *flags)
    return out.decode("utf-8"), err.decode()


def greedy():
    texts = {said("--temperature", "0", "--threads", threads)[0] for threads in ("1", "2", "3")}
    e2e.expect(len(texts) == 1, f"thread numbers give different texts: {texts}")
    text, err = said("--temperature", "0")
    e2e.expect(texts == {text}, "two runs give different texts")
    e2e.expect("<think>" in text and "</think>" in text, f"no reasoning shown: {text}")
    e2e.expect("stopped by end of text" in err and "/s" in err, f"statistics: {err}")
    hidden, _ = said("--temperature", "0", "--hide-thinking")
    e2e.expect(hidden.strip() and "think>" not in hidden and text.endswith(hidden), f"{hidden!r} is not the end of {text!r}")


def seeds():
    def text(seed, *flags):
        return said("--temperature", "5", "--seed", str(seed), "--max-tokens", "40", "--top-p", "1", *flags)[0]
    e2e.expect(text(1) == text(1, "--threads", "1") == text(1, "--threads", "3"), "the same seed gives different texts")
    e2e.expect(len({text(seed) for seed in range(6)}) > 1, "six seeds give one text")
    e2e.expect(text(1, "--top-k", "1") == text(2, "--top-k", "1"), "top-k 1 is not the most probable token")


def context_full():
    text, err = said("--temperature", "0", "--ignore-eos", "--context", "64")
    e2e.expect(text and "context" in err, f"no clean end when the context is full: {err}")
    code, _, err = e2e.run("r1run", "generate", artifact, "--context", "64", "--prompt", "7 " * 300)
    e2e.expect(code == 1 and e2e.error_line("r1run", err), f"a prompt too long for the context: {code} {err}")


def stops():
    text, _ = said("--temperature", "0")
    word = text.split()[-2]
    cut, err = said("--temperature", "0", "--stop", word)
    e2e.expect(cut.rstrip("\n") == text[:text.index(word)].rstrip("\n"), f"{cut!r} does not end before {word!r}")
    e2e.expect("stop" in err, err)


def whole_characters():
    """Byte-level tokens of rare characters, chosen at random, never reach the reader in halves."""
    for seed in range(8):
        said("--raw", "--ignore-eos", "--temperature", "100", "--top-p", "1", "--top-k", "0", "--seed", str(seed),
             "--max-tokens", "200", prompt="é漢👩")


def chat():
    turns = "What is 3 plus 4?\nWhat is 5 plus 6?\n"
    out, err = e2e.must("r1run", "chat", artifact, "--temperature", "0", stdin=turns.encode())
    lines = [line for line in err.decode().splitlines() if "prompt tokens" in line]
    e2e.expect(len(lines) == 2, f"two turns, but: {err.decode()}")
    counts = [int(line.split()[1]) for line in lines]
    e2e.expect(counts[1] > 2 * counts[0] and "from the cache" in lines[1], f"the second turn does not know the first: {lines}")
    alone, _ = said("--temperature", "0", prompt="What is 3 plus 4?")
    e2e.expect(out.decode().startswith(alone.rstrip("\n")), f"the first turn {out!r} is not {alone!r}")


def starts_quickly():
    """One token within 100 ms of launch on an idle machine; the bound leaves room for a busy one."""
    times = []
    for _ in range(9):
        begin = time.monotonic()
        said("--max-tokens", "1")
        times.append(time.monotonic() - begin)
    print(f"start-up with one token: median {statistics.median(times) * 1e3:.0f} ms, quickest {min(times) * 1e3:.0f} ms")
    e2e.expect(min(times) < 0.3, f"{min(times):.3f} s at best to the first token")


def piped():
    out, _ = e2e.must("r1run", "generate", artifact, "--prompt", "-", "--temperature", "0", stdin=QUESTION.encode())
    e2e.expect(out.decode() == said("--temperature", "0")[0], "a prompt from standard input gives another text")


for test in (greedy, seeds, context_full, stops, whole_characters, chat, piped, starts_quickly):
    e2e.attempt(results, test.__name__, test)
sys.exit(e2e.report(results))
