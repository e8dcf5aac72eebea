import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const folder = fileURLToPath(new URL('../../../../workers/container', import.meta.url));

/** Runs each line of JSON that it gets, `[code, given]`, and answers with a line. */
const server = `
import io, json, sys, contextlib
from common import StepFailure
for line in sys.stdin:
    code, given = json.loads(line)
    space = {"given": given, "answer": None}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, space)
        answer = space["answer"]
    except StepFailure as failure:
        answer = {"code": failure.code, "words": failure.words}
    except Exception as error:
        answer = {"raised": repr(error)}
    print(json.dumps(answer), flush=True)
`;

/**
 * One python3 beside the container scripts, for the tests of a file. Call the result with lines of Python and a value
 * for
 * `given`: it answers what they leave in `answer`. A StepFailure becomes `{code, words}`, another error `{raised}`.
 * Needs a python3 of 3.11 or newer with pip.
 */
export function python(): (lines: string, given?: unknown) => Promise<unknown> {
  const child = spawn('python3', ['-B', '-c', server], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  afterAll(() => void child.stdin.end());
  return async (lines, given = null) => {
    child.stdin.write(`${JSON.stringify([lines, given])}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error('python3 ended');
    return JSON.parse(value) as unknown;
  };
}
