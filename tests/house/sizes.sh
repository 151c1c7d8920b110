# Files of at most 800 lines, functions of at most 80 (a kernel may say why it is "longer:"), lines
# of at most 100 columns (a row of a .def table is one line), and for each room a budget. A commit
# that raises one says why; one that saves lines lowers it, for no budget may stand more than 60
# lines above its room.
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

# lines, where, and what they buy.
budgets='
 4456 core                statuses (10 for one of ranks), 15 to ask for large pages, 12 for words of lists, texts and what becomes of lost ones (100), reading them (165), whole files (360, of which frontends/formats gave 180), threads, draws, hashes and vectors (30 for expm1 and log1p, 50 for what loops add to, 12 for a part of one or all of it: ops/kernels gave 16), UTF-8 (30), names solved from extents (60), what every status means (110), names by a pattern (50, of which optim gave 30), characters of XML (18, of which graph/picture gave 18): what all else stands on
12690 ops                 75 for what ranks add up, 25 for rows of a larger batch; 93 of the ops (21 of them 16 lines each; the slopes that may be infinite and the length of many tensors 280; which numbers and initialisers are taken 110): types, gradients, plain loops, how work is cut and what others must know (60); the kinds of attributes (510, of which graph/text gave 200); 710 for ops from outside, 70 of them to refuse definitions that contradict themselves; 60 for how axes are spelled; 180 to sort what is scattered, to add long columns and products up in blocks, and for plain norms of rows of any magnitude; 240 for slices whose place is data, in place where that is known; 300 for running sums and products whose gradients divide by nothing, 360 to put in order, 100 for what is composed of other ops, 430 for equations of einsum; 150 for what is drawn; 2600 more for what runs along an axis and by place 1300, draws 300, losses with weights 600, einsum 350, steps 250
 1350 ops/attention       attention and its gradient, tile by tile, one query by itself, written out, in plain loops
 2060 ops/images          three convolutions, each a gradient of the others, 1200, pools 400, the norm by channel 430
 2245 ops/recurrent       lstm, gru and rnn: 785 they share (85 so that large weights come through the caches well), 230 an op, their plain loops
 3304 ops/kernels         vector loops, written once for three instruction sets; 80 for one row times a matrix, 40 for tiles of a product that are unrolled, and how what is packed lies well; 370 for attention, of which one query and three ways of turning; 330 for sums of long rows in blocks and for rows that only double can measure; tiles of attention, windows, ends of their rows and channels of images 770
 4085 graph               30 for communicators and rows of a larger batch; 270 say what a name means, a node or any value; the IR, its names, errors, gradients, update tables and the interpreter; 370 for ops from outside, 120 of them to look at what these return, 150 for updates that are pending, 30 to join tables, 75 for extents that do not fit, 20 say what of a picture is wanted, 35 what a node computes (frontends/inspect gave 30, graph/picture 35)
 1620 graph/text          600 find which nodes of two graphs are one, 320 say what differs, 200 print what is near a node; the text form, both ways, with an error for every kind of slip (of names 25, of pending lines, 20, of opaque ops, 20)
 2195 graph/passes        200 gather what ranks add up; six passes and their frame; 210 for what is computed again, 40 for passes with an argument; 60 for what is pending, `training` and what a literal chooses; 420 are for what becomes one: exact, in linear time, for any pass; 50 for ops that are their meaning
 4815 graph/run           190 are runs that ranks make together, 50 keep them in step when one fails; 35 lay states behind each other; compiling, planning, the proof of the plan, weights, one run; 235 change states in place and put them back, 65 of them to prove that they can; 260 record what threads did and when; 130 keep planning linear, 115 the check of outs and feeds, 45 make values there, 75 learn names from expressions; 340 refuse what is not finite and find who is to blame, 90 are fingerprints, 110 list what a loaded file lacks, 45 say what computing again saves
 4485 graph/picture       60 give a picture as a text, whose boxes say which nodes they are; 110 say what the rows of the summary read; views, 420 of them find what repeats and draw it once, the ladder in linear time, three writers, the summary; 70 show what takes how long, 90 draw simpler what Graphviz gives up and tell of all kinds of boxes, 270 fit a page: by depth, then in parts, counted outputs; 150 select phases, scopes and ways, 70 tell what merged and changed, 120 keep lanes in their order, 70 draw the residual stream and steps that slice on
 1140 graph/memory        what the memory of a run holds: boxes, sums by scope, a table 140, and 470 for the picture
  530 graph/profile      what the time of a run goes to: medians, groups, shares of what the machine was measured to do
 4665 graph/equal/proof   the prover: value graphs and exact rules (380 of them of moving elements, 95 for pending updates), where a proof fails and in which words (550); 2300 what is equal over the reals
 6130 graph/equal         80 draw feeds for whoever asks; numbers, seven checks, their data (aimed, 230), memory needed (71), the report and its picture; 200 are getters; 700 check an op from outside
 1305 graph/equal/proof/prove.c+graph/equal/proof/axioms.c+graph/equal/proof/axioms_move.c+graph/equal/proof/match.c  45 for concats, which ranks need; what a proof rests on, to be read in an hour and a half; 380 for moves; 37 for pending updates, 12 for where a literal chooses, 11 for meanings from outside that are none or lead back to themselves
  790 graph/reduce        delta debugging of graphs
 1300 optim               seven optimizers and two schedules as nodes, gradients that are given or asked for by name (210), groups and what is wrong with them (150), accumulation (100), averages of the weights (190); a third is the public header
  790 frontends           50 for a graph as JSON and as a page; the public header of all that surrounds a graph; 60 for what TensorBoard and tables show of a training, 170 for layers of attention, images and recurrence, 30 for what stands before and behind them
  980 frontends/layers    twenty-nine layers: attention with a cache and positions 220, recurrence 300, images 260, learned positions, means over time and flat rows 85
 1030 frontends/formats   safetensors, their checksums (180), checkpoints, SHA-256
 1080 frontends/text      the Tokenizer, its JSON, Unicode
 1260 frontends/data      four formats, classes, the generated corpus
 3110 frontends/train     the loop, what its steps are fed (130), what it shows of weights and gradients (250) and keeps of that (90), histories as tables (60), what is not finite in it, its record, resuming from any step of the same training (310), the plot (510); 140 are getters
 1220 frontends/inspect  270 are a graph as JSON; a profile as JSON and as a timeline; a map of memory as JSON, 90; files for TensorBoard 580: records 220, graphs 150, histograms 100, protobuf 90
  620 frontends/page      one HTML file: which pictures 330, facts 150, the file 120; the script and the style are no C
  370 frontends/mpi       ranks by MPI: sums 90, a thread that exchanges them 90, its life 80
 3790 frontends/cli       75 write pages and JSON; 110 print what differs, 170 are the manual and the completions, 80 draw behind each pass, 30 parts of a graph; sixteen subcommands and their options
'
# Lines of a room, the files right in it; or of files joined by "+".
lines_of() {
    case $1 in
    *.c*) cat $(echo "$1" | tr + ' ') ;;
    *) find "$1" -maxdepth 1 \( -name '*.c' -o -name '*.h' -o -name '*.def' \) -exec cat {} + ;;
    esac | wc -l
}
echo "$budgets" | while read -r most room why; do
    [ -n "$room" ] || continue
    lines=$(lines_of "$room")
    [ "$lines" -le "$most" ] || echo "$room: $lines lines, its budget is $most ($why)"
    [ $((lines + 60)) -ge "$most" ] || echo "$room: $lines lines; lower its budget of $most"
done | complaints || status=1
for room in $(sources $library | sed 's|/[^/]*$||' | sort -u); do
    echo "$budgets" | grep -q "^ *[0-9]* $room " || complain "$room" 'has no budget'
done
exit $status
