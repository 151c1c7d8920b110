// peers_netron.mjs NETRON FILE.dot ... -- what Netron's reader has of DOT files, as JSON lines.
//
// NETRON is the folder of the PyPI package `netron`; its dot.js and text.js run here as they are.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [folder, ...files] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/${name}`).href);
const { ModelFactory } = await load('dot.js');
const { Decoder } = await load('text.js');

for (const file of files) {
    const bytes = new Uint8Array(readFileSync(file));
    const context = {
        read: async (kind) => kind === 'text.decoder' ? Decoder.open(bytes) : lines(bytes),
        set: (kind) => kind,
    };
    const factory = new ModelFactory();
    const kind = await factory.match(context);
    const model = await factory.open(context);
    const nodes = model.modules[0].nodes.map((node) => ({
        id: node.name, type: node.type.name, reads: node.inputs.length, gives: node.outputs.length,
        attributes: Object.fromEntries(node.metadata.map((a) => [a.name, a.value])),
    }));
    console.log(JSON.stringify({ kind, nodes }));
}

function lines(bytes) {
    const rows = new TextDecoder().decode(bytes).split('\n');
    return { read: () => rows.shift() };
}
