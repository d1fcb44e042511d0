#!/usr/bin/env python3
"""Writes UnicodeCategories.inc and UnicodeCanonical.inc from the Unicode character database as the package unicodedata2 (16.0.0) carries it.

Unicode 16 is what the tokenizers package's regular expressions know, so the same letters are letters here and there.
Usage: pip install unicodedata2==16.0.0; unicode_tables.py FOLDER
"""
import os
import sys
import unicodedata2 as ucd

CATEGORIES = ["Cn", "Cc", "Cf", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No",
              "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"]


def rows(out, name, type_, values):
    out.write(f"static constexpr {type_} {name}[] = {{\n")
    line = "   "
    for value in values:
        text = f" {value},"
        if len(line) + len(text) > 110:
            out.write(line + "\n")
            line = "   "
        line += text
    out.write(line + "\n};\n")


def main():
    assert ucd.unidata_version == "16.0.0", ucd.unidata_version
    runs, previous = [], None
    for code in range(0x110000):
        category = CATEGORIES.index(ucd.category(chr(code)))
        if category != previous:
            runs.append(code << 5 | category)
        previous = category
    decompositions, combining = [], []
    for code in range(0x110000):
        decomposition = ucd.decomposition(chr(code))
        if decomposition and not decomposition.startswith("<"):
            parts = [int(part, 16) for part in decomposition.split()]
            composes = len(parts) == 2 and ucd.normalize("NFC", chr(code)) == chr(code)
            decompositions += [code, parts[0], parts[1] if len(parts) == 2 else 0, int(composes)]
        combining_class = ucd.combining(chr(code))
        if combining_class:
            if combining and combining[-2] == code - 1 and combining[-1] == combining_class:
                combining[-2] = code
            else:
                combining += [code, code, combining_class]
    note = "// Written by unicode_tables.py from the Unicode character database 16.0.0; do not edit.\n"
    with open(os.path.join(sys.argv[1], "UnicodeCategories.inc"), "w", encoding="ascii") as out:
        out.write(note + "// Runs of one general category: first code point << 5 | category, numbered " +
                  " ".join(CATEGORIES[:12]) + "\n// " + " ".join(CATEGORIES[12:]) + "\n")
        rows(out, "kCategoryRuns", "uint32_t", runs)
    with open(os.path.join(sys.argv[1], "UnicodeCanonical.inc"), "w", encoding="ascii") as out:
        out.write(note + "// Canonical decompositions: code point, first, second or 0, 1 where the pair composes again.\n")
        rows(out, "kDecompositions", "uint32_t", decompositions)
        out.write("// Canonical combining classes other than 0: first, last, class.\n")
        rows(out, "kCombiningRanges", "uint32_t", combining)


if __name__ == "__main__":
    main()
