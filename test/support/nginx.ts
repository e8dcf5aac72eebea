/** nginx with TLS before a farm of a test, with the very block of docs/https.md. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustEndWell } from '../../infra/setup/command.ts';
import { nginxOf } from '../../infra/setup/nginx.ts';
import { placesOf } from '../../infra/setup/places.ts';

export interface Nginx {
  /** `https://127.0.0.1:PORT/farm` */
  readonly url: string;
  /** The certificate that clients must trust. */
  readonly ca: string;
  /** Passes on to that port of this machine from now on. */
  before(port: number): Promise<void>;
  stop(): Promise<void>;
}

const places = placesOf({});

/** Chooses port and certificate; it answers after `before`. @errors throws where there is no nginx: ./farm setup --for test */
export async function nginxWithTls(): Promise<Nginx> {
  const program = nginxOf(places, process.env);
  if (!program) throw new Error('no nginx: run ./farm setup --for test, or name one in FARM_TEST_NGINX');
  const folder = mkdtempSync(join(tmpdir(), 'farm-nginx-'));
  const [pem, key] = [join(folder, 'wheels.pem'), join(folder, 'wheels.key')];
  await mustEndWell(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', pem]);
  const own = await freePort();
  const page = readFileSync(join(places.root, 'docs', 'https.md'), 'utf8');
  const block = /```nginx\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  let stop: () => Promise<void> = async () => undefined;
  return {
    url: `https://127.0.0.1:${own}/built`, ca: pem,
    async before(port) {
      await stop();
      const server = block.replace('listen 443 ssl', `listen 127.0.0.1:${own} ssl`).replace('127.0.0.1:8421', `127.0.0.1:${port}`)
        .replace('wheels.pem', pem).replace('wheels.key', key).replace('server_name wheels.example.org', 'server_name 127.0.0.1');
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
      writeFileSync(join(folder, 'nginx.conf'), `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${folder}/pid; worker_processes 1;\nevents {}\nhttp { access_log off; ${temporary}\n${server}}\n`);
      const child = spawn(program, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], { stdio: 'ignore' });
      stop = () => new Promise((done) => {
        if (child.exitCode !== null) return done();
        child.once('close', () => done());
        child.kill('SIGTERM');
      });
      for (const until = Date.now() + 5_000; ;) {
        if (await answers(own)) return;
        if (child.exitCode !== null || Date.now() > until) throw new Error(`nginx does not answer: ${readFileSync(join(folder, 'error.log'), 'utf8')}`);
        await new Promise((done) => { setTimeout(done, 50); });
      }
    },
    async stop() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

async function answers(port: number): Promise<boolean> {
  const { connect } = await import('node:net');
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); done(true); });
    socket.once('error', () => done(false));
  });
}
