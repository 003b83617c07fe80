/* axis.ts -- round values for axes: times on a linear or logarithmic scale, moments on whole minutes, hours and days. */

const STEPS = [1, 2, 5];

/** Round values from 0 to at least `most`, about `wanted` of them. */
export function linearTicks(most: number, wanted = 4): number[] {
  if (!(most > 0)) return [0];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (STEPS.find((s) => s * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let k = 0; k * step <= most * 1.0001; k++) ticks.push(k * step);
  return ticks;
}

/** Powers of ten within [low, high]; where there are few, their doubles and fives too. */
export function logTicks(low: number, high: number): number[] {
  const all = (factors: number[]) => {
    const ticks: number[] = [];
    for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
      for (const factor of factors) {
        const value = factor * 10 ** p;
        if (value >= low * 0.999 && value <= high * 1.001) ticks.push(value);
      }
    }
    return ticks;
  };
  if (!(low > 0) || !(high > low)) return [];
  const tens = all([1]);
  return tens.length >= 3 ? tens : all(STEPS);
}

/** Of marks along an axis those that leave each other so much room. */
export function apart<T extends { x: number }>(marks: T[], room: number): T[] {
  const kept: T[] = [];
  for (const mark of marks) {
    const last = kept[kept.length - 1];
    if (last === undefined || mark.x - last.x >= room) kept.push(mark);
  }
  return kept;
}

const MOMENT_STEPS = [
  1e3,
  2e3,
  5e3,
  10e3,
  30e3,
  60e3,
  120e3,
  300e3,
  600e3,
  1800e3,
  3600e3,
  2 * 3600e3,
  3 * 3600e3,
  6 * 3600e3,
  12 * 3600e3,
  86400e3,
  2 * 86400e3,
  7 * 86400e3,
  30 * 86400e3,
];

/** Moments on whole steps of the reader's own clock within [from, to], at most `most`. */
export function momentTicks(from: number, to: number, most = 6): { at: number[]; step: number } {
  const step = MOMENT_STEPS.find((s) => (to - from) / s <= most) ?? 365 * 86400e3;
  const zone = new Date(from).getTimezoneOffset() * 60e3;
  const at: number[] = [];
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to && at.length < 50; t += step)
    at.push(t);
  return { at, step };
}
