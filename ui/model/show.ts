/* show.ts -- values for people, as src/base/show.h writes them: three significant digits and a unit by size. */
import type { Unit } from "./profile";

function three(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

export function showTime(ns: number): string {
  if (ns < 0) return `-${showTime(-ns)}`;
  if (ns < 999.5) return `${Math.round(ns)} ns`;
  if (ns < 999.5e3) return `${three(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${three(ns / 1e6)} ms`;
  if (ns < 60e9) return `${three(ns / 1e9)} s`;
  if (ns < 3600e9) return `${(ns / 60e9).toFixed(1)} min`;
  return `${(ns / 3600e9).toFixed(1)} h`;
}

export function showCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

function bytesOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return unit === 0 ? `${Math.round(value)} B` : `${three(value)} ${units[unit]}`;
}

export function showValue(unit: Unit, value: number): string {
  if (unit === "time") return showTime(value);
  if (unit === "bytes") return bytesOf(value);
  return showCount(value);
}

/** All digits, for whoever wants to compare. */
export function showExact(unit: Unit, value: number): string {
  if (unit === "time") return `${showCount(value)} ns`;
  if (unit === "bytes") return `${showCount(value)} bytes`;
  return `${showCount(value)} ${unit === "samples" ? "samples" : ""}`.trim();
}

/** "61 %", "4.3 %", "0.52 %", "<0.01 %". */
export function showShare(part: number, whole: number): string {
  if (!(whole > 0) || part <= 0) return "0 %";
  const percent = (part / whole) * 100;
  if (percent < 0.01) return "<0.01 %";
  if (percent < 0.995) return `${percent.toFixed(2)} %`;
  return percent < 9.95 ? `${percent.toFixed(1)} %` : `${percent.toFixed(0)} %`;
}

/** Milliseconds of the API; "not recorded" where there is nothing. */
export function showMs(ms: number | null | undefined): string {
  if (typeof ms !== "number") return "not recorded";
  return ms === 0 ? "0" : showTime(ms * 1e6);
}

/** A change: "+1.20 ms", "−340 ms", "±0". */
export function showChange(ms: number): string {
  if (Math.abs(ms) < 0.5e-6) return "±0";
  return `${ms > 0 ? "+" : "−"}${showTime(Math.abs(ms) * 1e6)}`;
}

/** What an estimate was made from. */
export function showPortion(portion: { read: number; of: number }): string {
  return `estimated from ${showCount(portion.read)} of ${showCount(portion.of)} requests`;
}

/** The same where all that is known is the share; behind what else is said. */
export function showOneIn(weight: number | undefined, before = ""): string {
  if (weight === undefined || weight <= 1) return before;
  return `${before}${before && "; "}estimated from one request in ${showCount(weight)}`;
}

export function showBytes(bytes: number | null | undefined): string {
  return typeof bytes === "number" ? showValue("bytes", bytes) : "not recorded";
}

function two(value: number): string {
  return value.toString().padStart(2, "0");
}

/** "14:03:07", and before today's first hour "21 Nov 14:03:07"; in the reader's own time. */
export function showMoment(at: number, now = Date.now()): string {
  const date = new Date(at);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return new Date(now).toDateString() === date.toDateString() ? clock : `${showDay(at)} ${clock}`;
}

/** A moment as a field of date and time has it, in the browser's zone: "2026-11-22T14:03:05". */
export function inZone(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The other way round, in ms; empty where nothing is told. */
export function momentOf(field: string): string {
  const at = new Date(field).getTime();
  return field === "" || Number.isNaN(at) ? "" : String(at);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function showDay(at: number): string {
  const date = new Date(at);
  return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

/** "14:03", or the day where a step is a day or more. */
export function showTick(at: number, stepMs: number): string {
  const date = new Date(at);
  if (stepMs >= 86400e3) return showDay(at);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return stepMs < 60e3 ? `${clock}:${two(date.getSeconds())}` : clock;
}
