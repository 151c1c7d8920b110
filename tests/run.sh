#!/bin/sh
# run.sh [--full [PART]] -- builds and tests everything; on a bare Debian it first installs what is
# missing.
#
# Default: a gcc release build with all tests but the long ones, then a clang build with
# AddressSanitizer and UndefinedBehaviorSanitizer with the fast ones. A test that takes longer than
# tests/count.py lets it fails, and so does the whole above 12 minutes on two cores. --full PART runs
# that part instead, --full alone the default and then part after part. At the end stand the ten
# slowest tests, what was skipped and why, and in the last line "N passed, N failed, N skipped":
# Check's own counts, and one for every other test; what crashes or times out has failed.
#
# Parts, each less than an hour on two cores:
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/setup.sh

# Some machines export these to force slow kernels; the tests are about the usual ones. The others
# choose one test of many.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE AN_SWEEP_OP AN_MUTANT AN_OOM_CASE AN_OOM_AT
unset CK_RUN_CASE CK_RUN_SUITE

passed=0 failed=0 skipped=0

# build NAME COMPILER MESON-OPTION...: configures once, then builds ($only: nothing else); a failure
# counts as one.
only=''
build() {
    name=$1 compiler=$2
    shift 2
    directory=build-tests/$name log=build-tests/$name.log
    { [ -e "$directory/build.ninja" ] ||
        CC=$compiler meson setup "$directory" -Dwerror=true "$@"; } >"$log" 2>&1 &&
        ninja -C "$directory" $only >>"$log" 2>&1 && return 0
    grep -E 'error:|ERROR:|undefined reference|multiple definition' "$log" | head -n 20
    echo "$name: the build failed; see $log"
    failed=$((failed + 1))
    return 1
}

