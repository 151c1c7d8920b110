# language.sh ADDNORM -- the page on the .an language says what the parser does.
. tests/frontends/command.sh

python3 tests/frontends/language.py "$addnorm" || status=1
exit $status
