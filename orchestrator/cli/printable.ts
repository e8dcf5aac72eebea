/** Sequences that a terminal takes as orders: CSI (colours, cursor), then OSC, DCS, APC, PM and SOS with their text. */
// eslint-disable-next-line no-control-regex
const orders = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)/g;
/** What is left of the controls, and marks that turn the direction of text; line feed and tab stay. */
// eslint-disable-next-line no-control-regex
const controls = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** An order that the next piece may complete, or half a line end. Long ones are not waited for. */
// eslint-disable-next-line no-control-regex
const unfinished = /(?:\r|\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[\]PX^_][^\x07\x1b]{0,400}\x1b?)?)$/;

/**
 * Text of strangers (logs, names, messages of their tools) as it may go to a terminal: without orders to it, lone
 * carriage returns as line ends, every other control as `\x1b` or `\u202e` for the eye. Pure.
 */
export function printable(text: string): string {
  return text.replace(orders, '').replace(/\r\n?/g, '\n').replace(controls, (one) => {
    const code = one.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** `printable` for text that comes in pieces: an order that is cut in two is held back until it is whole. */
export function printablePieces(): { next(piece: string): string; end(): string } {
  let held = '';
  return {
    next(piece) {
      const text = held + piece;
      held = unfinished.exec(text)?.[0] ?? '';
      return printable(text.slice(0, text.length - held.length));
    },
    end: () => printable(held),
  };
}
