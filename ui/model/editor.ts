/* editor.ts -- links that open a place in an editor, of a template that anyone could have given. */

/* Only schemes that open an editor: a template could be pasted from anywhere. */
const SCHEME =
  /^(vscode|vscode-insiders|vscodium|cursor|windsurf|zed|idea|pycharm|jetbrains|subl|txmt|emacs|nvim):/;

/** A file's path as a part of a link. */
export function encodePath(path: string): string {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}

/** The link of a place: {file} and {line} of the template filled in; "" where the template opens no editor. */
export function editorLink(template: string, file: string, line: number): string {
  if (!SCHEME.test(template)) return "";
  return template.replace("{file}", () => encodePath(file)).replace("{line}", String(line));
}
