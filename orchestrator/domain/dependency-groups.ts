/** `[dependency-groups]` of pyproject.toml. @source PEP 735 */
import { isTable } from './cibuildwheel-values.ts';
import { normalizeName } from './names.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

const depthMax = 50;
/** Groups that include one another twice grow without end. */
const readsMax = 1_000;

/**
 * The requirements of some groups, in their order, included groups in the place of their `include-group`.
 * @errors an unknown group, groups that include one another, an item that is neither a text nor an include
 */
export function resolveGroups(table: unknown, groups: readonly string[]): Result<readonly string[], { readonly why: string }> {
  if (groups.length === 0) return ok([]);
  if (!isTable(table)) return err({ why: `there is no [dependency-groups] with ${groups.join(', ')}` });
  const known = new Map(Object.entries(table).map(([name, items]) => [normalizeName(name), items]));
  let reads = 0;
  const read = (name: string, above: readonly string[]): Result<readonly string[], { readonly why: string }> => {
    const key = normalizeName(name);
    const items = known.get(key);
    if (!Array.isArray(items)) return err({ why: `[dependency-groups] has no ${name}` });
    reads += 1;
    if (reads > readsMax || above.includes(key) || above.length > depthMax) return err({ why: `groups include one another: ${[...above, key].join(' → ')}` });
    const found: string[] = [];
    for (const item of items as unknown[]) {
      const included = isTable(item) ? item['include-group'] : undefined;
      if (typeof item === 'string') found.push(item);
      else if (typeof included === 'string') {
        const inner = read(included, [...above, key]);
        if (!inner.ok) return inner;
        found.push(...inner.value);
      } else return err({ why: `the group ${name} holds something else than requirements` });
    }
    return ok(found);
  };
  const all: string[] = [];
  for (const group of groups) {
    const found = read(group, []);
    if (!found.ok) return found;
    all.push(...found.value);
  }
  return ok(all);
}
