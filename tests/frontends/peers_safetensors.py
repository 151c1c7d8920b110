"""peers_safetensors.py FILE -- what the safetensors package reads of a checkpoint, by its checksums.

Run by hand: it needs safetensors and numpy from PyPI. Reads FILE, holds every tensor against the
CRC-32 in the metadata, writes it anew without them, and prints how many there were."""
import json
import sys
import zlib

from safetensors import safe_open
from safetensors.numpy import save_file

with safe_open(sys.argv[1], framework='numpy') as f:
    about = f.metadata()
    sums = json.loads(about.pop('addnorm.crc32'))
    about.pop('addnorm.crc32.header')
    tensors = {name: f.get_tensor(name) for name in f.keys()}
for name, tensor in tensors.items():
    assert f'{zlib.crc32(tensor.tobytes()):08x}' == sums.pop(name), name
assert not sums, sums
save_file(tensors, sys.argv[1] + '.again', metadata=about)
print(f'{len(tensors)} tensors, all as their checksums say; {sys.argv[1]}.again has none')
