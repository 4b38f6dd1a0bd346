"""Nothing of ours runs what it reads: no pickle, no eval, no shell, no page without escaping."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("commands", "docs", "experiment_server", "exports", "scoring", "stimuli")
SOURCES = sorted(
    path.relative_to(ROOT)
    for path in [ROOT / "manage.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
    if "node_modules" not in path.parts
)
TEMPLATES = sorted(
    path.relative_to(ROOT)
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.html")
    if "node_modules" not in path.parts
)

#: modules that run what they read, or read it without a bound; what is allowed of one
MODULES: dict[str, tuple[str, ...]] = {
    "pickle": ("UnpicklingError",),
    "marshal": (),
    "shelve": (),
    "dill": (),
    "cloudpickle": (),
    "joblib": (),
    "xml": (),
    "telnetlib": (),
}
#: functions that are never called
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"),
    *("pd.read_pickle", "yaml.load", "yaml.unsafe_load", "tempfile.mktemp", "shutil.unpack_archive"),
    *("Markup", "markupsafe.Markup", "flask.render_template_string", "render_template_string"),
}
#: methods that are never called, whatever they belong to
METHODS = {"to_pickle", "extractall", "unsafe_load", "from_string"}
#: what a call, if it is made, must say and what it must not
MUST = {
    "torch.load": ("weights_only", True),
    "Image.open": ("formats", None),
    "Environment": ("autoescape", None),
    "jinja2.Environment": ("autoescape", None),
}
MUST_NOT = {
    ("allow_pickle", True),
    ("shell", True),
    ("autoescape", False),
    ("verify", False),
    ("weights_only", False),
}


def unsafe(tree: ast.AST) -> Iterator[str]:
    """Say what is unsafe in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from unsafe_imports(node)
        elif isinstance(node, ast.Attribute):
            yield from unsafe_attribute(node)
        elif isinstance(node, ast.Call):
            yield from unsafe_call(node)


def unsafe_imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        module = (node.module or "").split(".")[0]
        allowed = MODULES.get(module)
        if allowed is not None and not {alias.name for alias in node.names} <= set(allowed):
            yield f"imports {module}"
        return
    for alias in node.names:
        module = alias.name.split(".")[0]
        if module in MODULES and (alias.asname or not MODULES[module]):
            yield f"imports {module}"


def unsafe_attribute(node: ast.Attribute) -> Iterator[str]:
    """What is used of a module that is imported for one harmless name."""
    if isinstance(node.value, ast.Name) and node.attr not in MODULES.get(node.value.id, (node.attr,)):
        yield f"uses {node.value.id}.{node.attr}"


def unsafe_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    if name in CALLS or (isinstance(node.func, ast.Attribute) and node.func.attr in METHODS):
        yield f"calls {name}"
    given = {word.arg: word.value for word in node.keywords}
    said = {(arg, value.value) for arg, value in given.items() if isinstance(value, ast.Constant)}
    yield from (f"calls {name} with {arg}={value}" for arg, value in MUST_NOT if (arg, value) in said)
    if name in MUST:
        arg, wanted = MUST[name]
        if arg not in given or (wanted is not None and (arg, wanted) not in said):
            yield f"calls {name} without {arg}"


#: what a template takes as it is: the report's own style sheet, and a drawing that Matplotlib made
OURS = {"style", "scores.figure"}

UNSAFE = {
    "import pickle as p": "imports pickle",
    "import pickle\npickle.loads(b'')": "uses pickle.loads",
    "from pickle import loads": "imports pickle",
    "import marshal": "imports marshal",
    "import shelve": "imports shelve",
    "import xml.etree.ElementTree": "imports xml",
    "eval('1')": "calls eval",
    "exec('1')": "calls exec",
    "yaml.load(text)": "calls yaml.load",
    "os.system('ls')": "calls os.system",
    "frame.to_pickle('x')": "calls frame.to_pickle",
    "archive.extractall('x')": "calls archive.extractall",
    "torch.load('x')": "calls torch.load without weights_only",
    "torch.load('x', weights_only=value)": "calls torch.load without weights_only",
    "np.load('x', allow_pickle=True)": "calls np.load with allow_pickle=True",
    "subprocess.run('ls', shell=True)": "calls subprocess.run with shell=True",
    "Environment(loader=x)": "calls Environment without autoescape",
    "Environment(autoescape=False)": "calls Environment with autoescape=False",
    "Image.open('x')": "calls Image.open without formats",
    "requests.get('x', verify=False)": "calls requests.get with verify=False",
    "Markup(text)": "calls Markup",
}
SAFE = [
    "import pickle\ntry:\n    pass\nexcept pickle.UnpicklingError:\n    raise",
    "torch.load(path, map_location='cpu', weights_only=True)",
    "model.eval()",
    "re.compile('x')",
    "Image.open(path, formats=FORMATS)",
    "Environment(autoescape=select_autoescape(['html']))",
    "subprocess.run(['ls'])",
]


@pytest.mark.parametrize(("code", "said"), UNSAFE.items())
def test_what_is_unsafe_is_found(code: str, said: str) -> None:
    assert said in list(unsafe(ast.parse(code)))


@pytest.mark.parametrize("code", SAFE)
def test_what_is_safe_is_not_objected_to(code: str) -> None:
    assert list(unsafe(ast.parse(code))) == []


def test_no_source_of_ours_is_unsafe() -> None:
    assert len(SOURCES) > 100
    found = {
        str(path): said
        for path in SOURCES
        if (said := list(unsafe(ast.parse((ROOT / path).read_text(encoding="utf-8")))))
    }
    assert found == {}


def test_no_template_of_ours_turns_escaping_off() -> None:
    assert len(TEMPLATES) >= 5
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in TEMPLATES]
    assert [text for text in texts if "autoescape" in text] == []
    assert {name for text in texts for name in re.findall(r"([\w.]+)\s*\|\s*safe", text)} == OURS
