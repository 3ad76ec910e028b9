"""One peer on the files that are named on standard input, through its own functions.

    python peers.py PEER SECONDS < {"root": DIR, "files": [PATH, ...]} (as JSON)

Prints one line of JSON: the number of sites and the processor time it took to find them; the number
of patches, how many of them differ from each other and change anything, and the processor time it
took to make them from the sites; and some of the mutants as edits. A peer that takes longer than
SECONDS for either makes as many as it can, in random order.
"""

import difflib
import importlib
import io
import json
import os
import random
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

# How many mutants are handed over for the compiler, spread over the files.
MOST = 600


def edit(before, after):
    """The smallest edit, with offsets in bytes of UTF-8."""
    most = min(len(before), len(after))
    start, step = 0, most
    # Bisection by slices: comparing character by character takes longer than the peers do.
    low, high = 0, most
    while low < high:
        half = (low + high + 1) // 2
        low, high = (half, high) if before[:half] == after[:half] else (low, half - 1)
    start = low
    low, high = 0, most - start
    while low < high:
        half = (low + high + 1) // 2
        same = before[len(before) - half :] == after[len(after) - half :]
        low, high = (half, high) if same else (low, half - 1)
    new = after[start : len(after) - low]
    end = len(before) - low
    return len(before[:start].encode()), len(before[:end].encode()), new


def unified(path, before, after):
    lines = difflib.unified_diff(
        before.split("\n"), after.split("\n"), f"a/{path}", f"b/{path}", lineterm=""
    )
    return "\n".join(lines)


class Mutmut:
    """Finds mutations in libcst trees; a patch compares the function before and after."""

    def __init__(self):
        import libcst
        from mutmut.mutation import file_mutation

        # It looks for its settings in the current folder.
        os.chdir(tempfile.mkdtemp())
        Path("setup.cfg").write_text("[mutmut]\nsource_paths=.\n")

        self.cst, self.mutation = libcst, file_mutation

    def sites(self, path, text):
        self.module, mutations, *_ = self.mutation.create_mutations(str(path), text)
        # Those outside of functions never become mutants.
        return [m for m in mutations if m.contained_by_top_level_function is not None]

    def patch(self, path, text, mutation):
        function = mutation.contained_by_top_level_function
        new = self.mutation.deep_replace(function, mutation.original_node, mutation.mutated_node)
        before = self.cst.Module([function]).code.strip()
        self.result = function, new
        return unified(path, before, self.cst.Module([new]).code.strip())

    def key(self, patch):
        # Its diffs do not say where in the file the function is.
        return id(self.result[0]), patch

    def mutant(self, text):
        function, new = self.result
        return self.mutation.deep_replace(self.module, function, new).code


class CosmicRay:
    """Finds positions in parso trees, each operator apart; parses the file anew for each mutant."""

    def __init__(self):
        import cosmic_ray.mutating
        import cosmic_ray.plugins

        # The package shadows the module with a function of the same name.
        self.init = importlib.import_module("cosmic_ray.commands.init")
        self.mutating, self.plugins = cosmic_ray.mutating, cosmic_ray.plugins

    def sites(self, path, text):
        return list(self.init._all_work_items([Path(path)], {}))

    def patch(self, path, text, item):
        (mutation,) = item.mutations
        operator = self.plugins.get_operator(mutation.operator_name)(**mutation.operator_args)
        self.text = self.mutating.mutate_code(text, operator, mutation.occurrence)
        if self.text is None:
            return None
        return "\n".join(self.mutating._make_diff(text, self.text, path))

    def mutant(self, text):
        return self.text


class Universalmutator:
    """Applies regular expressions line by line; mutants are whole files."""

    def __init__(self):
        from universalmutator import mutator

        self.mutator = mutator

    def sites(self, path, text):
        self.lines = text.splitlines(keepends=True)
        return self.mutator.mutants_regexp(
            self.lines, ruleFiles=["universal.rules", "python.rules"], ignorePatterns=[]
        )

    def patch(self, path, text, mutant):
        line = mutant[0] - 1
        self.text = "".join(self.lines[:line] + [mutant[1]] + self.lines[line + 1 :])
        return unified(path, text, self.text)

    def mutant(self, text):
        return self.text


class SweSmith:
    """Extracts functions and classes, and lets each modifier try each; what it makes is a site."""

    def __init__(self):
        from swesmith.bug_gen.adapters.python import get_entities_from_file_py
        from swesmith.bug_gen.procedural import MAP_EXT_TO_MODIFIERS
        from swesmith.bug_gen.utils import generate_patch_fast

        random.seed(24)
        self.extract, self.modifiers = get_entities_from_file_py, MAP_EXT_TO_MODIFIERS[".py"]
        self.generate_patch = generate_patch_fast

    def sites(self, path, text):
        entities, bugs = [], []
        self.extract(entities, str(path))
        for modifier in self.modifiers:
            for entity in entities:
                bug = modifier.modify(entity) if modifier.can_change(entity) else None
                if bug:
                    bugs.append((entity, bug))
        return bugs

    def patch(self, path, text, site):
        self.site = site
        return self.generate_patch(*site, str(Path(path).parent))

    def mutant(self, text):
        # As generate_patch_fast does.
        entity, bug = self.site
        lines = text.splitlines(keepends=True)
        indent = " " * (entity.indent_level * entity.indent_size)
        new = [indent + x if x.strip() else x for x in bug.rewrite.splitlines(keepends=True)]
        last = lines[entity.line_end - 1]
        new[-1] = new[-1].rstrip("\n") + "\n" * (len(last) - len(last.rstrip("\n")))
        return "".join(lines[: entity.line_start - 1] + new + lines[entity.line_end :])


PEERS = {
    "mutmut": Mutmut,
    "cosmic-ray": CosmicRay,
    "universalmutator": Universalmutator,
    "swe-smith": SweSmith,
}


def run(peer, seconds, root, files):
    sites = patches = distinct = changing = 0
    site_time = patch_time = 0.0
    mutants = []
    key = getattr(peer, "key", lambda patch: patch)
    for number, name in enumerate(files):
        # What is left is shared by the files that are left.
        left = len(files) - number
        if site_time >= seconds:
            break
        path = Path(root, name)
        text = path.read_text(encoding="utf-8")
        start = time.process_time()
        found = peer.sites(path, text)
        site_time += time.process_time() - start
        sites += len(found)
        until = patch_time + (seconds - patch_time) / left
        random.Random(number).shuffle(found)
        edits, seen = [], set()
        for site in found:
            if patch_time > until:
                break
            start = time.process_time()
            patch = peer.patch(name, text, site)
            patch_time += time.process_time() - start
            patches += 1
            changing += bool(patch)
            seen.add(key(patch))
            if patch and len(edits) < MOST // len(files):
                edits.append(edit(text, peer.mutant(text)))
        distinct += len(seen)
        mutants.append({"file": name, "edits": edits})
    return {
        "sites": sites,
        "site_seconds": site_time,
        "patches": patches,
        "patch_seconds": patch_time,
        "distinct": distinct,
        "changing": changing,
        "mutants": mutants,
    }


if __name__ == "__main__":
    request = json.load(sys.stdin)
    # Peers print as they go.
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        answer = run(PEERS[sys.argv[1]](), float(sys.argv[2]), request["root"], request["files"])
    print(json.dumps(answer))
