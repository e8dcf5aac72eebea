/**
 * A recipe: what the farm adds to a project's own files. It stands under `[tool.wheelfarm]` of pyproject.toml, in the
 * farm's folder `recipes/`, or in a file given to `./farm build --recipe`. docs/recipe.schema.json is made from this.
 */
import { Type, type Static, type TSchema } from 'typebox';

const Text = Type.String({ maxLength: 20_000 });
const Texts = Type.Union([Text, Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 500 })]);
const Values = Type.Record(Type.String({ minLength: 1 }), Type.Union([Text, Type.Number(), Type.Boolean(), Type.Array(Text, { maxItems: 200 })]));
const Rule = Type.Union([Type.Literal('none'), Type.Literal('append'), Type.Literal('prepend')]);

/** Options that [tool.cibuildwheel] has too, with the same meaning. */
const shared = {
  build: Type.Optional(Texts), skip: Type.Optional(Texts), enable: Type.Optional(Texts), archs: Type.Optional(Texts),
  environment: Type.Optional(Type.Union([Text, Values])), 'config-settings': Type.Optional(Type.Union([Text, Values])),
  'before-all': Type.Optional(Texts), 'before-build': Type.Optional(Texts), 'before-test': Type.Optional(Texts),
  'test-command': Type.Optional(Texts), 'test-requires': Type.Optional(Texts), 'test-extras': Type.Optional(Texts),
  'test-groups': Type.Optional(Texts), 'test-sources': Type.Optional(Texts), 'test-skip': Type.Optional(Texts),
  'test-environment': Type.Optional(Type.Union([Text, Values])),
  inherit: Type.Optional(Type.Union([Text, Type.Record(Type.String(), Rule)])),
} as const satisfies Record<string, TSchema>;

/** Options of the farm alone. */
const own = {
  /** Requirements that are installed beside build-system.requires, as PEP 508 texts. */
  tools: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 500 }), { maxItems: 50 })),
  /** External libraries as PEP 725 names them: `dep:generic/libyaml`. */
  external: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 200, pattern: '^[a-z]+:\\S+$' }), { maxItems: 50 })),
  limits: Type.Optional(Type.Object({
    /** Of a cell, work folder included; never above the farm's own limit. */
    memoryBytes: Type.Optional(Type.Integer({ minimum: 16 * 1024 ** 2 })),
    /** Of the build step. */
    minutes: Type.Optional(Type.Number({ minimum: 0.05, maximum: 24 * 60 })),
  }, { additionalProperties: false })),
} as const satisfies Record<string, TSchema>;

const strict = { additionalProperties: false } as const;
const Options = { ...shared, ...own };

export const Recipe = Type.Object({
  ...Options,
  /** Target globs that a build without --targets has. */
  default: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 100 })),
  tiers: Type.Optional(Type.Array(Type.Object({
    targets: Type.String({ minLength: 1 }), tier: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3)]),
  }, strict), { maxItems: 200 })),
  /** Unified diffs, applied with one leading folder taken off, in their order. */
  patches: Type.Optional(Type.Array(Type.Object({
    select: Type.Optional(Texts), diff: Type.String({ minLength: 1, maxLength: 512 * 1024 }),
  }, strict), { maxItems: 50 })),
  linux: Type.Optional(Type.Object(Options, strict)), macos: Type.Optional(Type.Object(Options, strict)),
  windows: Type.Optional(Type.Object(Options, strict)),
  overrides: Type.Optional(Type.Array(Type.Object({ ...Options, select: Texts }, strict), { maxItems: 200 })),
}, { ...strict, $id: 'recipe', title: 'Recipe of a wheel farm' });
export type Recipe = Static<typeof Recipe>;

/** A recipe on its way to the farm, as its file has it. */
export const RecipeFile = Type.Object({
  /** Its ending says the form: `.json`, else TOML. */
  name: Type.String({ maxLength: 200 }), text: Type.String({ maxLength: 768 * 1024 }),
});
export type RecipeFile = Static<typeof RecipeFile>;
