import { expect, test } from 'vitest';
import { isLoopback, readConfig } from '../../orchestrator/config.ts';

const good = {
  DATABASE_URL: 'postgresql://x', TEMPORAL_ADDRESS: '127.0.0.1:7233', FARM_BLOBS: '/b', FARM_URL: 'http://127.0.0.1:80/',
  FARM_PORT: '80', FARM_HOME: '/h', FARM_CACHE: '/c', FARM_ID: 'f', FARM_API_TOKEN: 'a'.repeat(16), FARM_WORKER_TOKEN: 'w'.repeat(16),
};

test('a whole environment becomes a frozen configuration', () => {
  const config = readConfig(good);
  expect(config).toMatchObject({ url: 'http://127.0.0.1:80', port: 80, listen: '127.0.0.1', keysFolder: '/h/keys', upstream: null });
  expect(Object.isFrozen(config)).toBe(true);
});

test('everything that is wrong is told at once', () => {
  const wrong = { ...good, DATABASE_URL: '', FARM_PORT: '80x', FARM_URL: 'ftp://x', FARM_BLOBS: 'b', FARM_API_TOKEN: 'short' };
  let message = '';
  try {
    readConfig(wrong);
  } catch (error) {
    ({ message } = error as Error);
  }
  for (const name of ['DATABASE_URL', 'FARM_PORT', 'FARM_URL', 'FARM_BLOBS', 'FARM_API_TOKEN']) expect(message).toContain(name);
  expect(message).not.toContain('short');
});

test('only addresses of this machine are loopback', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', 'localhost.example'].some(isLoopback)).toBe(false);
});