# run TITLE NAME MESON-TEST-ARGUMENT...: runs the tests of build NAME, prints those that fail, adds
# to the counts. Tests are run by $wrap, and held to the limits of count.py if $limits says so.
wrap='' limits=''
run() {
    title=$1 directory=build-tests/$2
    shift 2
    rm -f "$directory"/meson-logs/testlog*.json
    meson test -C "$directory" --no-rebuild --wrap "sh '$PWD/tests/timed.sh' $wrap" "$@" \
        >"$directory.log" 2>&1
    counts=$(python3 tests/count.py $limits "$title" "$directory"/meson-logs/testlog*.json) ||
        { tail -n 20 "$directory.log"; counts='0 1 0'; }
    printf '%s\n' "$counts" | sed '$d'
    set -- $(printf '%s\n' "$counts" | tail -n 1)
    echo "$title: $1 passed, $2 failed, $3 skipped"
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Lines are all that a sanitizer's report needs of debug information: a fifth of a build's time less.
sanitize='-Doptimization=1 -Ddebug=false -Dc_args=-g1 -Db_lundef=false'
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

usual() {
    limits=--limits
    build gcc gcc && run gcc gcc --no-suite long
    limits=''
    # gold links a sanitizer's 190 programs in half the time; not every Debian has it.
    linker=$(command -v ld.gold >/dev/null && echo -Dc_link_args=-fuse-ld=gold)
    # A pointer that is NULL or leaves its object is AddressSanitizer's to see where it is used, and
    # x86 reads what is not aligned; asking UndefinedBehaviorSanitizer, too, is half of a build.
    # --full gcc-asan asks for all.
    build clang-asan clang $sanitize $linker -Db_sanitize=address,undefined "-Dc_args=-g1 \
-fno-sanitize=null,object-size,pointer-overflow,alignment" &&
        run clang-asan clang-asan --no-suite slow --no-suite house --no-suite examples \
            --timeout-multiplier 4
}

# A part of --full is a function here and nothing else; the comment holds its name.
full_clang() { # clang: clang's release build, all tests
    build clang clang && run clang clang
}
full_gcc_asan() { # gcc-asan: gcc's AddressSanitizer and UndefinedBehaviorSanitizer, all tests
    export AN_SWEEP_ALL=1
    build gcc-asan gcc $sanitize -Db_sanitize=address,undefined &&
        ninja -C build-tests/gcc-asan programs >/dev/null && run gcc-asan gcc-asan --timeout-multiplier 4
}
full_tsan() { # tsan: clang's ThreadSanitizer, the fast tests
    # Check forks by default, which ThreadSanitizer does not survive once threads exist.
    export CK_FORK=no
    build clang-tsan clang $sanitize -Db_sanitize=thread &&
        run tsan clang-tsan --no-suite slow --no-suite house --no-suite examples \
            --timeout-multiplier 10
    unset CK_FORK
}
full_valgrind() { # valgrind: the gcc build under Valgrind, the fast tests but the examples
    setup valgrind || exit 2
    # Valgrind knows no AVX-512: keep OpenBLAS to what it knows. The library asks the CPU.
    export CK_FORK=no OPENBLAS_CORETYPE=Haswell AN_VALGRIND=yes AN_GRAPHS=400
    # What a test script runs is watched too, if it comes from the build.
    wrap="valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite
        --suppressions='$PWD/tests/valgrind.supp'
        --trace-children=yes --trace-children-skip=/usr/*,/bin/*"
    build gcc gcc && run valgrind gcc --no-suite slow --no-suite house --no-suite examples \
        --timeout-multiplier 40
    wrap=''
    unset CK_FORK OPENBLAS_CORETYPE AN_VALGRIND AN_GRAPHS
}
full_seeds() { # seeds: the op sweep on other data, eight times
    build gcc gcc || return
    for seed in 2 3 4 5 6 7 8 9; do
        export AN_SEED=$seed
        run "seed-$seed" gcc sweep_0 sweep_1 sweep_2 sweep_3 sweep_4
    done
    unset AN_SEED
}
full_edits() { # edits: every edit of three training graphs, and 1,000 rewrites
    export AN_EDITS=0 AN_REWRITES=1000
    build gcc gcc && run edits gcc --timeout-multiplier 20 edits rewrites
    unset AN_EDITS AN_REWRITES
}
full_kill() { # kill: 200 processes killed while they save, at every call, and every call failing
    export AN_KILLS=200 CK_TIMEOUT_MULTIPLIER=20
    build gcc gcc && run kill gcc --timeout-multiplier 20 saves fit
    unset AN_KILLS CK_TIMEOUT_MULTIPLIER
}
full_laws() { # laws: 10,000 pairs a law, 50,000 unequal ones, the values of 10,000 graphs
    export AN_LAWS=10000 AN_PAIRS=50000 AN_GRAPHS=10000 CK_TIMEOUT_MULTIPLIER=20
    build gcc gcc && run laws gcc --timeout-multiplier 20 exact_laws reals
    unset AN_LAWS AN_PAIRS AN_GRAPHS CK_TIMEOUT_MULTIPLIER
}
full_oom() { # oom: every allocation of what allocates is refused, once and for good
    export AN_OOM=full CK_TIMEOUT_MULTIPLIER=20
    build gcc gcc && run oom gcc --timeout-multiplier 20 --suite oom
    unset AN_OOM CK_TIMEOUT_MULTIPLIER
}
full_norms() { # norms: the bound of every norm's rows up to ten million wide
    export AN_NORM_WIDTH=10000000 CK_TIMEOUT_MULTIPLIER=200
    build gcc gcc && run norms gcc --timeout-multiplier 20 norm_bound
    unset AN_NORM_WIDTH CK_TIMEOUT_MULTIPLIER
}

full_examples() { # examples: all examples at their small settings, as users run them
    build gcc gcc && run examples gcc --suite examples
}
full_long() { # long: what the default run leaves out: most examples, whole models, verify on f64
    export AN_GRAPHS=2000
    build gcc gcc && run long gcc --suite long && run long gcc near_miss
    unset AN_GRAPHS
}
full_pictures() { # pictures: 2,000 random graphs, all golden ones, 100,000 hostile names
    export AN_PICTURES=2000 AN_NAMES=100000 CK_TIMEOUT_MULTIPLIER=20
    build gcc gcc && run pictures gcc --timeout-multiplier 20 layouts_random pictures_gallery \
        pictures_golden pictures_names
    unset AN_PICTURES AN_NAMES CK_TIMEOUT_MULTIPLIER
    [ -x build-tests/gcc/frontends/addnorm ] || return
    if AN_NAMES=2000 python3 tests/pictures/names.py build-tests/gcc/frontends/addnorm chromium
    then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

full_near_miss() { # near_miss: 100,000 random graphs that nearly fuse
    export AN_GRAPHS=100000 AN_SEED=10000 CK_TIMEOUT_MULTIPLIER=20
    build gcc gcc && run near_miss gcc --timeout-multiplier 20 near_miss
    unset AN_GRAPHS AN_SEED CK_TIMEOUT_MULTIPLIER
}

full_fuzz() { # fuzz: seven fuzz targets, a million inputs each, 100,000 programs (AN_FUZZ_RUNS)
    if ! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer -x c - -o build-tests/fuzzer 2>/dev/null; then
        echo 'SKIP: fuzz: all targets: clang with libFuzzer is not installed' >>build-tests/skips
        skipped=$((skipped + 1))
        return
    fi
    targets=$(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
    only=$(echo "$targets" | sed 's|^|tests/fuzz/fuzz_|')
    # Without comparisons traced: the mutations know words, and kernels compare a lot.
    build fuzz clang $sanitize -Db_sanitize=address,undefined \
        '-Dc_args=-g1 -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp' || targets=''
    only=''
    for target in $targets; do
        if sh tests/fuzz/fuzz.sh build-tests/fuzz "$target"; then passed=$((passed + 1))
        else failed=$((failed + 1)); fi
    done
}
full_growth() { # growth: what every stage costs at 100,000 and 200,000 nodes, in instructions
    setup valgrind || exit 2
    build gcc gcc || return
    if ninja -C build-tests/gcc tests/growth >>build-tests/gcc.log 2>&1 &&
        sh tests/bench/growth.sh build-tests/gcc/tests/growth; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

full_page() { # page: pages at work in headless Chromium, if it is there
    build gcc gcc || return
    here=build-tests/gcc
    $here/examples/classifier --generate 40 --epochs 1 --graph $here/classifier.an >/dev/null &&
        $here/examples/encoder --blocks 12 --graph $here/encoder.an >/dev/null &&
        python3 tests/pages/browser.py $here/frontends/addnorm $here/classifier.an \
            $here/encoder.an >$here/page.log
    answer=$?
    cat $here/page.log
    grep '^SKIP: ' $here/page.log >>build-tests/skips
    if grep -q '^SKIP: ' $here/page.log; then skipped=$((skipped + 1))
    elif [ $answer = 0 ]; then passed=$((passed + 1))
    else failed=$((failed + 1)); fi
}

# parts: "name: what it is", a line each.
parts() {
    sed -n 's/^full_[a-z_]*() { # //p' tests/run.sh
}

usage() {
    sed -n '2,/^# Parts/s/^# \{0,1\}//p' tests/run.sh
    parts | sed 's/^/  /'
}

# timed NAME FUNCTION: runs it and says how long it took, which stays in $took.
timed() {
    began=$(date +%s)
    "$2"
    took=$(($(date +%s) - began))
    echo "$1: took $((took / 60)) min $((took % 60)) s"
}

# count_others: $others becomes the seconds of CPU time that two cores gave to anything but this
# script; 0 where there are more cores, of which nobody knows what they took from ours.
count_others() {
    times >build-tests/own # in $() it would be that shell's
    others=$(awk -v tick="$(getconf CLK_TCK)" -F'[ms ]+' '
        FILENAME ~ /own$/ { own += 60 * ($1 + $3) + $2 + $4; next }
        /^cpu / { all = ($2 + $3 + $4 + $7 + $8 + $9) / tick }
        /^cpu[0-9]/ { cores++ }
        END { print cores == 2 ? int(all - own) : 0 }' build-tests/own /proc/stat)
}

# The default, and its limit: 12 minutes of two cores. What others computed meanwhile is taken off,
# or the limit would judge them.
default_run() {
    count_others
    before=$others
    timed default usual
    count_others
    lost=$(((others - before) / 2))
    [ $lost -le 0 ] || echo "default: other work took $lost s of that from both cores"
    if [ "$(nproc)" != 2 ]; then
        echo "default: the limit of 12 minutes is for two cores and not judged on $(nproc)"
    elif [ $((took - lost)) -gt 720 ]; then
        echo 'default: it may take 12 minutes'
        failed=$((failed + 1))
    fi
}

full_part() {
    timed "$1" "full_$(echo "$1" | tr - _)"
}

full=no part=
case "$#:${1-}" in
0:) ;;
1:--full) full=yes ;;
2:--full) part=$(parts | sed 's/:.*//' | grep -Fx -e "$2") ;;
esac
[ $# = 0 ] || [ "$full$part" != no ] || { usage >&2; exit 2; }

mkdir -p build-tests
: >build-tests/times
: >build-tests/skips
setup $test_packages || exit 2
if [ -n "$part" ]; then
    full_part "$part"
else
    default_run
    [ $full = no ] || for part in $(parts | sed 's/:.*//'); do full_part "$part"; done
fi

echo 'slowest (seconds, seconds of CPU time, build, test):'
sort -rn build-tests/times | head -n 10 | sed 's/^/  /'
cat build-tests/skips
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
