# What interpret.c answers: what its figures and its page hold, that a net which knows nothing fails,
# and that a folder of the classifier's is taken.
#   interpret.sh BUILD-OF-EXAMPLES
set -eu
examples=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

"$examples/interpret" --small --json "$work/i.json" --html "$work/i.html" --dot "$work/i.dot" \
    >"$work/out" 2>"$work/log" || { cat "$work/out"; fail 'interpret failed'; }
python3 - "$work/i.json" "$work/i.html" <<'PYTHON' || { cat "$work/i.json"; fail 'interpret: figures'; }
import html.parser, json, sys
i = json.load(open(sys.argv[1]))
assert i["passed"] and i["worst_path_error"] <= 0.01 and i["margin"] >= 0.03, i
assert i["classifier_add_norm"] == i["classifier_add_norm_grad"] == i["classifier_same"] == 1, i
assert i["agreement_occlusion_gradient_x_input"] > 0.3, i
class Page(html.parser.HTMLParser):
    rows = words = 0
    def handle_starttag(self, tag, attributes):
        self.rows += ("class", "fall") in attributes
        self.words += tag == "span" and "title" in dict(attributes)
page = Page()
page.feed(open(sys.argv[2]).read())
assert page.rows == 3 * 10 and page.words >= 3 * 10 * 15, (page.rows, page.words)
PYTHON
[ -s "$work/i.dot" ] || fail 'interpret: no drawing'
"$examples/interpret" --small --graph "$work/i.an" && grep -q '^output "does"' "$work/i.an" ||
    fail 'interpret: no graph'
"$examples/interpret" --small --rate 1e-9 >"$work/out" 2>"$work/log" &&
    fail 'interpret: a net that knows nothing passed'

# A folder of the classifier's, three classes, and signs that a page has to escape.
awk 'BEGIN { srand(3); split("red green blue", c, " ")
    for (i = 0; i < 120; i++) { k = int(rand() * 3) + 1; printf "%s\tthis thing is <b>%s &amp\n", c[k], c[k] } }' \
    >"$work/three.tsv"
"$examples/classifier" --train "$work/three.tsv" --epochs 25 --max-length 8 --batch 8 \
    --checkpoint "$work/c" 2>"$work/log" || { cat "$work/log"; fail 'classifier failed'; }
"$examples/interpret" --checkpoint "$work/c" --train "$work/three.tsv" --max-length 8 --blank 1 \
    --reviews 9 --html "$work/i.html" --json "$work/i.json" >"$work/out" 2>"$work/log" ||
    { cat "$work/out" "$work/log"; fail 'interpret: --checkpoint'; }
grep -q '"accuracy": 1[,.]' "$work/i.json" || fail 'interpret: not the weights that were trained'
grep -q 'blue+++\|green+++\|red+++' "$work/out" || fail 'interpret: the colour does not decide'
"$examples/interpret" --checkpoint "$work/none" 2>"$work/log" && fail 'interpret: a folder that is not there'
grep -q "$work/none" "$work/log" || fail 'interpret: the message does not name the folder'
"$examples/interpret" --max-length 0 2>"$work/log" && fail 'interpret: texts of no words'
exit 0
