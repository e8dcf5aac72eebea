/** Opens live streams and counts their words, in a process of its own. `node watchers.ts URL COUNT`; prints counts on SIGTERM. */
import { Agent, get } from 'node:http';

const [url = '', count = '0'] = process.argv.slice(2);
const agent = new Agent({ maxSockets: Number(count) });
let words = 0;
let open = 0;
for (let at = 0; at < Number(count); at += 1) {
  get(url, { agent, headers: { accept: 'text/event-stream' } }, (answer) => {
    open += 1;
    if (open === Number(count)) process.stdout.write('open\n');
    answer.on('data', (piece: Buffer) => { words += piece.toString().split('event: row').length - 1; });
  });
}
process.on('SIGTERM', () => process.stdout.write(`${words}\n`, () => process.exit(0)));
