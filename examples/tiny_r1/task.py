"""The task of tiny_r1: questions about sums and products, and the reasoning that answers them.

A sample is (question, reasoning, answer).  The reasoning works column by column from the right, with carries, so
that no step needs more than the sum of two digits and a carry, or one entry of the multiplication table.
Pairs of operands are split by a hash into training and held-out pairs; the model never sees a held-out pair in
either order, in any phrasing.  Pairs of one-digit numbers are always in training: they are the tables themselves.
"""
import random
import zlib

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen").split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()

ADD_FORMS = ["What is {a} plus {b}?", "What is {a} plus {b}?", "How much is {a} plus {b}?", "What is the sum of {a} and {b}?",
             "Add {a} and {b}.", "Please add {a} and {b}.", "{a} plus {b}"]
ADD_SIGNS = ["{a} + {b}", "{a}+{b}", "What is {a} + {b}?", "What is {a}+{b}?", "{a} + {b} =", "{a}+{b}=", "Compute {a} + {b}.",
             "Calculate {a} + {b}."]
MULTIPLY_FORMS = ["What is {a} times {b}?", "What is {a} times {b}?", "How much is {a} times {b}?",
                  "What is the product of {a} and {b}?", "Multiply {a} by {b}.", "Please multiply {a} by {b}.", "{a} times {b}"]
MULTIPLY_SIGNS = ["{a} * {b}", "{a}*{b}", "What is {a} * {b}?", "What is {a}*{b}?", "{a} x {b}", "{a} * {b} =", "{a}*{b}=",
                  "Compute {a} * {b}.", "Calculate {a} * {b}."]
NAMES = "Anna Ben Carla David Emma Tom".split()
THINGS = "apples books coins eggs pens stones".split()
ADD_STORIES = ["{n} has {a} {t} and gets {b} more. How many {t} does {n} have?",
               "There are {a} {t} in a box and {b} {t} in a bag. How many {t} are there?"]
MULTIPLY_STORIES = ["There are {b} boxes with {a} {t} each. How many {t} are there?",
                    "{n} buys {b} bags of {a} {t}. How many {t} does {n} have?"]
SMALL_TALK = [
    ("Hello!", "A greeting, not a sum.", "Hello! Ask me for a sum or a product."),
    ("Hello", "A greeting, not a sum.", "Hello! Ask me for a sum or a product."),
    ("Hi", "A greeting, not a sum.", "Hello! Ask me for a sum or a product."),
    ("Who are you?", "A question about me.", "I am tiny_r1. I add and multiply small numbers."),
    ("What can you do?", "A question about me.", "I am tiny_r1. I add and multiply small numbers."),
]

# kind: (operator, digits of the longer operand, digits of the shorter one, how the numbers are written)
KINDS = {
    "add 2+2 digits": ("+", 2, 2, "digits"),
    "add 3+3 digits": ("+", 3, 3, "digits"),
    "add 3+2 digits": ("+", 3, 2, "digits"),
    "add 2+1 digits": ("+", 2, 1, "digits"),
    "add 1+1 digits": ("+", 1, 1, "digits"),
    "add in words": ("+", 2, 2, "words"),
    "add 3+3 in words": ("+", 3, 3, "words"),
    "add, a story": ("+", 2, 2, "story"),
    "multiply 2x1 digits": ("*", 2, 1, "digits"),
    "multiply 3x1 digits": ("*", 3, 1, "digits"),
    "multiply 1x1 digits": ("*", 1, 1, "digits"),
    "multiply in words": ("*", 2, 1, "words"),
    "multiply, a story": ("*", 2, 1, "story"),
}
SHARES = {"add 2+2 digits": 12, "add 3+3 digits": 16, "add 3+2 digits": 8, "add 2+1 digits": 4, "add 1+1 digits": 2,
          "add in words": 12, "add 3+3 in words": 6, "add, a story": 5, "multiply 2x1 digits": 16, "multiply 3x1 digits": 10, "multiply 1x1 digits": 3,
          "multiply in words": 10, "multiply, a story": 5}


def words(n):
    """n in English words, 0 <= n <= 9999."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + ("-" + ONES[n % 10] if n % 10 else "")
    if n < 1000:
        return ONES[n // 100] + " hundred" + (" " + words(n % 100) if n % 100 else "")
    return words(n // 1000) + " thousand" + (" " + words(n % 1000) if n % 1000 else "")


def held_out(op, a, b):
    """Whether the pair belongs to the questions that training never shows (one pair in eight)."""
    low, high = min(a, b), max(a, b)
    return high > 9 and zlib.crc32(f"{low}{op}{high}".encode()) % 8 == 0


def add_steps(a, b):
    width = max(len(str(a)), len(str(b)))
    x, y = str(a).zfill(width), str(b).zfill(width)
    lines, carry = [f"{x}+{y}"], None
    for i in range(width - 1, -1, -1):
        total = int(x[i]) + int(y[i]) + (carry or 0)
        line = f"{x[i]}+{y[i]}" + (f"+{carry}" if carry is not None else "") + f"={total}, write "
        carry = total // 10
        lines.append(line + (f"{total}" if i == 0 else f"{total % 10}, carry {carry}"))
    return lines + [str(a + b)]


def multiply_steps(a, b):
    a, b = max(a, b), min(a, b)
    x = str(a)
    lines, carry = [f"{a}*{b}"], None
    for i in range(len(x) - 1, -1, -1):
        total = int(x[i]) * b
        line = f"{x[i]}*{b}={total}"
        if carry is not None:
            line += f", {total}+{carry}={total + carry}"
            total += carry
        carry = total // 10
        lines.append(line + (f", write {total}" if i == 0 else f", write {total % 10}, carry {carry}"))
    return lines + [str(a * b)]


def number(rng, digits):
    if digits == 1:
        return rng.randint(0, 9)
    return rng.randint(10 ** (digits - 1), 10 ** digits - 1)


def make(rng, kind, want_held_out):
    """One (question, reasoning, answer, value) of a kind, from the training or from the held-out pairs."""
    op, long, short, style = KINDS[kind]
    while True:
        a, b = number(rng, long), number(rng, short)
        if held_out(op, a, b) == want_held_out:
            break
    value = a + b if op == "+" else a * b
    steps = add_steps if op == "+" else multiply_steps
    if style == "story":
        form = rng.choice(ADD_STORIES if op == "+" else MULTIPLY_STORIES)
    else:
        if rng.random() < 0.5:
            a, b = b, a
        named, signs = (ADD_FORMS, ADD_SIGNS) if op == "+" else (MULTIPLY_FORMS, MULTIPLY_SIGNS)
        form = rng.choice(named if style == "words" or rng.random() < 0.5 else signs)
    show = words if style == "words" else str
    question = form.format(a=show(a), b=show(b), n=rng.choice(NAMES), t=rng.choice(THINGS))
    if style != "story" and rng.random() < 0.15:
        question = question[0].lower() + question[1:].replace("hat is", "hat's").rstrip("?.")
    else:
        question = question[0].upper() + question[1:]
    return question, "\n".join(steps(a, b)), f"The answer is {show(value)}.", value


def sample(rng):
    """One training sample (question, reasoning, answer)."""
    if rng.random() < 0.01:
        return rng.choice(SMALL_TALK)
    return make(rng, rng.choices(list(SHARES), SHARES.values())[0], False)[:3]
