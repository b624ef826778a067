"""Builds the compiled modules. Everything else about the package is in pyproject.toml.

`WEFT_PURE=1 pip install .` leaves the compiler out; the interpreted build runs the same files.
"""

import importlib.util
import os
from pathlib import Path

from setuptools import Extension, setup

HERE = Path(__file__).parent


def compiled_modules() -> tuple[str, ...]:
    """The list that the package itself keeps, read without importing the package."""
    spec = importlib.util.spec_from_file_location("_weft_build", HERE / "weft" / "_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.COMPILED_MODULES


def is_stale() -> bool:
    """Whether anything that compiled modules share is newer than what was generated from it.

    Cython does not see that `from weft.core cimport _os` depends on _os.pxd, so all of them are made anew then.
    """
    generated = [HERE.joinpath("build", "cython", *name.split(".")).with_suffix(".c") for name in compiled_modules()]
    made = [path.stat().st_mtime for path in generated if path.exists()]
    shared = [path.stat().st_mtime for ending in ("pxd", "h") for path in (HERE / "weft").rglob(f"*.{ending}")]
    return bool(made) and max(shared) > min(made)


def extensions() -> list[Extension]:
    """One extension for each compiled module, from its .pyx where it has one, else from its .py."""
    from Cython.Build import cythonize

    modules = []
    for name in compiled_modules():
        stem = Path(*name.split("."))
        source = stem.with_suffix(".pyx") if (HERE / stem.with_suffix(".pyx")).exists() else stem.with_suffix(".py")
        modules.append(
            Extension(
                name,
                [str(source)],
                depends=["weft/core/glue.h", "weft/core/datagrams.h"],
                include_dirs=["weft/core"],
                extra_compile_args=os.environ.get("WEFT_CFLAGS", "-O3 -g0 -fno-semantic-interposition").split(),
            )
        )
    return cythonize(
        modules,
        force=is_stale(),
        build_dir="build/cython",
        annotate=bool(os.environ.get("WEFT_ANNOTATE")),
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "annotation_typing": False,
            "embedsignature": False,
        },
    )


setup(
    ext_modules=[] if os.environ.get("WEFT_PURE") == "1" else extensions(),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
