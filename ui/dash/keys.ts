/* keys.ts -- what keys do on every page: walk its rows, go elsewhere, press what a page offers. */
import { useRef } from "preact/hooks";
import type { PageName } from "../model/where";
import { useKeys } from "../views/views";
import type { Navigation } from "./use";

/* The rows of a page, in the order they stand. */
function rowsHere(): HTMLElement[] {
  return Array.from(document.querySelectorAll<HTMLElement>("#content [data-row]"));
}

function step(by: number): boolean {
  const rows = rowsHere();
  if (rows.length === 0) return false;
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next =
    rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function press(selector: string): boolean {
  const element = document.querySelector<HTMLElement>(selector);
  if (!element) return false;
  element.click();
  return true;
}

/** Keys of all pages. A page offers its own by elements with data-key. */
export function usePageKeys(
  navigation: Navigation,
  pageOf: (letter: string) => PageName | undefined, // where `g` and a letter go
  help: () => void,
): void {
  const going = useRef(0);
  useKeys((key) => {
    const active = document.activeElement as HTMLElement | null;
    if (going.current > performance.now()) {
      going.current = 0;
      const page = pageOf(key);
      if (page) location.hash = navigation.link(page);
      return page !== undefined;
    }
    if (key === "g") {
      going.current = performance.now() + 1500;
      return true;
    }
    if (key === "j") return step(1);
    if (key === "k") return step(-1);
    if (key === "?") {
      help();
      return true;
    }
    if (key === "Enter") {
      const target = active?.dataset.row;
      if (target) location.hash = target;
      return target !== undefined;
    }
    if (key === "Escape") {
      if (press("#content [data-key=Escape]")) return true;
      if (navigation.where.page !== "overview") navigation.back();
      return true;
    }
    if (key === "/") {
      const input = document.querySelector<HTMLInputElement>("#content input[type=search]");
      input?.focus();
      input?.select();
      return input !== null;
    }
    return /^[a-z]$/.test(key) && press(`#content [data-key=${key}]`);
  });
}
