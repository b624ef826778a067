"""Builds the compiled modules. Everything else about the package is in pyproject.toml.

All of them are linked into one shared object, weft/_engine: one file is opened, mapped and relocated at a program's
start where there were two dozen. weft/_build.py finds them in it.

`WEFT_PURE=1 pip install .` leaves the compiler out; the interpreted build runs the same files.
"""

import importlib.util
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

HERE = Path(__file__).parent
HEADERS = sorted(map(str, Path("weft").rglob("*.h")))


def load_build():
    """The package's own module that says what is compiled, loaded without importing the package."""
    spec = importlib.util.spec_from_file_location("_weft_build", HERE / "weft" / "_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load_build()


def refuse_twins() -> None:
    """Raise SystemExit for two modules whose last names are the same: CPython looks them up by that in the engine."""
    last_names = Counter(name.rpartition(".")[2] for name in BUILD.COMPILED_MODULES)
    twins = [name for name in BUILD.COMPILED_MODULES if last_names[name.rpartition(".")[2]] > 1]
    if twins:
        raise SystemExit(
            f"{' and '.join(twins)} cannot be compiled into one shared object: their last names are the same, and "
            "CPython looks for a module by its last name. Rename one of them."
        )


def is_stale() -> bool:
    """Whether anything that compiled modules share is newer than what was generated from it.

    Cython does not see that `from weft.core cimport _os` depends on _os.pxd, so all of them are made anew then.
    """
    generated = [
        HERE.joinpath("build", "cython", *name.split(".")).with_suffix(".c") for name in BUILD.COMPILED_MODULES
    ]
    made = [path.stat().st_mtime for path in generated if path.exists()]
    shared = [path.stat().st_mtime for ending in ("pxd", "h") for path in (HERE / "weft").rglob(f"*.{ending}")]
    return bool(made) and max(shared) > min(made)


def generated_sources() -> list[str]:
    """The C source of each compiled module, generated from its .pyx where it has one, else from its .py."""
    from Cython.Build import cythonize

    modules = []
    for name in BUILD.COMPILED_MODULES:
        stem = Path(*name.split("."))
        source = stem.with_suffix(".pyx") if (HERE / stem.with_suffix(".pyx")).exists() else stem.with_suffix(".py")
        modules.append(Extension(name, [str(source)]))
    generated = cythonize(
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
            "auto_pickle": False,
        },
    )
    return [source for module in generated for source in module.sources]


def engine() -> Extension:
    """The one extension that all compiled modules are."""
    refuse_twins()
    return Extension(
        f"weft.{BUILD.ENGINE}",
        generated_sources(),
        depends=HEADERS,
        include_dirs=["weft/core", "weft/transports"],
        extra_compile_args=os.environ.get("WEFT_CFLAGS", "-O3 -g0 -fno-semantic-interposition").split(),
    )


class BuildEngine(build_ext):
    """Compiles the sources that changed, on every core, where setuptools compiles all of an extension's in turn."""

    def build_extension(self, ext):
        """Compile and link as setuptools does, but for that."""
        compile_in_turn = self.compiler.compile

        def compile_changed(sources, output_dir=None, depends=(), **options):
            objects = self.compiler.object_filenames(sources, output_dir=output_dir)
            changed = [
                source
                for source, made in zip(sources, objects, strict=True)
                if self.force or newer_group([source, *depends], made)
            ]
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                list(threads.map(lambda each: compile_in_turn([each], output_dir, **options), changed))
            return objects

        self.compiler.compile = compile_changed
        super().build_extension(ext)


setup(
    ext_modules=[] if os.environ.get("WEFT_PURE") == "1" else [engine()],
    cmdclass={"build_ext": BuildEngine},
)
