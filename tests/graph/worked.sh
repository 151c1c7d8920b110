# worked.sh COMMAND MUTANT -- the worked examples of graph/equal/README.md: each fault is found again,
# and the report's first line says where and why. MUTANT is the command with an op's gradient
# broken at run time (tests/mutants/).
. tests/house/house.sh

command=$1 mutant=$2
case $command in /*) ;; *) command=$PWD/$command ;; esac
case $mutant in /*) ;; *) mutant=$PWD/$mutant ;; esac
cd tests/golden/worked || exit 1

# first_line PATTERN COMMAND...: it says no, and its first line holds the pattern.
first_line() {
    pattern=$1
    shift
    said=$("$@" 2>&1) && complain "$*" 'finds no fault'
    printf '%s\n' "$said" | head -n 1 | grep -q -- "$pattern" ||
        complain "$*" "no '$pattern' in its first line: $(printf '%s\n' "$said" | head -n 1)"
}

"$command" opt encoder.an | sed '39s/eps=0.001/eps=0.0001/' | cmp - edited.an ||
    complain edited.an 'is not encoder.an fused, with another eps in line 39'
first_line "^different: layer_norm_2/%40 (layer_norm) at encoder.an:42, in the second graph \
layer_norm_2/%40 (add_norm) at edited.an:39: eps is 0.001 in the first graph and 0.0001 in the second; " \
    "$command" verify encoder.an edited.an --gradients

AN_MUTANT=rule-residual-sign && export AN_MUTANT
first_line "rules: the gradient of %11 (residual_add) at encoder.an:13 with respect to skip is \
.*, differences say .*: opposite sign; proof: proved$" \
    "$mutant" verify encoder.an --gradients
exit $status
