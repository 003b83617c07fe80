/* colour.ts -- one hue a module, the same in every view and every page; library code paler. The hue is told by the name, so two profiles
 * of one application have the same colours. Search paints its matches in a colour of its own and takes the others' away. */
import { type Functions, KIND_ROOT, KIND_SQL, KIND_WAIT } from "../model/profile";

export interface Theme {
  dark: boolean;
  background: string;
  text: string;
  textPale: string;
  line: string;
  accent: string;
  match: string;
  matchText: string;
  unmatched: string;
  rest: string; // boxes that are no function: the whole, threads
}

export const LIGHT: Theme = {
  dark: false,
  background: "#ffffff",
  text: "#16181d",
  textPale: "#4a4f5a",
  line: "#d9dce2",
  accent: "#1f5fd0",
  match: "#c026a8",
  matchText: "#ffffff",
  unmatched: "#eceef1",
  rest: "#e3e6ea",
};

export const DARK: Theme = {
  dark: true,
  background: "#15171c",
  text: "#f0f2f5",
  textPale: "#b4bac5",
  line: "#343841",
  accent: "#7fb0ff",
  match: "#e05ccb",
  matchText: "#14060f",
  unmatched: "#252830",
  rest: "#2d313a",
};

const HUES = [8, 28, 44, 62, 92, 134, 164, 186, 206, 228, 262, 318];

function hueOf(module: string): number {
  let hash = 2166136261;
  for (let i = 0; i < module.length; i++) hash = Math.imul(hash ^ module.charCodeAt(i), 16777619);
  return (hash >>> 8) % HUES.length;
}

export interface Palette {
  theme: Theme;
  fill: string[]; // colours by bucket
  text: string[];
  bucket: Uint8Array; // by function
}

const REST = 0;
const BUILT_IN = 1;
export const MATCH = 2;
export const UNMATCHED = 3;
const FIRST_HUE = 4;

/* Black or white, whichever stands out more from a colour written #rrggbb. */
function readableOn(colour: string): string {
  const part = (at: number) => (Number.parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2;
  const light = 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
  return light > 0.19 ? "#101216" : "#ffffff";
}

/** Colours of all functions: a few dozen buckets, so that drawing changes colour rarely. `meaning`: the colour of a kind of time, for the boxes of
 * statements and waits, whose module is that kind. */
export function makePalette(
  functions: Functions,
  theme: Theme,
  meaning: (kind: string) => string = () => theme.rest,
): Palette {
  const fill = [theme.rest, theme.dark ? "#30343c" : "#e4e4e7", theme.match, theme.unmatched];
  const text = [theme.text, theme.textPale, theme.matchText, theme.textPale];
  for (const hue of HUES) {
    fill.push(theme.dark ? `hsl(${hue} 46% 34%)` : `hsl(${hue} 78% 74%)`);
    fill.push(theme.dark ? `hsl(${hue} 20% 23%)` : `hsl(${hue} 42% 91%)`);
    text.push(theme.text, theme.textPale);
  }
  const bucket = new Uint8Array(functions.count);
  const kinds = new Map<string, number>();
  for (let f = 0; f < functions.count; f++) {
    if (functions.kind[f] === KIND_SQL || functions.kind[f] === KIND_WAIT) {
      const kind = functions.module[f];
      if (!kinds.has(kind)) {
        kinds.set(kind, fill.push(meaning(kind)) - 1);
        text.push(readableOn(fill[fill.length - 1]));
      }
      bucket[f] = kinds.get(kind) as number;
    } else if (functions.kind[f] === KIND_ROOT) bucket[f] = REST;
    else if (functions.module[f] === "built-in") bucket[f] = BUILT_IN;
    else bucket[f] = FIRST_HUE + 2 * hueOf(functions.module[f]) + (functions.app[f] ? 0 : 1);
  }
  return { theme, fill, text, bucket };
}

/** The bucket of a function, search considered. */
export function bucketOf(palette: Palette, hits: Uint8Array | null, fn: number): number {
  if (fn < 0) return REST;
  if (hits) return hits[fn] ? MATCH : UNMATCHED;
  return palette.bucket[fn];
}
