# ranks.sh -- what tests of programs on several ranks share; sourced.

# easy_reviews FILE: 600 reviews whose class one word decides, at a place of its own.
easy_reviews() {
    awk 'BEGIN { srand(3); split("good bad", word, " "); split("yes no", label, " ")
        for (i = 0; i < 600; i++) {
            k = int(rand() * 2) + 1; printf "%s\t", label[k]; n = int(rand() * 5)
            for (j = 0; j < 5; j++) printf "%s ", j == n ? word[k] : "the" int(rand() * 9)
            print "" } }' >"$1"
}

# need_mpirun PROGRAM SYMBOL: ends the test, as skipped, where PROGRAM has not SYMBOL or cannot run.
need_mpirun() {
    name=$(basename "$1")
    if ! command -v mpirun >/dev/null || ! grep -q "$2" "$1"; then
        echo "SKIP: $name on ranks: no Open MPI"
        exit 0
    fi
    if grep -q __tsan_init "$1"; then
        echo "SKIP: $name on ranks: ThreadSanitizer does not know what Open MPI does"
        exit 0
    fi
    root=
    [ "$(id -u)" = 0 ] && root=--allow-run-as-root
    export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" # Open MPI leaves memory behind
}
