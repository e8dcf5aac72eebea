/** What a refusal says, whatever border it crossed: the code of its card; `no failure` where there was none. */
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(() => 'no failure', (error: { failure?: { code: string }; type?: string }) => error.failure?.code ?? error.type ?? String(error));
