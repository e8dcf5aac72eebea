/** Log text of strangers: colours are read from ANSI sequences, every other sequence and control character is dropped. */

export interface Piece {
  readonly text: string;
  /** Class names of the colour and weight; empty for plain text. */
  readonly look: string;
}

const colours = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
// CSI sequences; OSC, DCS, APC, PM and SOS strings to their end; every other escape with its one character.
// oxlint-disable-next-line no-control-regex
const sequence = /\u001b\[([0-?]*)[ -/]*([@-~])|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u009b[0-?]*[ -/]*[@-~]|\u001b[\s\S]?/g;
// Controls, and the marks that turn the direction of text around.
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The text of a line without any sequence. What follows a carriage return has replaced what stood before it. */
export const plain = (line: string): string => afterReturn(line).replace(sequence, '').replace(controls, '');

const afterReturn = (line: string): string => {
  const text = line.replace(/\r+$/, '');
  return text.slice(text.lastIndexOf('\r') + 1);
};

/** A line as pieces of one look each. */
export function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let colour = '';
  let bold = false;
  let at = 0;
  const text = afterReturn(line);
  const take = (part: string): void => {
    const clean = part.replace(controls, '');
    if (clean !== '') pieces.push({ text: clean, look: [colour, bold ? 'bold' : ''].filter(Boolean).join(' ') });
  };
  for (const match of text.matchAll(sequence)) {
    take(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] !== 'm') continue;
    for (const code of (match[1] === '' ? '0' : match[1] ?? '').split(';').map(Number)) {
      if (code === 0) { colour = ''; bold = false; }
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) colour = '';
      else if (code >= 30 && code <= 37) colour = `ansi-${colours[code - 30] ?? ''}`;
      else if (code >= 90 && code <= 97) colour = `ansi-${colours[code - 90] ?? ''}`;
    }
  }
  take(text.slice(at));
  return pieces;
}
