# fuzz.sh BUILD TARGET -- lets libFuzzer try TARGET, and says in one line what came of it; fails if
# an input crashed, leaked, took more than a second of CPU time or needed too much memory. That
# input is then in BUILD/found, to be mended and kept as a seed.
#
# Two limits of memory: the library may hold 256 MiB for one input, counted at its allocator hook,
# and a single malloc of anybody ask for so much; the process, with what AddressSanitizer adds
# (shadow memory, red zones and a quarantine cut down to 8 MiB), with libFuzzer's corpus and tables,
# may be resident with as much. Peaks of both are stated.
#
# AN_FUZZ_RUNS: how many inputs, instead of a million (a tenth of it for whole programs).
build=$1 target=$2
runs=${AN_FUZZ_RUNS:-1000000}
[ "$target" != program ] || runs=$((runs / 10))

# The longest input, in bytes. Graphs need some room; a tokenizer's JSON says each of its words five
# times, and other files repeat themselves early, too.
case $target in
an) longest=4096 ;;
tokenizer) longest=512 ;;
*) longest=1024 ;;
esac

# Words that mutations put in. Those of .an come from the tables of ops and attributes.
words() {
    case $1 in
    an)
        sed -nE 's/^AN_(OP|ATTR)\(([a-z0-9_]+).*/\2/p' ops/ops.def ops/attrs.def
        echo 'f32 f64 i32 i64 bool graph dims output update pending when as in ordinal from at <- % = { } [ ]
            inf nan uniform normal orthogonal random_key B T 2*B*T (T+1)/2 1099511627776
            9223372036854775807 %1 %2.1 _'
        ;;
    safetensors) echo 'dtype shape data_offsets __metadata__ F32 F64 I32 I64 BOOL BF16 [0,0]
        4294967296' ;;
    npy) echo "'descr' 'fortran_order' 'shape' True False <f4 >f8 <i4 >i8 |b1 (0,) 4294967296" ;;
    tokenizer) echo 'config num_words filters lower split char_level oov_token document_count
        word_counts word_docs word_index null true false' ;;
    dataset) echo 'label text sentiment review stars body' ;;
    training) echo 'format seed batch examples best validated metrics epochs epoch seconds step_ms
        val_ loss null 1e300 -1e308 5e-324 9223372036854775807' ;;
    esac | tr -s ' ' '\n' | grep . | sed 's/.*/"&"/'
}

corpus=$build/corpus/$target
rm -rf "$corpus"
mkdir -p "$corpus" "$build/found"
words "$target" >"$corpus.words"
dictionary=
[ ! -s "$corpus.words" ] || dictionary=-dict=$corpus.words
seeds=tests/fuzz/seeds/$target
[ "$target" != an ] || seeds="$seeds tests/golden"

# The library never prints, and the targets only when they end: no output is turned away. Without
# entropic scheduling, which here takes five times as long as the inputs do.
ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=8:malloc_context_size=8 \
    "$build/tests/fuzz/fuzz_$target" -runs="$runs" -seed=1 -max_len="$longest" -entropic=0 \
    -timeout=1 -malloc_limit_mb=256 -rss_limit_mb=256 -print_final_stats=1 \
    $dictionary -artifact_prefix="$build/found/$target-" "$corpus" $seeds \
    >"$corpus.log" 2>&1
status=$?

# last PATTERN: the last match of it in the log.
last() {
    grep -aoE "$1" "$corpus.log" | tail -n 1 | grep -oE '[0-9.]+' | head -n 1
}
slowest=$(last 'slowest [0-9]+ ms')
good=$(last '[0-9]+ good')
echo "$target: $(last 'number_of_executed_units: [0-9]+') inputs${good:+, $good good}," \
    "$(last 'cov: [0-9]+') edges, slowest ${slowest:-?} ms," \
    "library at most $(last 'held [0-9.]+ MiB') MiB, process $(last 'peak_rss_mb: *[0-9]+') MiB"
[ $status = 0 ] && [ "${slowest:-1001}" -le 1000 ] && exit
grep -aE 'demand:|runtime error|SUMMARY|Test unit written|limit exceeded|^ALARM' "$corpus.log"
echo "$target: failed; see $corpus.log"
exit 1
