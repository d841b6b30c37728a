#!/usr/bin/env bash
# Makes the environments that the project works in. Needs Python 3.11 or newer with pip and venv; takes
# seconds when there is nothing to do.
#
#   .venv              the project itself, everything that uv.lock names
#   .local/sam         SAM CLI, whose pins are too tight to share an environment
#   .local/ministack   the laptop's cloud, whose Lambda workers run on its own interpreter
#
# Writes nothing outside the repository but the caches of pip and uv. `setup.sh uv ARGUMENT...` runs the uv found.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
export UV_PYTHON_INSTALL_DIR=$PWD/.local/python # where uv puts a Python that it had to fetch
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH         # somebody else's environment would leak into ours
# Trust what the system trusts, as pip does: a company's proxy may stand between here and the packages.
if [ -z "${UV_SYSTEM_CERTS:-}" ] && [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS=true; fi
uv_version=0.13.9
pins=tests/emulator/requirements

say() { echo "setup: $*" >&2; }

# Say nothing of what goes well, and everything of what does not.
quietly() {
  local said
  said=$("$@" 2>&1) || { echo "$said" >&2 && return 1; }
}

runs() { [ -n "$(command -v "$1")" ] && "$@" >/dev/null 2>&1; }

# A version manager's shim may stand on the PATH and fail, so a Python is only believed when it runs.
is_python_313() {
  runs "$1" -c 'import ensurepip, ssl, sys; sys.exit(sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 13))'
}

find_uv() {
  # The lock file is of this line of uv; an older one would not read it.
  if runs uv --version && [[ "$(uv --version)" == "uv ${uv_version%.*}."* ]]; then
    command -v uv
    return
  fi
  if [ "$(cat .local/uv/installed 2>/dev/null)" != "$uv_version" ]; then
    say "installing uv $uv_version"
    quietly python3 -m venv --clear .local/uv
    quietly .local/uv/bin/python -m pip install --disable-pip-version-check "uv==$uv_version"
    echo "$uv_version" >.local/uv/installed
  fi
  echo "$PWD/.local/uv/bin/uv"
}

# Version managers keep their Pythons side by side, so the neighbours of the running one are looked at too.
find_python() {
  local neighbours candidate
  neighbours=$(python3 -c 'import os, sys; print(os.path.dirname(sys.base_prefix))')
  for candidate in .local/ministack/bin/python python3.13 python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 "$neighbours"/*3.13*/bin/python3.13; do
    if is_python_313 "$candidate"; then
      "$candidate" -c 'import os, sys; print(os.path.join(sys.base_prefix, "bin", "python3.13"))'
      return
    fi
  done
  if ! "$uv" python find --quiet --managed-python 3.13 >/dev/null 2>&1; then
    say "fetching CPython 3.13"
    quietly "$uv" python install --no-bin 3.13 || {
      say "there is no CPython 3.13 here and none could be fetched: install one and put python3.13 on the PATH"
      return 1
    }
  fi
  "$uv" python find --quiet --managed-python 3.13
}

# installed DIRECTORY FILE...: has this environment been made from these very files?
installed() { [ -x "$1/bin/python" ] && cat "${@:2}" | cmp -s - "$1/installed"; }

make_tool() { # NAME
  installed ".local/$1" "$pins/$1.txt" && return
  say "installing $1 into .local/$1"
  quietly "$uv" venv --clear --python "$python" ".local/$1"
  quietly "$uv" pip install --compile-bytecode --python ".local/$1/bin/python" -r "$pins/$1.txt"
  cp "$pins/$1.txt" ".local/$1/installed"
}

make_project() {
  installed .venv pyproject.toml uv.lock && return
  say "installing the project into .venv"
  quietly "$uv" sync --locked --all-extras --python "$python"
  cat pyproject.toml uv.lock >.venv/installed
}

mkdir -p .local
if command -v flock >/dev/null; then # two commands at once must not install into one place
  exec 9>.local/setup.lock
  flock 9
fi
uv=$(find_uv)
if [ "${1:-}" = uv ]; then
  UV_PYTHON=$(find_python)
  export UV_PYTHON
  exec "$uv" "${@:2}"
fi
if ! installed .venv pyproject.toml uv.lock || ! installed .local/sam "$pins/sam.txt" ||
  ! installed .local/ministack "$pins/ministack.txt"; then
  python=$(find_python)
  make_project
  make_tool sam
  make_tool ministack
fi
