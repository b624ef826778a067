#!/bin/sh
# Prints the path of a working CPython X.Y, or nothing: tools/find_python.sh 3.12
# Looks on the PATH, then where pyenv keeps its versions.
version=$1
for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/"python$version"; do
    if "$candidate" -c 'import sys, venv, ensurepip' >/dev/null 2>&1; then
        "$candidate" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
