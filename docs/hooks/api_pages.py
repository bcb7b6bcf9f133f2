"""The pages of the API: every name in a module's __all__, by folder, read without importing."""

from __future__ import annotations

from pathlib import Path

import griffe
from repository import ROOT

TITLES = {  # the house from the top down; what is longest has a page for each of its folders
    "models": "Models: whole networks",
    "layers": "Layers: one numerical step each",
    "operators": "Operators K",
    "fluxes": "Fluxes Φ (`keras_pde.activations`)",
    "schemes": "Schemes: how time advances",
    "schemes.equations": "Equations",
    "schemes.integrators": "Time integrators",
    "schemes.solvers": "Solvers of implicit steps",
    "schemes.multigrid": "Multigrid: problems and smoothers",
    "certificates": "Certificates: what is proved",
    "tasks": "Tasks: what a network is for",
    "tasks.denoise": "Denoising",
    "tasks.inpaint": "Inpainting",
    "tasks.restore": "Restoration",
    "tasks.evolve": "Time stepping",
    "tasks.classify": "Classification",
    "tasks.segment": "Segmentation",
    "tasks.allocate": "Powers of interfering links",
    "tasks.represent": "Representation",
    "tasks.operate": "Learned operators",
    "tasks.training": "Training",
    "tasks.many": "Collections and clusters",
    "export": "Export",
    "presets": "Presets: a network as a folder",
    "data": "Data",
    "data.images": "Image files",
    "data.noise": "Noise",
    "runtime": "Runtime: what differs between backends",
}
Found = dict[str, griffe.Object]


def package() -> griffe.Module:
    """The package as its source says."""
    loader = griffe.GriffeLoader(search_paths=[str(ROOT)], docstring_parser="google")
    found = loader.load("keras_pde")
    loader.resolve_aliases(external=False)
    assert isinstance(found, griffe.Module)
    return found


def target(thing: griffe.Object | griffe.Alias) -> griffe.Object:
    """What a name stands for, where it is defined."""
    return thing.final_target if isinstance(thing, griffe.Alias) else thing


def public(module: griffe.Module, found: Found) -> Found:
    """Every documented class, function and constant in an __all__, by its place."""
    for name in module.exports or ():
        thing = module.members.get(str(name))
        if thing is not None and not (thing := target(thing)).is_module and thing.docstring:
            found[thing.path] = thing
    for member in module.members.values():
        if isinstance(member, griffe.Module):
            public(member, found)
    return found


def folder_of(path: str) -> str:
    """The folder whose page shows a name."""
    parts = path.split(".")[1:]
    two = ".".join(parts[:2])
    return two if two in TITLES else parts[0]


def pages() -> dict[str, str | bytes | Path]:
    """A page for each folder, and one of all names of the package itself."""
    whole = package()
    found = public(whole, {})
    made: dict[str, str | bytes | Path] = {"api/index.md": face(whole)}
    for folder, title in TITLES.items():
        mine = sorted(path for path in found if folder_of(path) == folder)
        blocks = [f"::: {path}" for path in mine]
        made[f"api/{folder}.md"] = f"# {title}\n\n`keras_pde.{folder}`\n\n" + "\n\n".join(blocks)
    return made


def face(whole: griffe.Module) -> str:
    """The page of the names that `import keras_pde` brings."""
    lines = ["# API", "", "What `import keras_pde` brings; each name leads to its page.", ""]
    lines += ["| name | what it is |", "|---|---|"]
    for name in sorted(map(str, whole.exports or ()), key=str.lower):
        thing = target(whole.members[name])
        words = thing.docstring.value.splitlines()[0] if thing.docstring else ""
        words = words.replace("|", "\\|")
        if thing.is_module:
            link = f"[`{name}`]({folder_of(thing.path + '.x')}.md)"
        else:
            link = f"[`{name}`][{thing.path}]"
        lines.append(f"| {link} | {words} |")
    lines += ["", "By folder:", ""]
    lines += [f"* [{title}]({folder}.md)" for folder, title in TITLES.items()]
    lines += [
        "",
        "**Next:** [what is what](../concepts.md), or [a how-to](../how-to/index.md).",
        "",
    ]
    return "\n".join(lines)
