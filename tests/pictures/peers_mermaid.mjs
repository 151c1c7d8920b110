// peers_mermaid.mjs MODULES FILE.mmd ... -- what Mermaid's parser has of charts, as JSON lines.
//
// MODULES has the npm packages `mermaid` and `jsdom`: npm install --prefix DIR mermaid jsdom
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, ...files] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${modules}/${path}`).href);
const { JSDOM } = (await load('jsdom/lib/api.js')).default;
const window = new JSDOM('<!DOCTYPE html><body></body>').window;
globalThis.window = window;
globalThis.document = window.document;
const mermaid = (await load('mermaid/dist/mermaid.core.mjs')).default;
mermaid.initialize({ startOnLoad: false, maxTextSize: 1e9, maxEdges: 1e6 });

for (const file of files) {
    const text = readFileSync(file, 'utf8');
    const { diagramType } = await mermaid.parse(text);
    const chart = (await mermaid.mermaidAPI.getDiagramFromText(text)).db;
    const nodes = [...chart.getVertices()].map(([id, node]) => ({ id, text: node.text }));
    const arrows = chart.getEdges().map((edge) => [edge.start, edge.end]);
    const scopes = chart.getSubGraphs().map((scope) => scope.title);
    console.log(JSON.stringify({ diagramType, nodes, arrows, scopes }));
}
