"""TensorFlow, JAX and PyTorch: what is saved by one loads on the others and computes the same.

The table of all layers and models and the zoo run on each backend by test_conformance.py and
test_presets.py under KERAS_BACKEND: see .ci/run.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import Any

import keras
import pytest
from conftest import ROOT
from saved import SAVED, load_all, save_all

pytestmark = pytest.mark.backends
BACKEND = keras.backend.backend()
OTHERS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"needs {name}"),
    )
    for name in ("tensorflow", "jax", "torch")
    if name != BACKEND
]


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a process of another backend says of the files of this one, and its own files."""
    ours, theirs = (tmp_path_factory.mktemp(name) for name in ("ours", "theirs"))
    save_all(str(ours))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "saved.py"), str(ours), str(theirs)],
        env={**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, theirs


def test_saved_here_loads_there(other: Any) -> None:
    done, _ = other
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("ok ") == len(SAVED) > 8


def test_saved_there_loads_here(other: Any, capsys: pytest.CaptureFixture[str]) -> None:
    load_all(str(other[1]))
    assert capsys.readouterr().out.count("ok ") == len(SAVED)


def subclasses(cls: type) -> Any:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


# what a torch.nn.Module has: Keras's layers are such modules on PyTorch, "apply" and "train" taken
MODULE = """
T_destination _apply _backward_hooks _backward_pre_hooks _buffers _call_impl
_compiled_call_impl _forward_hooks _forward_hooks_always_called _forward_hooks_with_kwargs
_forward_pre_hooks _forward_pre_hooks_with_kwargs _get_backward_hooks _get_backward_pre_hooks
_get_name _is_full_backward_hook _load_from_state_dict _load_state_dict_post_hooks
_load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
_non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook
_register_state_dict_hook _replicate_for_data_parallel _save_to_state_dict _slow_forward
_state_dict_hooks _state_dict_pre_hooks _version _wrapped_call_impl add_module apply bfloat16
buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr float
forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
modules mtia named_buffers named_children named_modules named_parameters parameters
register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
register_load_state_dict_pre_hook register_module register_parameter
register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
"""


def test_no_layer_has_a_method_that_pytorch_calls_by_another_meaning() -> None:
    import keras_pde.export  # noqa: F401  its classes count

    taken = set(MODULE.split()) - {"compile"}  # a model's has Keras's meaning, on PyTorch too
    found = 0
    for cls in subclasses(keras.layers.Layer):
        own = {
            n
            for base in cls.__mro__
            if base.__module__.startswith("keras_pde")
            for n in vars(base)
            if not n.startswith("__")
        }
        found += bool(own)
        assert not own & taken, cls
    assert found > 12


def test_the_names_of_a_module_are_known() -> None:
    torch = pytest.importorskip("torch")
    names = {*dir(torch.nn.Module()), *vars(torch.nn.Module())} - set(dir(object))
    assert {n for n in names if not n.startswith("__")} == set(MODULE.split())
