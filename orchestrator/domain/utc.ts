/** A moment in UTC, taken apart; month and day count from 1. */
export type CivilTime = {
  readonly year: number; readonly month: number; readonly day: number;
  readonly hour: number; readonly minute: number; readonly second: number;
};

/** Takes a moment apart without a clock or a time zone. @shape whole seconds since 1970; fractions are cut */
export function civilTime(seconds: number): CivilTime {
  const moment = Math.floor(seconds);
  const days = Math.floor(moment / 86_400);
  const clock = moment - days * 86_400;
  const [year, month, day] = civilDate(days);
  return { year, month, day, hour: Math.floor(clock / 3600), minute: Math.floor(clock / 60) % 60, second: clock % 60 };
}

/** `2026-11-20T23:28:11Z` for seconds since 1970. */
export function isoTime(seconds: number): string {
  const { year, month, day, hour, minute, second } = civilTime(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}Z`;
}

/** Year, month and day of a day number since 1970. @source Hinnant, chrono-compatible low-level date algorithms */
function civilDate(days: number): [number, number, number] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return [yearOfEra + era * 400 + Number(month <= 2), month, dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1];
}
