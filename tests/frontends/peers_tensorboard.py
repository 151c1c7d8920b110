"""peers_tensorboard.py WRITER -- what TensorBoard reads of the files that WRITER makes.

Run by hand: it needs tensorboard from PyPI. What its accumulator has for the directories of
write_events.c is held against what events.py reads, value by value; and the server's loader, which
makes tensors of summaries, takes every event."""
import math
import os
import subprocess
import sys
import tempfile

from tensorboard.backend.event_processing import event_accumulator, event_file_loader
import tensorboard

import events


def same(a, b):
    return a == b or math.isnan(a) and math.isnan(b)


def compare(directory):
    mine = events.read(directory)
    theirs = event_accumulator.EventAccumulator(
        directory, {'scalars': 0, 'histograms': 0, 'compressedHistograms': 0})
    theirs.Reload()
    tags = theirs.Tags()
    assert sorted(tags['scalars']) == sorted(mine['scalars'])
    assert sorted(tags['histograms']) == sorted(mine['histograms'])
    assert tags['graph']
    count = 0
    for tag, values in mine['scalars'].items():
        read = [(e.step, e.value) for e in theirs.Scalars(tag)]
        assert len(read) == len(values), (tag, read)
        for step, value in read:
            assert same(value, values[step]), (tag, step)
            count += 1
    for tag, values in mine['histograms'].items():
        read = theirs.Histograms(tag)
        assert [e.step for e in read] == list(values)
        for e in read:
            h, want = e.histogram_value, values[e.step]
            for key in ('min', 'max', 'num', 'sum', 'sum_squares'):
                assert same(getattr(h, key), want[key]), (tag, key)
            assert list(h.bucket_limit) == want['limits'] and list(h.bucket) == want['counts']
            count += 1
    nodes = theirs.Graph().node
    want = mine['graphs'][-1]
    assert len(nodes) == len(want)
    for n, w in zip(nodes, want):
        assert (n.name, n.op, list(n.input), n.device) == (w['name'], w['op'], w['input'],
                                                           w['device'])
        assert n.attr['type'].s == w['attr']['type'][2]
        shapes = n.attr['_output_shapes'].list.shape
        assert len(shapes) >= 1 and all(d.size >= -1 for s in shapes for d in s.dim)
    return count, len(nodes)


def migrate(directory):
    for name in sorted(os.listdir(directory)):
        if 'tfevents' in name:
            for event in event_file_loader.EventFileLoader(os.path.join(directory, name)).Load():
                for value in event.summary.value:
                    assert value.HasField('tensor') and value.metadata.plugin_data.plugin_name in (
                        'scalars', 'histograms', 'graphs'), value


def main(writer):
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([writer, place], check=True, stdout=subprocess.DEVNULL)
        for name in ('training', os.path.join('deep', 'loop')):
            directory = os.path.join(place, name)
            count, nodes = compare(directory)
            migrate(directory)
            print(f'TensorBoard {tensorboard.__version__}: {name}: {count} values and '
                  f'{nodes} nodes, all the same')


if __name__ == '__main__':
    main(sys.argv[1])
