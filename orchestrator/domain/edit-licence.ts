/** Whether a licence edit agrees with the licence files that stay in the wheel. @source PEP 639, STANDARDS 4.3 */
import { headerValues, readHeaders } from './edit-text.ts';
import type { EditFault, FieldDiff } from './edit.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

/** A licence file in the wheel. */
export type LicenceText = { readonly path: string; readonly text: string };

/** What can be told of a text without doubt: words that stand in this licence and in no other one here. */
const knownTexts: readonly { readonly id: RegExp; readonly says: string; readonly has: readonly RegExp[]; readonly lacks?: RegExp }[] = [
  { id: /^Apache-2\.0/, says: 'Apache-2.0', has: [/Apache License,?\s+Version 2\.0/i, /TERMS AND CONDITIONS FOR USE/i] },
  { id: /^AGPL-3\.0/, says: 'AGPL-3.0', has: [/GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3/i] },
  { id: /^LGPL-3\.0/, says: 'LGPL-3.0', has: [/GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3/i] },
  { id: /^LGPL-2\.1/, says: 'LGPL-2.1', has: [/GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1/i] },
  { id: /^GPL-3\.0/, says: 'GPL-3.0', has: [/GNU GENERAL PUBLIC LICENSE\s+Version 3/i] },
  { id: /^GPL-2\.0/, says: 'GPL-2.0', has: [/GNU GENERAL PUBLIC LICENSE\s+Version 2/i] },
  { id: /^MPL-2\.0/, says: 'MPL-2.0', has: [/Mozilla Public License,? (Version|v\.) ?2\.0/i] },
  { id: /^MIT/, says: 'MIT', has: [/Permission is hereby granted, free of charge, to any person obtaining a copy/i] },
  { id: /^ISC/, says: 'ISC', has: [/Permission to use, copy, modify, and(\/or)? distribute this software for any purpose/i] },
  { id: /^BSD-3-Clause/, says: 'BSD-3-Clause', has: [/Redistributions? of source code must retain/i, /Neither the names? of/i] },
  { id: /^BSD-2-Clause/, says: 'BSD-2-Clause', has: [/Redistributions? of source code must retain/i], lacks: /Neither the names? of/i },
  { id: /^(PSF|Python)-2\.0/, says: 'PSF-2.0', has: [/PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2/i] },
  { id: /^Unlicense/, says: 'Unlicense', has: [/This is free and unencumbered software released into the public domain/i] },
];

/** The licences that a text states beyond doubt; none where it is another text. */
export function recognise(text: string): string[] {
  const plain = text.replace(/\s+/g, ' ');
  return knownTexts.filter(({ has, lacks }) => has.every((one) => one.test(plain)) && lacks?.test(plain) !== true).map(({ says }) => says);
}

/**
 * Judges an edit that touches the licence. Files are not changed by an edit, so the expression must fit them.
 * @returns remarks for people: files that could not be recognised
 * @errors FARM_EDIT_LICENCE: License or licence classifiers beside License-Expression; no licence file; a file's licence
 *   that the expression does not name
 */
export function checkLicence(
  metadata: string, changes: readonly FieldDiff[], files: readonly LicenceText[],
): Result<string[], EditFault> {
  const refused = (why: string) => err<EditFault>({ code: 'FARM_EDIT_LICENCE', words: { why } });
  const touched = changes.some(({ field, before, after, risk }) =>
    risk === 'licence' || [before, after].some((value) => field === 'Classifier' && value?.startsWith('License ::') === true));
  const read = readHeaders(metadata);
  if (!touched || !read.ok) return ok([]);
  const [expression] = headerValues(read.value, 'License-Expression');
  if (expression === undefined) return ok([]);
  if (headerValues(read.value, 'License').length > 0) {
    return refused('License and License-Expression may not stand together; remove License in the same edit');
  }
  const classifier = headerValues(read.value, 'Classifier').find((one) => one.startsWith('License ::'));
  if (classifier !== undefined) return refused(`the classifier ${classifier} may not stand beside License-Expression; remove it too`);
  if (files.length === 0) return refused('the wheel has no licence file that could agree with it, and an edit adds none');
  const named = expression.split(/[\s()]+/).filter((word) => word !== '' && !/^(AND|OR|WITH)$/.test(word));
  const remarks: string[] = [];
  for (const { path, text } of files) {
    const found = recognise(text);
    const missing = found.find((says) => !named.some((id) => knownTexts.find((one) => one.says === says)?.id.test(id)));
    if (missing !== undefined) return refused(`${path} is ${missing}, which ${expression} does not name`);
    if (found.length === 0) remarks.push(`${path} is not a licence text that the farm knows; compare it with ${expression} yourself`);
  }
  return ok(remarks);
}
