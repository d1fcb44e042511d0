"""The tokenizer of tiny_r1: byte-level BPE built exactly as DeepSeek-R1's, with a vocabulary of the task's words.

Ids 0..2 are R1's first special tokens, 3..258 the bytes in R1's order, then the merges, then R1's added tokens.
Digits are never merged: numbers are left out of the text that the merges are learned from.
"""
import json
import random
import re

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import task

BOS, EOS, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
USER, ASSISTANT, THINK, END_THINK = "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"
ADDED = [THINK, END_THINK, "<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>", USER, ASSISTANT, "<|EOT|>",
         "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>",
         "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>",
         "<｜tool▁sep｜>"]
SPECIAL = {BOS, EOS, PAD, "<|EOT|>"}
# The three patterns of R1's own tokenizer.json.
SPLITS = ["\\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
          "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
          "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]


def learn_merges(size, seed):
    """(vocabulary, merges) of a BPE model with `size` entries, learned from samples without their numbers."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(s), "isolated") for s in SPLITS] + [pre_tokenizers.ByteLevel(False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[BOS, EOS, PAD], show_progress=False, min_frequency=2,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    rng = random.Random(seed)
    text = ["\n\n"] * 3000
    for _ in range(6000):
        kind = rng.choice(list(task.KINDS))
        question, reasoning, answer, _value = task.make(rng, kind, False)
        text += [re.sub(r"\d+", "7", part) for part in (question, reasoning, answer)]
    for entry in task.SMALL_TALK:
        text += list(entry) * 50
    text += [w for n in range(100) for w in (task.words(n).capitalize(), " " + task.words(n))] * 20
    tokenizer.train_from_iterator(text, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]


def tokenizer_json(size, seed):
    """The dictionary of tokenizer.json in R1's layout."""
    vocab, merges = learn_merges(size, seed)
    assert not any(re.search(r"\d", m) for m in merges)
    names = [BOS, EOS, PAD] + ADDED
    ids = [0, 1, 2] + list(range(len(vocab), len(vocab) + len(ADDED)))
    added = [dict(id=i, content=c, single_word=False, lstrip=False, rstrip=False,
                  normalized=c not in (BOS, EOS, PAD), special=c in SPECIAL) for i, c in zip(ids, names)]
    splits = [dict(type="Split", pattern=dict(Regex=s), behavior="Isolated", invert=False) for s in SPLITS]
    level = dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)
    return dict(version="1.0", truncation=None, padding=None, added_tokens=added,
                normalizer=dict(type="Sequence", normalizers=[]),
                pre_tokenizer=dict(type="Sequence", pretokenizers=splits + [
                    dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)]),
                post_processor=dict(level, trim_offsets=False), decoder=level,
                model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                           fuse_unk=False, byte_fallback=False, vocab=vocab, merges=merges))


class Encoder:
    """Encodes samples as the chat template and the runtime would: prompt and continuation apart."""

    def __init__(self, definition):
        self.tokenizer = Tokenizer.from_str(json.dumps(definition, ensure_ascii=False))

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def prompt(self, question, history=()):
        """history: (question, answer) pairs of earlier turns, without their reasoning, as the template gives them."""
        text = BOS + "".join(f"{USER}{q}{ASSISTANT}{a}{EOS}" for q, a in history)
        return self.ids(f"{text}{USER}{question}{ASSISTANT}{THINK}\n")

    def continuation(self, reasoning, answer):
        return self.ids(f"{reasoning}\n{END_THINK}\n\n{answer}{EOS}")

    def decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=False)
