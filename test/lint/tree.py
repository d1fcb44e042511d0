"""The files a lint looks at: the checkout's, or those of a small tree made up by the self-test."""

import os
import subprocess


class Tree:
    def __init__(self, texts=None, root=None, build=None):
        self.root, self.build, self._texts = root, build, texts
        if texts is None:
            # What git tracks, and what it would track if it were added now.
            listing = subprocess.run(
                ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
                capture_output=True, check=True).stdout.decode()
            self.files = sorted(f for f in set(listing.split("\0")) if f and os.path.isfile(os.path.join(root, f)))
        else:
            self.files = sorted(texts)

    def text(self, path):
        if self._texts is not None:
            return self._texts[path]
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def size(self, path):
        if self._texts is not None:
            return len(self._texts[path])
        return os.path.getsize(os.path.join(self.root, path))

    def below(self, *folders, suffix=()):
        """Files in any of the folders, with any of the suffixes if some are given."""
        heads = tuple(folder + "/" for folder in folders)
        return [f for f in self.files if f.startswith(heads) and f.endswith(tuple(suffix) or "")]

    def has_below(self, folder):
        return any(f.startswith(folder + "/") for f in self.files)


def allowed(tree, lint, problems):
    """Drops from `problems` (key -> message) what test/lint/allow/<lint>.txt excuses, and adds a problem for each excuse
    that nothing needs any more: so the list can only shrink. A line is a key, blanks, '#' and the reason."""
    path = f"test/lint/allow/{lint}.txt"
    left = dict(problems)
    if path not in tree.files:
        return list(left.values())
    for line in tree.text(path).splitlines():
        key, _, reason = line.partition(" #")
        key = key.strip()
        if not key or key.startswith("#"):
            continue
        if key not in problems:
            left["stale " + key] = f"{path}: '{key}' is no longer needed: remove the line"
        elif not reason.strip():
            left["reason " + key] = f"{path}: '{key}' gives no reason after '#'"
        left.pop(key, None)
    return list(left.values())
