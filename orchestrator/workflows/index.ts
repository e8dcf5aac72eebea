export { edit } from './edit.ts';
export { importRelease } from './import.ts';
export { release } from './release.ts';
export { sdist } from './sdist.ts';
export { trigger } from './trigger.ts';
