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
1|verify count_t.an count_b.an|size is T in the first graph and B in the second
1|verify count_t.an count_b.an --at-least rounding|different: %2 (count) at count_t.an:4
1|verify velocity_a.an velocity_b.an|velocity is m_w (state) in the first graph and m_v (state) in the second; numbers: different
1|verify velocity_a.an velocity_b.an --steps 1 --at-least rounding|different: %9 (momentum_step) at velocity_a.an:10
1|verify eps_a.an eps_b.an --at-least bitwise|eps is 0.001 in the first graph and 0.0010000002 in the
1|verify less_a.an less_b.an --at-least bitwise|test is lt in the first graph and le in the second; numbers: different
1|verify init_a.an init_b.an|init of "w" is zeros in the first graph and constant(1) in the second
1|verify init_a.an init_b.an --at-least rounding|aimed at it (each state as it starts, seed 0)
1|verify halves_a.an halves_b.an|reals: equal over the reals, by products; 
0|verify halves_a.an halves_b.an --at-least bitwise|reals: 
0|verify halves_a.an halves_b.an --at-least reals|reals: 
0|verify eps_a.an eps_a.an|proved: equal for every feed, state and extent; numbers: vacuous
3|verify eps_a.an init_a.an|refused: leaf "x" is f32[3,8] in the first graph and f32[4] in the second
0|verify cse_adjoint.an --gradients|proved: equal for every feed, state and extent; numbers: bitwise
0|verify f64_far_norm.an --gradients --data hard|proved: equal for every feed, state and extent
0|verify dead_norm.an --gradients --passes fuse_add_norm|proved: equal for every feed
0|verify stop_a.an stop_b.an|proved: 
1|verify stop_a.an stop_b.an --gradients|%5 (stop_gradient) at stop_b.an:7 ends gradients in the second graph only
1|verify stop_b.an stop_a.an --gradients|%5 (stop_gradient) at stop_b.an:7 ends gradients in the first graph only
3|verify stop_a.an stop_n.an|refused: leaf "x" is f32[B,8] in the first graph and f32[N,8] in the second
0|verify distribute_a.an distribute_b.an --gradients --seeds 20 --at-least rounding|reals: 
0|verify distribute_b.an distribute_a.an --gradients --seeds 20 --at-least rounding|reals: 
0|verify written_a.an written_b.an --seeds 20 --at-least reals|reals: equal over the reals, by sums, 
1|verify written_a.an written_b.an|reals: 
0|verify written_a.an written_b.an --gradients --seeds 20 --at-least rounding|rounding: 
0|verify written_b.an written_a.an --gradients --seeds 20 --at-least rounding|rounding: 
1|verify distribute_a.an distribute_b.an --bind B=100000000 --memory 2G|failed: not compared: error AN-E003: it takes 
2|verify distribute_a.an --memory 4X|--memory takes bytes, or a number and K, M, G or T, not '4X'
0|verify distribute_a.an --memory 1M|proved: 
0|opt noop_reshapes.an --explain|6 nodes became 3
0|verify noop_reshapes.an --gradients|proved: equal for every feed
0|verify wide_norm.an --data hard|proved: equal for every feed, state and extent
0|verify wide_norm.an --data hard --gradients|proved: equal for every feed, state and extent; numbers: bitwise
END
exit $status
