import { placesOf } from '../../infra/setup/places.ts';
import { wrongUse } from './arguments.ts';
import { commandNames, type Command, type Context } from './command.ts';
import { errorLines, failureOf } from './print-error.ts';

// Composition root of the command line: the only file here that reads the environment.
const context: Context = {
  places: placesOf(process.env), env: process.env, out: process.stdout, err: process.stderr, cwd: process.cwd(),
};

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // the reader has seen enough
  throw error;
});

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = argv;
  try {
    if (['--help', '-h', 'help'].includes(name)) {
      context.out.write(`${overview().join('\n')}\n`);
      return 0;
    }
    if (!commandNames.some(([known]) => known === name)) throw wrongUse(`there is no command ${name}`);
    const command = await load(name);
    if (asksForHelp(rest)) {
      context.out.write(`${[`usage: ./farm ${command.usage}`, '', ...command.help].join('\n')}\n`);
      return 0;
    }
    return await command.act(context, rest);
  } catch (error) {
    context.err.write(`${errorLines(failureOf(error)).join('\n')}\n`);
    if (process.env.FARM_TRACE) console.error(error);
    return failureOf(error).code === 'FARM_CANCELLED' ? 130 : 1;
  }
}

/** Only the command that was asked for is loaded: `status` must not wait for what `build` imports. */
async function load(name: string): Promise<Command> {
  const module = await import(new URL(`./${name}.ts`, import.meta.url).href) as { command: Command };
  return module.command;
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).some((word) => word === '--help' || word === '-h');
}

function overview(): string[] {
  return [
    'A build farm for PyPI: every release, every platform, tested, signed and published.', '',
    'usage: ./farm COMMAND …', '',
    ...commandNames.map(([name, summary]) => `  ${name.padEnd(8)} ${summary}`), '',
    'First use: ./farm build markupsafe==3.0.2',
    'Help for one: ./farm COMMAND --help',
  ];
}
