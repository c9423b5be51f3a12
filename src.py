"""In a checkout, `src.fine_tuning` is the package `fine_tuning` itself, not a second copy of it.

`src.distillation` and `src.llm_service` are short names of the modules inside. Every submodule keeps one identity:
`src.fine_tuning.ab_testing` and `fine_tuning.ab_testing` are the same object.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_ALIASES = {
    "src.fine_tuning": "fine_tuning",
    "src.distillation": "fine_tuning.distillation",
    "src.llm_service": "fine_tuning.llm_service",
}


class _Alias(Loader):
    """Loads a name by handing out the module that another name has."""

    def __init__(self, real_name: str) -> None:
        self._module = import_module(real_name)
        self._spec = self._module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002
        return self._module

    def get_code(self, fullname: str) -> Any:  # noqa: ARG002
        """For `python -m src.fine_tuning.cli`."""
        loader: Any = self._spec.loader if self._spec else None
        return loader.get_code(self._spec.name) if self._spec else None

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has just overwritten it with the alias


class _Finder(MetaPathFinder):
    """Finds the aliases and everything below them."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        for alias, real in _ALIASES.items():
            if fullname == alias or fullname.startswith(f"{alias}."):
                real_name = real + fullname[len(alias) :]
                return ModuleSpec(fullname, _Alias(real_name), is_package=hasattr(import_module(real_name), "__path__"))
        return None


__path__: list[
    str
] = []  # a package without a folder: static tools then find `fine_tuning` below `src/` and nothing twice

_packages = str(Path(__file__).parent / "src")
if _packages not in sys.path:
    sys.path.insert(0, _packages)
if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Finder())
