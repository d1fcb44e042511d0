"""R1's own tokenizer and chat template through r1run: every golden line, exactly.

  text.py FOLDER SHARED
"""
import json
import os
import shutil
import sys

import e2e

folder, shared = sys.argv[1:]
source = f"{shared}/data/models/deepseek-ai/DeepSeek-R1"
case = e2e.tiny_case()
os.makedirs(f"{folder}/model", exist_ok=True)
with open(f"{folder}/model/config.json", "w", encoding="utf-8") as file:
    json.dump({**case["config"], "vocab_size": 129280}, file)
shutil.copy(f"{source}/tokenizer.json", f"{folder}/model/tokenizer.json")
shutil.copy(f"{source}/tokenizer_config.derived.json", f"{folder}/model/tokenizer_config.json")
shutil.copy(f"{source}/generation_config.json", f"{folder}/model/generation_config.json")
artifact = f"{folder}/text.r1a"
e2e.must("r1c", "compile", f"{folder}/model", "--target", "cpu:x86-64-v3", "--weights=none", "--max-context", "64", "-o", artifact)


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def through(command, asked):
    stdin = "".join(json.dumps(item) + "\n" for item in asked).encode()
    answers = [json.loads(line) for line in e2e.must("r1run", command, artifact, stdin=stdin)[0].decode().rstrip("\n").split("\n")]
    e2e.expect(len(answers) == len(asked), f"{command}: {len(answers)} answers to {len(asked)} lines")
    return answers


results = []
texts = lines(f"{shared}/data/golden/deepseek-r1-tokenizer.jsonl")
chats = lines(f"{shared}/data/golden/deepseek-r1-chat.jsonl")


def count(what, pairs):
    wrong = [(item, got) for item, got, want in pairs if got != want]
    e2e.expect(not wrong, f"{len(wrong)} of {len(pairs)} {what} differ, first {wrong[:1]}")
    print(f"{len(pairs)} {what} exact")


def tokenize():
    answers = through("tokenize", [{"text": t["text"]} for t in texts])
    count("tokenizations", [(t, a["ids"], t["ids"]) for t, a in zip(texts, answers)])


def detokenize():
    answers = through("detokenize", [{"ids": t["ids"]} for t in texts])
    count("detokenizations", [(t, a["text"], t["text"]) for t, a in zip(texts, answers)])


def render():
    answers = through("render", [{k: v for k, v in c.items() if k not in ("rendered", "ids", "name")} for c in chats])
    count("rendered chats", [(c, a["rendered"], c["rendered"]) for c, a in zip(chats, answers)])
    count("tokenized chats", [(c, a["ids"], c["ids"]) for c, a in zip(chats, answers)])


for test in (tokenize, detokenize, render):
    e2e.attempt(results, test.__name__, test)
sys.exit(e2e.report(results))
