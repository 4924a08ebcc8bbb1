"""The types that users are told (.pyi) are of the arguments that there are: a new one has to be given its type, too."""

import ast
import importlib
import inspect
import unittest
from pathlib import Path

import sae_metrics
import tap

FOLDER = Path(sae_metrics.__file__).parent
# Any attribute of theirs is of any type.
ANYTHING = {"wandb/__init__.pyi"}


def shape_of_stub(node):
    """[(name, kind, whether it may be left out)]"""
    a = node.args
    positional = a.posonlyargs + a.args
    needed = len(positional) - len(a.defaults)
    shape = [(arg.arg, "positional", position >= needed) for position, arg in enumerate(positional)]
    shape += [(a.vararg.arg, "*", True)] if a.vararg else []
    shape += [(arg.arg, "keyword", default is not None) for arg, default in zip(a.kwonlyargs, a.kw_defaults)]
    return shape + ([(a.kwarg.arg, "**", True)] if a.kwarg else [])


def shape_of_code(function):
    kinds = {"POSITIONAL_ONLY": "positional", "POSITIONAL_OR_KEYWORD": "positional", "VAR_POSITIONAL": "*",
             "KEYWORD_ONLY": "keyword", "VAR_KEYWORD": "**"}  # fmt: skip
    return [(p.name, kinds[p.kind.name], p.default is not p.empty or p.kind.name.startswith("VAR"))
            for p in inspect.signature(function).parameters.values()]  # fmt: skip


def stubs():
    """(module, its stub's tree)"""
    for path in sorted(FOLDER.rglob("*.pyi")):
        name = path.relative_to(FOLDER)
        if name.as_posix() not in ANYTHING:
            parts = [part for part in name.with_suffix("").parts if part != "__init__"]
            yield importlib.import_module(".".join(["sae_metrics", *parts])), ast.parse(path.read_text(encoding="utf-8"))


def is_property(node):
    return any(getattr(decorator, "id", "") == "property" for decorator in node.decorator_list)


class StubsTest(unittest.TestCase):
    maxDiff = None

    def compare(self, name, node, found):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    self.compare("%s.%s" % (name, part.name), part, inspect.getattr_static(found, part.name))
        elif is_property(node):
            self.assertIsInstance(found, property, name)
        else:
            self.assertEqual(shape_of_code(found), shape_of_stub(node), name)

    def test_each_function_has_the_arguments_that_its_stub_says(self):
        count = 0
        for module, tree in stubs():
            for node in tree.body:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                    count += 1
                    self.compare("%s.%s" % (module.__name__, node.name), node, getattr(module, node.name))
        self.assertLess(8, count)

    def test_all_that_is_public_has_a_type(self):
        tree = dict((module.__name__, tree) for module, tree in stubs())["sae_metrics"]
        named = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        others = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
        self.assertEqual(set(), set(sae_metrics.__all__) - set(named) - others)
        for each in (sae_metrics.Run, sae_metrics.RunGroup):
            typed = {part.name for part in named[each.__name__].body if isinstance(part, ast.FunctionDef)}
            public = {name for name in vars(each) if not name.startswith("_")}
            self.assertEqual(set(), public - typed, each.__name__)
        self.assertEqual([part.target.id for part in named["Stats"].body if isinstance(part, ast.AnnAssign)],
                         list(sae_metrics.Stats._fields))  # fmt: skip

    def test_the_marker_is_there_for_type_checkers_to_look(self):
        self.assertTrue((FOLDER / "py.typed").is_file())


if __name__ == "__main__":
    tap.main()
