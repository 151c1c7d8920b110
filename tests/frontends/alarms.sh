# alarms.sh ADDNORM MODELS TYPE PART: does verify cry wolf? Every golden graph and every whole model,
# its f32 written as TYPE (f32 or f64), with gradients, on hard, exact and aimed data: what the passes
# make of it is proved, exit 0. PART 0 or 1 takes every other file, `all` all of them. The last line is
# "N verified, M alarms".
command=$(realpath "$1") models=$(realpath "$2") type=$3 part=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
count=0 alarms=0 number=0

# Not graphs, or graphs of petabytes: what cases.sh says of them is tested there. wide_norm shows what
# the norms of wide rows still get wrong.
skipped=' crash wide_norm '

# alarm FILE: verifies it each way.
alarm() {
    for flags in '--gradients' '--gradients --data hard' '--gradients --data exact' '--data hard' \
        '--data exact' '--gradients --data aimed'; do
        said=$(timeout 120 "$command" verify "$1" $flags 2>&1)
        status=$?
        count=$((count + 1))
        [ $status = 0 ] && continue
        alarms=$((alarms + 1))
        echo "verify $1 $flags: exit $status: $(printf '%s\n' "$said" | head -n 1)"
    done
}

for model in classifier gpt translator encoder rms; do
    "$models" graph $model >"$folder/$model.an" || alarms=$((alarms + 1))
done
# A golden file may hold, after a line of dashes, what passes make of it; a catalogue holds many.
for file in tests/golden/*.an tests/golden/*/*.an; do
    case $file in
    */catalogue/*)
        awk -v base="$folder/$(basename "$file" .an)" \
            '/^---- / { n++; next } n { print > sprintf("%s_%03d.an", base, n) }' "$file" ;;
    *) sed '/^---- after/,$d' "$file" >"$folder/$(basename "$file")" ;;
    esac
done
for file in "$folder"/*.an; do
    name=$(basename "$file" .an)
    case $skipped in *" $name "*) continue ;; esac
    number=$((number + 1))
    [ "$part" = all ] || [ $((number % 2)) = "$part" ] || continue
    sed "s/f32/$type/g" "$file" >"$folder/$name.$type"
    alarm "$folder/$name.$type"
done
echo "$count verified, $alarms alarms"
[ $alarms = 0 ]
