/** Writes docs/recipe.schema.json from orchestrator/contract/recipe.ts; a test proves that they agree. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Recipe } from '../orchestrator/contract/recipe.ts';

/** The schema as its file has it. */
export const recipeSchema = (): string =>
  `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...Recipe }, null, 2)}\n`;

if (import.meta.main) writeFileSync(join(import.meta.dirname, '..', 'docs', 'recipe.schema.json'), recipeSchema());
