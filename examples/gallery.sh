#!/bin/sh
# gallery.sh [BUILD] -- five models, each in six pictures, on one page: build/gallery/index.html.
#
# Of the classifier, an encoder of 12 blocks, the GPT, the translator and a ResNet: the graph that
# answers, the graph that trains, both graphs of the fusion with what proves them equal, what the
# passes changed, the memory of a step, and where its time goes. Nothing is trained. The page and the
# pictures beside it need no network; under each stands the command that makes it again. AN_GALLERY
# names the models that are shown, if not all: 'classifier gpt'.
set -eu
cd "$(dirname "$0")/.."
. tests/setup.sh
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE 2>/dev/null || true

build=${1:-build}
out=$build/gallery addnorm=$build/frontends/addnorm

make() {
    setup $build_packages graphviz || exit 2
    mkdir -p $build
    [ -e $build/build.ninja ] || meson setup $build >$build/setup.log 2>&1 || {
        tail -n 20 $build/setup.log
        exit 2
    }
    ninja -C $build examples/classifier examples/encoder examples/gpt examples/resnet \
        examples/translate frontends/addnorm >$build/ninja.log 2>&1 || {
        grep -E 'error|FAILED' $build/ninja.log | head -n 20
        exit 2
    }
}
[ -n "${AN_BUILT-}" ] || make # the test that runs it has built all
rm -rf $out
mkdir -p $out

# ---- the page ---------------------------------------------------------------

page=$out/index.html
text() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }

head_of_page() {
    cat <<'END'
<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>addnorm: a gallery</title>
<style>
:root { color-scheme: light dark; --ink: #202124; --soft: #5f6368; --paper: #fff; --line: #dadce0;
    --code: #f1f3f4; --mark: #c2410c }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #bdc1c6; --paper: #1b1c1f;
    --line: #3c4043; --code: #2a2b2f; --mark: #ffb38a } }
body { font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; color: var(--ink);
    background: var(--paper); max-width: 1180px; margin: 2.5rem auto; padding: 0 1.5rem }
h1 { font-size: 2rem; margin: 0 } h2 { margin: 3rem 0 .2rem; padding-top: 1rem;
    border-top: 1px solid var(--line) }
p { max-width: 48rem } .soft, figcaption span { color: var(--soft) } a { color: var(--mark) }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1.2rem }
figure { margin: 0; border: 1px solid var(--line); border-radius: 10px; overflow: hidden;
    display: flex; flex-direction: column }
figure > a { background: #fff; display: flex; height: 420px; justify-content: center; padding: 8px }
figure img { max-width: 100%; max-height: 100%; object-fit: contain }
figcaption { padding: .7rem .9rem 1rem; border-top: 1px solid var(--line) }
figcaption b { display: block } figcaption span { font-size: .9rem }
code, pre { font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--code);
    border-radius: 6px }
figcaption code { display: block; margin-top: .5rem; padding: .4rem .6rem; overflow-wrap: anywhere }
pre { padding: .8rem 1rem; overflow-x: auto } table { border-collapse: collapse }
td { padding: .3rem 1rem .3rem 0; vertical-align: top } td code { padding: .1rem .4rem }
</style>
<h1>addnorm: a gallery</h1>
<p>Five models, as their examples define them. A picture opens in full by a click. The commands are
meant for the folder of the sources; the graphs they read are beside this page.</p>
END
}

# figure FILE TITLE CAPTION COMMAND...: runs the command, and shows the picture that it made.
figure() {
    file=$1 title=$2 caption=$3
    shift 3
    sh -c "$*" >$out/log 2>&1 || {
        echo "failed: $*" >&2
        cat $out/log >&2
        exit 1
    }
    size=$(sed -n 's/.*<svg[^>]* width="\([0-9]*\)[a-z.0-9]*" height="\([0-9]*\).*/\1 x \2/p' \
        "$out/$file" | head -n 1)
    cat >>$page <<END
<figure id="${file%.svg}"><a href="$file"><img src="$file" alt="$title" loading="lazy"></a>
<figcaption><b>$title</b><span>$caption ($size)</span>
<code>$(echo "$*" | text)</code></figcaption></figure>
END
}

