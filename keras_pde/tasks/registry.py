"""The list of tasks: a line each, loaded when one is asked for."""

from __future__ import annotations

import importlib

from keras_pde.tasks.task import Task

__all__ = ["get", "names", "register"]

_tasks: dict[str, str | Task] = {
    "denoise": "keras_pde.tasks.denoise.task:Denoise",
    "inpaint": "keras_pde.tasks.inpaint.task:Inpaint",
    "solve": "keras_pde.tasks.solve.task:Solve",
    "evolve": "keras_pde.tasks.evolve.task:Evolve",
    "classify": "keras_pde.tasks.classify.task:Classify",
    "segment": "keras_pde.tasks.segment.task:Segment",
    "allocate": "keras_pde.tasks.allocate.task:Allocate",
    "represent": "keras_pde.tasks.represent.task:Represent",
    "operate": "keras_pde.tasks.operate.task:Operate",
}


def names() -> list[str]:
    """Names of all tasks.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.names()[:3]
        ['denoise', 'inpaint', 'solve']
    """
    return list(_tasks)


def get(name: str) -> Task:
    """The task of a name.

    Raises:
        ValueError: there is none; the names are listed.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.get("denoise").metric.unit
        'dB'
    """
    if name not in _tasks:
        raise ValueError(f"No task is called {name!r}. There are: {', '.join(_tasks)}.")
    found = _tasks[name]
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        found = _tasks[name] = vars(importlib.import_module(module))[attribute]()
    return found


def register(task: Task) -> None:
    """Add a task of one's own, so that recipes and presets may name it.

    Raises:
        ValueError: another task has the name.

    Example:
        >>> from keras_pde.tasks import registry
        >>> registry.register(registry.get("solve"))  # a task that is there may be registered again
    """
    known = _tasks.get(task.name)
    if known is not None and type(known) is not type(task):
        raise ValueError(f"There is a task {task.name!r} already: choose another name.")
    _tasks[task.name] = task
