export { edit } from './edit.ts';
export { release } from './release.ts';
export { sdist } from './sdist.ts';