# model NAME TITLE TEXT DIMS TABLE COMMAND...: a section; the command writes $out/NAME.an.
model() {
    name=$1 title=$2 about=$3 dims=$4 table=$5
    shift 5
    case " ${AN_GALLERY-$name} " in *" $name "*) ;; *) return ;; esac
    echo "$title"
    sh -c "$*" >$out/log 2>&1 || {
        echo "failed: $*" >&2
        cat $out/log >&2
        exit 1
    }
    an=$out/$name.an
    {
        echo "<h2 id=\"$name\">$title</h2><p>$about</p>"
        echo "<p class=\"soft\">Its graph: <code>$(echo "$*" | text)</code></p><div class=\"grid\">"
    } >>$page
    figure $name-inference.svg 'What answers' 'outside training, after the passes; Add &amp; Norm is orange' \
        "$addnorm opt $an --inference |" \
        "$addnorm dot - --phase forward -o $out/$name-inference.svg"
    figure $name-training.svg 'What trains' \
        'gradients beside what they differentiate, and the optimizer; after the passes' \
        "$addnorm opt $an | $addnorm dot - -o $out/$name-training.svg"
    figure $name-verify.svg 'Before and after' \
        'both graphs, proved equal; an arrow is coloured by how far its values differ' \
        "$addnorm verify $an --dot $out/$name-verify.svg"
    figure $name-fused.svg 'What the passes changed' 'in one graph: gone is red, new is green' \
        "$addnorm opt $an | $addnorm dot - --diff $an -o $out/$name-fused.svg"
    figure $name-memory.svg 'Where memory peaks' \
        'a box per value: when it lives, where it stands; the red line is the peak' \
        "$addnorm memory $an --update $table --bind $dims -o $out/$name-memory.svg"
    figure $name-profile.svg 'Where time goes' 'the same graph, coloured by what a run spends where' \
        "$addnorm profile $an --update $table --bind $dims --steps 5 --dot $out/$name-profile.svg"
    {
        echo '</div><details><summary>Time by kind of op</summary><pre>'
        text <$out/log
        echo '</pre></details>'
    } >>$page
}

head_of_page >$page
cat >>$page <<'END'
<table>
<tr><td>Add &amp; Norm<td>the orange box in <a href="classifier-inference.svg">what answers</a>:
    <code>addnorm opt X.an | addnorm dot - -o x.svg</code>
<tr><td>the residual stream<td>the thick arrows of <a href="gpt-inference.svg">any
    picture</a>, past each branch: <code>addnorm dot X.an --focus residual_add -o x.svg</code>
<tr><td>what was fused<td>orange frames in <a href="gpt-fused.svg">what the passes changed</a>:
    <code>addnorm opt X.an | addnorm dot - --diff X.an -o x.svg</code>
<tr><td>where time goes<td>the reddest boxes of <a href="classifier-profile.svg">the profile</a>:
    <code>addnorm profile X.an --update adam --dot x.svg</code>
<tr><td>where memory peaks<td>the red line in <a href="gpt-memory.svg">the map of memory</a>:
    <code>addnorm memory X.an --update adam -o x.svg</code>
</table>
END
model classifier 'The article’s classifier of texts' \
    'Embedding, two bidirectional LSTMs, an LSTM beside a residual, Add &amp; Norm, the mean over time.' \
    B=32,T=100 adam \
    "$build/examples/classifier --generate 40 --epochs 1 --graph $out/classifier.an"
model encoder 'An encoder of 12 blocks' \
    'BERT in small, post-norm: 24 Add &amp; Norm. Blocks that repeat are drawn once.' \
    B=8,T=64 pretraining "$build/examples/encoder --blocks 12 --graph $out/encoder.an"
model gpt 'A GPT of two blocks' 'Pre-norm: a sum is normed by the next block, and read on as it is.' \
    B=8,T=64 adam "$build/examples/gpt --graph $out/gpt.an"
model translate 'A translator' \
    'An encoder, and a decoder that looks at what it made: two and three Add &amp; Norm in a block.' \
    B=8 adam "$build/examples/translate --graph $out/translate.an"
model resnet 'A ResNet of 14 layers' \
    'Residuals without layer norm: nothing fuses, and the proof says that nothing had to.' \
    B=16 adam "$build/examples/resnet --graph $out/resnet.an"
rm -f $out/log
echo "see $page"
