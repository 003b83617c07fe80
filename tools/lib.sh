# lib.sh -- what the scripts in tools/ share: where things are, the Python environments, timed steps.
#
# Sourced, never run. An environment is a folder .venvs/<name>; its name is a CPython version (3.12), the
# same with "-debian" for Debian's own static build beside another one, or saNN for an older SQLAlchemy.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"

python_versions="3.11 3.12 3.13"
# The Python that runs everything, slow tests too; the others run what is not slow or is marked matrix.
python_preference="3.12 3.13 3.11 3.11-debian"

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

env_python() {
    printf '%s/.venvs/%s/bin/python' "$top" "$1"
}

# The environments of the matrix that exist, the preferred one first.
matrix_envs() {
    local name
    for name in $python_preference; do
        [ ! -x "$(env_python "$name")" ] || printf '%s\n' "$name"
    done
}

full_env() {
    local names
    names=$(matrix_envs) # read whole: a pipe into head would kill the writer now and then
    printf '%s\n' "${names%%$'\n'*}"
}

# Environments with an older SQLAlchemy; they share the Python of sqlalchemy_base.
sqlalchemy_envs() {
    local name
    for name in sa14 sa20; do
        [ ! -x "$(env_python "$name")" ] || printf '%s\n' "$name"
    done
}

sqlalchemy_base() {
    full_env
}

# file_hash FILE...: one hash over names and contents; a folder stands for all files in it.
file_hash() {
    find "$@" -type f ! -name '*.pyc' -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 sha256sum |
        sha256sum | cut -d' ' -f1
}

# Compiles are shared between the build folders of the matrix where ccache is installed.
use_ccache() {
    command -v ccache >/dev/null || return 0
    export CMAKE_C_COMPILER_LAUNCHER=ccache CCACHE_DIR="$top/build/ccache" CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$top" CCACHE_MAXSIZE=1G
}

# step NAME COMMAND...: runs it with its output in a log, prints one line; the log's end only on failure.
# Sets failed=1 instead of stopping, so that one run shows everything that is wrong.
failed=0
step() {
    local name=$1 log began status=0
    shift
    mkdir -p build/log
    log="build/log/${name//[^A-Za-z0-9._-]/_}.log"
    began=$(date +%s.%N)
    set +e # not "|| status=$?": inside an || list the shell would ignore set -e within a function
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ $status -eq 0 ]; then
        printf 'ok    %6.1f s  %s\n' "$(since "$began")" "$name"
        return 0
    fi
    printf 'FAIL  %6.1f s  %s (exit %d), whole output in %s:\n' "$(since "$began")" "$name" $status "$log"
    tail -n "${HP_LOG_LINES:-60}" "$log" | sed 's/^/    /'
    failed=1
}

since() {
    awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { print b - a }'
}
