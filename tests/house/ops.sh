# Who outside ops/ names an op, and why: what is peculiar to an op stands in its record, so that
# another norm, or an op from outside, needs no line elsewhere. A name is AN_OP_x, an_rules_x or the
# name of an op as a string that is looked up or compared. tests/house/ops.txt lists all files that
# do so, with how often and a reason each; a file that is not there, or another count, fails.
. tests/house/house.sh

scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
names=$(sed -n 's/^AN_OP(\([a-z0-9_]*\),.*/\1/p' ops/ops.def | paste -sd '|')
for file in $(sources graph optim frontends | grep '\.[ch]$'); do
    count=$(sed 's|/\*.*\*/||; s|^ \*.*||' "$file" | grep -oE \
        "AN_OP_($names)\b|an_rules_($names)\b|an_(op_number|op_find|graph_count|apply)\([^\"()]*\"($names)\"|strcmp\([^()]*(op|name), \"($names)\"\)" | wc -l)
    [ "$count" -eq 0 ] || echo "$file $count"
done >"$scratch/found"
sed 's/#.*//; /^ *$/d' tests/house/ops.txt | awk '{ print $1, $2; if (NF < 4) print "no reason" }' >"$scratch/listed"
diff "$scratch/listed" "$scratch/found" >"$scratch/diff" || {
    complain tests/house/ops.txt "$(grep '^[<>]' "$scratch/diff" |
        sed 's/^</listed:/; s/^>/found: /' | tr '\n' ';')"
}
exit $status
