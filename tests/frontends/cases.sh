# cases.sh ADDNORM: small files on which the command once answered wrongly, and the right answers.
# A line of the table below: exit status | command, run in tests/golden/cases | what line 1 must say.
addnorm=$(realpath "$1")
cd tests/golden/cases || exit 2
status=0

while IFS='|' read -r wanted command says; do
    [ -n "$wanted" ] || continue
    first=$(timeout 20 "$addnorm" $command 2>&1 | head -n 1)
    timeout 20 "$addnorm" $command >/dev/null 2>&1
    got=$?
    case $first in
    *"$says"*) ;;
    *) echo "addnorm $command: does not say '$says': $first"; status=1 ;;
    esac
    [ $got = "$wanted" ] || { echo "addnorm $command: exit $got, not $wanted: $first"; status=1; }
done <<'END'
3|verify crash.an --bind B=1|error AN-E003 input: the element count overflows
END
exit $status
