# The net learns more than biases know, is proved to be what was written, an untrained one fails, and
# MovieLens's files are taken as they are meant or refused.
#   recommend.sh BUILD-OF-EXAMPLES
set -eu
recommend=$1/recommend
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; cat "$work/out" "$work/log"; exit 1; }
run() { "$recommend" --threads 1 --small "$@" >"$work/out" 2>"$work/log"; }
refused() { # message, options
    message=$1
    shift
    code=0
    run "$@" || code=$?
    [ $code -ne 0 ] && [ $code -lt 3 ] || fail "code $code: $*"
    grep -qF -- "$message" "$work/log" || fail "no word of '$message': $*"
}

run --json "$work/r.json" --dot "$work/r.dot" || fail 'the small net does not learn'
python3 - "$work/r.json" <<'END' || fail 'figures'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["passed"] and r["recommend_same"] == 1, r
assert r["recommend_add_norm"] == r["recommend_add_norm_grad"] == 2, r
assert r["floor"] < r["factorisation_8"] < r["biases"] and r["net"] < r["biases"] - 0.03, r
END
[ -s "$work/r.dot" ] || fail 'no picture'
[ "$(grep -c '^      since film' "$work/out")" = 10 ] || fail 'not two reasons for each of five films'
run --rate 1e-9 && fail 'an untrained net passed'
refused 'there is no user 4711' --user 4711
refused '--width takes 2 to 32' --width 1

# Each viewer likes every third film, from his number on. The same rows in each format.
python3 - "$work" <<'END'
import os, sys
work = sys.argv[1]
rows = [(7 * u + 1, 10 * i + 3, 5 if (u + i) % 3 == 0 else 2) for u in range(30) for i in range(40)
        if (u * i) % 7 < 5]
def put(name, text, code="utf-8"):
    os.makedirs(os.path.dirname(f"{work}/{name}"), exist_ok=True)
    open(f"{work}/{name}", "w", encoding=code, newline="").write(text)
put("csv/ratings.csv", "userId,movieId,rating,timestamp\r\n" +
    "".join(f"{u},{i},{s}.0,964982703\r\n" for u, i, s in rows))
put("csv/movies.csv", "movieId,title,genres\r\n" +
    "".join(f'{10 * i + 3},"Film, The ""{i}"" \u00e9",Drama|War\r\n' for i in range(40)))
put("old/u.data", "".join(f"{u}\t{i}\t{s}\t881250949\n" for u, i, s in rows))
put("old/u.item", "".join(f"{10 * i + 3}|Film, The {i} \u00e9|01-Jan-1995||http\n" for i in range(40)),
    "latin-1")
put("dat/ratings.dat", "".join(f"{u}::{i}::{s}::978300760\n" for u, i, s in rows))
put("dat/movies.dat", "".join(f"{10 * i + 3}::Film: The {i} \u00e9::Drama\n" for i in range(40)),
    "latin-1")
put("bare/u.data", "".join(f"{u}\t{i}\t{s}\t881250949\n" for u, i, s in rows))
put("bad/short.csv", "userId,movieId,rating,timestamp\n1,2,3.5,1\n1,2\n")
put("bad/words.csv", "1,2,good,1\n")
put("bad/empty.csv", "userId,movieId,rating,timestamp\n")
put("bad/few.csv", "1,2,3,4\n2,2,4,4\n")
END
for file in csv/ratings.csv old/u.data dat/ratings.dat; do
    run --ratings "$work/$file" --user 8 --top 40 --epochs 1 --rate 1e-9 || true
    cp "$work/out" "$work/${file%/*}.out"
    grep -q '^for user 8:' "$work/out" || fail "$file was not taken"
done
grep -q ' Film, The "[0-9]*" é$' "$work/csv.out" || fail 'titles of movies.csv'
grep -q ' Film, The [0-9]* é$' "$work/old.out" || fail 'titles of u.item'
grep -q ' Film: The [0-9]* é$' "$work/dat.out" || fail 'titles of movies.dat'
for name in csv old dat; do # the same figures, whatever the format
    grep '^biases\|^matrix\|^residual' "$work/$name.out" >"$work/$name.figures"
    cmp -s "$work/csv.figures" "$work/$name.figures" || fail "$name has other figures than csv"
done
run --ratings "$work/bare/u.data" --user 8 --epochs 1 --rate 1e-9 || true
grep -q ' item [0-9]*3$' "$work/out" || fail 'films without titles'
refused 'short.csv:3: it is no user, item and rating' --ratings "$work/bad/short.csv"
refused 'words.csv:1: it is no user, item and rating' --ratings "$work/bad/words.csv"
refused 'empty.csv: it holds no ratings' --ratings "$work/bad/empty.csv"
refused '2 ratings are too few' --ratings "$work/bad/few.csv"
refused 'none.csv: No such file' --ratings "$work/bad/none.csv"
