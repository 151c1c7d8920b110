# Files of at most 800 lines, functions of at most 80 (a kernel may say why it is "longer:"), lines
# of at most 100 columns (a row of a .def table is one line), and a bound on core + ops + graph. A
# commit that raises the bound says why.
most=28500
. tests/house/house.sh

sources $library examples tests | xargs awk '
    length($0) > 100 && FILENAME !~ /\.def$/ { print FILENAME ":" FNR ": " length($0) " columns" }
    FNR == 1 { start = 0; excuse = 0 }
    FNR == 801 { print FILENAME ": more than 800 lines" }
    /longer:/ { excuse = FNR }
    /^{/ { start = FNR }
    /^}/ {
        if (start && FNR - start > 80 && excuse < start - 25)
            print FILENAME ":" start ": a function of " FNR - start " lines"
        start = 0
    }' | complaints || status=1

lines=$(sources core ops graph | xargs cat | wc -l)
[ "$lines" -lt $most ] || complain 'core + ops + graph' "$lines lines, must stay below $most"
exit $status
