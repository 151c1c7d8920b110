#!/bin/sh
# run.sh [--full] -- builds and tests everything; on a bare Debian it first installs what is missing.
#
# Default: a gcc release build with all tests, then a clang build with AddressSanitizer and
# UndefinedBehaviorSanitizer with the fast ones. --full adds clang's release build, gcc's sanitizers,
# ThreadSanitizer, Valgrind and more seeds. The last line is "N passed, N failed": Check's own
# counts, and one for every other test; what crashes or times out has failed.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/setup.sh

full=no
case "${1-}" in
'') ;;
--full) full=yes ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' tests/run.sh >&2
    exit 2
    ;;
esac

# Some machines export these to force slow kernels; the tests are about the usual ones.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

passed=0 failed=0

# build NAME COMPILER MESON-OPTION...: configures once, then builds; a failure counts as one.
build() {
    name=$1 compiler=$2
    shift 2
    directory=build-tests/$name log=build-tests/$name.log
    mkdir -p build-tests
    { [ -e "$directory/build.ninja" ] ||
        CC=$compiler meson setup "$directory" -Dwerror=true "$@"; } >"$log" 2>&1 &&
        ninja -C "$directory" >>"$log" 2>&1 && return 0
    grep -E 'error:|ERROR:|undefined reference|multiple definition' "$log" | head -n 20
    echo "$name: the build failed; see $log"
    failed=$((failed + 1))
    return 1
}

# run NAME MESON-TEST-ARGUMENT...: runs a build's tests, prints those that fail, adds to the counts.
run() {
    name=$1
    shift
    directory=build-tests/$name
    rm -f "$directory"/meson-logs/testlog*.json
    meson test -C "$directory" --no-rebuild "$@" >"$directory.log" 2>&1
    counts=$(python3 tests/count.py "$directory"/meson-logs/testlog*.json) ||
        { tail -n 20 "$directory.log"; counts='0 1'; }
    printf '%s\n' "$counts" | sed '$d'
    set -- $(printf '%s\n' "$counts" | tail -n 1)
    echo "$name: $1 passed, $2 failed"
    passed=$((passed + $1)) failed=$((failed + $2))
}

sanitize='-Doptimization=1 -Ddebug=true -Db_lundef=false'
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

setup $test_packages || exit 2
build gcc gcc && run gcc
build clang-asan clang $sanitize -Db_sanitize=address,undefined &&
    run clang-asan --no-suite slow --no-suite house --timeout-multiplier 4

if [ $full = yes ]; then
    setup valgrind g++ || exit 2
    build clang clang && run clang
    build gcc-asan gcc $sanitize -Db_sanitize=address,undefined &&
        run gcc-asan --timeout-multiplier 4
    # Check forks by default, which ThreadSanitizer does not survive once threads exist.
    build clang-tsan clang $sanitize -Db_sanitize=thread &&
        CK_FORK=no run clang-tsan --no-suite slow --no-suite house --timeout-multiplier 10
    # Valgrind knows no AVX-512: keep OpenBLAS to what it knows. The library asks the CPU.
    CK_FORK=no OPENBLAS_CORETYPE=Haswell run gcc --no-suite slow --no-suite house \
        --timeout-multiplier 40 \
        --wrap 'valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite'
    for seed in 2 3 4 5 6 7 8 9; do
        AN_SEED=$seed run gcc --suite ops
    done
    CK_TIMEOUT_MULTIPLIER=20 AN_SEED=10000 AN_GRAPHS=100000 run gcc --timeout-multiplier 20 near_miss
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
